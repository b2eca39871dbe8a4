// SPDX-License-Identifier: Apache-2.0
// Goal: what has no place on the time line is kept apart and disturbs nothing: stamps more than
// five minutes ahead of the hub's clock, and samples of a boot that never knew the time. Method:
// messages as a gateway packs them, received at times that the test chooses, into a store on a disk
// in memory; the table `apart` is read with SQLite itself.
#include "apps/cloud/ingest/ingest.h"
#include "apps/cloud/store/query.h"
#include "base/assert.h"
#include "bench/cloud_feed.h"
#include "sim/sqlite_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECEIVED_MS INT64_C(1700000000000)
#define AHEAD_MS    (INT64_C(5) * 60 * 1000) // from when on nobody believes it
#define BOOT_ID     UINT64_C(0x1234567890abcdef)

enum { POINTS = 3, TEMPERATURE = 1, HUMIDITY = 2 };

struct fixture {
    struct sqlite_disk disk;
    struct store store;
    struct catalogues catalogues;
    struct live live;
    struct ingest ingest;
    struct feed feed;
    int64_t received_ms; // by the hub, of the next message
    uint64_t sequence;
};

struct apart {
    int count;
    // The newest:
    uint64_t boot_id;
    int64_t at_ms, value, received_ms;
};

static void open_cloud(struct fixture *f)
{
    const struct store_config cfg = {
        .path = "store.db", .vfs = "sim", .site_max = 4, .series_max = 64};
    assert_int_equal(store_open(&f->store, &cfg), OK);
    assert_int_equal(catalogues_init(&f->catalogues, &f->store), OK);
    assert_int_equal(live_init(&f->live), OK);
    assert_int_equal(ingest_init(&f->ingest, &f->store, &f->catalogues), OK);
}

static void close_cloud(struct fixture *f)
{
    ingest_deinit(&f->ingest);
    live_deinit(&f->live);
    catalogues_deinit(&f->catalogues);
    store_close(&f->store);
}

// A message's own batch, with the hub's time on it.
static enum err take(void *ctx, const struct hub_record *record)
{
    struct fixture *f = ctx;
    struct hub_record dated = *record;
    dated.received_utc_ms = f->received_ms;
    ingest_begin(&f->ingest);
    assert_int_equal(store_begin(&f->store), OK);
    assert_int_equal(ingest_message(&f->ingest, ++f->sequence, &dated), OK);
    assert_int_equal(store_commit(&f->store, f->sequence), OK);
    ingest_tell(&f->ingest, &f->live);
    return OK;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    sqlite_disk_init(&f->disk, 1);
    open_cloud(f);
    f->received_ms = RECEIVED_MS;
    feed_open_to(&f->feed, "shop", take, f);
    assert_int_equal(feed_catalogue(&f->feed, POINTS, false), OK);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_cloud(f);
    sqlite_disk_deinit(&f->disk);
    free(f);
    return 0;
}

static struct tm_sample sample(uint32_t point, int64_t at_ms, int64_t value)
{
    return (struct tm_sample){
        .at_us = (uint64_t)at_ms * 1000, .point = point, .value = tm_int(value, -1)};
}

static void send_one(struct fixture *f, uint32_t point, int64_t at_ms, int64_t value)
{
    const struct tm_sample one = sample(point, at_ms, value);
    assert_int_equal(feed_samples(&f->feed, &one, 1), OK);
}

// A message whose times are milliseconds since a boot.
static void send_undated(struct fixture *f, uint32_t point, int64_t since_boot_ms, int64_t value)
{
    const struct tm_sample one = sample(point, since_boot_ms, value);
    char out[TM_BODY_SIZE_MAX];
    uint16_t order[1];
    const struct tm_encode_memory memory = {.order = order, .capacity = COUNT_OF(order)};
    struct tm_body body = {.out = out, .capacity = sizeof(out)};
    const struct tm_axis axis = {.boot_id = BOOT_ID};
    assert_int_equal(tm_encode(&f->feed.catalogue, axis, &one, 1, &memory, &body), OK);
    assert_int_equal(feed_raw(&f->feed, TM_MESSAGE_SAMPLES, bytes_of(out, body.size), true), OK);
}

