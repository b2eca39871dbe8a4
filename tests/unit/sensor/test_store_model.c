// SPDX-License-Identifier: Apache-2.0
// Goal: the model lives like a store and repeats itself exactly. Method: weeks of virtual time,
// looked at every minute.
#include "apps/sensor/store_model.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct store_model model, other;

static void start(struct store_model *store, uint64_t seed, bool calm)
{
    struct store_config config = {.sensor_count = 48, .seed = seed, .report_s = 60, .calm = calm};
    assert_int_equal(store_init(store, &config, 1000), OK);
}

static void test_the_same_seed_gives_the_same_store(void **state)
{
    (void)state;
    start(&model, 7, false);
    start(&other, 7, false);
    store_advance(&model, 3 * US_PER_DAY);
    for (uint64_t minute = 0; minute <= 3 * 24 * 60; minute++) { // in many steps instead of one
        uint64_t at_us = minute * US_PER_MIN;
        store_advance(&other, at_us > 1000 ? at_us : 1000);
    }
    for (int slot = 0; slot < 48; slot++) {
        assert_memory_equal(&model.sensors[slot].last, &other.sensors[slot].last,
                            sizeof(struct store_report));
    }
    start(&other, 8, false);
    store_advance(&other, 3 * US_PER_DAY);
    assert_memory_not_equal(&model.sensors[0].last, &other.sensors[0].last,
                            sizeof(struct store_report));
}

static void test_values_stay_where_such_a_place_is(void **state)
{
    (void)state;
    static const int16_t low[] = {-200, -2600, 1200, 200}, high[] = {2600, 1500, 3000, 3200};
    start(&model, 1, true);
    for (uint64_t minute = 10; minute < 14 * 24 * 60; minute++) {
        store_advance(&model, minute * US_PER_MIN);
        for (int slot = 0; slot < 48; slot++) {
            const struct store_sensor *sensor = &model.sensors[slot];
            assert_in_range(sensor->last.temperature_cc + 10000, low[sensor->place] + 10000,
                            high[sensor->place] + 10000);
            assert_in_range(sensor->last.humidity_pm, 50, 999);
            assert_in_range(sensor->last.battery_mv, 2000, 3700);
        }
    }
}

static void test_doors_open_by_day_and_never_at_night(void **state)
{
    (void)state;
    int by_day = 0, defrosts = 0;
    start(&model, 2, true);
    for (uint64_t minute = 10; minute < 24 * 60; minute++) {
        store_advance(&model, minute * US_PER_MIN);
        bool is_night = minute < 6 * 60 + 58 || minute > 21 * 60 + 2;
        for (int slot = 0; slot < 48; slot++) {
            uint16_t status = model.sensors[slot].last.status;
            assert_false(is_night && (status & STORE_DOOR_OPEN) != 0);
            by_day += (status & STORE_DOOR_OPEN) != 0;
            defrosts += (status & STORE_DEFROST) != 0;
        }
    }
    assert_true(by_day > 1000);
    assert_true(defrosts > 500);
}

static void test_a_listed_silence_begins_and_ends(void **state)
{
    (void)state;
    struct store_config config = {
        .sensor_count = 2, .report_s = 10, .calm = true, .silence_count = 1};
    config.silences[0] = (struct store_silence){.slot = 1, .from_s = 100, .for_s = 200};
    assert_int_equal(store_init(&model, &config, 0), OK);
    store_advance(&model, 99 * US_PER_S);
    uint16_t before = model.sensors[1].last.sequence;
    store_advance(&model, 299 * US_PER_S);
    assert_int_equal(model.sensors[1].last.sequence, before);
    assert_true(store_age_s(&model.sensors[1], 299 * US_PER_S) >= 199);
    assert_true(store_age_s(&model.sensors[0], 299 * US_PER_S) <= 11);
    store_advance(&model, 330 * US_PER_S);
    assert_true(model.sensors[1].last.sequence > before);
}

static void test_a_battery_runs_down_over_years(void **state)
{
    (void)state;
    struct store_config config = {.sensor_count = 1, .report_s = 3600, .calm = true, .seed = 5};
    assert_int_equal(store_init(&model, &config, 0), OK);
    store_advance(&model, US_PER_DAY);
    uint16_t first_mv = model.sensors[0].last.battery_mv;
    store_advance(&model, 5 * 365 * US_PER_DAY);
    assert_true(model.sensors[0].last.battery_mv < first_mv - 500);
    assert_true((model.sensors[0].last.status & STORE_BATTERY_LOW) != 0);
}

static void test_the_age_saturates_and_never_is_its_own_value(void **state)
{
    (void)state;
    struct store_config config = {
        .sensor_count = 1, .report_s = 60, .calm = true, .silence_count = 1};
    config.silences[0] = (struct store_silence){.slot = 0, .from_s = 0, .for_s = 0};
    assert_int_equal(store_init(&model, &config, 0), OK);
    store_advance(&model, US_PER_HOUR);
    assert_int_equal(store_age_s(&model.sensors[0], US_PER_HOUR), STORE_AGE_NEVER);

    struct store_sensor heard = {.heard_at_us = 0};
    assert_int_equal(store_age_s(&heard, 65534 * US_PER_S), STORE_AGE_MAX);
    assert_int_equal(store_age_s(&heard, 65535 * US_PER_S), STORE_AGE_MAX);
    assert_int_equal(store_age_s(&heard, 65533 * US_PER_S), 65533);
}

static void test_a_configuration_out_of_range_is_refused(void **state)
{
    (void)state;
    struct store_config none = {.sensor_count = 0}, many = {.sensor_count = STORE_SENSORS_MAX + 1};
    struct store_config slow = {.sensor_count = 1, .report_s = 3601};
    struct store_config fast = {.sensor_count = 1, .speed = 86401};
    assert_int_equal(store_init(&model, &none, 0), ERR_ARG);
    assert_int_equal(store_init(&model, &many, 0), ERR_ARG);
    assert_int_equal(store_init(&model, &slow, 0), ERR_ARG);
    assert_int_equal(store_init(&model, &fast, 0), ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_seed_gives_the_same_store),
        cmocka_unit_test(test_values_stay_where_such_a_place_is),
        cmocka_unit_test(test_doors_open_by_day_and_never_at_night),
        cmocka_unit_test(test_a_listed_silence_begins_and_ends),
        cmocka_unit_test(test_a_battery_runs_down_over_years),
        cmocka_unit_test(test_the_age_saturates_and_never_is_its_own_value),
        cmocka_unit_test(test_a_configuration_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
