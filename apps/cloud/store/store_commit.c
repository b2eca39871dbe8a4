// SPDX-License-Identifier: Apache-2.0
// The end of a batch: log row, latest, numbers seen, position, now and then a checkpoint; then the
// commit, and only then what readers see.
#include "apps/cloud/store/store.h"
#include "apps/cloud/store/store_parts.h"
#include "base/assert.h"
#include "port/linux/log.h"

#include <stdlib.h>
#include <string.h>

#define MODULE "store"

static void bind_or_null(sqlite3_stmt *s, int index, int64_t value)
{
    if (value == INT64_MIN) {
        sqlite3_bind_null(s, index);
    } else {
        sqlite3_bind_int64(s, index, value);
    }
}

static int by_time(const void *a, const void *b)
{
    const int64_t a_ms = entry_at(a);
    const int64_t b_ms = entry_at(b);
    return (a_ms > b_ms) - (a_ms < b_ms);
}

static enum err add_chunk(struct store *store, struct series *series, const struct entry *entries,
                          size_t count, bool is_late)
{
    uint8_t buffer[CHUNK_SIZE_MAX];
    while (count > 0) {
        struct writer w = writer_of(buffer, sizeof(buffer));
        struct chunk_summary sum;
        size_t taken = 0;
        chunk_encode(entries, count, &w, &taken);
        chunk_summarise(entries, taken, &sum);
        sqlite3_stmt *s = db_get(&store->db, SQL_ADD_CHUNK);
        sqlite3_bind_int64(s, 1, (series - store->series) + 1);
        sqlite3_bind_int64(s, 2, sum.t0_ms);
        sqlite3_bind_int64(s, 3, sum.t1_ms - sum.t0_ms);
        sqlite3_bind_int64(s, 4, sum.n);
        if (sum.n > 0) {
            sqlite3_bind_double(s, 5, sum.min);
            sqlite3_bind_double(s, 6, sum.max);
            sqlite3_bind_double(s, 7, sum.sum);
        } else {
            sqlite3_bind_null(s, 5);
            sqlite3_bind_null(s, 6);
            sqlite3_bind_null(s, 7);
        }
        sqlite3_bind_int(s, 8, is_late ? 1 : 0);
        db_bind_blob(s, 9, writer_bytes(&w));
        enum err err = db_run(&store->db, s);
        if (err != OK) {
            return err;
        }
        store->stats.chunks++;
        const int64_t span_ms = sum.t1_ms - sum.t0_ms;
        series->span_next_ms = span_ms > series->span_next_ms ? span_ms : series->span_next_ms;
        series->chunk_next_ms =
            sum.t1_ms > series->chunk_next_ms ? sum.t1_ms : series->chunk_next_ms;
        entries += taken;
        count -= taken;
    }
    return OK;
}

// The rest of a series that does not make a full chunk yet: rewritten at each checkpoint.
static enum err set_tail(struct store *store, struct series *series, const struct entry *entries,
                         size_t count)
{
    const int64_t id = (series - store->series) + 1;
    if (count == 0) {
        sqlite3_stmt *s = db_get(&store->db, SQL_REMOVE_TAIL);
        sqlite3_bind_int64(s, 1, id);
        return db_run(&store->db, s);
    }
    uint8_t buffer[CHUNK_SIZE_MAX];
    struct writer w = writer_of(buffer, sizeof(buffer));
    size_t taken = 0;
    chunk_encode(entries, count, &w, &taken);
    if (taken < count) { // the first ones will not share a chunk with more to come
        enum err err = add_chunk(store, series, entries, taken, false);
        return err == OK ? set_tail(store, series, entries + taken, count - taken) : err;
    }
    for (size_t i = 0; i < count; i++) {
        enum err err = entry_list_add(&series->opened, &store->blocks, &entries[i]);
        if (err != OK) {
            return err;
        }
    }
    sqlite3_stmt *s = db_get(&store->db, SQL_SET_TAIL);
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, entry_at(&entries[0]));
    db_bind_blob(s, 3, writer_bytes(&w));
    return db_run(&store->db, s);
}

