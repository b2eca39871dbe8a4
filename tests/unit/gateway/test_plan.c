// SPDX-License-Identifier: Apache-2.0
// Goal: as few requests as the line's time asks for, never across a limit, a table or a snapshot.
#include "apps/gateway/poll/plan.h"
#include "tests/unit/gateway/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CONFIG                                                                                     \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"buses\":[{\"name\":\"b\",\"port\":"         \
    "\"tty:/dev/x\",\"devices\":[{\"name\":\"d\",\"unit\":1,\"profile\":\"p\"%s}]}]}"

static void open_registers(struct fixture *f, const unsigned *addresses, size_t count)
{
    char config[512];
    char profile[8192];
    snprintf(config, sizeof(config), CONFIG, "");
    int size = snprintf(profile, sizeof(profile),
                        "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],"
                        "\"points\":[");
    for (size_t i = 0; i < count; i++) {
        bool is_input = addresses[i] >= 100000;
        size += snprintf(profile + size, sizeof(profile) - (size_t)size,
                         "%s{\"name\":\"p%u\",\"table\":\"%s\",\"address\":%u}", i > 0 ? "," : "",
                         addresses[i], is_input ? "input" : "holding", addresses[i] % 100000);
    }
    snprintf(profile + size, sizeof(profile) - (size_t)size, "]}");
    fixture_open(f, config, profile);
}

// The sparse map of the measured peers: registers 0,1,5,6,7,40,41,100..110 in two tables.
static void test_the_hole_worth_reading_grows_with_the_delay(void **state)
{
    (void)state;
    static const unsigned MAP[] = {0,      1,      5,      6,      7,      40,     41,
                                   100,    101,    102,    103,    104,    105,    106,
                                   107,    108,    109,    110,    100000, 100001, 100005,
                                   100006, 100007, 100040, 100041, 100100, 100110};
    struct fixture f;
    struct block blocks[64];
    open_registers(&f, MAP, sizeof(MAP) / sizeof(MAP[0]));
    struct plan_timing timing = {.char_ns = 86805}; // 115200 8N1
    assert_int_equal(plan_unit(&f.points, 0, plan_hole_max(&timing, 1000), blocks), 6);
    assert_int_equal(plan_unit(&f.points, 0, plan_hole_max(&timing, 5000), blocks), 4);
    assert_int_equal(plan_unit(&f.points, 0, plan_hole_max(&timing, 20000), blocks), 2);
    fixture_close(&f);
}

static void test_the_rule_at_its_limit(void **state)
{
    (void)state;
    // 19200 8E1: a character takes 572.9 us; (20 t + 0) / 2 t = 10: a hole of 9 is read, 10 is not.
    struct plan_timing timing = {.char_ns = 572916};
    assert_int_equal(plan_hole_max(&timing, 0), 9);
    assert_int_equal(plan_hole_max(&timing, 1), 10);
    assert_int_equal(plan_hole_max(&timing, 1145), 10);
    assert_int_equal(plan_hole_max(&timing, 1146), 11);
}

static void test_never_more_than_125_registers(void **state)
{
    (void)state;
    static const unsigned FITS[] = {0, 40, 80, 120, 124};
    static const unsigned PASSES[] = {0, 40, 80, 120, 125};
    struct fixture f;
    struct block blocks[8];
    open_registers(&f, FITS, 5);
    assert_int_equal(plan_unit(&f.points, 0, 100, blocks), 1);
    assert_int_equal(blocks[0].count, 125);
    fixture_close(&f);
    open_registers(&f, PASSES, 5);
    assert_int_equal(plan_unit(&f.points, 0, 100, blocks), 2);
    assert_int_equal(blocks[0].count, 121);
    fixture_close(&f);
}

static void test_a_refused_block_is_cut_at_its_widest_hole_first(void **state)
{
    (void)state;
    static const unsigned MAP[] = {0, 1, 5, 6};
    struct fixture f;
    struct block blocks[8];
    open_registers(&f, MAP, 4);
    assert_int_equal(plan_unit(&f.points, 0, 10, blocks), 1);
    assert_true(plan_split(&f.points, &blocks[0]));
    assert_int_equal(plan_unit(&f.points, 0, 10, blocks), 2);
    assert_int_equal(blocks[1].address, 5);
    assert_true(plan_split(&f.points, &blocks[0]));
    assert_int_equal(plan_unit(&f.points, 0, 10, blocks), 3);
    assert_false(plan_split(&f.points, &blocks[0])); // one register: nothing left to cut
    fixture_close(&f);
}

static void test_a_sensor_is_never_split(void **state)
{
    (void)state;
    char config[2048];
    char sensors[1024] = ",\"sensors\":[";
    for (unsigned i = 0; i < 13; i++) {
        char one[64];
        snprintf(one, sizeof(one), "%s{\"slot\":%u,\"name\":\"s%u\"}", i > 0 ? "," : "", i, i);
        strcat(sensors, one);
    }
    strcat(sensors, "]");
    snprintf(config, sizeof(config), CONFIG, sensors);
    struct fixture f;
    struct block blocks[16];
    fixture_open(&f, config,
                 "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],\"sensors\":{"
                 "\"base\":100,\"stride\":10,\"slots\":50,\"sequence\":0,\"age\":1,\"points\":["
                 "{\"name\":\"t\",\"address\":2}]}}");
    assert_int_equal(plan_unit(&f.points, 0, 10, blocks), 2);
    assert_int_equal(blocks[0].count, 120); // twelve whole sensors, though 125 registers would fit
    assert_int_equal(blocks[1].address, 220);
    assert_int_equal(blocks[1].count, 10);
    fixture_close(&f);
}

static void test_the_load_of_a_bus(void **state)
{
    (void)state;
    static const unsigned MAP[] = {0};
    struct fixture f;
    struct block blocks[8];
    open_registers(&f, MAP, 1);
    struct plan_load load = plan_bus_load(&f.points, 0, blocks);
    // 15 characters of 572.9 us, two silences of 3.5 characters, 5 ms: 17.6 ms in each second.
    assert_in_range(load.all_alive_ppm, 17500, 17800);
    assert_int_equal(load.with_dead_ppm, load.all_alive_ppm + 50000);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hole_worth_reading_grows_with_the_delay),
        cmocka_unit_test(test_the_rule_at_its_limit),
        cmocka_unit_test(test_never_more_than_125_registers),
        cmocka_unit_test(test_a_refused_block_is_cut_at_its_widest_hole_first),
        cmocka_unit_test(test_a_sensor_is_never_split),
        cmocka_unit_test(test_the_load_of_a_bus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
