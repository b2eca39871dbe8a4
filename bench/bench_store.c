// SPDX-License-Identifier: Apache-2.0
// The store from the hub's log to the synced commit: 500 points once a minute over 30 days as a
// gateway packs them, every tenth message sent twice; then one-sample messages; then bytes and
// queries. The reference of each is a plain SQLite table WITHOUT ROWID(series, time) in the same
// run.
#include "apps/cloud/ingest/follower.h"
#include "apps/cloud/store/query.h"
#include "apps/cloud/store/store_sync.h"
#include "base/assert.h"
#include "base/time.h"
#include "bench/cloud_feed.h"
#include "json/writer.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    POINTS = 500,
    DAYS = 30,
    MINUTES = DAYS * 24 * 60,
    SINGLES = 20000,
    ROW_MINUTES = 1440,
    BUCKETS = 500,
    QUERIES = 50,
};

#define START_MS INT64_C(1700000000000)
#define SPAN_MS  (INT64_C(60000) * MINUTES)

struct bench {
    char folder[256];
    char log[300];
    char path[300];
    char rows[300];
    struct feed feed;
    struct linux_storage storage;
    struct linux_cells cells;
    struct store store;
    struct store_sync sync;
    struct catalogues catalogues;
    struct follower follower;
    int64_t values[POINTS];
    uint64_t random;
    double ingest, single, bytes_per_sample, query_ms;
    double rows_ingest, rows_single, rows_bytes, rows_query_ms;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(enum err err, const char *what)
{
    if (err != OK) {
        fprintf(stderr, "bench_store: %s: %s\n", what, err_name(err));
        exit(1);
    }
}

static int64_t walk(struct bench *b, uint32_t point)
{
    b->random = b->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    b->values[point] += (int64_t)((b->random >> 33) % 3) - 1;
    return b->values[point];
}

static void fill_log(struct bench *b, int first_minute, int minutes)
{
    static struct tm_sample samples[POINTS];
    for (int minute = first_minute; minute < first_minute + minutes; minute++) {
        // A poll is never quite on time, and takes its time.
        b->random = b->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const int64_t late_ms = (int64_t)((b->random >> 33) % 200);
        for (uint32_t p = 0; p < POINTS; p++) {
            const int64_t at_ms = START_MS + INT64_C(60000) * minute + late_ms + p / 100;
            samples[p] = (struct tm_sample){.at_us = (uint64_t)at_ms * 1000,
                                            .point = p + 1,
                                            .value = tm_int(walk(b, p), p % 3 == 2 ? 0 : -1)};
        }
        const uint64_t number = b->feed.number;
        must(feed_samples(&b->feed, samples, POINTS), "feed");
        if (minute % 10 == 0) {
            b->feed.number = number;
            must(feed_samples(&b->feed, samples, POINTS), "feed again");
        }
    }
}

// Reads all that is in the log; the seconds it took.
static double follow(struct bench *b)
{
    const double start = now_s();
    enum err err = OK;
    while (err == OK) {
        err = follower_turn(&b->follower);
        must(store_sync_run(&b->sync),
             "sync"); // one for each commit; the cloud's thread may join some
    }
    must(follower_pass(&b->follower), "pass");
    if (err != ERR_EMPTY) {
        must(err, "follow");
    }
    return now_s() - start;
}

static void open_all(struct bench *b)
{
    snprintf(b->log, sizeof(b->log), "%s/log", b->folder);
    snprintf(b->path, sizeof(b->path), "%s/store.db", b->folder);
    snprintf(b->rows, sizeof(b->rows), "%s/rows.db", b->folder);
    must(feed_open(&b->feed, b->log, "shop", true), "feed");
    must(feed_catalogue(&b->feed, POINTS, false), "catalogue");
    must(linux_storage_open(&b->storage, b->log, true), "storage");
    must(linux_cells_open(&b->cells, b->log), "cells");
    must(store_open(&b->store, &(struct store_config){.path = b->path}), "store");
    must(store_sync_open(&b->sync, &b->store), "sync");
    must(catalogues_init(&b->catalogues, &b->store), "catalogues");
    const struct follower_config cfg = {.store = &b->store,
                                        .catalogues = &b->catalogues,
                                        .storage = &b->storage.storage,
                                        .cells = &b->cells.cells};
    must(follower_init(&b->follower, &cfg), "follower");
    for (int i = 0; i < POINTS; i++) {
        b->values[i] = 200;
    }
}

static double file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static void measure_store(struct bench *b)
{
    double seconds = 0;
    // A few days at a time, so that the hub's log stays small: it is deleted as the store passes
    // it.
    for (int day = 0; day < DAYS; day += 3) {
        fill_log(b, day * 1440, 3 * 1440);
        seconds += follow(b);
        must(hub_log_tick(&b->feed.log), "hub");
    }
    const double samples = (double)POINTS * MINUTES;
    if (b->store.stats.samples != (uint64_t)samples || b->store.stats.duplicates == 0) {
        fprintf(stderr, "bench_store: %llu samples stored of %.0f\n",
                (unsigned long long)b->store.stats.samples, samples);
        exit(1);
    }
    b->ingest = samples / seconds;
    sqlite3_wal_checkpoint_v2(b->store.db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    b->bytes_per_sample = file_size(b->path) / samples;

    static struct bucket buckets[BUCKETS];
    static struct quality_span spans[QUERY_SPANS_MAX];
    struct store_reader reader;
    must(store_reader_open(&reader, &b->store), "reader");
    const double start = now_s();
    uint64_t n = 0;
    for (uint32_t i = 0; i < QUERIES; i++) {
        struct query q = {.series = i * 7 % POINTS,
                          .from_ms = START_MS,
                          .to_ms = START_MS + SPAN_MS,
                          .bucket_count = BUCKETS,
                          .buckets = buckets,
                          .spans = spans};
        must(store_query(&reader, &q), "query");
        for (int k = 0; k < BUCKETS; k++) {
            n += buckets[k].n;
        }
    }
    b->query_ms = (now_s() - start) * 1000 / QUERIES;
    ASSERT(n == (uint64_t)MINUTES * QUERIES);
    store_reader_close(&reader);

    for (int i = 0; i < SINGLES; i++) {
        const struct tm_sample sample = {
            .at_us = (uint64_t)(START_MS + SPAN_MS + (int64_t)i * 1000) * 1000,
            .point = 1 + (uint32_t)i % POINTS,
            .value = tm_int(200, i % POINTS % 3 == 2 ? 0 : -1)};
        must(feed_samples(&b->feed, &sample, 1), "feed one");
    }
    b->single = SINGLES / follow(b);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    ASSERT(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
    return s;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    ASSERT(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static void add_row(struct bench *b, sqlite3_stmt *s, uint32_t point, int minute)
{
    sqlite3_bind_int64(s, 1, point);
    sqlite3_bind_int64(s, 2, START_MS + INT64_C(60000) * minute + point / 10);
    sqlite3_bind_double(s, 3, (double)walk(b, point) / 10);
    ASSERT(sqlite3_step(s) == SQLITE_DONE);
    sqlite3_reset(s);
}

static void measure_rows(struct bench *b)
{
    sqlite3 *db = NULL;
    ASSERT(sqlite3_open(b->rows, &db) == SQLITE_OK);
    run_sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000;"
                "CREATE TABLE sample(series INTEGER, t INTEGER, v REAL, PRIMARY KEY(series, t))"
                " WITHOUT ROWID");
    sqlite3_stmt *s = prepare(db, "INSERT INTO sample VALUES(?1, ?2, ?3)");
    double start = now_s();
    for (int minute = 0; minute < ROW_MINUTES; minute += 120) {
        run_sql(db, "BEGIN");
        for (int m = minute; m < minute + 120; m++) {
            for (uint32_t p = 0; p < POINTS; p++) {
                add_row(b, s, p, m);
            }
        }
        run_sql(db, "COMMIT");
    }
    b->rows_ingest = (double)POINTS * ROW_MINUTES / (now_s() - start);
    run_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    b->rows_bytes = file_size(b->rows) / ((double)POINTS * ROW_MINUTES);
    start = now_s();
    for (int i = 0; i < 500; i++) { // one transaction each
        add_row(b, s, 0, ROW_MINUTES + i);
    }
    b->rows_single = 500 / (now_s() - start);
    run_sql(db, "BEGIN");
    for (int m = ROW_MINUTES + 500; m < MINUTES; m++) {
        add_row(b, s, 0, m);
    }
    run_sql(db, "COMMIT");
    sqlite3_finalize(s);
    s = prepare(db, "SELECT (t - ?1) / ?2 AS k, min(v), max(v), avg(v), count(*) FROM sample"
                    " WHERE series=0 AND t >= ?1 AND t < ?3 GROUP BY k");
    sqlite3_bind_int64(s, 1, START_MS);
    sqlite3_bind_int64(s, 2, SPAN_MS / BUCKETS);
    sqlite3_bind_int64(s, 3, START_MS + SPAN_MS);
    start = now_s();
    for (int i = 0; i < 5; i++) {
        while (sqlite3_step(s) == SQLITE_ROW) {
        }
        sqlite3_reset(s);
    }
    b->rows_query_ms = (now_s() - start) * 1000 / 5;
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static void put_row(struct json_writer *w, const char *name, double value, const char *unit,
                    double reference)
{
    json_begin_object(w);
    json_put_key_string(w, "name", name);
    json_put_key_double(w, "value", value);
    json_put_key_string(w, "unit", unit);
    json_put_key_string(w, "better", strcmp(unit, "samples/s") == 0 ? "higher" : "lower");
    json_put_key_double(w, "reference", reference);
    json_put_key_double(w, "ratio", value / reference);
    json_end_object(w);
}

static int write_rows(const struct bench *b, const char *path)
{
    char text[2048];
    struct json_writer w;
    json_writer_init(&w, text, sizeof(text));
    json_begin_array(&w);
    put_row(&w, "store.ingest", b->ingest, "samples/s", b->rows_ingest);
    put_row(&w, "store.ingest_single", b->single, "samples/s", b->rows_single);
    put_row(&w, "store.bytes_per_sample", b->bytes_per_sample, "bytes", b->rows_bytes);
    put_row(&w, "store.query_30d_ms", b->query_ms, "ms", b->rows_query_ms);
    json_end_array(&w);
    const struct bytes json = json_writer_bytes(&w);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(json.data, 1, json.size, file) != json.size || fclose(file) != 0) {
        perror(path);
        return 1;
    }
    printf("store: %.2f M samples/s, one by one %.0f /s, %.2f bytes a sample, 30 days in %.2f ms\n",
           b->ingest / 1e6, b->single, b->bytes_per_sample, b->query_ms);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

int main(int argc, char **argv)
{
    static struct bench b = {.random = 1};
    if (argc != 3 || strcmp(argv[1], "--out") != 0) {
        fprintf(stderr, "usage: bench_store --out FILE\n");
        return 2;
    }
    const char *place = getenv("TMPDIR");
    snprintf(b.folder, sizeof(b.folder), "%s/bench-store-XXXXXX", place != NULL ? place : "/tmp");
    if (mkdtemp(b.folder) == NULL) {
        perror(b.folder);
        return 1;
    }
    open_all(&b);
    measure_store(&b);
    measure_rows(&b);
    follower_deinit(&b.follower);
    catalogues_deinit(&b.catalogues);
    store_sync_close(&b.sync);
    store_close(&b.store);
    const int code = write_rows(&b, argv[2]);
    return nftw(b.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 ? code : 1;
}
