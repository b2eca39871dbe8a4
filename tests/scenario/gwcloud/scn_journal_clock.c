// SPDX-License-Identifier: Apache-2.0
// Goal: a clock that steps dates what is measured after the step was noticed and nothing before it,
// however much waits unsealed, whatever is killed or full, and how often it steps. Method: world.c
// knows which clock each sample was measured under and takes no other date for it.
#include "base/assert.h"
#include "tests/scenario/gwcloud/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { STEP_MS = 3600 * 1000, LATE_S = 40 };

static struct world world;

static void assert_all_there(const struct world *w)
{
    uint64_t received, synced, missing;
    world_count(w, &received, &synced, &missing);
    assert_int_equal(received + w->gap_samples, w->sample_count);
}

// A step that is noticed late, with five minutes of samples unsealed: some of them synced, some in
// memory only.
static void step_late(struct world *w, int64_t step_ms)
{
    world_run(w, 4 * US_PER_MIN, US_PER_S);
    if (!world_is_off(w)) {
        w->utc_offset_ms += step_ms;
        world_run(w, LATE_S * US_PER_S, US_PER_S);
    }
    if (!world_is_off(w)) {
        world_tell_clock(w);
        world_run(w, 20 * US_PER_S, US_PER_S);
    }
}

static void test_what_waits_unsealed_keeps_its_date(void **state)
{
    (void)state;
    for (int64_t step_ms = -STEP_MS; step_ms <= STEP_MS; step_ms += 2 * STEP_MS) {
        world_init(&world, 31);
        world_start(&world, true);
        step_late(&world, step_ms);
        world_drain(&world);
        assert_int_equal(world.clock_events, 2);
        assert_int_equal(world.boot_axis_messages, 0);
        assert_all_there(&world);
        world_deinit(&world);
    }
}

// The power fails, or the process is killed, at every step of the disk from the step of the clock
// on.
static void test_it_keeps_its_date_through_every_end(void **state)
{
    (void)state;
    struct sim_medium *medium = &world.media[LANE_TELEMETRY];
    world_init(&world, 32);
    world_start(&world, true);
    step_late(&world, STEP_MS);
    step_late(&world, -STEP_MS / 2);
    uint64_t last = medium->steps;
    world_deinit(&world);
    for (uint64_t step = 1; step <= last; step++) {
        world_init(&world, 32 + step % 2); // both orders of the backlog
        medium->cut_at_step = step;
        world_start(&world, true);
        if (!world_is_off(&world)) {
            step_late(&world, STEP_MS);
        }
        if (!world_is_off(&world)) {
            world_start(&world, false);
        }
        if (!world_is_off(&world)) {
            step_late(&world, -STEP_MS / 2);
        }
        if (world_is_off(&world)) {
            world_power_up(&world);
        }
        world_drain(&world);
        uint64_t received, synced, missing;
        world_count(&world, &received, &synced, &missing);
        assert_int_equal(missing, 0);
        world_deinit(&world);
    }
}

// A full disk seals nothing: several steps wait with the samples between them.
static void test_steps_on_a_full_disk(void **state)
{
    (void)state;
    world_init(&world, 33);
    world_start(&world, true);
    world_run(&world, US_PER_MIN, US_PER_S);
    world.media[LANE_TELEMETRY].capacity = 1;
    for (int i = 1; i <= 4; i++) {
        step_late(&world, i % 2 == 0 ? STEP_MS : -STEP_MS);
    }
    assert_true(world.journal.is_failing);
    world.media[LANE_TELEMETRY].capacity = 0;
    world_run(&world, 10 * US_PER_S, US_PER_S);
    world_drain(&world);
    assert_all_there(&world);
    assert_int_equal(world.gap_samples, 0);
    world_deinit(&world);
}

// The disk takes it all again, several messages of several clocks, and the power fails meanwhile.
static void test_an_end_while_several_steps_are_sealed(void **state)
{
    (void)state;
    struct sim_medium *medium = &world.media[LANE_TELEMETRY];
    uint64_t steps = 1;
    for (uint64_t step = 0; step < steps; step++) {
        world_init(&world, 35);
        world_start(&world, true);
        world_run(&world, US_PER_MIN, US_PER_S);
        medium->capacity = 1;
        world_run(&world, 260 * US_PER_S, US_PER_S / 5); // more than two messages
        world.utc_offset_ms -= STEP_MS;
        world_tell_clock(&world);
        world_run(&world, 120 * US_PER_S, US_PER_S / 5);
        world.utc_offset_ms += STEP_MS;
        world_tell_clock(&world);
        world_run(&world, 5 * US_PER_S, US_PER_S);
        assert_true(world.journal.is_failing);
        assert_int_equal(world.journal.stats.samples_dropped, 0);
        medium->capacity = 0;
        uint64_t before = medium->steps;
        medium->cut_at_step = step == 0 ? 0 : before + step;
        world_run(&world, 20 * US_PER_S, US_PER_S);
        if (step == 0) {
            steps = medium->steps - before;
            assert_true(steps > 8 && !world.journal.is_failing);
        }
        if (world_is_off(&world)) {
            world_power_up(&world);
        }
        world_drain(&world);
        uint64_t received, synced, missing;
        world_count(&world, &received, &synced, &missing);
        assert_int_equal(missing, 0);
        world_deinit(&world);
    }
}

