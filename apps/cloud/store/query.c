// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/query.h"

#include "apps/cloud/store/quality.h"
#include "base/assert.h"
#include "port/linux/log.h"

#include <stdlib.h>
#include <string.h>

#define MODULE "query"

enum { OPEN_MARGIN = 4096 };

static enum err prepare(struct store_reader *reader, sqlite3_stmt **s, const char *sql)
{
    int code = sqlite3_prepare_v3(reader->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, s, NULL);
    return code == SQLITE_OK ? OK : db_error(reader->handle, code, sql);
}

enum err store_reader_open(struct store_reader *reader, struct store *store)
{
    *reader = (struct store_reader){.store = store};
    const struct {
        sqlite3_stmt **s;
        const char *sql;
    } statements[] = {
        {&reader->begin, "BEGIN"},
        {&reader->end, "COMMIT"},
        {&reader->state, "SELECT commit_no FROM state"},
        {&reader->chunks, "SELECT t0, span, n, min, max, sum, samples FROM chunk"
                          " WHERE series=?1 AND t0 >= ?2 AND t0 < ?3 ORDER BY t0, id"},
        {&reader->before, "SELECT t0, samples FROM chunk WHERE series=?1 AND t0 < ?2"
                          " ORDER BY t0 DESC, id DESC LIMIT 1"},
        {&reader->first, "SELECT t0 FROM chunk WHERE series=?1 ORDER BY t0 LIMIT 1"},
        {&reader->gaps, "SELECT from_ms, to_ms, count FROM gap WHERE site=?1 AND boot=0"
                        " AND from_ms < ?3 AND to_ms > ?2 ORDER BY from_ms LIMIT ?4"},
        {&reader->events, "SELECT id, kind, boot, at_ms, received_ms, point, text FROM event"
                          " WHERE site=?1 ORDER BY id DESC LIMIT ?2"},
        {&reader->text, "SELECT value FROM text WHERE id=?1"},
        {&reader->notices, "SELECT kind, at_ms, text FROM event WHERE kind IN " DB_NOTICE_KINDS
                           " GROUP BY at_ms, kind, text ORDER BY at_ms DESC LIMIT ?1"},
    };
    enum err err = db_open_reader(&reader->handle, store->cfg.path, store->cfg.vfs);
    for (size_t i = 0; err == OK && i < COUNT_OF(statements); i++) {
        err = prepare(reader, statements[i].s, statements[i].sql);
    }
    reader->marks = malloc(QUALITY_MARKS_MAX * sizeof(reader->marks[0]));
    if (err == OK && reader->marks == NULL) {
        err = ERR_FULL;
    }
    if (err != OK) {
        store_reader_close(reader);
    }
    return err;
}

void store_reader_close(struct store_reader *reader)
{
    sqlite3_stmt *const statements[] = {
        reader->begin, reader->end,  reader->state,  reader->chunks, reader->before,
        reader->first, reader->gaps, reader->events, reader->text,   reader->notices};
    for (size_t i = 0; i < COUNT_OF(statements); i++) {
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(reader->handle);
    free(reader->open);
    free(reader->marks);
    *reader = (struct store_reader){0};
}

static int step(struct store_reader *reader, sqlite3_stmt *s)
{
    int code = sqlite3_step(s);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        (void)db_error(reader->handle, code, sqlite3_sql(s));
    }
    return code;
}

static enum err end(struct store_reader *reader, enum err err)
{
    (void)step(reader, reader->end);
    sqlite3_reset(reader->end);
    return err;
}

