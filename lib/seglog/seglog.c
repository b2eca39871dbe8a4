// SPDX-License-Identifier: Apache-2.0
#include "seglog/seglog.h"

#include "base/assert.h"
#include "seglog/format.h"

static enum err tolerate_absence(enum err err)
{
    return err == ERR_NOT_FOUND ? OK : err;
}

// Gives up the records since the last good sync: after a failure nobody can say what is on the
// medium, and a later success of sync would say nothing about them.
static void drop_unsynced(struct seglog *log)
{
    log->stats.sync_errors++;
    log->bytes_used -= log->size - log->synced_size;
    log->size = log->synced_size;
    log->must_cut = true;
    log->must_sync_cut = true;
    log->is_closed = true;
}

// Takes away, durably, what a failed append or a failed sync left behind `size`: once a newer
// segment exists, nothing but records may stand here.
static enum err cut(struct seglog *log)
{
    const struct storage *storage = log->cfg.storage;
    if (log->must_cut) {
        enum err err = storage->ops->truncate(storage->ctx, log->segment, log->size);
        if (err != OK) {
            return err;
        }
        log->must_cut = false;
    }
    if (log->must_sync_cut) {
        enum err err = storage->ops->sync(storage->ctx, log->segment);
        if (err != OK) {
            drop_unsynced(log);
            return err;
        }
        log->must_sync_cut = false;
    }
    return OK;
}

enum err sl_sync(struct seglog *log)
{
    if (log->size == log->synced_size) {
        return OK;
    }
    const struct storage *storage = log->cfg.storage;
    enum err err = storage->ops->sync(storage->ctx, log->segment);
    if (err != OK) {
        drop_unsynced(log);
        enum err again = cut(log);
        (void)again; // tried anew before the next record
        return err;
    }
    log->stats.syncs++;
    log->synced_size = log->size;
    log->synced_next = log->next;
    return OK;
}

static enum err begin_segment(struct seglog *log)
{
    const struct storage *storage = log->cfg.storage;
    uint64_t id = log->next;
    enum err err = OK;
    if (log->must_remove) {
        err = tolerate_absence(storage->ops->remove(storage->ctx, id));
    }
    if (err != OK) {
        return err;
    }
    uint8_t header[SL_SEGMENT_HEADER_SIZE];
    sl_segment_header_encode(id, header);
    struct bytes part = bytes_of(header, sizeof(header));
    err = storage->ops->append(storage->ctx, id, &part, 1);
    if (err == OK) {
        err = storage->ops->sync(storage->ctx, id);
    }
    if (err != OK) {
        log->must_remove = storage->ops->remove(storage->ctx, id) != OK;
        return err;
    }
    if (log->segment == 0) {
        log->first = id;
    }
    log->must_remove = false;
    log->is_closed = false;
    log->segment = id;
    log->size = sizeof(header);
    log->synced_size = sizeof(header);
    log->bytes_used += sizeof(header);
    log->stats.segments_created++;
    return OK;
}

// A durable, clean segment with room for a record of this size, within the quota.
static enum err make_room(struct seglog *log, uint64_t record_size)
{
    enum err err = cut(log);
    if (err != OK) {
        return err;
    }
    if (log->next == log->segment) {
        log->is_closed = false; // it holds no record: begun once is enough
    }
    uint64_t header_size = 0;
    bool is_empty = !log->is_closed && log->size <= SL_SEGMENT_HEADER_SIZE;
    if (log->is_closed || (!is_empty && log->size + record_size > log->cfg.segment_size)) {
        err = sl_sync(log);
        log->is_closed = true;
        header_size = SL_SEGMENT_HEADER_SIZE;
    }
    if (err != OK) {
        return err;
    }
    if (log->cfg.bytes_max != 0 &&
        log->bytes_used + header_size + record_size > log->cfg.bytes_max) {
        return ERR_FULL;
    }
    return log->is_closed ? begin_segment(log) : OK;
}

enum err sl_append(struct seglog *log, uint8_t kind, const struct bytes *parts, size_t part_count,
                   uint64_t *sequence)
{
    ASSERT(part_count <= SL_PARTS_MAX);
    const struct storage *storage = log->cfg.storage;
    uint8_t bytes[SL_RECORD_HEADER_SIZE];
    struct bytes all[SL_PARTS_MAX + 1] = {bytes_of(bytes, sizeof(bytes))};
    size_t length = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > log->cfg.payload_size_max - length) {
            return ERR_SIZE;
        }
        length += parts[i].size;
        all[1 + i] = parts[i];
    }
    enum err err = make_room(log, sizeof(bytes) + length);
    if (err == OK) {
        struct sl_record_header header = {
            .kind = kind,
            .length = (uint32_t)length,
            .sequence_low = (uint32_t)log->next,
            .synced = (uint32_t)log->synced_size,
        };
        sl_record_header_encode(header, parts, part_count, bytes);
        err = storage->ops->append(storage->ctx, log->segment, all, 1 + part_count);
        log->must_cut = err != OK;
        log->must_sync_cut = err != OK;
    }
    if (err != OK) {
        log->stats.full += err == ERR_FULL;
        log->stats.append_errors += err != ERR_FULL;
        return err;
    }
    log->size += sizeof(bytes) + length;
    log->bytes_used += sizeof(bytes) + length;
    log->stats.bytes += sizeof(bytes) + length;
    log->stats.records++;
    *sequence = log->next++;
    return OK;
}

// Removes the oldest segment if the next one begins at or below `below`.
static enum err remove_one(struct seglog *log, uint64_t below)
{
    const struct storage *storage = log->cfg.storage;
    struct storage_segment list[2];
    size_t count = 0;
    enum err err = storage->ops->list(storage->ctx, 0, list, COUNT_OF(list), &count);
    if (err != OK) {
        return err;
    }
    if (count < COUNT_OF(list) || list[0].id >= log->segment || list[1].id > below) {
        return ERR_EMPTY;
    }
    err = tolerate_absence(storage->ops->remove(storage->ctx, list[0].id));
    if (err != OK) {
        return err;
    }
    log->bytes_used -= list[0].size;
    log->first = list[1].id;
    log->stats.segments_removed++;
    return OK;
}

enum err sl_remove_below(struct seglog *log, uint64_t sequence)
{
    enum err err = OK;
    while (err == OK) {
        err = remove_one(log, sequence);
    }
    return err == ERR_EMPTY ? OK : err;
}

enum err sl_remove_oldest(struct seglog *log)
{
    return remove_one(log, UINT64_MAX);
}

void sl_close_segment(struct seglog *log)
{
    log->is_closed |= log->size > SL_SEGMENT_HEADER_SIZE;
}
