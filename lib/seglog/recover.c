// SPDX-License-Identifier: Apache-2.0
// What a power cut can leave, and what it cannot. Bytes are synced front to back, and every record
// says how many bytes of its segment were durable when it was appended. So when a record does not
// check, a good one behind it that attests those bytes proves damage to durable data; without such
// a witness it is the torn tail of what was never synced.
#include "seglog/format.h"

#include "base/assert.h"

enum {
    LIST_COUNT = 32,
    // The search for witnesses stops after checking this much: a hostile payload may be full of
    // things that look like records. The segment then counts as damaged and is kept.
    SEARCH_BYTES_MAX = 64 << 20,
};

// The newest segment under examination.
struct scan {
    struct sl_window window;
    uint64_t previous; // the segment before it; 0: none
    uint64_t size;
    uint64_t good_size;  // the front that checks
    uint64_t next;       // number that would continue it
    bool is_damaged;     // synced bytes do not check
    bool is_unbegun;     // not even its header was completed
    uint64_t number_max; // at most this many numbers were ever given in it
};

static enum err scan_list(struct seglog *log, struct scan *scan)
{
    const struct storage *storage = log->cfg.storage;
    struct storage_segment list[LIST_COUNT];
    size_t count = LIST_COUNT;
    for (uint64_t from = 0; count == LIST_COUNT; from = scan->window.segment + 1) {
        enum err err = storage->ops->list(storage->ctx, from, list, LIST_COUNT, &count);
        if (err != OK) {
            return err;
        }
        for (size_t i = 0; i < count; i++) {
            log->first = log->segment == 0 ? list[i].id : log->first;
            scan->previous = log->segment;
            log->segment = list[i].id;
            log->bytes_used += list[i].size;
            scan->window.segment = list[i].id;
            scan->size = list[i].size;
        }
    }
    return OK;
}

// Could a record of this header stand at `offset`, behind the break? Cheap, and rare by chance.
static bool is_plausible(const struct scan *scan, struct sl_record_header header, uint64_t offset)
{
    uint32_t ahead = header.sequence_low - (uint32_t)scan->next;
    return header.synced >= SL_SEGMENT_HEADER_SIZE && header.synced <= offset &&
           header.length <= scan->size - offset - SL_RECORD_HEADER_SIZE &&
           ahead <= (offset - scan->good_size) / SL_RECORD_HEADER_SIZE;
}

static enum err search_witness(struct scan *scan)
{
    uint64_t budget = SEARCH_BYTES_MAX;
    uint64_t offset = scan->good_size + 1;
    while (offset + SL_RECORD_HEADER_SIZE <= scan->size) {
        struct bytes got;
        enum err err = sl_window_get(&scan->window, offset, SL_RECORD_HEADER_SIZE, &got);
        if (err != OK || got.size < SL_RECORD_HEADER_SIZE) {
            return err;
        }
        struct sl_record_header header = sl_record_header_decode(got.data);
        uint64_t step = 1;
        if (is_plausible(scan, header, offset)) {
            uint64_t size = SL_RECORD_HEADER_SIZE + (uint64_t)header.length;
            if (size > budget) {
                scan->is_damaged = true;
                return OK;
            }
            budget -= size;
            err = sl_window_record(&scan->window, offset, &header);
            if (err == OK) {
                scan->is_damaged |= header.synced > scan->good_size;
                step = size;
            } else if (err != ERR_CORRUPT) {
                return err;
            }
        }
        offset += step;
    }
    return OK;
}

static enum err scan_records(struct scan *scan)
{
    enum err err = OK;
    scan->good_size = SL_SEGMENT_HEADER_SIZE;
    while (err == OK) {
        struct sl_record_header header;
        err = sl_window_record(&scan->window, scan->good_size, &header);
        if (err == OK &&
            (header.sequence_low != (uint32_t)scan->next ||
             header.synced < SL_SEGMENT_HEADER_SIZE || header.synced > scan->good_size)) {
            err = ERR_CORRUPT;
        }
        if (err == OK) {
            scan->good_size += SL_RECORD_HEADER_SIZE + (uint64_t)header.length;
            scan->next++;
        }
    }
    if (err == ERR_CORRUPT) {
        return search_witness(scan);
    }
    return err == ERR_EMPTY ? OK : err;
}

