// SPDX-License-Identifier: Apache-2.0
// Goal: nothing that the journal called durable is ever lost or shown twice. Method: a scripted day
// with outages, restarts and alerts on virtual disks; then the same day once for every step of the
// disks, with the power failing in the middle of that step; then many random days.
#include "tests/scenario/gwcloud/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct world world;

static uint64_t steps(const struct world *w)
{
    return w->media[LANE_ALERTS].steps + w->media[LANE_TELEMETRY].steps;
}

static void assert_nothing_lost(const struct world *w)
{
    uint64_t received, synced, missing;
    world_count(w, &received, &synced, &missing);
    assert_int_equal(missing, 0);
    assert_int_equal(w->gap_samples, 0);
    assert_true(received >= synced);
    // No relayed sample looks already taken while it was not journalled.
    assert_int_equal(world_count_claimed_missing(w), 0);
}

// Half an hour as a script: online, an outage, the process killed, an alert, online again.
static void scripted_day(struct world *w)
{
    world_run(w, 6 * US_PER_MIN, 5 * US_PER_S);
    if (!world_is_off(w)) {
        w->is_online = false;
        world_event(w);
        world_run(w, 12 * US_PER_MIN, 7 * US_PER_S);
    }
    if (!world_is_off(w)) {
        world_start(w, false); // kill -9: the same boot, memory gone
        world_run(w, 3 * US_PER_MIN, 5 * US_PER_S);
    }
    if (!world_is_off(w)) {
        w->is_online = true;
        journal_hurry(&w->journal, w->now_us);
        world_run(w, 8 * US_PER_MIN, 3 * US_PER_S);
    }
}

static void test_power_cut_at_every_write_of_a_day(void **state)
{
    (void)state;
    world_init(&world, 1);
    world_start(&world, true);
    scripted_day(&world);
    assert_false(world_is_off(&world));
    uint64_t last[LANE_COUNT] = {world.media[0].steps, world.media[1].steps};
    world_deinit(&world);
    assert_true(last[LANE_TELEMETRY] > 200);
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        for (uint64_t step = 1; step <= last[lane]; step++) {
            world_init(&world, 1 + step);
            world.media[lane].cut_at_step = step;
            world_start(&world, true);
            if (!world_is_off(&world)) {
                scripted_day(&world);
            }
            if (world_is_off(&world)) {
                world_power_up(&world);
            }
            world_run(&world, US_PER_MIN, 5 * US_PER_S);
            world_drain(&world);
            assert_nothing_lost(&world);
            world_deinit(&world);
        }
    }
}

// A second power cut strikes while the journal is being opened after the first.
static void test_power_cut_during_recovery(void **state)
{
    (void)state;
    for (uint64_t step = 1; step < 30; step++) {
        world_init(&world, 77 + step);
        world_start(&world, true);
        scripted_day(&world);
        sim_medium_cut(&world.media[LANE_TELEMETRY]);
        for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
            if (!world.media[lane].is_off) {
                sim_medium_cut(&world.media[lane]);
            }
            sim_medium_power_on(&world.media[lane]);
            world.media[lane].cut_at_step = world.media[lane].steps + step;
        }
        world_start(&world, true);
        if (!world_is_off(&world)) {
            world_run(&world, 5 * US_PER_MIN, US_PER_S);
        }
        world_power_up(&world);
        world_drain(&world);
        assert_nothing_lost(&world);
        world_deinit(&world);
    }
}

static void random_turn(struct world *w)
{
    switch (world_random(w, 12)) {
    case 0: w->is_online = !w->is_online; break;
    case 1: world_event(w); break;
    case 2: journal_hurry(&w->journal, w->now_us); break;
    case 3: journal_set_watched(&w->journal, w->now_us, world_random(w, 2) == 0); break;
    case 4: world_start(w, false); break;
    case 5:
        w->media[world_random(w, 2)].error_at_step =
            w->media[LANE_TELEMETRY].steps + 1 + world_random(w, 9);
        break;
    case 6: {
        struct sim_medium *medium = &w->media[world_random(w, 2)];
        medium->cut_at_step = medium->steps + 1 + world_random(w, 40);
        break;
    }
    case 7:
        if (w->utc_offset_ms != JOURNAL_UTC_UNKNOWN) {
            // The clock steps, either way.
            w->utc_offset_ms += (int64_t)world_random(w, 7200000) - 3600000;
            world_tell_clock(w);
        }
        break;
    case 8:
        if (w->utc_offset_ms == JOURNAL_UTC_UNKNOWN) {
            w->utc_offset_ms = INT64_C(1790000000000);
        } else if (world_random(w, 3) == 0) {
            w->utc_offset_ms = JOURNAL_UTC_UNKNOWN; // from the next boot on
            sim_medium_cut(&w->media[LANE_ALERTS]);
        }
        break;
    default: break;
    }
    if (!world_is_off(w)) {
        world_run(w, world_random(w, 4 * US_PER_MIN) + 1, US_PER_S + world_random(w, US_PER_S));
    }
}

