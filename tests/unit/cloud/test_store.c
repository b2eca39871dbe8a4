// SPDX-License-Identifier: Apache-2.0
// Goal: every sample is found exactly once, wherever it lies; duplicates, late data and equal times
// behave as promised. Method: a store on a disk in memory, judged against plain arrays.
#include "apps/cloud/store/query.h"
#include "sim/sqlite_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1700000000000)

struct fixture {
    struct sqlite_disk disk;
    struct store store;
    struct store_reader reader;
    struct store_config cfg;
};

static void open_store(struct fixture *f)
{
    assert_int_equal(store_open(&f->store, &f->cfg), OK);
    assert_int_equal(store_reader_open(&f->reader, &f->store), OK);
}

static void close_store(struct fixture *f)
{
    store_reader_close(&f->reader);
    store_close(&f->store);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    sqlite_disk_init(&f->disk, 1);
    f->cfg = (struct store_config){
        .path = "store.db", .vfs = "sim", .site_max = 4, .series_max = 64, .log_samples_min = 700};
    open_store(f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    sqlite_disk_deinit(&f->disk);
    free(f);
    return 0;
}

static struct entry sample(int64_t at_ms, int64_t value)
{
    struct entry e = {.value = value, .form = entry_form(ENTRY_DECIMAL, 0, 1)};
    entry_set_at(&e, at_ms);
    return e;
}

static struct entry no_value(int64_t at_ms, uint8_t quality, uint8_t reason)
{
    struct entry e = {.form = entry_form(ENTRY_NONE, quality, 0), .reason = reason};
    entry_set_at(&e, at_ms);
    return e;
}

static uint32_t series(struct fixture *f, uint32_t point)
{
    uint32_t site = 0;
    uint32_t index = 0;
    assert_int_equal(store_site(&f->store, bytes_of("shop", 4), &site), OK);
    assert_int_equal(store_series(&f->store, site, point, &index), OK);
    return index;
}

static void add(struct fixture *f, uint32_t point, struct entry e)
{
    assert_int_equal(store_add(&f->store, series(f, point), &e, entry_at(&e)), OK);
}

static struct bucket ask(struct fixture *f, uint32_t index, int64_t from_ms, int64_t to_ms)
{
    struct bucket bucket;
    struct query q = {
        .series = index, .from_ms = from_ms, .to_ms = to_ms, .bucket_count = 1, .buckets = &bucket};
    assert_int_equal(store_query(&f->reader, &q), OK);
    assert_int_equal(q.corrupt_count, 0);
    return bucket;
}

static void test_nothing_is_seen_before_the_commit(void **state)
{
    struct fixture *f = *state;
    uint32_t found = 0;
    assert_int_equal(store_begin(&f->store), OK);
    add(f, 7, sample(T0, 215));
    assert_false(store_find_site(&f->store, bytes_of("shop", 4), &found));
    assert_int_equal(store_commit(&f->store, 1), OK);
    assert_true(store_find_site(&f->store, bytes_of("shop", 4), &found));
    assert_true(store_find_series(&f->store, found, 7, &found));
    struct bucket b = ask(f, found, T0, T0 + 1);
    assert_int_equal(b.n, 1);
    assert_true(b.sum == 21.5);
    assert_int_equal(ask(f, found, T0 - 1, T0).n, 0);

    assert_int_equal(store_begin(&f->store), OK);
    add(f, 7, sample(T0, 300));
    add(f, 8, sample(T0, 1));
    uint32_t unpublished = 0;
    assert_false(store_find_series(&f->store, 0, 8, &unpublished));
    assert_int_equal(ask(f, found, T0, T0 + 1).n, 1);
    assert_int_equal(store_rollback(&f->store), OK);
    assert_false(store_find_series(&f->store, 0, 8, &unpublished));
    assert_int_equal(ask(f, found, T0, T0 + 1).n, 1);
    assert_int_equal(f->store.position, 1);
}

static void test_equal_times_late_and_shuffled_samples_are_all_there(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 9000, SERIES = 3 };
    static int64_t at[COUNT];
    static int64_t value[COUNT];
    uint64_t random = 42;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        const int64_t wander = (random >> 60) == 0 ? -(int64_t)(random >> 33) % 40000000 : 0;
        at[i] = T0 + (int64_t)i * 20000 + wander - (i % 5 == 4 ? 20000 : 0);
        value[i] = (int64_t)(random >> 40) % 4000;
    }
    for (size_t i = 0; i < COUNT;) {
        assert_int_equal(store_begin(&f->store), OK);
        for (size_t k = 0; k < 200 && i < COUNT; k++, i++) {
            add(f, (uint32_t)(i % SERIES) + 1, sample(at[i], value[i]));
        }
        assert_int_equal(store_commit(&f->store, i), OK);
        if (i == 4000) {
            close_store(f);
            open_store(f);
        }
    }
    assert_true(f->store.stats.checkpoints > 3 && f->store.stats.late > 0);
    enum { BUCKETS = 333 };
    struct bucket buckets[BUCKETS];
    for (uint32_t s = 0; s < SERIES; s++) {
        struct query q = {.series = s,
                          .from_ms = T0 + 12345678,
                          .to_ms = T0 + 170000001,
                          .bucket_count = BUCKETS,
                          .buckets = buckets};
        assert_int_equal(store_query(&f->reader, &q), OK);
        struct bucket want[BUCKETS] = {{0}};
        for (size_t i = s; i < COUNT; i += SERIES) {
            if (at[i] < q.from_ms || at[i] >= q.to_ms) {
                continue;
            }
            struct bucket *b = &want[(at[i] - q.from_ms) / q.step_ms];
            const double v = (double)value[i] / 10;
            b->min = b->n == 0 || v < b->min ? v : b->min;
            b->max = b->n == 0 || v > b->max ? v : b->max;
            b->sum += v;
            b->n++;
        }
        for (size_t i = 0; i < BUCKETS; i++) {
            assert_int_equal(buckets[i].n, want[i].n);
            assert_true(buckets[i].min == want[i].min && buckets[i].max == want[i].max);
            assert_true(buckets[i].sum > want[i].sum - 1e-6 && buckets[i].sum < want[i].sum + 1e-6);
        }
    }
}

