// SPDX-License-Identifier: Apache-2.0
// Goal: a reader beside the writer sees whole commits only, each sample once, at every moment,
// checkpoints included. Method: a real file, one writer, two readers; commit c adds one sample of
// value c to each of four series, so the sum a reader finds tells which commit it saw.
#include "apps/cloud/store/query.h"
#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { COMMITS = 1500, SERIES = 4, READERS = 2 };

#define T0 INT64_C(1700000000000)

struct world {
    struct store store;
    atomic_uint committed;
    atomic_uint queries;
    atomic_bool is_over;
};

static void *read_on(void *ctx)
{
    struct world *w = ctx;
    struct store_reader reader;
    ASSERT(store_reader_open(&reader, &w->store) == OK);
    uint32_t seen = 0;
    while (!atomic_load(&w->is_over)) {
        const uint32_t before = atomic_load(&w->committed);
        struct bucket bucket = {.n = 0};
        struct query q = {.series = atomic_load(&w->queries) % SERIES,
                          .from_ms = T0,
                          .to_ms = T0 + 1000 * COMMITS + 1000,
                          .bucket_count = 1,
                          .buckets = &bucket};
        const enum err err = store_query(&reader, &q);
        ASSERT(err == OK || (err == ERR_NOT_FOUND && before == 0));
        // n samples of values 1 to n: their sum says that none is missing, doubled or from later.
        ASSERT(bucket.sum == (double)bucket.n * (bucket.n + 1) / 2);
        ASSERT(bucket.n >= before && bucket.n >= seen);
        seen = bucket.n;
        atomic_fetch_add(&w->queries, 1);
    }
    store_reader_close(&reader);
    return NULL;
}

static void write_commit(struct world *w, uint32_t number)
{
    uint32_t site = 0;
    assert_int_equal(store_begin(&w->store), OK);
    assert_int_equal(store_site(&w->store, bytes_of("shop", 4), &site), OK);
    for (uint32_t p = 0; p < SERIES; p++) {
        uint32_t series = 0;
        struct entry e = {.value = number, .form = entry_form(ENTRY_DECIMAL, 0, 0)};
        // Every seventh is late, so that correction chunks are written as well.
        entry_set_at(&e, T0 + (number % 7 == 0 ? number * 500 : number * 1000));
        assert_int_equal(store_series(&w->store, site, p, &series), OK);
        assert_int_equal(store_add(&w->store, series, &e, T0), OK);
    }
    assert_int_equal(store_commit(&w->store, number), OK);
    atomic_store(&w->committed, number);
}

static void test_readers_see_whole_commits(void **state)
{
    (void)state;
    static struct world w;
    char folder[] = "/tmp/busward-readers-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/store.db", folder);
    const struct store_config cfg = {
        .path = path, .site_max = 2, .series_max = 8, .log_samples_min = 100};
    assert_int_equal(store_open(&w.store, &cfg), OK);
    sqlite3_exec(w.store.db.handle, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &w), 0);
    }
    for (uint32_t number = 1; number <= COMMITS || atomic_load(&w.queries) < 100; number++) {
        write_commit(&w, number);
        assert_true(number < 100 * COMMITS);
    }
    atomic_store(&w.is_over, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%u queries beside %u commits, %llu checkpoints\n", atomic_load(&w.queries), COMMITS,
           (unsigned long long)w.store.stats.checkpoints);
    assert_true(w.store.stats.checkpoints > 10);
    store_close(&w.store);
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers_see_whole_commits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