static void test_random_days(void **state)
{
    (void)state;
    const char *given = getenv("BUSWARD_SEEDS");
    unsigned long seeds = given == NULL ? 300 : strtoul(given, NULL, 10);
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        world_init(&world, seed * 1000003);
        world_start(&world, true);
        for (unsigned i = 0; i < 30; i++) {
            random_turn(&world);
            if (world_is_off(&world)) {
                world_power_up(&world);
            }
        }
        for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
            world.media[lane].cut_at_step = world.media[lane].error_at_step = 0;
        }
        world.utc_offset_ms = INT64_C(1790000000000);
        world_start(&world, true); // and this boot knows the time
        world_drain(&world);
        uint64_t received, synced, missing;
        world_count(&world, &received, &synced, &missing);
        if (missing != 0 || world.gap_samples != 0) {
            printf("seed=%lu missing=%llu gaps=%llu\n", seed, (unsigned long long)missing,
                   (unsigned long long)world.gap_samples);
        }
        assert_nothing_lost(&world);
        world_deinit(&world);
    }
}

static void test_lost_acknowledgement_gives_a_byte_identical_duplicate(void **state)
{
    (void)state;
    world_init(&world, 5);
    world_start(&world, true);
    world_run(&world, 30 * US_PER_MIN, 10 * US_PER_S);
    for (unsigned i = 0; i < 5; i++) {
        world_start(&world, false); // whatever was in flight is sent again
        world_run(&world, 6 * US_PER_MIN, 10 * US_PER_S);
    }
    world_drain(&world);
    assert_nothing_lost(&world);
    assert_true(world.duplicates > 0);
    world_deinit(&world);
}

static void test_boot_without_a_clock_is_sent_marked(void **state)
{
    (void)state;
    world_init(&world, 6);
    world.utc_offset_ms = JOURNAL_UTC_UNKNOWN;
    world_start(&world, true);
    world_run(&world, 20 * US_PER_MIN, 2 * US_PER_S);
    assert_int_equal(world.boot_axis_messages, 0); // it may still be learned
    world.utc_offset_ms = INT64_C(1790000000000);
    world_start(&world, true);
    world_drain(&world);
    assert_true(world.boot_axis_messages > 0);
    assert_int_equal(world.clock_events, 1);
    assert_nothing_lost(&world);
    world_deinit(&world);
}

static void test_clock_learned_late_dates_what_came_before(void **state)
{
    (void)state;
    world_init(&world, 7);
    world.utc_offset_ms = JOURNAL_UTC_UNKNOWN;
    world_start(&world, true);
    world_run(&world, 10 * US_PER_MIN, 2 * US_PER_S);
    world_start(&world, false); // killed within the boot, too
    world.utc_offset_ms = INT64_C(1790000000000);
    world_tell_clock(&world);
    world_run(&world, 10 * US_PER_MIN, 2 * US_PER_S);
    world_drain(&world);
    assert_int_equal(world.boot_axis_messages, 0);
    assert_nothing_lost(&world);
    world_deinit(&world);
}

static void test_what_a_boot_learned_of_the_time_survives_it(void **state)
{
    (void)state;
    world_init(&world, 8);
    world.is_online = false;
    world.utc_offset_ms = JOURNAL_UTC_UNKNOWN;
    world_start(&world, true);
    world_run(&world, US_PER_MIN, 2 * US_PER_S);
    world.utc_offset_ms = INT64_C(1790000000000);
    world_tell_clock(&world); // after the log's first checkpoint, which cannot know it
    world_run(&world, US_PER_MIN, 2 * US_PER_S);
    sim_medium_cut(&world.media[LANE_ALERTS]);
    world.utc_offset_ms = JOURNAL_UTC_UNKNOWN; // the next boot has no clock, and nothing to send
    world_power_up(&world);
    world_drain(&world);
    assert_int_equal(world.boot_axis_messages, 0);
    assert_nothing_lost(&world);
    world_deinit(&world);
}