static enum err checkpoint_series(struct store *store, struct series *series)
{
    const size_t count = series->open.count;
    ASSERT(count <= store->scratch_capacity);
    struct entry *entries = store->scratch;
    entry_list_copy(series->open.first, count, entries);
    if (!series->is_sorted) {
        qsort(entries, count, sizeof(entries[0]), by_time);
    }
    size_t late = 0;
    while (late < count && entry_at(&entries[late]) <= series->chunk_end_ms) {
        late++;
    }
    series->chunk_next_ms = series->chunk_end_ms;
    series->span_next_ms = series->span_max_ms;
    enum err err = add_chunk(store, series, entries, late, true);
    size_t at = late;
    uint8_t buffer[CHUNK_SIZE_MAX];
    while (err == OK && count - at >= CHUNK_SAMPLES_MAX) {
        struct writer w = writer_of(buffer, sizeof(buffer));
        size_t taken = 0;
        chunk_encode(entries + at, count - at, &w, &taken);
        err = add_chunk(store, series, entries + at, taken, false);
        at += taken;
    }
    if (err == OK) {
        err = set_tail(store, series, entries + at, count - at);
    }
    if (err == OK && (series->chunk_next_ms != series->chunk_end_ms ||
                      series->span_next_ms != series->span_max_ms)) {
        sqlite3_stmt *s = db_get(&store->db, SQL_SET_SERIES);
        sqlite3_bind_int64(s, 1, (series - store->series) + 1);
        bind_or_null(s, 2, series->chunk_next_ms);
        sqlite3_bind_int64(s, 3, series->span_next_ms);
        err = db_run(&store->db, s);
    }
    return err;
}

enum err store_checkpoint(struct store *store)
{
    enum err err = OK;
    for (uint32_t i = 0; err == OK && i < store->series_used; i++) {
        if (store->series[i].open.count > store->series[i].tail_count) {
            err = checkpoint_series(store, &store->series[i]);
        }
    }
    if (err == OK) {
        err = db_run(&store->db, db_get(&store->db, SQL_TRIM_LOG));
    }
    return err;
}

void store_checkpoint_done(struct store *store)
{
    for (uint32_t i = 0; i < store->series_used; i++) {
        struct series *series = &store->series[i];
        if (series->open.count > series->tail_count) {
            entry_list_clear(&series->open, &store->blocks);
            series->open = series->opened;
            series->tail_count = series->opened.count;
            series->opened = (struct entry_list){0};
            series->is_sorted = true;
            series->chunk_end_ms = series->chunk_next_ms;
            series->span_max_ms = series->span_next_ms;
        }
    }
    store->log_samples = 0;
    store->in_checkpoint = false;
    store->stats.checkpoints++;
}

static bool wants_checkpoint(const struct store *store)
{
    uint64_t limit = (uint64_t)store->series_used * STORE_LOG_SAMPLES_PER_SERIES;
    limit = limit > store->cfg.log_samples_min ? limit : store->cfg.log_samples_min;
    // One batch more still fits the log's maximum, for which memory was made.
    const uint64_t most =
        STORE_LOG_SAMPLES_MAX - STORE_BATCH_SAMPLES_MAX - STORE_MESSAGE_SAMPLES_MAX;
    limit = limit < most ? limit : most;
    return store->log_samples >= limit;
}

static enum err set_latest(struct store *store)
{
    enum err err = OK;
    for (uint32_t i = 0; err == OK && i < store->dirty.count; i++) {
        const uint32_t index = store->dirty.items[i];
        const struct latest *next = &store->series[index].next;
        sqlite3_stmt *s = db_get(&store->db, SQL_SET_LATEST);
        sqlite3_bind_int64(s, 1, (int64_t)index + 1);
        sqlite3_bind_int64(s, 2, entry_at(&next->entry));
        sqlite3_bind_int64(s, 3, next->entry.value);
        sqlite3_bind_int64(s, 4, next->entry.form);
        sqlite3_bind_int64(s, 5, next->entry.reason);
        bind_or_null(s, 6, next->good_at_ms);
        sqlite3_bind_int64(s, 7, next->received_ms);
        err = db_run(&store->db, s);
    }
    return err;
}

