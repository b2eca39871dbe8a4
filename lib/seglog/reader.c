// SPDX-License-Identifier: Apache-2.0
#include "seglog/reader.h"

#include "base/assert.h"
#include "seglog/format.h"

enum { LIST_COUNT = 32 };

void sl_reader_init(struct sl_reader *reader, const struct sl_reader_config *cfg, uint64_t first)
{
    ASSERT(cfg->buffer_size >= SL_SEGMENT_HEADER_SIZE);
    *reader = (struct sl_reader){
        .next = first > 0 ? first : 1,
        .window = {.storage = cfg->storage, .buffer = cfg->buffer, .capacity = cfg->buffer_size},
    };
}

// The segment to begin in: the last one whose id is not above the number wanted, else the oldest.
static enum err find_first_segment(const struct sl_reader *reader, uint64_t *segment)
{
    const struct storage *storage = reader->window.storage;
    struct storage_segment list[LIST_COUNT];
    uint64_t from = 0;
    uint64_t found = 0;
    for (;;) {
        size_t count = 0;
        enum err err = storage->ops->list(storage->ctx, from, list, LIST_COUNT, &count);
        if (err != OK) {
            return err;
        }
        for (size_t i = 0; i < count; i++) {
            if (found == 0 || list[i].id <= reader->next) {
                found = list[i].id;
            }
        }
        if (count < LIST_COUNT || list[count - 1].id > reader->next) {
            *segment = found;
            return found != 0 ? OK : ERR_EMPTY;
        }
        from = list[count - 1].id + 1;
    }
}

static enum err find_next_segment(const struct sl_reader *reader, uint64_t *segment)
{
    const struct storage *storage = reader->window.storage;
    struct storage_segment list[1];
    size_t count = 0;
    enum err err =
        storage->ops->list(storage->ctx, reader->window.segment + 1, list, COUNT_OF(list), &count);
    if (err != OK) {
        return err;
    }
    *segment = count > 0 ? list[0].id : 0;
    return count > 0 ? OK : ERR_EMPTY;
}

static enum err tell_corrupt(struct sl_reader *reader)
{
    reader->corrupt_segment = reader->window.segment;
    reader->corrupt_offset = reader->offset;
    reader->corrupt_count++;
    reader->is_skipping = true;
    return ERR_CORRUPT;
}

// Goes to the segment after this one. Its header is durable if any of its records is.
static enum err open_segment(struct sl_reader *reader, uint64_t limit)
{
    uint64_t segment = 0;
    enum err err = reader->window.segment == 0 ? find_first_segment(reader, &segment)
                                               : find_next_segment(reader, &segment);
    if (err != OK) {
        return err;
    }
    if (segment >= limit) {
        return ERR_EMPTY;
    }
    struct sl_window window = reader->window;
    window.segment = segment;
    window.used = 0;
    struct bytes got = {0};
    err = sl_window_get(&window, 0, SL_SEGMENT_HEADER_SIZE, &got);
    if (err == OK) {
        err = sl_segment_header_check(got, segment);
    }
    if (err == OK || err == ERR_CORRUPT) {
        reader->window = window;
        reader->is_skipping = false;
        reader->offset = err == OK ? SL_SEGMENT_HEADER_SIZE : 0;
        reader->sequence = segment;
        reader->next = segment > reader->next ? segment : reader->next;
    }
    if (err == ERR_NOT_FOUND) {
        return ERR_AGAIN; // removed a moment ago
    }
    return err == ERR_CORRUPT ? tell_corrupt(reader) : err;
}

// The record at the reader's place; ERR_AGAIN: it was below `next`, or the segment was over.
static enum err read_record(struct sl_reader *reader, uint64_t limit, struct sl_record *out)
{
    struct sl_record_header header;
    enum err err = sl_window_record(&reader->window, reader->offset, &header);
    if (err == ERR_EMPTY || err == ERR_NOT_FOUND) {
        // A durable record is still to come, so this segment is complete (or removed).
        err = open_segment(reader, limit);
        return err == OK ? ERR_AGAIN : err;
    }
    if (err == ERR_CORRUPT || (err == OK && header.sequence_low != (uint32_t)reader->sequence)) {
        return tell_corrupt(reader);
    }
    if (err != OK) {
        return err;
    }
    size_t size = SL_RECORD_HEADER_SIZE + (size_t)header.length;
    if (reader->sequence >= reader->next) {
        if (size > reader->window.capacity) {
            return ERR_SIZE;
        }
        struct bytes got;
        err = sl_window_get(&reader->window, reader->offset, size, &got);
        if (err != OK || got.size < size) {
            return err != OK ? err : tell_corrupt(reader);
        }
        *out = (struct sl_record){
            .sequence = reader->sequence,
            .kind = header.kind,
            .payload = bytes_of(got.data + SL_RECORD_HEADER_SIZE, header.length),
        };
        reader->next = reader->sequence + 1;
        err = OK;
    } else {
        err = ERR_AGAIN;
    }
    reader->sequence++;
    reader->offset += size;
    return err;
}

enum err sl_reader_next(struct sl_reader *reader, uint64_t limit, struct sl_record *out)
{
    if (limit != reader->limit) {
        // What was read ahead of the old limit may have been cut and written anew since.
        reader->limit = limit;
        reader->window.used = 0;
    }
    for (;;) {
        if (reader->next >= limit) {
            return ERR_EMPTY;
        }
        enum err err = OK;
        if (reader->window.segment == 0 || reader->is_skipping) {
            err = open_segment(reader, limit);
        }
        if (err == OK) {
            err = read_record(reader, limit, out);
        }
        if (err != ERR_AGAIN) {
            return err;
        }
    }
}