// Opens SQLite's snapshot and copies what belongs to it from memory, both under the lock: the
// snapshot is of the newest published commit or of the one that is about to be published.
static enum err begin(struct store_reader *reader, uint32_t index, struct series *copy,
                      size_t *open_count)
{
    struct store *store = reader->store;
    enum err err = ERR_IO;
    pthread_mutex_lock(&store->lock);
    if (step(reader, reader->begin) == SQLITE_DONE && step(reader, reader->state) == SQLITE_ROW) {
        const uint64_t commit_no = (uint64_t)sqlite3_column_int64(reader->state, 0);
        const bool is_next = commit_no == store->commit_no + 1;
        const struct series *series = &store->series[index];
        const bool is_moved =
            is_next && store->in_checkpoint && series->open.count > series->tail_count;
        const struct entry_list *list = is_moved ? &series->opened : &series->open;
        const uint32_t count = is_next ? list->count : series->open_count;
        err = OK;
        if (count > reader->open_capacity) {
            free(reader->open);
            reader->open_capacity = count + OPEN_MARGIN;
            reader->open = malloc(reader->open_capacity * sizeof(reader->open[0]));
            err = reader->open != NULL ? OK : ERR_FULL;
            reader->open_capacity = err == OK ? reader->open_capacity : 0;
        }
        if (err == OK && count > 0) {
            entry_list_copy(list->first, count, reader->open);
        }
        copy->span_max_ms = is_moved ? series->span_next_ms : series->span_max_ms;
        *open_count = count;
    }
    pthread_mutex_unlock(&store->lock);
    sqlite3_reset(reader->begin);
    sqlite3_reset(reader->state);
    return err == OK ? OK : end(reader, err);
}

static void bucket_add(struct bucket *bucket, double min, double max, double sum, uint32_t n)
{
    bucket->min = bucket->n == 0 || min < bucket->min ? min : bucket->min;
    bucket->max = bucket->n == 0 || max > bucket->max ? max : bucket->max;
    bucket->sum += sum;
    bucket->n += n;
}

static void add_entries(struct store_reader *reader, struct query *query,
                        const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t at_ms = entry_at(&entries[i]);
        double value = 0;
        if (at_ms >= query->from_ms && at_ms < query->to_ms && entry_quality(&entries[i]) == 0 &&
            entry_number(&entries[i], &value)) {
            const size_t k = (size_t)((at_ms - query->from_ms) / query->step_ms);
            bucket_add(&query->buckets[k], value, value, value, 1);
        }
    }
    if (query->spans != NULL) {
        quality_marks_add(reader->marks, &reader->mark_count, entries, count);
    }
}

static void add_chunk_row(struct store_reader *reader, struct query *query)
{
    sqlite3_stmt *s = reader->chunks;
    const int64_t t0_ms = sqlite3_column_int64(s, 0);
    const int64_t t1_ms = t0_ms + sqlite3_column_int64(s, 1);
    if (t1_ms < query->from_ms && query->spans == NULL) {
        return;
    }
    const struct bytes samples = db_blob(s, 6);
    const uint32_t n = (uint32_t)sqlite3_column_int64(s, 2);
    const uint32_t total = samples.size > 1 ? samples.data[1] : 0;
    if (t0_ms >= query->from_ms && t1_ms < query->to_ms && n == total &&
        (t0_ms - query->from_ms) / query->step_ms == (t1_ms - query->from_ms) / query->step_ms) {
        bucket_add(&query->buckets[(t0_ms - query->from_ms) / query->step_ms],
                   sqlite3_column_double(s, 3), sqlite3_column_double(s, 4),
                   sqlite3_column_double(s, 5), n);
        if (query->spans != NULL) {
            quality_marks_good(reader->marks, &reader->mark_count, t0_ms);
        }
        return;
    }
    struct entry entries[CHUNK_SAMPLES_MAX];
    size_t count = 0;
    enum err err = chunk_decode(samples, t0_ms, entries, &count);
    if (err != OK) {
        query->corrupt_count++;
        log_error(MODULE, "chunk", "series=%u t0=%lld err=%s", query->series, (long long)t0_ms,
                  err_name(err));
        return;
    }
    add_entries(reader, query, entries, count);
}

