// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/log_reader.h"

#include "apps/hub/log_cells.h"
#include "base/assert.h"

#include <string.h>

// ERR_STATE: it went back.
static enum err read_head(struct hub_log_reader *reader)
{
    uint64_t synced = 0;
    enum err err = hub_head_read(reader->cfg.cells, &synced);
    if (err == OK && synced < reader->synced) {
        return ERR_STATE;
    }
    if (err == OK) {
        reader->synced = synced;
    }
    return err;
}

static void stand_at(struct hub_log_reader *reader, struct sl_reader *records, uint64_t first)
{
    const struct sl_reader_config cfg = {reader->cfg.storage, reader->cfg.buffer,
                                         reader->cfg.buffer_size};
    sl_reader_init(records, &cfg, first);
}

enum err hub_log_reader_open(struct hub_log_reader *reader, const struct hub_log_reader_config *cfg)
{
    ASSERT(cfg->buffer_size >= HUB_LOG_READER_BUFFER_MIN);
    struct hub_log_reader opened = {.cfg = *cfg};
    enum err err = hub_mark_name(cfg->consumer, &opened.mark);
    if (err != OK) {
        return err;
    }
    err = read_head(&opened);
    if (err != OK) {
        return err == ERR_NOT_FOUND || err == ERR_CORRUPT ? ERR_AGAIN : err;
    }
    err = hub_mark_read(cfg->cells, opened.mark.text, &opened.registered);
    opened.was_registered = err == OK;
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    struct storage_segment oldest = {.id = opened.synced + 1};
    size_t count = 0;
    err = cfg->storage->ops->list(cfg->storage->ctx, 0, &oldest, 1, &count);
    if (err != OK) {
        return err;
    }
    opened.first = oldest.id;
    stand_at(&opened, &opened.records, 1);
    *reader = opened;
    return OK;
}

enum err hub_log_reader_begin(struct hub_log_reader *reader, uint64_t position, uint64_t durable)
{
    ASSERT(durable <= position);
    reader->passed = reader->registered;
    if (!reader->was_registered || reader->registered > position) {
        enum err err = hub_mark_write(reader->cfg.cells, reader->mark.text, durable);
        if (err != OK) {
            return err;
        }
        reader->passed = durable;
    }
    stand_at(reader, &reader->records, position + 1);
    return OK;
}

enum err hub_log_reader_find(struct hub_log_reader *reader, uint64_t sequence,
                             struct hub_log_message *out)
{
    struct sl_reader records;
    struct sl_record record;
    struct hub_record message;
    stand_at(reader, &records, sequence);
    enum err err = sequence > 0 && sequence <= reader->synced
                       ? sl_reader_next(&records, sequence + 1, &record)
                       : ERR_EMPTY;
    stand_at(reader, &reader->records, reader->records.next); // its window is overwritten
    if (err == ERR_EMPTY || (err == OK && record.sequence != sequence)) {
        return ERR_NOT_FOUND;
    }
    if (err == OK) {
        err = record.kind == HUB_RECORD_D2C ? hub_record_decode(record.payload, &message)
                                            : ERR_NOT_FOUND;
    }
    if (err == OK) {
        *out = (struct hub_log_message){.sequence = sequence, .record = message};
    }
    return err;
}

static enum err next_record(struct hub_log_reader *reader, struct sl_record *out)
{
    enum err err = ERR_EMPTY;
    if (reader->records.next <= reader->synced) {
        err = sl_reader_next(&reader->records, reader->synced + 1, out);
    }
    if (err != ERR_EMPTY) {
        return err;
    }
    uint64_t before = reader->synced;
    err = read_head(reader);
    if (err == ERR_CORRUPT || (err == OK && reader->synced == before)) {
        return ERR_EMPTY;
    }
    if (err == ERR_NOT_FOUND) {
        return ERR_STATE;
    }
    return err == OK ? sl_reader_next(&reader->records, reader->synced + 1, out) : err;
}

enum err hub_log_reader_next(struct hub_log_reader *reader, struct hub_log_message *out)
{
    for (;;) {
        struct sl_record record;
        enum err err = next_record(reader, &record);
        if (err == OK && record.kind != HUB_RECORD_D2C) {
            continue;
        }
        struct hub_record message;
        if (err == OK) {
            err = hub_record_decode(record.payload, &message);
        }
        if (err == OK) {
            *out = (struct hub_log_message){.sequence = record.sequence, .record = message};
        } else if (err == ERR_CORRUPT || err == ERR_SIZE) {
            reader->corrupt_count++;
            err = ERR_CORRUPT;
        }
        return err;
    }
}

enum err hub_log_reader_pass(struct hub_log_reader *reader, uint64_t sequence)
{
    if (sequence <= reader->passed) {
        return OK;
    }
    uint64_t synced = 0;
    enum err err = hub_head_read(reader->cfg.cells, &synced);
    if (err == ERR_NOT_FOUND || (err == OK && synced < sequence)) {
        return ERR_STATE;
    }
    err = err == OK ? hub_mark_write(reader->cfg.cells, reader->mark.text, sequence) : err;
    if (err == OK) {
        reader->passed = sequence;
    }
    return err;
}
