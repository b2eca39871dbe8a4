// SPDX-License-Identifier: Apache-2.0
// Goal: the registers are those of docs/protocol/receiver.md, and none but those exist. Method:
// every address against the model, and each block's first and last address with its neighbour.
#include "apps/sensor/register_map.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct store_model store;
static struct register_map map;
static const uint64_t now_us = 600 * US_PER_S;

static int setup(void **state)
{
    (void)state;
    struct store_config config = {.sensor_count = 3, .report_s = 10, .calm = true, .seed = 3};
    map = (struct register_map){.store = &store, .serial = "BW0001", .restarted = true};
    return store_init(&store, &config, 0) == OK ? 0 : 1;
}

static void test_the_receiver_block_tells_who_it_is(void **state)
{
    (void)state;
    uint16_t r[MAP_RECEIVER_COUNT];
    assert_int_equal(map_read(&map, now_us, 0, MAP_RECEIVER_COUNT, r), OK);
    assert_int_equal(r[0], 1);
    assert_int_equal(r[1], 3);
    assert_int_equal(r[2] << 16 | r[3], 600);
    assert_int_equal(r[4] << 16 | r[5], store.reports_heard);
    assert_true(store.reports_heard > 150);
    assert_int_equal(r[7], 1);
    assert_int_equal(r[8], 'B' << 8 | 'W');
    assert_int_equal(r[10], '0' << 8 | '1');
    assert_int_equal(r[11], 0);
    map.restarted = false;
    assert_int_equal(map_read(&map, now_us, MAP_STATUS, 1, r), OK);
    assert_int_equal(r[0], 0);
}

static void test_a_sensor_block_is_its_last_report(void **state)
{
    (void)state;
    uint16_t r[MAP_SENSOR_STRIDE];
    for (uint16_t slot = 0; slot < 3; slot++) {
        uint16_t address = (uint16_t)(100 + 10 * slot);
        assert_int_equal(map_read(&map, now_us, address, MAP_SENSOR_STRIDE, r), OK);
        const struct store_report *last = &store.sensors[slot].last;
        assert_int_equal(r[0], last->sequence);
        assert_int_equal(r[1], store_age_s(&store.sensors[slot], now_us));
        assert_int_equal((int16_t)r[2], last->temperature_cc);
        assert_int_equal(r[3], last->humidity_pm);
        assert_int_equal(r[4], last->battery_mv);
        assert_int_equal((int16_t)r[5], last->signal_dbm);
        assert_int_equal(r[6], last->status);
        assert_int_equal(r[7], last->firmware);
        assert_true(((uint32_t)r[8] << 16 | r[9]) == last->serial);
    }
}

static void test_only_documented_addresses_exist(void **state)
{
    (void)state;
    uint16_t r[200];
    static const struct {
        uint16_t address, count;
        enum err expected;
    } cases[] = {
        {0, 16, OK},
        {15, 1, OK},
        {16, 1, ERR_NOT_FOUND},
        {15, 2, ERR_NOT_FOUND},
        {99, 1, ERR_NOT_FOUND},
        {99, 2, ERR_NOT_FOUND},
        {100, 30, OK},
        {129, 1, OK},
        {130, 1, ERR_NOT_FOUND},
        {100, 31, ERR_NOT_FOUND},
        {0, 0, ERR_NOT_FOUND},
        {65535, 2, ERR_NOT_FOUND},
        {0, 125, ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(map_read(&map, now_us, cases[i].address, cases[i].count, r),
                         cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_receiver_block_tells_who_it_is, setup),
        cmocka_unit_test_setup(test_a_sensor_block_is_its_last_report, setup),
        cmocka_unit_test_setup(test_only_documented_addresses_exist, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
