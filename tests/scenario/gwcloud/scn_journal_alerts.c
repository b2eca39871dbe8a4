// SPDX-License-Identifier: Apache-2.0
// Goal: each crossing of a limit is told once and so is its end, whatever is killed meanwhile, and
// an alert that finds no room is counted. Method: a model of the sampler that remembers what it
// told over a start only by what the journal kept, with the power failing at every step of a disk;
// the cloud must never hear the same of a point twice in a row, and at last what is true.
#include "tests/scenario/gwcloud/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { POINT = 10, OTHER = 13, PHASES = 6 };

static const int SIDES[PHASES] = {1, 0, -1, 1, 0, 1};

static struct world world;

struct teller {
    int told;
};

static void begin(struct world *w, struct teller *t, bool is_new_boot)
{
    world_start(w, is_new_boot);
    t->told = journal_find_side(&w->journal, POINT);
}

static void look(struct world *w, struct teller *t, int side)
{
    if (t->told != side) {
        world_alert(w, POINT, side);
        t->told = side;
    }
    w->now_us += US_PER_S;
    world_sample(w);
    world_tick(w);
    if (!world_is_off(w)) {
        world_pump(w);
    }
}

static int by_order(const void *a, const void *b)
{
    const struct world_alert *left = a;
    const struct world_alert *right = b;
    return (left->order > right->order) - (left->order < right->order);
}

static void assert_each_told_once(struct world *w, int last)
{
    int before = 0;
    qsort(w->alerts, w->alert_count, sizeof(w->alerts[0]), by_order);
    for (size_t i = 0; i < w->alert_count; i++) {
        if (w->alerts[i].point == POINT) {
            assert_int_not_equal(w->alerts[i].side, before);
            before = w->alerts[i].side;
        }
    }
    assert_int_equal(before, last);
}

static void cross_limits(struct world *w, struct teller *t)
{
    for (unsigned i = 0; i < PHASES && !world_is_off(w); i++) {
        for (unsigned n = 0; n < 4 && !world_is_off(w); n++) {
            look(w, t, SIDES[i]);
        }
        if (!world_is_off(w) && i % 2 == 1) {
            begin(w, t, false); // killed
        }
    }
}

static void test_each_crossing_is_told_once_whatever_is_killed(void **state)
{
    (void)state;
    struct teller t = {.told = 0};
    world_init(&world, 21);
    begin(&world, &t, true);
    cross_limits(&world, &t);
    world_drain(&world);
    assert_int_equal(world.alert_count, PHASES);
    assert_each_told_once(&world, SIDES[PHASES - 1]);
    uint64_t last[LANE_COUNT] = {world.media[0].steps, world.media[1].steps};
    world_deinit(&world);
    assert_true(last[LANE_ALERTS] > 10);
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        for (uint64_t step = 1; step <= last[lane]; step++) {
            world_init(&world, 21 + step);
            world.media[lane].cut_at_step = step;
            begin(&world, &t, true);
            if (!world_is_off(&world)) {
                cross_limits(&world, &t);
            }
            if (world_is_off(&world)) {
                world_power_up(&world);
                t.told = journal_find_side(&world.journal, POINT);
            }
            look(&world, &t, 1);
            world_drain(&world);
            assert_each_told_once(&world, 1);
            world_deinit(&world);
        }
    }
}

// The records that told it are long gone.
static void test_a_side_outlives_the_segment_that_told_it(void **state)
{
    (void)state;
    world_init(&world, 22);
    world_start(&world, true);
    world_alert(&world, POINT, 1);
    for (unsigned i = 0; i < 1500; i++) {
        world_alert(&world, OTHER, i % 2 == 0 ? -1 : 0);
        world_run(&world, US_PER_S, US_PER_S);
    }
    world_drain(&world);
    assert_true(world.journal.logs[LANE_ALERTS].log.stats.segments_removed > 1);
    world_start(&world, false);
    assert_int_equal(journal_find_side(&world.journal, POINT), 1);
    assert_int_equal(journal_find_side(&world.journal, OTHER), 0);
    world_deinit(&world);
}

// Points beyond a limit that are in no configuration any more do not keep others out.
static void test_points_of_an_earlier_configuration_give_way(void **state)
{
    static const uint32_t keys[] = {POINT};
    (void)state;
    world_init(&world, 23);
    world_start(&world, true);
    for (uint32_t i = 0; i < WORLD_SIDES; i++) {
        world_alert(&world, 100 + i, 1);
        world_run(&world, US_PER_S, US_PER_S);
    }
    for (uint32_t key = 0; key < WORLD_RELAYS; key++) {
        struct journal_relay old;
        assert_true(journal_find_relay(&world.journal, key, &old));
    }
    world_flush(&world);
    world.cfg.keys = keys;
    world.cfg.key_count = 1;
    world_start(&world, false);
    world_alert(&world, POINT, -1);
    struct journal_relay relay = {.key = POINT, .sequence = 7, .at_us = world.now_us};
    assert_int_equal(journal_set_relay(&world.journal, world.now_us, &relay), OK);
    relay.key = 999; // of no configuration: there is no place for it
    assert_int_equal(journal_set_relay(&world.journal, world.now_us, &relay), ERR_FULL);
    world_flush(&world);
    world_start(&world, false);
    assert_int_equal(journal_find_side(&world.journal, POINT), -1);
    assert_int_equal(journal_find_side(&world.journal, 100 + WORLD_SIDES - 1), 1);
    assert_true(journal_find_relay(&world.journal, POINT, &relay));
    assert_int_equal(relay.sequence, 7);
    world_deinit(&world);
}

