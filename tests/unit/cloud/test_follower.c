// SPDX-License-Identifier: Apache-2.0
// Goal: what is in the hub's log is in the store once, whatever happens between two batches, and
// the page hears of every site. Method: a log written as the hub does, a store on a disk in memory,
// turn by turn on one thread; a restart is everything closed and opened again.
#include "apps/cloud/ingest/follower.h"
#include "apps/cloud/store/query.h"
#include "bench/cloud_feed.h"
#include "sim/sqlite_disk.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1700000000000)

enum { MANY = 3 * STORE_BATCH_SAMPLES_MAX };

struct fixture {
    char folder[64];
    struct feed feed;
    struct sqlite_disk disk;
    struct linux_storage storage;
    struct linux_cells cells;
    struct store store;
    struct catalogues catalogues;
    struct live live;
    struct follower follower;
};

static void open_cloud(struct fixture *f)
{
    const struct store_config cfg = {
        .path = "store.db", .vfs = "sim", .site_max = 4, .series_max = 64};
    assert_int_equal(store_open(&f->store, &cfg), OK);
    assert_int_equal(catalogues_init(&f->catalogues, &f->store), OK);
    assert_int_equal(live_init(&f->live), OK);
    assert_int_equal(linux_storage_open(&f->storage, f->folder, true), OK);
    assert_int_equal(linux_cells_open(&f->cells, f->folder), OK);
    const struct follower_config follower = {.store = &f->store,
                                             .catalogues = &f->catalogues,
                                             .live = &f->live,
                                             .storage = &f->storage.storage,
                                             .cells = &f->cells.cells};
    assert_int_equal(follower_init(&f->follower, &follower), OK);
}

static void close_cloud(struct fixture *f)
{
    follower_deinit(&f->follower);
    linux_cells_close(&f->cells);
    linux_storage_close(&f->storage);
    live_deinit(&f->live);
    catalogues_deinit(&f->catalogues);
    store_close(&f->store);
}

static void restart(struct fixture *f)
{
    close_cloud(f);
    open_cloud(f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    snprintf(f->folder, sizeof(f->folder), "/tmp/test_follower.XXXXXX");
    if (mkdtemp(f->folder) == NULL) {
        return -1;
    }
    sqlite_disk_init(&f->disk, 1);
    assert_int_equal(feed_open(&f->feed, f->folder, "shop", true), OK);
    open_cloud(f);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_cloud(f);
    feed_close(&f->feed);
    sqlite_disk_deinit(&f->disk);
    const int result = nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return result;
}

static void follow(struct fixture *f)
{
    enum err err = OK;
    for (int turns = 0; err == OK; turns++) {
        assert_true(turns < 100);
        err = follower_turn(&f->follower, 0);
    }
    assert_int_equal(err, ERR_EMPTY);
}

static void feed_point(struct fixture *f, uint32_t point, uint32_t count)
{
    static struct tm_sample samples[MANY];
    for (uint32_t i = 0; i < count; i++) {
        samples[i] = (struct tm_sample){.at_us = (uint64_t)(T0 + (int64_t)i * 1000) * 1000,
                                        .point = point,
                                        .value = tm_int(i % 100, -1)};
    }
    assert_int_equal(feed_samples(&f->feed, samples, count), OK);
}

static uint32_t stored(struct fixture *f, const char *device, uint32_t point)
{
    struct store_reader reader;
    struct bucket bucket = {.n = 0};
    uint32_t site = 0;
    struct query q = {
        .from_ms = T0, .to_ms = T0 + (INT64_C(1) << 32), .bucket_count = 1, .buckets = &bucket};
    assert_int_equal(store_reader_open(&reader, &f->store), OK);
    if (store_find_site(&f->store, bytes_of(device, strlen(device)), &site) &&
        store_find_series(&f->store, site, point, &q.series)) {
        assert_int_equal(store_query(&reader, &q), OK);
    }
    store_reader_close(&reader);
    return bucket.n;
}

static void test_each_site_of_a_batch_is_told_of(void **state)
{
    struct fixture *f = *state;
    static const char *const devices[] = {"shop", "kiosk", "depot"};
    for (size_t i = 0; i < 3; i++) {
        f->feed.device = devices[i];
        assert_int_equal(feed_catalogue(&f->feed, 3, false), OK);
        if (i < 2) { // the third one has no sample
            feed_point(f, 1, 2);
        }
    }
    assert_int_equal(follower_turn(&f->follower, 0), OK);
    unsigned told[3][4] = {{0}};
    struct live_event e;
    while (live_next(&f->live, &e) == OK) {
        assert_true(e.site < 3);
        told[e.site][e.kind]++;
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(told[i][LIVE_CATALOGUE], 1);
        assert_int_equal(told[i][LIVE_SAMPLE], i < 2 ? 1 : 0);
        assert_int_equal(told[i][LIVE_SITE], 1);
    }
    feed_point(f, 1, 2); // of the depot alone
    assert_int_equal(follower_turn(&f->follower, 0), OK);
    unsigned sites = 0;
    while (live_next(&f->live, &e) == OK) {
        assert_int_equal(e.site, 2);
        sites += e.kind == LIVE_SITE ? 1 : 0;
    }
    assert_int_equal(sites, 1);
}

// Many samples come before the catalogue that explains them.
static void wait_for_a_catalogue(struct fixture *f)
{
    assert_int_equal(feed_catalogue(&f->feed, 3, true), OK);
    feed_point(f, 1, MANY);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 0);
    assert_int_equal(feed_catalogue(&f->feed, 3, false), OK);
    assert_int_equal(follower_turn(&f->follower, 0), OK);
    const uint32_t count = stored(f, "shop", 1);
    assert_true(count > 0 && count < MANY);
}

static void test_messages_that_waited_are_taken_up_after_a_restart(void **state)
{
    struct fixture *f = *state;
    wait_for_a_catalogue(f);
    restart(f);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), MANY);
}

static void test_messages_that_waited_are_taken_up_after_an_undone_batch(void **state)
{
    struct fixture *f = *state;
    wait_for_a_catalogue(f);
    f->disk.full_from = f->disk.steps + 1;
    f->disk.full_until = UINT64_MAX;
    assert_int_equal(follower_turn(&f->follower, 0), ERR_FULL);
    f->disk.full_from = 0;
    follow(f);
    assert_int_equal(stored(f, "shop", 1), MANY);
}

static void test_what_waits_for_an_unknown_catalogue_goes_on_waiting(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(feed_catalogue(&f->feed, 6, true), OK);
    feed_point(f, 4, 10);
    assert_int_equal(feed_catalogue(&f->feed, 3, false), OK);
    feed_point(f, 1, 10);
    follow(f);
    restart(f);
    follow(f);
    assert_int_equal(stored(f, "shop", 4), 0);
    assert_int_equal(feed_catalogue(&f->feed, 6, false), OK);
    follow(f);
    assert_int_equal(stored(f, "shop", 4), 10);
    assert_int_equal(stored(f, "shop", 1), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_site_of_a_batch_is_told_of, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages_that_waited_are_taken_up_after_a_restart,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_messages_that_waited_are_taken_up_after_an_undone_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_waits_for_an_unknown_catalogue_goes_on_waiting,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