static uint32_t series(struct fixture *f, uint32_t point)
{
    uint32_t site = 0;
    uint32_t index = 0;
    assert_true(store_find_site(&f->store, bytes_of("shop", 4), &site));
    assert_true(store_find_series(&f->store, site, point, &index));
    return index;
}

// All that is on the point's time line, wherever.
static struct bucket line(struct fixture *f, uint32_t point)
{
    struct store_reader reader;
    struct bucket bucket = {.n = 0};
    struct query q = {.series = series(f, point),
                      .to_ms = RECEIVED_MS * 2,
                      .bucket_count = 1,
                      .buckets = &bucket};
    assert_int_equal(store_reader_open(&reader, &f->store), OK);
    assert_int_equal(store_query(&reader, &q), OK);
    store_reader_close(&reader);
    return bucket;
}

static struct apart apart(struct fixture *f, uint32_t point)
{
    struct apart found = {.count = 0};
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->store.db.handle,
                                        "SELECT boot, at_ms, value, received_ms FROM apart"
                                        " WHERE series=? ORDER BY id",
                                        -1, &s, NULL),
                     SQLITE_OK);
    sqlite3_bind_int64(s, 1, (int64_t)series(f, point) + 1);
    while (sqlite3_step(s) == SQLITE_ROW) {
        found.count++;
        found.boot_id = (uint64_t)sqlite3_column_int64(s, 0);
        found.at_ms = sqlite3_column_int64(s, 1);
        found.value = sqlite3_column_int64(s, 2);
        found.received_ms = sqlite3_column_int64(s, 3);
    }
    sqlite3_finalize(s);
    return found;
}

static int64_t latest_ms(struct fixture *f, uint32_t point)
{
    return entry_at(&f->store.series[series(f, point)].latest.entry);
}

static unsigned told_samples(struct fixture *f)
{
    struct live_event e;
    unsigned count = 0;
    while (live_next(&f->live, &e) == OK) {
        count += e.kind == LIVE_SAMPLE;
    }
    return count;
}

static void test_a_stamp_just_within_five_minutes_is_on_the_time_line(void **state)
{
    struct fixture *f = *state;
    send_one(f, TEMPERATURE, RECEIVED_MS + AHEAD_MS - 1, 210);
    send_one(f, TEMPERATURE, RECEIVED_MS + AHEAD_MS, 220);
    assert_int_equal(line(f, TEMPERATURE).n, 2);
    assert_int_equal(latest_ms(f, TEMPERATURE), RECEIVED_MS + AHEAD_MS);
    assert_int_equal(apart(f, TEMPERATURE).count, 0);
    assert_int_equal(f->store.published.quarantined, 0);
}

static void test_a_stamp_further_ahead_is_kept_apart(void **state)
{
    struct fixture *f = *state;
    send_one(f, TEMPERATURE, RECEIVED_MS, 210);
    assert_int_equal(told_samples(f), 1);
    send_one(f, TEMPERATURE, RECEIVED_MS + AHEAD_MS + 1, 990);
    assert_int_equal(line(f, TEMPERATURE).n, 1);
    assert_int_equal(latest_ms(f, TEMPERATURE), RECEIVED_MS);
    assert_int_equal(told_samples(f), 0);
    struct apart kept = apart(f, TEMPERATURE);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.boot_id, 0);
    assert_int_equal(kept.at_ms, RECEIVED_MS + AHEAD_MS + 1);
    assert_int_equal(kept.value, 990);
    assert_int_equal(kept.received_ms, RECEIVED_MS);
    assert_int_equal(f->store.published.quarantined, 1);
    assert_int_equal(f->store.published.undated, 0);
    // The next good one is shown, though its stamp is older than that of the one apart.
    f->received_ms += 1000;
    send_one(f, TEMPERATURE, f->received_ms, 215);
    assert_int_equal(line(f, TEMPERATURE).n, 2);
    assert_int_equal(latest_ms(f, TEMPERATURE), f->received_ms);
    assert_int_equal(told_samples(f), 1);
}

