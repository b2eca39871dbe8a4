// SPDX-License-Identifier: Apache-2.0
// Goal: a sparkline is a line from a store's first minutes on, and covers a day when there is one.
// Method: a store on a disk in memory that grows older.
#include "apps/cloud/store/spark.h"
#include "sim/sqlite_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define T0        INT64_C(1700000000000)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

static int64_t end_of(const struct spark *spark)
{
    return spark->from_ms + spark->bucket_count * spark->step_ms;
}

static void test_the_span_follows_the_age(void **state)
{
    (void)state;
    int64_t step_ms = 0;
    for (int64_t age_ms = -HOUR_MS; age_ms < 30 * HOUR_MS; age_ms += 7001) {
        struct spark spark;
        const int64_t now_ms = T0 + age_ms;
        const int64_t span_ms = age_ms < SPARK_SPAN_MIN_MS   ? SPARK_SPAN_MIN_MS
                                : age_ms > SPARK_SPAN_MAX_MS ? SPARK_SPAN_MAX_MS
                                                             : age_ms;
        spark_frame(T0, now_ms, 0, &spark);
        assert_in_range(spark.bucket_count, SPARK_BUCKETS_MAX / 2, SPARK_BUCKETS_MAX);
        assert_true(spark.step_ms >= step_ms);
        assert_int_equal(spark.from_ms % spark.step_ms, 0);
        assert_true(end_of(&spark) > now_ms && end_of(&spark) <= now_ms + spark.step_ms);
        assert_true(end_of(&spark) - spark.from_ms >= span_ms);
        step_ms = spark.step_ms;
    }
    assert_int_equal(step_ms, 30 * MINUTE_MS);
}

static void test_no_first_sample_is_as_a_young_one_and_no_age_overflows(void **state)
{
    (void)state;
    struct spark spark;
    spark_frame(INT64_MAX, T0, 0, &spark);
    assert_int_equal(spark.step_ms, 20000);
    spark_frame(-ENTRY_AT_MAX, T0, 0, &spark);
    assert_int_equal(spark.step_ms, 30 * MINUTE_MS);
    assert_int_equal(spark.bucket_count, SPARK_BUCKETS_MAX);
}

static void test_a_step_holds_a_sample(void **state)
{
    (void)state;
    struct spark spark;
    spark_frame(T0, T0 + MINUTE_MS, 60000, &spark);
    assert_int_equal(spark.step_ms, 90000);
    assert_int_equal(spark.bucket_count, 10);
    spark_frame(T0, T0 + MINUTE_MS, UINT32_MAX, &spark);
    assert_int_equal(spark.step_ms, 30 * MINUTE_MS);
    assert_int_equal(spark.bucket_count, 1);
}

static void add(struct store *store, uint32_t series, int64_t at_ms)
{
    struct entry e = {.value = 215, .form = entry_form(ENTRY_DECIMAL, 0, 1)};
    entry_set_at(&e, at_ms);
    assert_int_equal(store_add(store, series, &e, at_ms), OK);
}

// Few samples lie in memory, many in chunks: both count, and what comes late too.
static void test_the_first_sample_is_found_wherever_it_lies(void **state)
{
    (void)state;
    struct sqlite_disk disk;
    struct store store;
    struct store_reader reader;
    struct spark spark;
    const struct store_config cfg = {
        .path = "store.db", .vfs = "sim", .site_max = 1, .series_max = 2, .log_samples_min = 700};
    uint32_t site = 0, series = 0;
    sqlite_disk_init(&disk, 1);
    assert_int_equal(store_open(&store, &cfg), OK);
    assert_int_equal(store_reader_open(&reader, &store), OK);
    assert_int_equal(spark_query(&reader, 0, T0, 0, &spark), ERR_NOT_FOUND);
    for (int64_t i = 0; i < 1440; i++) {
        const int64_t now_ms = T0 + i * MINUTE_MS;
        uint32_t filled = 0;
        assert_int_equal(store_begin(&store), OK);
        assert_int_equal(store_site(&store, bytes_of("shop", 4), &site), OK);
        assert_int_equal(store_series(&store, site, 1, &series), OK);
        add(&store, series, now_ms);
        assert_int_equal(store_commit(&store, (uint64_t)i + 1), OK);
        assert_int_equal(spark_query(&reader, series, now_ms, 60000, &spark), OK);
        for (uint32_t b = 0; b < spark.bucket_count; b++) {
            filled += spark.buckets[b].n > 0 ? 1 : 0;
        }
        const uint32_t due = (uint32_t)((now_ms - T0) / spark.step_ms);
        assert_true(filled >= (due < spark.bucket_count ? due : spark.bucket_count));
    }
    assert_true(store.stats.chunks > 0);
    assert_int_equal(spark.step_ms, 30 * MINUTE_MS);
    int64_t first_ms = 0;
    assert_int_equal(store_query_first(&reader, series, &first_ms), OK);
    assert_true(first_ms == T0);
    assert_int_equal(store_begin(&store), OK);
    add(&store, series, T0 - HOUR_MS);
    assert_int_equal(store_commit(&store, 2000), OK);
    assert_int_equal(store_query_first(&reader, series, &first_ms), OK);
    assert_true(first_ms == T0 - HOUR_MS);
    store_reader_close(&reader);
    store_close(&store);
    sqlite_disk_deinit(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_span_follows_the_age),
        cmocka_unit_test(test_no_first_sample_is_as_a_young_one_and_no_age_overflows),
        cmocka_unit_test(test_a_step_holds_a_sample),
        cmocka_unit_test(test_the_first_sample_is_found_wherever_it_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