static void test_a_message_is_taken_once(void **state)
{
    struct fixture *f = *state;
    enum { NUMBERS = 300 };
    bool taken[NUMBERS] = {false};
    uint64_t random = 7;
    for (int round = 0; round < 3000; round++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        const uint64_t n = (random >> 33) % NUMBERS;
        uint32_t site = 0;
        bool is_new = false;
        assert_int_equal(store_begin(&f->store), OK);
        assert_int_equal(store_site(&f->store, bytes_of("shop", 4), &site), OK);
        const struct message_number message = {.journal = UINT64_MAX - 1, .number = n};
        assert_int_equal(store_take_message(&f->store, site, message, &is_new), OK);
        assert_int_equal(is_new, !taken[n]);
        if (round % 7 == 0) {
            assert_int_equal(store_rollback(&f->store), OK);
        } else {
            taken[n] = true;
            assert_int_equal(store_commit(&f->store, 1), OK);
        }
        if (round % 500 == 499) {
            close_store(f);
            open_store(f);
        }
    }
    // Two journals, and two devices, number their messages apart.
    uint32_t other = 0;
    bool is_new = false;
    assert_int_equal(store_begin(&f->store), OK);
    assert_int_equal(store_site(&f->store, bytes_of("shop2", 5), &other), OK);
    assert_int_equal(
        store_take_message(&f->store, other, (struct message_number){UINT64_MAX - 1, 1}, &is_new),
        OK);
    assert_true(is_new);
    assert_int_equal(store_take_message(&f->store, other, (struct message_number){5, 1}, &is_new),
                     OK);
    assert_true(is_new);
    assert_int_equal(store_commit(&f->store, 1), OK);
}

static void test_a_silent_sensor_is_a_span_and_latest_keeps_the_last_good_time(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_begin(&f->store), OK);
    add(f, 1, sample(T0, 1));
    add(f, 1, no_value(T0 + 1000, 1, 3));
    add(f, 1, no_value(T0 + 2000, 1, 3));
    add(f, 1, no_value(T0 + 3000, 2, 4));
    add(f, 1, sample(T0 + 4000, 2));
    add(f, 1, no_value(T0 + 9000, 1, 1));
    const uint32_t index = series(f, 1);
    assert_int_equal(store_commit(&f->store, 1), OK);
    const struct latest *latest = &f->store.series[index].latest;
    assert_true(entry_at(&latest->entry) == T0 + 9000 && latest->good_at_ms == T0 + 4000);
    struct bucket bucket;
    struct quality_span spans[QUERY_SPANS_MAX];
    struct query q = {.series = index,
                      .from_ms = T0 + 1500,
                      .to_ms = T0 + 10000,
                      .bucket_count = 1,
                      .buckets = &bucket,
                      .spans = spans};
    assert_int_equal(store_query(&f->reader, &q), OK);
    assert_int_equal(bucket.n, 1);
    assert_int_equal(q.span_count, 3);
    assert_true(spans[0].from_ms == T0 + 1500 && spans[0].to_ms == T0 + 3000);
    assert_int_equal(spans[0].reason, 3);
    assert_true(spans[1].from_ms == T0 + 3000 && spans[1].to_ms == T0 + 4000);
    assert_int_equal(spans[1].quality, 2);
    assert_true(spans[2].from_ms == T0 + 9000 && spans[2].to_ms == T0 + 10000);
}

