// SPDX-License-Identifier: Apache-2.0
// Goal: what is in the hub's log is in the store once, whatever happens between two batches, and
// the page hears of every site. Method: a log written as the hub does, a store on a disk in memory,
// turn by turn on one thread; a restart is everything closed and opened again.
#include "apps/cloud/ingest/follower.h"
#include "apps/cloud/store/query.h"
#include "apps/cloud/store/store_sync.h"
#include "apps/hub/log_cells.h"
#include "bench/cloud_feed.h"
#include "sim/sqlite_disk.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define T0 INT64_C(1700000000000)

enum { MANY = 3 * STORE_BATCH_SAMPLES_MAX };

struct fixture {
    char folder[64];
    char log[80];
    const char *store_path;
    struct feed feed;
    struct sqlite_disk disk;
    struct log_folder log_folder;
    struct store store;
    struct catalogues catalogues;
    struct live live;
    struct follower follower;
};

static void open_cloud(struct fixture *f)
{
    const struct store_config cfg = {
        .path = f->store_path, .vfs = "sim", .site_max = 4, .series_max = 64};
    assert_int_equal(store_open(&f->store, &cfg), OK);
    assert_int_equal(catalogues_init(&f->catalogues, &f->store), OK);
    assert_int_equal(live_init(&f->live), OK);
    log_folder_init(&f->log_folder, f->log);
    const struct follower_config follower = {.store = &f->store,
                                             .catalogues = &f->catalogues,
                                             .live = &f->live,
                                             .folder = &f->log_folder};
    assert_int_equal(follower_init(&f->follower, &follower), OK);
}

static void close_cloud(struct fixture *f)
{
    follower_deinit(&f->follower);
    log_folder_close(&f->log_folder);
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
    snprintf(f->log, sizeof(f->log), "%s/log", f->folder);
    f->store_path = "store.db";
    sqlite_disk_init(&f->disk, 1);
    assert_int_equal(feed_open(&f->feed, f->log, "shop", true), OK);
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
        err = follower_turn(&f->follower);
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
    assert_int_equal(follower_turn(&f->follower), OK);
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
    assert_int_equal(follower_turn(&f->follower), OK);
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
    assert_int_equal(follower_turn(&f->follower), OK);
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
    assert_int_equal(follower_turn(&f->follower), ERR_FULL);
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

// A catalogue, and as many messages of one sample each, numbered in a journal of their own.
static void feed_messages(struct fixture *f, uint64_t journal, uint32_t count)
{
    f->feed.journal = journal;
    f->feed.number = 1;
    assert_int_equal(feed_catalogue(&f->feed, 3, false), OK);
    for (uint32_t i = 0; i < count; i++) {
        feed_point(f, 1, 1);
    }
}

// The hub's log is lost and begun anew; of the former one nothing is left.
static void renew_log(struct fixture *f)
{
    static int count;
    char gone[96];
    feed_close(&f->feed);
    snprintf(gone, sizeof(gone), "%s/gone%d", f->folder, count++);
    assert_int_equal(rename(f->log, gone), 0);
    assert_int_equal(feed_open(&f->feed, f->log, "shop", true), OK);
}

static void count_event(void *ctx, const struct query_event *e)
{
    const char *kind = *(const char **)ctx;
    assert_string_equal(e->kind, kind);
    *(const char **)ctx = ""; // not twice
}

static bool has_event(struct fixture *f, const char *kind)
{
    struct store_reader reader;
    assert_int_equal(store_reader_open(&reader, &f->store), OK);
    const char *wanted = kind;
    assert_int_equal(store_query_events(&reader, 0, 10, count_event, &wanted), OK);
    store_reader_close(&reader);
    return wanted != kind;
}

static void count_notice(void *ctx, const struct query_notice *n)
{
    assert_string_equal(n->kind, "hub_log_new");
    assert_true(n->at_ms > 0 && strstr(n->text, "another one") != NULL);
    ++*(unsigned *)ctx;
}

static unsigned notices_of(struct fixture *f)
{
    struct store_reader reader;
    unsigned count = 0;
    assert_int_equal(store_reader_open(&reader, &f->store), OK);
    assert_int_equal(store_query_notices(&reader, count_notice, &count), OK);
    store_reader_close(&reader);
    return count;
}

static void test_a_log_that_began_anew_is_read_whole(void **state)
{
    struct fixture *f = *state;
    feed_messages(f, 1, 20);
    follow(f);
    close_cloud(f);
    renew_log(f);
    feed_messages(f, 1, 5); // the gateway sends again what the store has,
    feed_messages(f, 2, 3); // and more; all of it ends below the store's position
    open_cloud(f);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 23);
    assert_int_equal(atomic_load(&f->follower.replaced), 1);
    assert_true(has_event(f, "hub_log_new"));
    assert_int_equal(notices_of(f), 1);
    restart(f); // told once
    follow(f);
    assert_int_equal(notices_of(f), 1);
    assert_int_equal(atomic_load(&f->follower.replaced), 0);
    assert_true(has_event(f, "hub_log_new"));
    assert_int_equal(stored(f, "shop", 1), 23);
}