static enum err set_sites(struct store *store)
{
    enum err err = OK;
    for (uint32_t i = 0; err == OK && i < store->sites_used; i++) {
        if (store->sites[i].is_dirty) {
            sqlite3_stmt *s = db_get(&store->db, SQL_SET_SITE);
            sqlite3_bind_int64(s, 1, (int64_t)i + 1);
            sqlite3_bind_int64(s, 2, store->sites[i].received_ms);
            err = db_run(&store->db, s);
            store->sites[i].is_dirty = false;
        }
    }
    return err;
}

static enum err set_state(struct store *store, uint64_t position)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_SET_STATE);
    sqlite3_bind_int64(s, 1, (int64_t)(store->commit_no + 1));
    sqlite3_bind_int64(s, 2, (int64_t)position);
    sqlite3_bind_int64(s, 3, (int64_t)store->batch_record_hash);
    return db_run(&store->db, s);
}

static void publish(struct store *store, uint64_t position)
{
    store->stats.commits++;
    pthread_mutex_lock(&store->lock);
    if (store->in_checkpoint) {
        store_checkpoint_done(store);
        for (uint32_t i = 0; i < store->series_used; i++) {
            store->series[i].open_count = store->series[i].open.count;
        }
    }
    for (uint32_t i = 0; i < store->dirty.count; i++) {
        struct series *series = &store->series[store->dirty.items[i]];
        series->latest = series->next;
        series->open_count = series->open.count;
    }
    if (position < store->position) {
        store->rewinds++;
        store->durable = 0;
    }
    store->commit_no++;
    store->log_pages = store->db.log_pages;
    store->has_lost = store->db.has_lost;
    store->position = position;
    store->record_hash = store->batch_record_hash;
    store->site_count = store->sites_used;
    store->series_count = store->series_used;
    store->published = store->stats;
    pthread_mutex_unlock(&store->lock);
}

void store_note_record(struct store *store, uint64_t hash)
{
    ASSERT(store->in_batch);
    store->batch_record_hash = hash;
}

enum err store_commit(struct store *store, uint64_t position)
{
    ASSERT(store->in_batch);
    enum err err = store_write_log_row(store);
    if (err == OK) {
        err = set_latest(store);
    }
    if (err == OK) {
        err = set_sites(store);
    }
    if (err == OK) {
        err = seen_flush(&store->seen, &store->db);
    }
    if (err == OK) {
        err = set_state(store, position);
    }
    const bool in_checkpoint = err == OK && wants_checkpoint(store);
    if (in_checkpoint) {
        err = store_checkpoint(store);
    }
    // From here a reader may see the commit before it is published: it then takes `opened`.
    pthread_mutex_lock(&store->lock);
    store->in_checkpoint = in_checkpoint;
    pthread_mutex_unlock(&store->lock);
    if (err == OK) {
        err = db_run(&store->db, db_get(&store->db, SQL_COMMIT));
    }
    if (err != OK) {
        return err;
    }
    store->in_batch = false;
    publish(store, position);
    return OK;
}

uint64_t store_durable(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t durable = store->durable;
    pthread_mutex_unlock(&store->lock);
    return durable;
}

enum err store_rollback(struct store *store)
{
    if (sqlite3_get_autocommit(store->db.handle) == 0) {
        enum err err = db_run(&store->db, db_get(&store->db, SQL_ROLLBACK));
        if (err != OK) {
            return err;
        }
    }
    const struct store_stats stats = store->published;
    pthread_mutex_lock(&store->lock);
    enum err err = store_load(store);
    store->stats = stats;
    store->stats.rollbacks++;
    store->published = store->stats;
    pthread_mutex_unlock(&store->lock);
    return err;
}