static void test_limits_refuse_and_leave_the_store_usable(void **state)
{
    struct fixture *f = *state;
    uint32_t site = 0;
    uint32_t index = 0;
    assert_int_equal(store_begin(&f->store), OK);
    for (uint32_t i = 0; i < 4; i++) {
        const char name = (char)('a' + i);
        assert_int_equal(store_site(&f->store, bytes_of(&name, 1), &site), OK);
    }
    assert_int_equal(store_site(&f->store, bytes_of("one more", 8), &site), ERR_FULL);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(store_series(&f->store, 0, i, &index), OK);
    }
    assert_int_equal(store_series(&f->store, 0, 64, &index), ERR_FULL);
    struct entry e = sample(T0, 5);
    assert_int_equal(store_add(&f->store, index, &e, T0), OK);
    assert_int_equal(store_commit(&f->store, 9), OK);
}

static void test_a_full_disk_is_told_and_heals(void **state)
{
    struct fixture *f = *state;
    f->disk.full_from = f->disk.steps + 1;
    f->disk.full_until = UINT64_MAX;
    assert_int_equal(store_begin(&f->store), OK);
    add(f, 1, sample(T0, 5));
    assert_int_equal(store_commit(&f->store, 3), ERR_FULL);
    assert_int_equal(store_rollback(&f->store), OK);
    assert_int_equal(f->store.position, 0);
    f->disk.full_from = 0;
    assert_int_equal(store_begin(&f->store), OK);
    add(f, 1, sample(T0, 5));
    const uint32_t index = series(f, 1);
    assert_int_equal(store_commit(&f->store, 3), OK);
    assert_int_equal(ask(f, index, T0, T0 + 1).n, 1);
}

// Sets aside `size` bytes; the store's room for it is that of open_narrow.
static void set_aside(struct fixture *f, const char *device, uint64_t wants, size_t size)
{
    static const uint8_t bytes[4096];
    const struct store_aside message = {.sequence = 1,
                                        .device = bytes_of(device, strlen(device)),
                                        .wants = wants,
                                        .reason = "test",
                                        .payload = bytes_of(bytes, size)};
    assert_int_equal(store_set_aside(&f->store, &message), OK);
}

enum { ROW = 1000 - DB_ASIDE_ROW_SIZE }; // a message that counts 1000 bytes

static void open_narrow(struct fixture *f)
{
    close_store(f);
    f->cfg.aside_device_bytes = 10000;
    f->cfg.aside_bytes = 25000;
    open_store(f);
    assert_int_equal(store_begin(&f->store), OK);
}

static int waiting(struct fixture *f, const char *device)
{
    int count = 0;
    uint8_t payload[4096];
    int64_t received_ms = 0;
    for (enum err err = OK; err == OK; count += err == OK ? 1 : 0) {
        struct writer w = writer_of(payload, sizeof(payload));
        err = store_take_aside(&f->store, bytes_of(device, strlen(device)), 7, &w, &received_ms);
    }
    return count;
}

static void test_one_device_cannot_push_out_what_another_has_waiting(void **state)
{
    struct fixture *f = *state;
    open_narrow(f);
    for (int i = 0; i < 5; i++) { // less than its share of 25,000 among four
        set_aside(f, "honest", 7, ROW);
    }
    for (int i = 0; i < 300; i++) {
        set_aside(f, "broken", 0, ROW);
        set_aside(f, "liar", 100 + (uint64_t)i, ROW);
        set_aside(f, "late", 0, i < 5 ? ROW : 0);
        if (i % 100 == 50) { // the account survives what a crash and an undone batch do to it
            assert_int_equal(store_commit(&f->store, 1), OK);
            open_narrow(f);
            set_aside(f, "honest", 0, 4000);
            assert_int_equal(store_rollback(&f->store), OK);
            assert_int_equal(store_begin(&f->store), OK);
        }
    }
    assert_true(f->store.stats.aside_dropped > 0);
    assert_int_equal(waiting(f, "honest"), 5);
    assert_int_equal(store_commit(&f->store, 1), OK);
}