static void test_a_log_that_grew_past_the_position_is_read_whole(void **state)
{
    struct fixture *f = *state;
    feed_messages(f, 1, 20);
    follow(f);
    assert_int_equal(
        sqlite3_exec(f->store.db.handle, "UPDATE state SET record=0", NULL, NULL, NULL),
        SQLITE_OK); // not even the record is known
    close_cloud(f);
    renew_log(f);
    feed_messages(f, 2, 50);
    open_cloud(f);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 70);
    assert_int_equal(atomic_load(&f->follower.replaced), 1);
}

static void test_a_log_put_back_is_known_by_a_record(void **state)
{
    struct fixture *f = *state;
    feed_messages(f, 1, 20);
    follow(f);
    close_cloud(f);
    renew_log(f);
    feed_messages(f, 2, 50);
    // A backup holds the consumer's mark, too.
    assert_int_equal(hub_mark_write(&f->feed.cells.cells, HUB_LOG_CONSUMERS "/cloud", 10), OK);
    open_cloud(f);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 70);
    assert_int_equal(atomic_load(&f->follower.replaced), 1);
}

static void test_a_log_exchanged_under_a_running_cloud_is_found(void **state)
{
    struct fixture *f = *state;
    feed_messages(f, 1, 20);
    follow(f);
    renew_log(f);
    feed_messages(f, 2, 3);
    assert_int_equal(follower_turn(&f->follower), ERR_EMPTY); // sees that the folder is gone
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 23);
    // In the same folder, too: the head is gone, or went back.
    assert_int_equal(hub_head_publish(&f->feed.cells.cells, 2), OK);
    assert_int_equal(follower_turn(&f->follower), ERR_EMPTY);
    assert_int_equal(hub_head_publish(&f->feed.cells.cells, 4), OK);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 23);
    assert_int_equal(atomic_load(&f->follower.replaced), 1); // it was the same one after all
}

static void sync_and_pass(struct fixture *f)
{
    struct store_sync sync;
    assert_int_equal(store_sync_open(&sync, &f->store), OK);
    assert_int_equal(store_sync_run(&sync), OK);
    store_sync_close(&sync);
    assert_int_equal(follower_pass(&f->follower), OK);
}

static void test_what_may_be_taken_back_stays_there(void **state)
{
    struct fixture *f = *state;
    feed_messages(f, 1, 20);
    follow(f);
    assert_int_equal(follower_pass(&f->follower), OK);
    assert_int_equal(f->follower.reader.passed, 0);
    const uint64_t synced = f->store.position;
    sync_and_pass(f);
    feed_messages(f, 2, 5);
    follow(f);
    assert_int_equal(follower_pass(&f->follower), OK);
    restart(f); // to open the log again says no more
    follow(f);
    assert_in_range(f->follower.reader.passed, 0, synced);
}