static void test_a_step_of_the_clock_dates_what_is_measured_after_it(void **state)
{
    (void)state;
    for (int64_t step_ms = -3600000; step_ms <= 3600000; step_ms += 7200000) {
        world_init(&world, 9);
        world.is_online = false;
        world_start(&world, true);
        world_run(&world, 3 * US_PER_MIN, 2 * US_PER_S);
        world.utc_offset_ms += step_ms;
        world_tell_clock(&world);
        world_run(&world, 3 * US_PER_MIN, 2 * US_PER_S);
        sim_medium_cut(&world.media[LANE_TELEMETRY]);
        world_power_up(&world);
        world_run(&world, 3 * US_PER_MIN, 2 * US_PER_S);
        world_drain(&world);
        assert_int_equal(world.boot_axis_messages, 0);
        assert_true(world.clock_events >= 2); // both were told
        assert_nothing_lost(&world);
        world_deinit(&world);
    }
}

// What the cloud got and what gap markers announce make up exactly what was measured.
static void assert_accounted_for(const struct world *w)
{
    uint64_t received, synced, missing;
    world_count(w, &received, &synced, &missing);
    assert_int_equal(received + w->gap_samples, w->sample_count);
}

static void test_full_journal_gives_up_the_oldest_with_an_exact_gap(void **state)
{
    (void)state;
    world_init(&world, 8);
    world.cfg.bytes_max = 6 * JOURNAL_SEGMENT_SIZE_MIN;
    world_start(&world, true);
    world_run(&world, 5 * US_PER_MIN, US_PER_S); // some in flight when the line goes
    world.is_online = false;
    world_event(&world);
    world_run(&world, 50000 * US_PER_S, US_PER_S);
    assert_true(world.journal.stats.samples_lost > 0);
    assert_true(world.journal.logs[0].log.bytes_used + world.journal.logs[1].log.bytes_used <=
                world.cfg.bytes_max);
    world_drain(&world);
    assert_accounted_for(&world);
    assert_int_equal(world.gap_samples, world.journal.stats.samples_lost);
    assert_int_equal(world.other_events, 1); // alerts go last
    world_deinit(&world);
}

static void test_full_journal_with_power_cuts_stays_exact(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        world_init(&world, seed + 800);
        world.cfg.bytes_max = 6 * JOURNAL_SEGMENT_SIZE_MIN;
        world_start(&world, true);
        world.is_online = false;
        for (unsigned i = 0; i < 20; i++) {
            struct sim_medium *medium = &world.media[LANE_TELEMETRY];
            medium->cut_at_step = medium->steps + 1 + world_random(&world, 400);
            world_run(&world, 2000 * US_PER_S, US_PER_S);
            if (world_is_off(&world)) {
                world_power_up(&world);
            }
        }
        world.media[LANE_TELEMETRY].cut_at_step = 0;
        world_drain(&world);
        uint64_t received, synced, missing;
        world_count(&world, &received, &synced, &missing);
        assert_true(world.gap_samples > 0);
        // A sample durable at the cut but not yet told so may be counted as well.
        assert_true(world.gap_samples >= missing);
        assert_true(received + world.gap_samples <= world.sample_count);
        world_deinit(&world);
    }
}

// Two boots, the first without a clock, share the oldest segment: two time axes, two markers.
static void fill_two_axes(struct world *w)
{
    w->cfg.bytes_max = 6 * JOURNAL_SEGMENT_SIZE_MIN;
    w->cfg.max_age_ms = 1000; // a message per sample: the quota is reached soon
    w->cfg.sync_ms = 1000;
    w->is_online = false;
    w->utc_offset_ms = JOURNAL_UTC_UNKNOWN;
    world_start(w, true);
    world_run(w, 40 * US_PER_S, US_PER_S);
    world_flush(w);
    w->utc_offset_ms = INT64_C(1790000000000);
    world_start(w, true);
}

static void test_power_cut_while_a_segment_of_two_axes_goes(void **state)
{
    (void)state;
    struct sim_medium *medium = &world.media[LANE_TELEMETRY];
    uint64_t from = 0;
    uint64_t to = 0;
    world_init(&world, 801);
    fill_two_axes(&world);
    while (world.journal.stats.samples_lost == 0) {
        from = medium->steps;
        world_run(&world, 5 * US_PER_S, 5 * US_PER_S);
        to = medium->steps;
    }
    world_drain(&world);
    assert_accounted_for(&world);
    world_deinit(&world);
    assert_true(to > from + 4);
    for (uint64_t step = from + 1; step <= to; step++) {
        world_init(&world, 801);
        fill_two_axes(&world);
        medium->cut_at_step = step;
        while (!world_is_off(&world)) {
            world_run(&world, 5 * US_PER_S, 5 * US_PER_S);
        }
        world_power_up(&world);
        world_drain(&world);
        uint64_t received, synced, missing;
        world_count(&world, &received, &synced, &missing);
        // Each sample is at the cloud or announced as lost, and none of them is both.
        assert_true(world.gap_samples >= missing);
        assert_true(received + world.gap_samples <= world.sample_count);
        world_deinit(&world);
    }
}

