// SPDX-License-Identifier: Apache-2.0
// Filling a batch.
#include "apps/cloud/store/column.h"
#include "apps/cloud/store/store.h"
#include "apps/cloud/store/store_parts.h"
#include "base/assert.h"
#include "port/linux/log.h"

#include <string.h>

enum { LOG_ENTRY_SIZE_MAX = 5 + 10 + 2 + 10 };

enum err store_begin(struct store *store)
{
    ASSERT(!store->in_batch);
    for (uint32_t i = 0; i < store->dirty.count; i++) {
        store->series[store->dirty.items[i]].is_dirty = false;
    }
    store->dirty.count = 0;
    store->log_row = writer_of(store->log_bytes, STORE_LOG_ROW_SIZE);
    store->last_at_ms = 0;
    store->batch_record_hash = store->record_hash;
    enum err err = db_run(&store->db, db_get(&store->db, SQL_BEGIN));
    store->in_batch = err == OK;
    return err;
}

enum err store_site(struct store *store, struct bytes device, uint32_t *site)
{
    ASSERT(store->in_batch && device.size >= 1 && device.size <= STORE_DEVICE_SIZE_MAX);
    for (uint32_t i = 0; i < store->sites_used; i++) {
        const char *known = store->sites[i].device;
        if (strlen(known) == device.size && memcmp(known, device.data, device.size) == 0) {
            *site = i;
            return OK;
        }
    }
    if (store->sites_used == store->cfg.site_max) {
        return ERR_FULL;
    }
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_SITE);
    sqlite3_bind_int64(s, 1, (int64_t)store->sites_used + 1);
    sqlite3_bind_text(s, 2, (const char *)device.data, (int)device.size, SQLITE_STATIC);
    enum err err = db_run(&store->db, s);
    if (err == OK) {
        struct store_site *added = &store->sites[store->sites_used];
        memset(added, 0, sizeof(*added));
        memcpy(added->device, device.data, device.size);
        added->received_ms = INT64_MIN;
        added->events = UINT32_MAX;
        *site = store->sites_used++;
    }
    return err;
}

void store_site_received(struct store *store, uint32_t site, int64_t received_ms)
{
    struct store_site *s = &store->sites[site];
    if (received_ms > s->received_ms) {
        pthread_mutex_lock(&store->lock);
        s->received_ms = received_ms;
        pthread_mutex_unlock(&store->lock);
        s->is_dirty = true;
    }
}

enum err store_take_message(struct store *store, uint32_t site, struct message_number n,
                            bool *is_new)
{
    ASSERT(store->in_batch);
    enum err err = seen_take(&store->seen, &store->db, site, n, is_new);
    store->stats.duplicates += err == OK && !*is_new ? 1 : 0;
    return err;
}

enum err store_series(struct store *store, uint32_t site, uint32_t point, uint32_t *series)
{
    ASSERT(store->in_batch && site < store->sites_used);
    if (series_map_find(&store->map, site, point, series)) {
        return OK;
    }
    if (store->series_used == store->cfg.series_max) {
        return ERR_FULL;
    }
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_SERIES);
    sqlite3_bind_int64(s, 1, (int64_t)store->series_used + 1);
    sqlite3_bind_int64(s, 2, (int64_t)site + 1);
    sqlite3_bind_int64(s, 3, point);
    enum err err = db_run(&store->db, s);
    if (err == OK) {
        store_series_reset(&store->series[store->series_used], site, point);
        pthread_mutex_lock(&store->lock);
        series_map_add(&store->map, site, point, store->series_used);
        pthread_mutex_unlock(&store->lock);
        *series = store->series_used++;
    }
    return err;
}

enum err store_open_add(struct store *store, struct series *series, const struct entry *e)
{
    enum err err = entry_list_add(&series->open, &store->blocks, e);
    const int64_t at_ms = entry_at(e);
    if (at_ms >= series->open_end_ms) {
        series->open_end_ms = at_ms;
    } else {
        series->is_sorted = false;
    }
    return err;
}

enum err store_write_log_row(struct store *store)
{
    if (store->log_row.size == 0) {
        return OK;
    }
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_LOG);
    sqlite3_bind_int64(s, 1, (int64_t)store->log_next++);
    db_bind_blob(s, 2, writer_bytes(&store->log_row));
    store->log_row = writer_of(store->log_bytes, STORE_LOG_ROW_SIZE);
    store->last_at_ms = 0;
    return db_run(&store->db, s);
}

static void update_latest(struct latest *next, const struct entry *e, int64_t received_ms)
{
    const int64_t at_ms = entry_at(e);
    if (next->received_ms == INT64_MIN || at_ms >= entry_at(&next->entry)) {
        next->entry = *e;
        next->received_ms = received_ms;
    }
    if (entry_quality(e) == 0 && at_ms > next->good_at_ms) {
        next->good_at_ms = at_ms;
    }
}

