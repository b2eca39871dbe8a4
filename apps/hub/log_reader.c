// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/log_reader.h"

#include "apps/hub/log_cells.h"
#include "base/assert.h"

#include <string.h>

static enum err read_head(struct hub_log_reader *reader)
{
    uint64_t synced = 0;
    enum err err = hub_head_read(reader->cfg.cells, &synced);
    if (err == OK && synced > reader->synced) {
        reader->synced = synced;
    }
    return err;
}

enum err hub_log_reader_open(struct hub_log_reader *reader, const struct hub_log_reader_config *cfg,
                             uint64_t passed)
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
    err = hub_mark_read(cfg->cells, opened.mark.text, &opened.passed);
    bool is_new = err == ERR_NOT_FOUND;
    if (err != OK && !is_new) {
        return err;
    }
    if (is_new || opened.passed < passed) {
        err = hub_mark_write(cfg->cells, opened.mark.text, passed);
        if (err != OK) {
            return err;
        }
        opened.passed = passed;
    }
    struct sl_reader_config records = {cfg->storage, cfg->buffer, cfg->buffer_size};
    sl_reader_init(&opened.records, &records, passed + 1);
    *reader = opened;
    return OK;
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
    if (err == ERR_CORRUPT || err == ERR_NOT_FOUND || (err == OK && reader->synced == before)) {
        return ERR_EMPTY;
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
    enum err err = hub_mark_write(reader->cfg.cells, reader->mark.text, sequence);
    if (err == OK) {
        reader->passed = sequence;
    }
    return err;
}