// The last chunk that begins before the span tells how the point stood when it began.
static enum err add_before(struct store_reader *reader, const struct query *query, int64_t low_ms)
{
    sqlite3_stmt *s = reader->before;
    sqlite3_bind_int64(s, 1, (int64_t)query->series + 1);
    sqlite3_bind_int64(s, 2, low_ms);
    const int code = step(reader, s);
    struct entry entries[CHUNK_SAMPLES_MAX];
    size_t count = 0;
    if (code == SQLITE_ROW &&
        chunk_decode(db_blob(s, 1), sqlite3_column_int64(s, 0), entries, &count) == OK) {
        quality_marks_add(reader->marks, &reader->mark_count, entries, count);
    }
    sqlite3_reset(s);
    return code == SQLITE_ROW || code == SQLITE_DONE ? OK : ERR_IO;
}

static bool is_published(struct store *store, uint32_t series)
{
    pthread_mutex_lock(&store->lock);
    const uint32_t series_count = store->series_count;
    pthread_mutex_unlock(&store->lock);
    return series < series_count;
}

enum err store_query_first(struct store_reader *reader, uint32_t series, int64_t *first_ms)
{
    struct series copy;
    size_t open_count = 0;
    if (!is_published(reader->store, series)) {
        return ERR_NOT_FOUND;
    }
    enum err err = begin(reader, series, &copy, &open_count);
    if (err != OK) {
        return err;
    }
    sqlite3_stmt *s = reader->first;
    sqlite3_bind_int64(s, 1, (int64_t)series + 1);
    const int code = step(reader, s);
    int64_t found_ms = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : INT64_MAX;
    sqlite3_reset(s);
    for (size_t i = 0; i < open_count; i++) {
        const int64_t at_ms = entry_at(&reader->open[i]);
        found_ms = at_ms < found_ms ? at_ms : found_ms;
    }
    err = end(reader, code == SQLITE_ROW || code == SQLITE_DONE ? OK : ERR_IO);
    if (err == OK) {
        *first_ms = found_ms;
    }
    return err;
}

enum err store_query(struct store_reader *reader, struct query *query)
{
    ASSERT(query->to_ms > query->from_ms && query->bucket_count >= 1);
    if (!is_published(reader->store, query->series)) {
        return ERR_NOT_FOUND;
    }
    struct series copy;
    size_t open_count = 0;
    enum err err = begin(reader, query->series, &copy, &open_count);
    if (err != OK) {
        return err;
    }
    const int64_t length_ms = query->to_ms - query->from_ms;
    query->step_ms = (length_ms + query->bucket_count - 1) / query->bucket_count;
    memset(query->buckets, 0, query->bucket_count * sizeof(query->buckets[0]));
    query->corrupt_count = 0;
    query->span_count = 0;
    reader->mark_count = 0;
    const int64_t low_ms = query->from_ms - copy.span_max_ms;
    if (query->spans != NULL) {
        err = add_before(reader, query, low_ms);
    }
    sqlite3_stmt *s = reader->chunks;
    sqlite3_bind_int64(s, 1, (int64_t)query->series + 1);
    sqlite3_bind_int64(s, 2, low_ms);
    sqlite3_bind_int64(s, 3, query->to_ms);
    int code = SQLITE_DONE;
    while (err == OK && (code = step(reader, s)) == SQLITE_ROW) {
        add_chunk_row(reader, query);
    }
    sqlite3_reset(s);
    err = err == OK && code != SQLITE_DONE ? ERR_IO : err;
    if (err == OK) {
        add_entries(reader, query, reader->open, open_count);
    }
    if (err == OK && query->spans != NULL) {
        quality_spans_make(reader->marks, reader->mark_count, query);
    }
    return end(reader, err);
}

