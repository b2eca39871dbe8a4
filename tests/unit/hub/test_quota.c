// SPDX-License-Identifier: Apache-2.0
// Goal: the quota in virtual time: words, buckets to the token, blocks to the byte, the UTC day,
// what survives a restart.
#include "apps/hub/quota.h"

#include "sim/cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define S      UINT64_C(1000000)
#define DAY_MS INT64_C(86400000)

static struct hub_quota quota;

static enum err parse(const char *text, struct hub_quota_limits *out)
{
    char fault[HUB_QUOTA_FAULT_SIZE] = "";
    enum err err = hub_quota_parse(text, out, fault);
    assert_true((err == OK) == (fault[0] == '\0'));
    return err;
}

static void begin(const char *text)
{
    struct hub_quota_limits limits;
    assert_int_equal(parse(text, &limits), OK);
    hub_quota_init(&quota, &limits);
}

static enum hub_quota_answer take(enum hub_quota_kind kind, uint64_t now_us, int64_t utc_ms)
{
    return hub_quota_take(&quota, kind, (struct hub_quota_time){now_us, utc_ms});
}

static void test_words(void **state)
{
    (void)state;
    struct hub_quota_limits limits;
    assert_int_equal(parse("none", &limits), OK);
    assert_int_equal(limits.messages_per_day, 0);
    assert_int_equal(parse("f1", &limits), OK);
    assert_true(limits.messages_per_day == 8000 && limits.block_size == 512);
    assert_int_equal(parse("s1", &limits), OK);
    assert_true(limits.messages_per_day == 400000 && limits.block_size == 4096);
    assert_int_equal(limits.rates[HUB_QUOTA_TWIN_UPDATES], 50);
    assert_int_equal(limits.rates[HUB_QUOTA_QUERIES], 20);
    assert_int_equal(parse("s1,messages_per_day=7,queries_per_min=0,", &limits), OK);
    assert_true(limits.messages_per_day == 7 && limits.rates[HUB_QUOTA_QUERIES] == 0);
    assert_int_equal(limits.rates[HUB_QUOTA_C2D], 100);
    assert_int_equal(parse("messages_per_day=7,s1", &limits), OK); // the last word wins
    assert_int_equal(limits.messages_per_day, 400000);
    static const char *const names[HUB_QUOTA_KINDS] = {
        "sends_per_s=1",   "connects_per_s=2", "twin_reads_per_s=3", "twin_updates_per_s=4",
        "methods_per_s=5", "c2d_per_min=6",    "registry_per_min=7", "queries_per_min=1000000",
    };
    for (size_t i = 0; i < HUB_QUOTA_KINDS; i++) {
        assert_int_equal(parse(names[i], &limits), OK);
        assert_int_equal(limits.rates[i], i < 7 ? i + 1 : 1000000);
    }
    static const char *const wrong[] = {
        "",
        ",",
        "s2",
        "S1",
        "=",
        "block_size",
        "x=1",
        "s1=1",
        "block_size=0",
        "s1,,",
        "sends_per_s=1000001",
        "sends_per_s",
        "sends_per_s=",
        "sends_per_s=-1",
        "sends_per_s=1x",
        "block_size=262145",
        "messages_per_day=9999999999999999",
        "s1 ,f1",
        "sends_per_s=1;x",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        limits.block_size = 77;
        if (parse(wrong[i], &limits) != ERR_ARG || limits.block_size != 77) {
            fail_msg("%s", wrong[i]);
        }
    }
}

static void test_no_limit_limits_nothing(void **state)
{
    (void)state;
    begin("none");
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(take((enum hub_quota_kind)(i % HUB_QUOTA_KINDS), 0, 0), HUB_QUOTA_PASS);
        hub_quota_charge(&quota, 0, 300000);
    }
    assert_true(quota.throttled == 0 && quota.refused == 0);
}

static void test_bucket_of_a_second(void **state)
{
    (void)state;
    begin("twin_reads_per_s=4");
    uint64_t now_us = 1000 * S;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(take(HUB_QUOTA_TWIN_READS, now_us, 0), HUB_QUOTA_PASS);
    }
    assert_int_equal(take(HUB_QUOTA_TWIN_READS, now_us, 0), HUB_QUOTA_THROTTLED);
    assert_int_equal(hub_quota_wait_s(&quota, HUB_QUOTA_TWIN_READS, now_us), 1);
    assert_int_equal(take(HUB_QUOTA_TWIN_UPDATES, now_us, 0), HUB_QUOTA_PASS); // another kind
    assert_int_equal(take(HUB_QUOTA_TWIN_READS, now_us + S / 4 - 1, 0), HUB_QUOTA_THROTTLED);
    assert_int_equal(take(HUB_QUOTA_TWIN_READS, now_us + S / 4, 0), HUB_QUOTA_PASS);
    assert_int_equal(take(HUB_QUOTA_TWIN_READS, now_us + S / 4, 0), HUB_QUOTA_THROTTLED);
    assert_int_equal(quota.throttled, 3);
    now_us += 3600 * S; // full again, and not fuller
    for (int i = 0; i < 4; i++) {
        assert_int_equal(take(HUB_QUOTA_TWIN_READS, now_us, 0), HUB_QUOTA_PASS);
    }
    assert_int_equal(take(HUB_QUOTA_TWIN_READS, now_us, 0), HUB_QUOTA_THROTTLED);
}