enum err store_add(struct store *store, uint32_t series_index, const struct entry *e,
                   int64_t received_ms)
{
    ASSERT(store->in_batch && series_index < store->series_used);
    struct series *series = &store->series[series_index];
    if (store->log_row.size + LOG_ENTRY_SIZE_MAX > STORE_LOG_ROW_SIZE) {
        enum err err = store_write_log_row(store);
        if (err != OK) {
            return err;
        }
    }
    const int64_t at_ms = entry_at(e);
    put_varint(&store->log_row, series_index);
    put_varint(&store->log_row, zigzag((uint64_t)at_ms - (uint64_t)store->last_at_ms));
    put_u8(&store->log_row, e->form);
    put_u8(&store->log_row, e->reason);
    put_varint(&store->log_row, zigzag((uint64_t)e->value));
    store->last_at_ms = at_ms;
    store->log_samples++;
    store->stats.samples++;
    store->stats.late += at_ms <= series->chunk_end_ms ? 1 : 0;
    update_latest(&series->next, e, received_ms);
    if (!series->is_dirty) {
        series->is_dirty = true;
        store->dirty.items[store->dirty.count++] = series_index;
    }
    return store_open_add(store, series, e);
}

enum err store_text(struct store *store, struct bytes text, int64_t *id)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_FIND_TEXT);
    db_bind_blob(s, 1, text);
    bool has_row = false;
    enum err err = db_row(&store->db, s, &has_row);
    if (err != OK || has_row) {
        *id = has_row ? sqlite3_column_int64(s, 0) : 0;
        return err;
    }
    s = db_get(&store->db, SQL_ADD_TEXT);
    db_bind_blob(s, 1, text);
    err = db_run(&store->db, s);
    if (err == OK) {
        *id = sqlite3_last_insert_rowid(store->db.handle);
    }
    return err;
}

enum err store_add_apart(struct store *store, uint32_t series, uint64_t boot_id,
                         const struct entry *e, int64_t received_ms)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_APART);
    sqlite3_bind_int64(s, 1, (int64_t)series + 1);
    sqlite3_bind_int64(s, 2, (int64_t)boot_id);
    sqlite3_bind_int64(s, 3, entry_at(e));
    sqlite3_bind_int64(s, 4, e->value);
    sqlite3_bind_int64(s, 5, e->form);
    sqlite3_bind_int64(s, 6, e->reason);
    sqlite3_bind_int64(s, 7, received_ms);
    store->stats.undated += boot_id != 0 ? 1 : 0;
    store->stats.quarantined += boot_id == 0 ? 1 : 0;
    return db_run(&store->db, s);
}

enum err store_add_gap(struct store *store, uint32_t site, const struct store_gap *gap)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_GAP);
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    sqlite3_bind_int64(s, 2, (int64_t)gap->boot_id);
    sqlite3_bind_int64(s, 3, gap->from_ms);
    sqlite3_bind_int64(s, 4, gap->to_ms);
    sqlite3_bind_int64(s, 5, (int64_t)gap->count);
    store->stats.gaps++;
    return db_run(&store->db, s);
}

static enum err trim_events(struct store *store, uint32_t site)
{
    uint32_t *events = &store->sites[site].events;
    enum err err = OK;
    if (*events == UINT32_MAX) {
        bool has_row = false;
        sqlite3_stmt *s = db_get(&store->db, SQL_COUNT_EVENTS);
        sqlite3_bind_int64(s, 1, (int64_t)site + 1);
        err = db_row(&store->db, s, &has_row);
        *events = err == OK ? (uint32_t)sqlite3_column_int64(s, 0) : UINT32_MAX;
        sqlite3_reset(s);
    } else {
        (*events)++;
    }
    while (err == OK && *events > STORE_EVENT_ROWS_MAX) {
        sqlite3_stmt *s = db_get(&store->db, SQL_TRIM_EVENTS);
        sqlite3_bind_int64(s, 1, (int64_t)site + 1);
        err = db_run(&store->db, s);
        *events -= err == OK ? 1 : 0;
    }
    return err;
}

enum err store_add_event(struct store *store, uint32_t site, const struct store_event *event)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_EVENT);
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    sqlite3_bind_text(s, 2, event->kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, (int64_t)event->boot_id);
    sqlite3_bind_int64(s, 4, event->at_ms);
    sqlite3_bind_int64(s, 5, event->received_ms);
    sqlite3_bind_int64(s, 6, event->point);
    sqlite3_bind_text(s, 7, event->text.size > 0 ? (const char *)event->text.data : "",
                      (int)event->text.size, SQLITE_STATIC);
    enum err err = db_run(&store->db, s);
    if (err == OK) {
        store->stats.events++;
        err = trim_events(store, site);
    }
    return err;
}