static void test_full_disk_heals_with_an_exact_gap(void **state)
{
    (void)state;
    world_init(&world, 9);
    world_start(&world, true);
    world_run(&world, 5 * US_PER_MIN, US_PER_S);
    world.is_online = false;
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        world.media[lane].capacity = 40000;
    }
    world_run(&world, 8000 * US_PER_S, US_PER_S);
    assert_true(world.journal.is_failing);
    assert_true(world.journal.stats.samples_dropped > 0);
    struct journal_notice notice;
    assert_true(journal_next(&world.journal, &notice));
    assert_int_equal(notice.kind, JOURNAL_MEDIUM_FULL);
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        world.media[lane].capacity = 0;
    }
    world_run(&world, 60 * US_PER_S, US_PER_S);
    assert_false(world.journal.is_failing);
    world_drain(&world);
    assert_accounted_for(&world);
    assert_int_equal(world.gap_samples, world.journal.stats.samples_dropped);
    world_deinit(&world);
}

// A full disk makes room again by itself once the hub takes what waits.
static void test_full_disk_heals_when_messages_are_taken(void **state)
{
    (void)state;
    world_init(&world, 10);
    world_start(&world, true);
    world.is_online = false;
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        world.media[lane].capacity = 160000;
    }
    world_run(&world, 20000 * US_PER_S, US_PER_S);
    assert_true(world.journal.is_failing);
    world.is_online = true;
    world_run(&world, 600 * US_PER_S, US_PER_S);
    assert_false(world.journal.is_failing);
    world_drain(&world);
    assert_accounted_for(&world);
    world_deinit(&world);
}

static void test_relay_state_survives(void **state)
{
    (void)state;
    world_init(&world, 11);
    world_start(&world, true);
    world_run(&world, 30000 * US_PER_S, 5 * US_PER_S); // over many segments
    uint32_t last = world.sample_count - 1;
    journal_flush(&world.journal, world.now_us);
    sim_medium_cut(&world.media[LANE_TELEMETRY]);
    world_power_up(&world);
    struct journal_relay relay;
    assert_true(journal_find_relay(&world.journal, last % WORLD_RELAYS, &relay));
    assert_int_equal(relay.sequence, last);
    assert_int_equal(relay.utc_ms,
                     (int64_t)(world.samples[last].at_us / US_PER_MS) + world.utc_offset_ms);
    world_deinit(&world);
}

static void test_acknowledged_segments_go(void **state)
{
    (void)state;
    world_init(&world, 12);
    world_start(&world, true);
    world_run(&world, 50000 * US_PER_S, US_PER_S);
    assert_true(steps(&world) > 1000);
    assert_true(world.journal.logs[LANE_TELEMETRY].log.stats.segments_removed > 3);
    assert_true(world.journal.logs[LANE_TELEMETRY].log.bytes_used < 4 * JOURNAL_SEGMENT_SIZE_MIN);
    world_drain(&world);
    assert_nothing_lost(&world);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut_at_every_write_of_a_day),
        cmocka_unit_test(test_power_cut_during_recovery),
        cmocka_unit_test(test_random_days),
        cmocka_unit_test(test_lost_acknowledgement_gives_a_byte_identical_duplicate),
        cmocka_unit_test(test_boot_without_a_clock_is_sent_marked),
        cmocka_unit_test(test_clock_learned_late_dates_what_came_before),
        cmocka_unit_test(test_what_a_boot_learned_of_the_time_survives_it),
        cmocka_unit_test(test_a_step_of_the_clock_dates_what_is_measured_after_it),
        cmocka_unit_test(test_full_journal_gives_up_the_oldest_with_an_exact_gap),
        cmocka_unit_test(test_full_journal_with_power_cuts_stays_exact),
        cmocka_unit_test(test_power_cut_while_a_segment_of_two_axes_goes),
        cmocka_unit_test(test_full_disk_heals_with_an_exact_gap),
        cmocka_unit_test(test_full_disk_heals_when_messages_are_taken),
        cmocka_unit_test(test_relay_state_survives),
        cmocka_unit_test(test_acknowledged_segments_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