static enum err scan_newest(struct scan *scan)
{
    scan->next = scan->window.segment;
    struct bytes got;
    enum err err = sl_window_get(&scan->window, 0, SL_SEGMENT_HEADER_SIZE, &got);
    if (err == OK) {
        err = sl_segment_header_check(got, scan->window.segment);
    }
    if (err == OK) {
        err = scan_records(scan);
    } else if (err == ERR_CORRUPT) {
        // The header is durable before the first record is written.
        scan->is_unbegun = scan->size <= SL_SEGMENT_HEADER_SIZE;
        scan->is_damaged = !scan->is_unbegun;
        err = OK;
    }
    scan->number_max =
        scan->next - scan->window.segment + (scan->size - scan->good_size) / SL_RECORD_HEADER_SIZE;
    return err;
}

// Makes storage and log agree with what the scan found.
static enum err settle(struct seglog *log, struct scan *scan, struct sl_recovery *out)
{
    const struct storage *storage = log->cfg.storage;
    uint64_t id = scan->window.segment;
    enum err err = OK;
    log->next = scan->next;
    if (scan->is_unbegun) {
        log->bytes_used -= scan->size;
        log->segment = scan->previous;
        log->is_closed = true;
        err = storage->ops->remove(storage->ctx, id);
        return err == ERR_NOT_FOUND ? OK : err;
    }
    log->size = scan->size;
    if (scan->is_damaged) {
        // Kept as it is, for the reader to tell; whatever numbers it held are not given again.
        out->corrupt_segments = 1;
        out->corrupt_segment = id;
        out->corrupt_offset = (uint32_t)scan->good_size;
        log->next = id + scan->number_max + 1;
        log->is_closed = true;
    } else if (scan->good_size < scan->size) {
        out->torn_bytes = (uint32_t)(scan->size - scan->good_size);
        log->bytes_used -= out->torn_bytes;
        log->size = scan->good_size;
        log->is_closed = scan->next != id;
        err = storage->ops->truncate(storage->ctx, id, scan->good_size);
    }
    if (err == OK) {
        err = storage->ops->sync(storage->ctx, id);
    }
    log->synced_size = log->size;
    return err;
}

enum err sl_recover(struct seglog *log, const struct sl_config *cfg, struct sl_recovery *out)
{
    ASSERT(cfg->payload_size_max <= SL_PAYLOAD_SIZE_MAX);
    ASSERT(cfg->segment_size >= SL_SEGMENT_HEADER_SIZE + SL_RECORD_HEADER_SIZE);
    ASSERT(cfg->buffer_size >= SL_SEGMENT_HEADER_SIZE + SL_RECORD_HEADER_SIZE);
    struct seglog opened = {.cfg = *cfg, .next = 1, .is_closed = true};
    struct sl_recovery found = {0};
    struct scan scan = {
        .window = {.storage = cfg->storage, .buffer = cfg->buffer, .capacity = cfg->buffer_size},
    };
    enum err err = scan_list(&opened, &scan);
    if (err == OK && opened.segment != 0) {
        opened.is_closed = false;
        err = scan_newest(&scan);
        err = err == OK ? settle(&opened, &scan, &found) : err;
    }
    if (err != OK) {
        return err;
    }
    if (opened.next < cfg->next_min) {
        opened.next = cfg->next_min;
        opened.is_closed = true;
    }
    if (opened.segment == 0 || opened.first > opened.next) {
        opened.first = opened.next;
    }
    opened.synced_next = opened.next;
    found.first = opened.first;
    found.next = opened.next;
    *log = opened;
    *out = found;
    return OK;
}