static void test_an_older_store_tells_what_it_lost(void **state)
{
    struct fixture *f = *state;
    feed_messages(f, 1, 20); // up to 21: what the old store has
    f->store_path = "old.db";
    restart(f);
    follow(f);
    f->store_path = "store.db";
    restart(f);
    feed_messages(f, 2, 50); // up to 72: passed by the newer store, and deleted
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 70);
    sync_and_pass(f);
    sl_close_segment(&f->feed.log.records);
    feed_messages(f, 3, 4);
    assert_int_equal(hub_log_tick(&f->feed.log), OK);
    f->store_path = "old.db";
    restart(f);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 24);
    assert_int_equal(atomic_load(&f->follower.lost), 72 - 21);
    assert_int_equal(atomic_load(&f->follower.replaced), 0);
    assert_true(has_event(f, "store_older"));
    restart(f); // told once
    follow(f);
    assert_int_equal(atomic_load(&f->follower.lost), 0);
}

static void test_an_older_store_may_have_lost_nothing(void **state)
{
    struct fixture *f = *state;
    feed_messages(f, 1, 20);
    f->store_path = "old.db";
    restart(f);
    follow(f);
    f->store_path = "store.db";
    restart(f);
    feed_messages(f, 2, 50);
    follow(f);
    sync_and_pass(f);
    sl_close_segment(&f->feed.log.records);
    feed_messages(f, 3, 1);
    f->store_path = "old.db";
    restart(f);
    assert_int_equal(follower_open_log(&f->follower), OK);
    // What it is about to read again is not deleted under it.
    assert_int_equal(hub_log_tick(&f->feed.log), OK);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 71);
    assert_int_equal(atomic_load(&f->follower.lost), 0);
    assert_false(has_event(f, "store_older"));
}

static void test_a_missing_folder_is_told_and_heals(void **state)
{
    struct fixture *f = *state;
    close_cloud(f);
    char right[sizeof(f->log)];
    memcpy(right, f->log, sizeof(right));
    snprintf(f->log, sizeof(f->log), "%s/lgo", f->folder);
    open_cloud(f);
    assert_int_equal(follower_turn(&f->follower), ERR_NOT_FOUND);
    assert_int_equal(atomic_load(&f->follower.state), FOLLOWER_NO_FOLDER);
    assert_int_not_equal(access(f->log, F_OK), 0); // the cloud does not make it
    assert_int_equal(mkdir(f->log, 0700), 0);
    assert_int_equal(follower_turn(&f->follower), ERR_AGAIN);
    assert_int_equal(atomic_load(&f->follower.state), FOLLOWER_NO_HUB);
    feed_messages(f, 1, 2);
    assert_int_equal(rmdir(f->log), 0);
    assert_int_equal(rename(right, f->log), 0);
    follow(f);
    assert_int_equal(atomic_load(&f->follower.state), FOLLOWER_OK);
    assert_int_equal(stored(f, "shop", 1), 2);
}

static void test_a_store_of_an_earlier_version_knows_no_record_and_goes_on(void **state)
{
    struct fixture *f = *state;
    feed_messages(f, 1, 20);
    follow(f);
    assert_int_equal(
        sqlite3_exec(f->store.db.handle, "ALTER TABLE state DROP COLUMN record", NULL, NULL, NULL),
        SQLITE_OK);
    feed_messages(f, 2, 20);
    restart(f);
    follow(f);
    assert_int_equal(stored(f, "shop", 1), 40);
    assert_int_equal(atomic_load(&f->follower.replaced), 0);
    assert_true(f->store.record_hash != 0);
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
        cmocka_unit_test_setup_teardown(test_a_log_that_began_anew_is_read_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_that_grew_past_the_position_is_read_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_log_put_back_is_known_by_a_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_exchanged_under_a_running_cloud_is_found, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_may_be_taken_back_stays_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_older_store_tells_what_it_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_older_store_may_have_lost_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_missing_folder_is_told_and_heals, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_store_of_an_earlier_version_knows_no_record_and_goes_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
