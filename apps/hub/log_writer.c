// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/log_writer.h"

#include "apps/hub/log_cells.h"
#include "base/assert.h"

#define BYTES_DEFAULT (UINT64_C(1) << 30)

// So that the newest segment, which never goes, cannot hold the whole allowance.
enum { SEGMENTS_AIMED = 8 };

static enum err publish_head(struct hub_log *log)
{
    uint64_t synced = log->records.synced_next - 1;
    enum err err = hub_head_publish(log->cfg.cells, synced);
    if (err == OK) {
        log->head = synced;
    } else {
        log->stats.head_errors++;
    }
    return err;
}

struct marks {
    uint32_t count;
    uint64_t min;
    uint64_t max;
};

static enum err read_marks(const struct hub_log *log, struct marks *out)
{
    const struct cells *cells = log->cfg.cells;
    struct cell_name names[HUB_CONSUMERS_MAX];
    size_t count = 0;
    enum err err =
        cells->ops->list(cells->ctx, HUB_LOG_CONSUMERS, names, HUB_CONSUMERS_MAX, &count);
    struct marks marks = {0};
    for (size_t i = 0; err == OK && i < count; i++) {
        uint64_t passed = 0;
        err = hub_mark_read(cells, names[i].text, &passed);
        if (err == ERR_NOT_FOUND) { // gone since it was listed
            err = OK;
            continue;
        }
        marks.min = marks.count == 0 || passed < marks.min ? passed : marks.min;
        marks.max = passed > marks.max ? passed : marks.max;
        marks.count++;
    }
    if (err == OK) {
        *out = marks;
    }
    return err;
}

enum err hub_log_open(struct hub_log *log, const struct hub_log_config *cfg)
{
    uint64_t bytes_max = cfg->bytes_max != 0 ? cfg->bytes_max : BYTES_DEFAULT;
    ASSERT(bytes_max >= HUB_LOG_BYTES_MIN);
    uint64_t segment_size = bytes_max / SEGMENTS_AIMED;
    if (segment_size > HUB_LOG_SEGMENT_SIZE_MAX) {
        segment_size = HUB_LOG_SEGMENT_SIZE_MAX;
    }
    *log = (struct hub_log){.cfg = *cfg};
    // What others were told: no number up to it may be given again.
    uint64_t told = 0;
    enum err err = hub_head_read(cfg->cells, &told);
    if (err != OK && err != ERR_NOT_FOUND && err != ERR_CORRUPT) {
        return err;
    }
    struct marks marks = {0};
    err = read_marks(log, &marks);
    if (err != OK && err != ERR_SIZE) {
        return err;
    }
    struct sl_config records = {
        .storage = cfg->storage,
        .buffer = cfg->buffer,
        .buffer_size = cfg->buffer_size,
        .payload_size_max = HUB_RECORD_SIZE_MAX,
        .segment_size = (uint32_t)segment_size,
        .bytes_max = bytes_max,
        .next_min = (told > marks.max ? told : marks.max) + 1,
    };
    err = sl_recover(&log->records, &records, &log->found);
    return err == OK ? publish_head(log) : err;
}

static enum err delete_passed(struct hub_log *log)
{
    struct marks marks = {0};
    enum err err = read_marks(log, &marks);
    if (err != OK) {
        return err;
    }
    log->consumer_count = marks.count;
    log->passed_min = marks.min;
    return marks.count > 0 ? sl_remove_below(&log->records, marks.min + 1) : OK;
}

static enum err append_synced(struct hub_log *log, const struct bytes *parts, size_t part_count,
                              uint64_t *sequence)
{
    enum err err = sl_append(&log->records, HUB_RECORD_D2C, parts, part_count, sequence);
    if (err == ERR_FULL && delete_passed(log) == OK) {
        err = sl_append(&log->records, HUB_RECORD_D2C, parts, part_count, sequence);
    }
    return err == OK ? sl_sync(&log->records) : err;
}

enum err hub_log_store(struct hub_log *log, const struct hub_record *record, uint64_t *sequence)
{
    struct writer head = writer_of(log->record_head, sizeof(log->record_head));
    enum err err = hub_record_encode_head(record, &head);
    uint64_t number = 0;
    if (err == OK) {
        struct bytes parts[2] = {writer_bytes(&head), record->payload};
        err = append_synced(log, parts, COUNT_OF(parts), &number);
    }
    log->is_full = err == ERR_FULL;
    log->stats.refused_full += err == ERR_FULL;
    log->stats.refused_error += err != OK && err != ERR_FULL;
    if (err != OK) {
        return err;
    }
    log->stats.stored++;
    enum err told = publish_head(log);
    (void)told; // the message is safe; the next tick tells the consumers
    *sequence = number;
    return OK;
}

enum err hub_log_tick(struct hub_log *log)
{
    enum err err = delete_passed(log);
    if (log->head != log->records.synced_next - 1) {
        enum err told = publish_head(log);
        err = err == OK ? told : err;
    }
    return err;
}