static void test_bucket_of_a_minute_and_of_ten_seconds(void **state)
{
    (void)state;
    begin("queries_per_min=2,sends_per_s=3,connects_per_s=1");
    assert_int_equal(take(HUB_QUOTA_QUERIES, 0, 0), HUB_QUOTA_PASS);
    assert_int_equal(take(HUB_QUOTA_QUERIES, 0, 0), HUB_QUOTA_PASS);
    assert_int_equal(take(HUB_QUOTA_QUERIES, 0, 0), HUB_QUOTA_THROTTLED);
    assert_int_equal(hub_quota_wait_s(&quota, HUB_QUOTA_QUERIES, 0), 30);
    assert_int_equal(hub_quota_wait_s(&quota, HUB_QUOTA_QUERIES, 29 * S), 1);
    assert_int_equal(take(HUB_QUOTA_QUERIES, 30 * S, 0), HUB_QUOTA_PASS);
    int passed = 0;
    while (take(HUB_QUOTA_SENDS, 0, 0) == HUB_QUOTA_PASS) {
        passed++;
    }
    assert_int_equal(passed, 30); // ten seconds' worth, since the broker cannot delay
    // In the long run no more than the rate.
    for (uint64_t ms = 1; ms <= 100000; ms++) {
        passed += take(HUB_QUOTA_SENDS, ms * 1000, 0) == HUB_QUOTA_PASS ? 1 : 0;
    }
    assert_in_range(passed, 329, 331);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(take(HUB_QUOTA_CONNECTS, 0, 0), HUB_QUOTA_PASS);
    }
    assert_int_equal(take(HUB_QUOTA_CONNECTS, 0, 0), HUB_QUOTA_THROTTLED);
}

static void test_blocks_of_the_day(void **state)
{
    (void)state;
    begin("messages_per_day=10,block_size=4096");
    int64_t noon = 20000 * DAY_MS + DAY_MS / 2;
    static const struct {
        size_t size;
        uint64_t used;
    } sizes[] = {{0, 1}, {1, 2}, {4096, 3}, {4097, 5}, {8192, 7}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(take(HUB_QUOTA_SENDS, 0, noon), HUB_QUOTA_PASS);
        hub_quota_charge(&quota, noon, sizes[i].size);
        assert_int_equal(quota.own.used, sizes[i].used);
    }
    quota.other = (struct hub_quota_day){.number = 20000, .used = 2};
    assert_int_equal(take(HUB_QUOTA_C2D, 0, noon), HUB_QUOTA_PASS);
    quota.other.used = 3; // with those of the other process it is ten
    for (int i = 0; i < HUB_QUOTA_KINDS; i++) {
        bool is_free = i == HUB_QUOTA_CONNECTS || i == HUB_QUOTA_REGISTRY;
        assert_int_equal(take((enum hub_quota_kind)i, 0, noon),
                         is_free ? HUB_QUOTA_PASS : HUB_QUOTA_USED_UP);
    }
    assert_int_equal(quota.refused, 6);
    quota.other.number = 19999; // of yesterday: it counts for nothing
    assert_int_equal(take(HUB_QUOTA_SENDS, 0, noon), HUB_QUOTA_PASS);
    quota.other.number = 20000;
    assert_int_equal(take(HUB_QUOTA_SENDS, 0, 20001 * DAY_MS - 1), HUB_QUOTA_USED_UP);
    assert_int_equal(take(HUB_QUOTA_SENDS, 0, 20001 * DAY_MS), HUB_QUOTA_PASS);
    hub_quota_charge(&quota, 20001 * DAY_MS, 1);
    assert_true(quota.own.number == 20001 && quota.own.used == 1);
    hub_quota_charge(&quota, 5, 1); // the clock was set back
    assert_true(quota.own.number == 0 && quota.own.used == 1);
}

static void test_count_survives_a_restart(void **state)
{
    (void)state;
    static struct sim_medium medium;
    sim_medium_init(&medium, 1);
    struct cells cells = sim_cells(&medium);
    begin("messages_per_day=10");
    assert_int_equal(hub_quota_load(&quota, &cells), OK); // none yet
    assert_int_equal(quota.own.used, 0);
    hub_quota_charge(&quota, 20000 * DAY_MS, 9 * 4096);
    assert_int_equal(hub_quota_save(&quota, &cells), OK);
    begin("messages_per_day=10");
    assert_int_equal(hub_quota_load(&quota, &cells), OK);
    assert_true(quota.own.number == 20000 && quota.own.used == 9);
    static const char *const damaged[] = {"", "x", "012345678901234567890123",
                                          "01234567890123456789012345"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct bytes text = bytes_of(damaged[i], strlen(damaged[i]));
        assert_int_equal(cells.ops->replace(cells.ctx, HUB_QUOTA_CELL, text), OK);
        assert_int_equal(hub_quota_load(&quota, &cells), ERR_CORRUPT);
        assert_int_equal(quota.own.used, 9);
    }
    sim_medium_deinit(&medium);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_no_limit_limits_nothing),
        cmocka_unit_test(test_bucket_of_a_second),
        cmocka_unit_test(test_bucket_of_a_minute_and_of_ten_seconds),
        cmocka_unit_test(test_blocks_of_the_day),
        cmocka_unit_test(test_count_survives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