static void test_of_one_device_the_unusable_go_before_those_that_wait(void **state)
{
    struct fixture *f = *state;
    open_narrow(f);
    for (int i = 0; i < 8; i++) {
        set_aside(f, "shop", 7, ROW);
    }
    for (int i = 0; i < 50; i++) {
        set_aside(f, "shop", 0, ROW);
    }
    assert_int_equal(f->store.stats.aside_dropped, 48);
    for (int i = 0; i < 5; i++) {
        set_aside(f, "shop", 7, ROW);
    }
    assert_int_equal(f->store.stats.aside_dropped, 53);
    assert_int_equal(waiting(f, "shop"), 10);
    set_aside(f, "shop", 7, ROW); // taken messages have given their room back
    assert_int_equal(f->store.stats.aside_dropped, 53);
    assert_int_equal(store_commit(&f->store, 1), OK);
}

static int events_of(struct fixture *f, uint32_t site)
{
    sqlite3_stmt *s = db_get(&f->store.db, SQL_COUNT_EVENTS);
    bool has_row = false;
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    assert_int_equal(db_row(&f->store.db, s, &has_row), OK);
    const int count = sqlite3_column_int(s, 0);
    sqlite3_reset(s);
    return count;
}

static void test_the_events_of_one_site_do_not_push_out_those_of_another(void **state)
{
    struct fixture *f = *state;
    const struct store_event event = {.kind = "restart", .text = bytes_of("x", 1)};
    uint32_t quiet = 0;
    uint32_t loud = 0;
    assert_int_equal(store_begin(&f->store), OK);
    assert_int_equal(store_site(&f->store, bytes_of("quiet", 5), &quiet), OK);
    assert_int_equal(store_site(&f->store, bytes_of("loud", 4), &loud), OK);
    assert_int_equal(store_add_event(&f->store, quiet, &event), OK);
    for (int i = 0; i < STORE_EVENT_ROWS_MAX; i++) {
        assert_int_equal(store_add_event(&f->store, loud, &event), OK);
    }
    assert_int_equal(events_of(f, loud), STORE_EVENT_ROWS_MAX);
    assert_int_equal(store_commit(&f->store, 1), OK);
    close_store(f);
    open_store(f);
    assert_int_equal(store_begin(&f->store), OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(store_add_event(&f->store, loud, &event), OK);
    }
    assert_int_equal(events_of(f, loud), STORE_EVENT_ROWS_MAX);
    assert_int_equal(events_of(f, quiet), 1);
    assert_int_equal(store_commit(&f->store, 2), OK);
}

// A device may choose how many samples its messages hold, up to the limits, and all of one point.
static void test_the_largest_batch_fits_when_the_log_is_as_full_as_it_gets(void **state)
{
    struct fixture *f = *state;
    enum { BATCH = STORE_BATCH_SAMPLES_MAX - 1 + STORE_MESSAGE_SAMPLES_MAX, SERIES = 16000 };
    close_store(f);
    f->cfg.series_max = SERIES;
    open_store(f);
    assert_int_equal(store_begin(&f->store), OK);
    for (uint32_t point = 1; point <= SERIES; point++) {
        (void)series(f, point);
    }
    // With five batches up to one sample below what calls for a checkpoint, then the largest; and
    // the same for the limit as it once was.
    const uint32_t limits[] = {STORE_LOG_SAMPLES_MAX - BATCH - 1,
                               STORE_LOG_SAMPLES_MAX - 2 * STORE_BATCH_SAMPLES_MAX};
    uint32_t total = 0;
    for (uint32_t i = 0; i < 12; i++) {
        const uint32_t count = i % 6 == 0 ? limits[i / 6] - 1 - 4 * BATCH : BATCH;
        for (uint32_t k = 0; k < count; k++, total++) {
            const struct entry e = sample(T0 + total, 1);
            assert_int_equal(store_add(&f->store, 0, &e, T0), OK);
        }
        assert_int_equal(store_commit(&f->store, 1), OK);
        assert_int_equal(store_begin(&f->store), OK);
    }
    assert_int_equal(store_commit(&f->store, 2), OK);
    assert_true(f->store.stats.checkpoints >= 2);
    assert_int_equal(ask(f, 0, T0, T0 + total).n, total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_seen_before_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_times_late_and_shuffled_samples_are_all_there,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_message_is_taken_once, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_silent_sensor_is_a_span_and_latest_keeps_the_last_good_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits_refuse_and_leave_the_store_usable, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_full_disk_is_told_and_heals, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_the_largest_batch_fits_when_the_log_is_as_full_as_it_gets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_device_cannot_push_out_what_another_has_waiting,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_one_device_the_unusable_go_before_those_that_wait,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_the_events_of_one_site_do_not_push_out_those_of_another, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