// The time is learned and steps before a word of it is on the disk; then the process is killed.
static void test_a_step_right_after_the_time_was_learned(void **state)
{
    (void)state;
    world_init(&world, 34);
    int64_t offset_ms = world.utc_offset_ms;
    world.utc_offset_ms = JOURNAL_UTC_UNKNOWN;
    world_start(&world, true);
    world_run(&world, US_PER_MIN, US_PER_S);
    world.utc_offset_ms = offset_ms;
    world_tell_clock(&world);
    world_sample(&world);
    world.utc_offset_ms += STEP_MS;
    world_tell_clock(&world);
    world_sample(&world);
    world_tick(&world);
    world_flush(&world);
    world_start(&world, false);
    world_run(&world, US_PER_MIN, US_PER_S);
    world_drain(&world);
    assert_int_equal(world.boot_axis_messages, 0);
    assert_all_there(&world);
    world_deinit(&world);
}

static void assert_alert(uint32_t point, int64_t at_ms)
{
    size_t found = 0;
    for (size_t i = 0; i < world.alert_count; i++) {
        if (world.alerts[i].point == point) {
            assert_int_equal(world.alerts[i].at_ms, at_ms);
            found++;
        }
    }
    assert_int_equal(found, 1);
}

// Alerts wait for a full disk, some in a message that is built and some not, while the clock steps
// twice.
static void test_alerts_keep_their_date(void **state)
{
    (void)state;
    int64_t dates_ms[6];
    world_init(&world, 36);
    world_start(&world, true);
    world_run(&world, US_PER_MIN, US_PER_S);
    world.media[LANE_ALERTS].capacity = world.media[LANE_TELEMETRY].capacity = 1;
    for (uint32_t i = 0; i < COUNT_OF(dates_ms); i++) {
        world_alert(&world, 100 + i, 1);
        dates_ms[i] = (int64_t)(world.now_us / US_PER_MS) + world.utc_offset_ms;
        world_run(&world, 7 * US_PER_S, US_PER_S);
        if (i % 2 == 1) {
            world.utc_offset_ms += STEP_MS;
            world_tell_clock(&world);
        }
    }
    assert_true(world.journal.is_failing);
    assert_int_equal(world.alert_count, 0);
    world.media[LANE_ALERTS].capacity = world.media[LANE_TELEMETRY].capacity = 0;
    world_run(&world, 20 * US_PER_S, US_PER_S);
    world_drain(&world);
    assert_int_equal(world.boot_axis_messages, 0);
    for (uint32_t i = 0; i < COUNT_OF(dates_ms); i++) {
        assert_alert(100 + i, dates_ms[i]);
    }
    world_deinit(&world);
}

// What came before the time was known gets the first that is told, not a later one.
static void test_alerts_from_before_the_time_was_known(void **state)
{
    (void)state;
    world_init(&world, 37);
    int64_t offset_ms = world.utc_offset_ms;
    world.utc_offset_ms = JOURNAL_UTC_UNKNOWN;
    world_start(&world, true);
    int64_t at_ms = (int64_t)(world.now_us / US_PER_MS);
    world_alert(&world, 100, 1);
    world.utc_offset_ms = offset_ms;
    world_tell_clock(&world);
    world.utc_offset_ms += STEP_MS;
    world_tell_clock(&world);
    world_run(&world, 20 * US_PER_S, US_PER_S);
    world_drain(&world);
    assert_alert(100, at_ms + offset_ms);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_waits_unsealed_keeps_its_date),
        cmocka_unit_test(test_it_keeps_its_date_through_every_end),
        cmocka_unit_test(test_steps_on_a_full_disk),
        cmocka_unit_test(test_an_end_while_several_steps_are_sealed),
        cmocka_unit_test(test_a_step_right_after_the_time_was_learned),
        cmocka_unit_test(test_alerts_keep_their_date),
        cmocka_unit_test(test_alerts_from_before_the_time_was_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