static void fill(struct world *w, enum journal_lane lane)
{
    w->media[lane].capacity = 1; // less than is on it already
}

static void test_alerts_that_find_no_room_are_counted(void **state)
{
    (void)state;
    world_init(&world, 24);
    world_start(&world, true);
    world_run(&world, US_PER_MIN, US_PER_S);
    fill(&world, LANE_ALERTS);
    fill(&world, LANE_TELEMETRY);
    for (unsigned i = 0; i < 3 * JOURNAL_EVENTS_MAX; i++) {
        world_alert(&world, OTHER, i % 2 == 0 ? 1 : 0);
        world_run(&world, US_PER_S, US_PER_S);
    }
    assert_true(world.journal.is_failing);
    assert_true(world.events_refused >= 2 * JOURNAL_EVENTS_MAX);
    struct journal_notice notice;
    uint64_t told = 0;
    while (journal_next(&world.journal, &notice)) {
        told += notice.kind == JOURNAL_NO_ROOM && notice.lane == LANE_ALERTS ? notice.count : 0;
    }
    assert_int_equal(told, world.events_refused);
    world.media[LANE_ALERTS].capacity = world.media[LANE_TELEMETRY].capacity = 0;
    world_run(&world, 10 * US_PER_S, US_PER_S);
    world_drain(&world);
    assert_int_equal(world.gap_events, world.events_refused);
    assert_int_equal(world.alert_count + world.gap_events, world.event_count);
    world_deinit(&world);
}

// The alerts' log has its own room: what happens on a full disk is told while it is full.
static void test_alerts_leave_while_the_disk_is_full(void **state)
{
    (void)state;
    world_init(&world, 25);
    world_start(&world, true);
    world_run(&world, US_PER_MIN, US_PER_S);
    fill(&world, LANE_TELEMETRY);
    world_run(&world, 10 * US_PER_S, US_PER_S);
    assert_true(world.journal.is_failing);
    for (unsigned i = 0; i < 3 * JOURNAL_EVENTS_MAX; i++) {
        world_alert(&world, POINT, i % 2 == 0 ? 1 : 0);
        world_run(&world, 6 * US_PER_S, US_PER_S);
    }
    assert_true(world.journal.is_failing);
    world_run(&world, 20 * US_PER_S, US_PER_S);
    assert_int_equal(world.events_refused, 0);
    assert_int_equal(world.alert_count, 3 * JOURNAL_EVENTS_MAX);
    assert_each_told_once(&world, 0);
    world_deinit(&world);
}

static enum err prepared;
static unsigned prepare_calls;

static enum err prepare(void *ctx)
{
    (void)ctx;
    prepare_calls++;
    return prepared;
}

// Nothing that names a point is on the disk before the caller is ready for it.
static void test_nothing_is_written_before_the_caller_is_prepared(void **state)
{
    (void)state;
    world_init(&world, 26);
    world.cfg.prepare = prepare;
    prepared = ERR_FULL;
    prepare_calls = 0;
    world_start(&world, true);
    world_alert(&world, POINT, 1);
    world_run(&world, 5 * US_PER_MIN, US_PER_S);
    world_flush(&world);
    assert_int_equal(world.media[LANE_ALERTS].steps + world.media[LANE_TELEMETRY].steps, 0);
    assert_int_equal(world.alert_count, 0);
    assert_in_range(prepare_calls, 55, 70); // every five seconds
    struct journal_notice notice;
    assert_true(journal_next(&world.journal, &notice));
    assert_int_equal(notice.kind, JOURNAL_MEDIUM_FULL);
    prepared = OK;
    world_run(&world, 10 * US_PER_S, US_PER_S);
    unsigned calls = prepare_calls;
    assert_true(journal_next(&world.journal, &notice));
    assert_int_equal(notice.kind, JOURNAL_HEALED);
    world_drain(&world);
    assert_int_equal(prepare_calls, calls); // once it is, nobody asks again
    uint64_t received, synced, missing;
    world_count(&world, &received, &synced, &missing);
    assert_int_equal(received, world.sample_count);
    assert_int_equal(world.alert_count, 1);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_crossing_is_told_once_whatever_is_killed),
        cmocka_unit_test(test_a_side_outlives_the_segment_that_told_it),
        cmocka_unit_test(test_points_of_an_earlier_configuration_give_way),
        cmocka_unit_test(test_alerts_that_find_no_room_are_counted),
        cmocka_unit_test(test_alerts_leave_while_the_disk_is_full),
        cmocka_unit_test(test_nothing_is_written_before_the_caller_is_prepared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