enum err store_query_gaps(struct store_reader *reader, uint32_t site, int64_t from_ms,
                          int64_t to_ms, struct query_gap *out, uint32_t *count)
{
    sqlite3_stmt *s = reader->gaps;
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    sqlite3_bind_int64(s, 2, from_ms);
    sqlite3_bind_int64(s, 3, to_ms);
    sqlite3_bind_int64(s, 4, QUERY_GAPS_MAX);
    int code = SQLITE_DONE;
    *count = 0;
    while ((code = step(reader, s)) == SQLITE_ROW) {
        out[(*count)++] = (struct query_gap){
            .from_ms = sqlite3_column_int64(s, 0),
            .to_ms = sqlite3_column_int64(s, 1),
            .count = (uint64_t)sqlite3_column_int64(s, 2),
        };
    }
    sqlite3_reset(s);
    return code == SQLITE_DONE ? OK : ERR_IO;
}

enum err store_query_events(struct store_reader *reader, uint32_t site, uint32_t limit,
                            void (*row)(void *ctx, const struct query_event *e), void *ctx)
{
    sqlite3_stmt *s = reader->events;
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    sqlite3_bind_int64(s, 2, limit);
    int code = SQLITE_DONE;
    while ((code = step(reader, s)) == SQLITE_ROW) {
        const struct query_event event = {
            .id = sqlite3_column_int64(s, 0),
            .kind = (const char *)sqlite3_column_text(s, 1),
            .has_time = sqlite3_column_int64(s, 2) == 0,
            .at_ms = sqlite3_column_int64(s, 3),
            .received_ms = sqlite3_column_int64(s, 4),
            .point = (uint32_t)sqlite3_column_int64(s, 5),
            .text = (const char *)sqlite3_column_text(s, 6),
        };
        row(ctx, &event);
    }
    sqlite3_reset(s);
    return code == SQLITE_DONE ? OK : ERR_IO;
}

enum err store_query_notices(struct store_reader *reader,
                             void (*row)(void *ctx, const struct query_notice *n), void *ctx)
{
    sqlite3_stmt *s = reader->notices;
    sqlite3_bind_int64(s, 1, QUERY_NOTICES_MAX);
    int code = SQLITE_DONE;
    while ((code = step(reader, s)) == SQLITE_ROW) {
        const struct query_notice notice = {
            .kind = (const char *)sqlite3_column_text(s, 0),
            .at_ms = sqlite3_column_int64(s, 1),
            .text = (const char *)sqlite3_column_text(s, 2),
        };
        row(ctx, &notice);
    }
    sqlite3_reset(s);
    return code == SQLITE_DONE ? OK : ERR_IO;
}

enum err store_query_text(struct store_reader *reader, int64_t id, char *out, size_t capacity)
{
    sqlite3_stmt *s = reader->text;
    sqlite3_bind_int64(s, 1, id);
    const int code = step(reader, s);
    if (code == SQLITE_ROW) {
        struct bytes text = db_blob(s, 0);
        size_t size = text.size < capacity ? text.size : capacity - 1;
        memcpy(out, text.size > 0 ? text.data : (const uint8_t *)"", size);
        out[size] = '\0';
    }
    sqlite3_reset(s);
    return code == SQLITE_ROW ? OK : code == SQLITE_DONE ? ERR_NOT_FOUND : ERR_IO;
}

bool store_find_site(struct store *store, struct bytes device, uint32_t *site)
{
    bool is_found = false;
    pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; i < store->site_count && !is_found; i++) {
        is_found =
            bytes_equal(device, bytes_of(store->sites[i].device, strlen(store->sites[i].device)));
        *site = is_found ? i : *site;
    }
    pthread_mutex_unlock(&store->lock);
    return is_found;
}

bool store_find_series_locked(const struct store *store, uint32_t site, uint32_t point,
                              uint32_t *series)
{
    return series_map_find(&store->map, site, point, series) && *series < store->series_count;
}

bool store_find_series(struct store *store, uint32_t site, uint32_t point, uint32_t *series)
{
    pthread_mutex_lock(&store->lock);
    bool is_found = store_find_series_locked(store, site, point, series);
    pthread_mutex_unlock(&store->lock);
    return is_found;
}