static void test_of_one_message_each_sample_goes_where_it_belongs(void **state)
{
    struct fixture *f = *state;
    const struct tm_sample mixed[] = {
        sample(TEMPERATURE, RECEIVED_MS, 210),
        sample(TEMPERATURE, RECEIVED_MS + AHEAD_MS + 1, 990),
        sample(HUMIDITY, RECEIVED_MS + 2 * AHEAD_MS, 500),
    };
    assert_int_equal(feed_samples(&f->feed, mixed, COUNT_OF(mixed)), OK);
    assert_int_equal(line(f, TEMPERATURE).n, 1);
    assert_int_equal(apart(f, TEMPERATURE).count, 1);
    assert_int_equal(line(f, HUMIDITY).n, 0);
    assert_int_equal(apart(f, HUMIDITY).count, 1);
    assert_int_equal(f->store.published.quarantined, 2);
}

static void test_samples_of_a_boot_without_a_clock_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    send_one(f, TEMPERATURE, RECEIVED_MS, 210);
    assert_int_equal(told_samples(f), 1);
    send_undated(f, TEMPERATURE, 90000, 205);
    assert_int_equal(line(f, TEMPERATURE).n, 1);
    assert_int_equal(latest_ms(f, TEMPERATURE), RECEIVED_MS);
    assert_int_equal(told_samples(f), 0);
    struct apart kept = apart(f, TEMPERATURE);
    assert_int_equal(kept.count, 1);
    assert_true(kept.boot_id == BOOT_ID);
    assert_int_equal(kept.at_ms, 90000);
    assert_int_equal(kept.value, 205);
    assert_int_equal(kept.received_ms, RECEIVED_MS);
    assert_int_equal(f->store.published.undated, 1);
    assert_int_equal(f->store.published.quarantined, 0);
    // Of a point that has nothing else, too: there is a series, and nothing on its line.
    send_undated(f, HUMIDITY, 91000, 400);
    assert_int_equal(line(f, HUMIDITY).n, 0);
    assert_int_equal(apart(f, HUMIDITY).count, 1);
    assert_int_equal(told_samples(f), 0);
}

static void test_what_is_apart_comes_once_and_outlives_a_restart(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) { // the gateway sends again what was not acknowledged
        f->feed.number = 100;
        send_one(f, TEMPERATURE, RECEIVED_MS + AHEAD_MS + 1, 990);
        send_undated(f, TEMPERATURE, 90000, 205);
    }
    assert_int_equal(apart(f, TEMPERATURE).count, 2);
    close_cloud(f);
    open_cloud(f);
    assert_int_equal(apart(f, TEMPERATURE).count, 2);
    assert_int_equal(line(f, TEMPERATURE).n, 0);
}

// A message that waited for its catalogue is judged by when the hub had it, not by when it is read.
static void test_a_message_that_waited_is_judged_by_when_it_was_received(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(feed_catalogue(&f->feed, POINTS + 3, true), OK);
    send_one(f, TEMPERATURE, RECEIVED_MS + AHEAD_MS + 1, 990);
    send_one(f, TEMPERATURE, RECEIVED_MS + AHEAD_MS, 220);
    f->received_ms += 2 * AHEAD_MS;
    assert_int_equal(feed_catalogue(&f->feed, POINTS + 3, false), OK);
    assert_int_equal(line(f, TEMPERATURE).n, 1);
    assert_int_equal(apart(f, TEMPERATURE).count, 1);
    assert_int_equal(apart(f, TEMPERATURE).received_ms, RECEIVED_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_stamp_just_within_five_minutes_is_on_the_time_line,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stamp_further_ahead_is_kept_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_one_message_each_sample_goes_where_it_belongs,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_samples_of_a_boot_without_a_clock_are_kept_apart,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_apart_comes_once_and_outlives_a_restart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_message_that_waited_is_judged_by_when_it_was_received, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
