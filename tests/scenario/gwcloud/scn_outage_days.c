// SPDX-License-Identifier: Apache-2.0
// Goal: long outages, quotas and clocks: the disk stays within its quota, no failure makes the
// gateway busy, a budget is never overspent, and each day begins anew. Method: days and weeks in
// virtual time of the gateway's north against the model hub of outage.h.
#include "tests/scenario/gwcloud/outage.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct outage o;

static const struct outage_config plain = {
    .forward = {.max_age_ms = 300000}, .sample_us = US_PER_MIN, .slow_us = 30 * US_PER_S};

static const uint64_t day_us = 24 * US_PER_HOUR;

static void begin(uint64_t seed, const struct outage_config *cfg)
{
    outage_init(&o, seed, cfg);
    outage_start(&o, true);
}

// What the hub got and what gap markers announce make up exactly what was measured.
static void assert_accounted_for(void)
{
    uint64_t received, synced, missing;
    world_count(&o.world, &received, &synced, &missing);
    assert_int_equal(received + o.world.gap_samples, o.world.sample_count);
}

static uint64_t bytes_on_disk(void)
{
    return o.world.journal.logs[LANE_ALERTS].log.bytes_used +
           o.world.journal.logs[LANE_TELEMETRY].log.bytes_used;
}

static void test_thirty_days_offline(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        outage_init(&o, seed, &plain);
        o.world.cfg.bytes_max = 24 * JOURNAL_SEGMENT_SIZE_MIN;
        o.world.cfg.age_max_s = seed > 2 ? 20 * 86400 : 0;
        outage_start(&o, true);
        assert_true(outage_run(&o, US_PER_HOUR));
        outage_set_mode(&o, seed % 2 == 0 ? HUB_AWAY : HUB_SILENT);
        for (unsigned hour = 0; hour < 30 * 24; hour++) {
            if (hour % 100 == 50) {
                world_event(&o.world);
            }
            assert_true(outage_run(&o, US_PER_HOUR));
            assert_true(bytes_on_disk() <= o.world.cfg.bytes_max);
        }
        outage_set_mode(&o, HUB_GOOD);
        assert_true(outage_resumes_us(&o, 2 * US_PER_MIN) <= US_PER_MIN);
        outage_settle(&o, 3 * day_us);
        assert_true(o.world.gap_samples > 0);
        assert_accounted_for();
        assert_int_equal(o.alerts_stored, 7); // the last to go
        outage_deinit(&o);
    }
}

// Too short for anything to be left behind, and the next message is not due for minutes.
static void test_a_short_outage_shows_the_newest_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        begin(seed + 500, &plain);
        assert_true(outage_run(&o, US_PER_HOUR));
        outage_set_mode(&o, HUB_AWAY);
        assert_true(outage_run(&o, 5 * US_PER_MIN + seed * 37 * US_PER_S));
        outage_set_mode(&o, HUB_GOOD);
        assert_true(outage_resumes_us(&o, 2 * US_PER_MIN) <= US_PER_MIN);
        outage_settle(&o, US_PER_HOUR);
        assert_accounted_for();
        outage_deinit(&o);
    }
}

// Attempts, and turns of the loop that nothing but a deadline caused, in a day of each failure.
static void test_no_failure_makes_it_busy(void **state)
{
    (void)state;
    for (enum hub_mode mode = HUB_GOOD; mode <= HUB_QUOTA; mode++) {
        begin(10 + mode, &plain);
        assert_true(outage_run(&o, US_PER_HOUR));
        outage_set_mode(&o, mode);
        uint32_t attempts = o.attempts;
        uint64_t turns = o.timer_turns;
        assert_true(outage_run(&o, day_us));
        attempts = o.attempts - attempts;
        turns = o.timer_turns - turns;
        printf("mode=%d attempts=%u turns=%llu\n", (int)mode, attempts, (unsigned long long)turns);
        // Renewals of the token alone are one in 48 minutes; a back-off of 35 s on average 17 s.
        assert_true(attempts <= (mode == HUB_GOOD || mode == HUB_SLOW ? 40U : 5600U));
        assert_true(turns <= 4U * attempts + 2000U);
        assert_true(mode != HUB_QUOTA || attempts <= 2000);
        outage_deinit(&o);
    }
}

static void test_no_clock_and_a_full_disk_make_it_not_busy(void **state)
{
    (void)state;
    outage_init(&o, 20, &plain);
    o.has_clock = false;
    outage_start(&o, true);
    assert_true(outage_run(&o, day_us));
    assert_int_equal(o.attempts, 0);
    assert_true(o.timer_turns < 3000);
    outage_deinit(&o);
    begin(21, &plain);
    outage_set_mode(&o, HUB_AWAY);
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        o.world.media[lane].capacity = 40000;
    }
    assert_true(outage_run(&o, 3 * day_us));
    assert_true(o.world.journal.is_failing);
    assert_true(o.timer_turns < 3 * 24 * 3600); // it tries the disk once in 5 s
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        o.world.media[lane].capacity = 0;
    }
    outage_settle(&o, day_us);
    assert_accounted_for();
    outage_deinit(&o);
}

static void test_clock_that_comes_after_hours(void **state)
{
    (void)state;
    outage_init(&o, 30, &plain);
    o.has_clock = false;
    outage_start(&o, true);
    assert_true(outage_run(&o, 5 * US_PER_HOUR));
    uint64_t received, synced, missing;
    world_count(&o.world, &received, &synced, &missing);
    assert_int_equal(received, 0);
    assert_true(synced > 290); // on monotonic time, but safe
    outage_set_clock(&o, 0);
    assert_true(outage_resumes_us(&o, 2 * US_PER_MIN) <= US_PER_MIN);
    outage_settle(&o, US_PER_HOUR);
    assert_int_equal(o.world.boot_axis_messages, 0); // dated after the fact
    assert_accounted_for();
    assert_int_equal(o.world.gap_samples, 0);
    outage_deinit(&o);
}

static void test_boot_that_never_learns_the_time(void **state)
{
    (void)state;
    outage_init(&o, 31, &plain);
    o.has_clock = false;
    outage_start(&o, true);
    assert_true(outage_run(&o, 2 * day_us));
    o.has_clock = true;
    sim_medium_cut(&o.world.media[LANE_TELEMETRY]);
    outage_power_up(&o);
    assert_true(outage_run(&o, 3 * US_PER_MIN));
    outage_settle(&o, US_PER_HOUR);
    assert_true(o.world.boot_axis_messages > 0); // and it says so
    uint64_t received, synced, missing;
    world_count(&o.world, &received, &synced, &missing);
    assert_int_equal(missing, 0);
    assert_int_equal(o.world.gap_samples, 0);
    outage_deinit(&o);
}

static void test_clock_that_jumps_by_years_and_back(void **state)
{
    (void)state;
    for (int64_t years = -5; years <= 5; years += 10) {
        outage_init(&o, 32, &plain);
        o.world.cfg.age_max_s = 3 * 86400;
        outage_start(&o, true);
        assert_true(outage_run(&o, 2 * US_PER_HOUR));
        outage_set_clock(&o, years * 365 * 86400 * 1000);
        assert_true(outage_run(&o, US_PER_HOUR / 2)); // the hub takes no such token
        assert_true(o.up.stats.refusals > 0);
        outage_set_clock(&o, 0);
        assert_true(outage_resumes_us(&o, 2 * US_PER_MIN) <= US_PER_MIN);
        outage_settle(&o, US_PER_HOUR);
        assert_int_equal(o.world.gap_samples, 0);
        assert_accounted_for();
        outage_deinit(&o);
    }
}

static const struct outage_config tight = {
    .forward = {.max_age_ms = 300000, .budget = {.units_per_day = 400}},
    .sample_us = US_PER_MIN,
    .slow_us = US_PER_S};

// 290 messages a day would go; 5 days of outage are to follow, and alerts are to get through.
static void test_a_budget_is_kept_and_alerts_have_their_reserve(void **state)
{
    (void)state;
    begin(40, &tight);
    assert_true(outage_run(&o, US_PER_HOUR));
    outage_set_mode(&o, HUB_AWAY);
    assert_true(outage_run(&o, 5 * day_us));
    outage_set_mode(&o, HUB_GOOD);
    assert_true(outage_resumes_us(&o, 2 * US_PER_MIN) <= US_PER_MIN);
    bool had_step[BUDGET_SPENT + 1] = {false};
    uint64_t alerts = 0;
    for (unsigned quarter = 0; quarter < 10 * 96; quarter++) {
        assert_true(outage_run(&o, US_PER_HOUR / 4));
        had_step[o.forward.budget.step] = true;
        assert_true(o.units_most <= 400);
        if (quarter % 48 == 47) {
            uint64_t stored = o.alerts_stored;
            world_event(&o.world);
            alerts++;
            assert_true(outage_run(&o, US_PER_MIN));
            assert_int_equal(o.alerts_stored, stored + 1);
        }
        assert_true(outage_staleness_us(&o) <= 25 * US_PER_MIN);
    }
    assert_true(had_step[BUDGET_FREE] && had_step[BUDGET_NO_BACKFILL]);
    assert_false(had_step[BUDGET_SPENT]);
    assert_true(o.units_most > 340); // the backlog got what was left
    assert_int_equal(alerts, 20);
    outage_settle(&o, 20 * day_us);
    assert_accounted_for();
    assert_int_equal(o.world.gap_samples, 0);
    outage_deinit(&o);
}

// A message a minute is more than the budget holds: first they are packed, then telemetry waits.
static void test_a_budget_too_small_holds_telemetry_until_the_next_day(void **state)
{
    (void)state;
    struct outage_config cfg = tight;
    cfg.forward.max_age_ms = 60000;
    cfg.forward.budget.units_per_day = 200;
    begin(41, &cfg);
    bool had_step[BUDGET_SPENT + 1] = {false};
    for (unsigned quarter = 0; quarter < 3 * 96; quarter++) {
        assert_true(outage_run(&o, US_PER_HOUR / 4));
        had_step[o.forward.budget.step] = true;
        if (o.forward.budget.step == BUDGET_RESERVE && o.units < 195) {
            uint64_t stored = o.alerts_stored;
            world_event(&o.world);
            assert_true(outage_run(&o, US_PER_MIN));
            assert_int_equal(o.alerts_stored, stored + 1);
        }
        assert_true(o.units_most <= 200);
    }
    assert_true(had_step[BUDGET_PACKED] && had_step[BUDGET_RESERVE]);
    assert_true(o.alerts_stored > 5);
    o.cfg.forward.budget.units_per_day = 0; // and with a budget that is enough all arrives
    outage_start(&o, false);
    outage_settle(&o, day_us);
    assert_accounted_for();
    assert_int_equal(o.world.gap_samples, 0);
    outage_deinit(&o);
}

static void test_restarts_and_power_cuts_do_not_stretch_a_budget(void **state)
{
    (void)state;
    struct outage_config cfg = tight;
    cfg.forward.max_age_ms = 60000;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        begin(seed + 420, &cfg);
        for (unsigned i = 0; i < 150; i++) {
            struct sim_medium *medium = &o.world.media[LANE_TELEMETRY];
            if (world_random(&o.world, 2) == 0) {
                medium->cut_at_step = medium->steps + 1 + world_random(&o.world, 60);
            }
            if (!outage_run(&o, 10 * US_PER_MIN)) {
                outage_power_up(&o);
            } else if (world_random(&o.world, 2) == 0) {
                outage_start(&o, false);
            }
            if (world_is_off(&o.world)) {
                outage_power_up(&o);
            }
            assert_true(o.units_most <= 400);
        }
        outage_deinit(&o);
    }
}

// The hub's own quota is used up until midnight: every PUBLISH ends the connection.
static void test_a_hub_out_of_quota_is_left_alone_until_midnight(void **state)
{
    (void)state;
    begin(50, &plain);
    assert_true(outage_run(&o, US_PER_HOUR));
    outage_set_mode(&o, HUB_QUOTA);
    assert_true(outage_run(&o, 10 * US_PER_MIN));
    assert_true(o.forward.budget.is_refused);
    uint64_t sent = o.forward.budget.sent;
    uint64_t into_day_us = (uint64_t)(o.true_ms % 86400000) * US_PER_MS + o.world.now_us;
    uint64_t left_us = day_us - into_day_us % day_us;
    assert_true(outage_run(&o, left_us - US_PER_MIN));
    assert_true(o.forward.budget.sent - sent <= left_us / (BUDGET_PROBE_MAX_S * US_PER_S) + 10);
    assert_true(outage_run(&o, US_PER_MIN));
    outage_set_mode(&o, HUB_GOOD);
    assert_true(outage_resumes_us(&o, 2 * US_PER_MIN) <= US_PER_MIN);
    outage_settle(&o, US_PER_HOUR);
    assert_false(o.forward.budget.is_refused);
    assert_accounted_for();
    assert_int_equal(o.world.gap_samples, 0);
    outage_deinit(&o);
}

// A hub whose disk is full ends connections in the same way, and heals at any time.
static void test_a_hub_that_looked_out_of_quota_is_found_within_a_minute(void **state)
{
    (void)state;
    for (uint64_t seed = 60; seed < 70; seed++) {
        begin(seed, &plain);
        assert_true(outage_run(&o, US_PER_HOUR));
        outage_set_mode(&o, HUB_QUOTA);
        assert_true(outage_run(&o, 3 * US_PER_HOUR + seed * 7 * US_PER_S));
        assert_true(o.forward.budget.is_refused);
        outage_set_mode(&o, HUB_GOOD);
        assert_true(outage_resumes_us(&o, 2 * US_PER_MIN) <= US_PER_MIN);
        outage_settle(&o, US_PER_HOUR);
        assert_accounted_for();
        outage_deinit(&o);
    }
}

// A thousand gateways lose the hub in the same moment; it is back after two minutes and lets a
// hundred in each second.
static void test_a_thousand_gateways_come_back_one_by_one(void **state)
{
    (void)state;
    enum { GATEWAYS = 1000, SECONDS = 180, PER_S = 100, BACK_S = 120 };
    static const struct sas_key key = {.data = "0123456789abcdef", .size = 16};
    static const struct uplink_identity me = {.host = "hub", .device = "gw", .key = &key};
    static uint32_t attempts[SECONDS + 1];
    struct uplink *ups = calloc(GATEWAYS, sizeof(*ups));
    assert_non_null(ups);
    struct uplink_out out;
    for (unsigned i = 0; i < GATEWAYS; i++) {
        uplink_init(&ups[i], &(struct uplink_config){.seed = 7919 * (i + 1)}, 0);
        assert_int_equal(uplink_use(&ups[i], 0, &me), OK);
        uplink_set_clock(&ups[i], 0, (struct wall_time){.utc_ms = INT64_C(1790000000000)});
        assert_true(uplink_next(&ups[i], 0, &out));
        uplink_connected(&ups[i], 0);
        uplink_subscribed(&ups[i], 0, 0);
        uplink_lost(&ups[i], 0, false);
    }
    unsigned online = 0;
    uint64_t last_us = 0;
    for (uint64_t now_us = 0; now_us < SECONDS * US_PER_S; now_us += 10 * US_PER_MS) {
        uint64_t second = now_us / US_PER_S;
        for (unsigned i = 0; i < GATEWAYS; i++) {
            uplink_tick(&ups[i], now_us);
            while (ups[i].state != UPLINK_ONLINE && uplink_next(&ups[i], now_us, &out)) {
                if (out.kind != UPLINK_OUT_CONNECT) {
                    continue;
                }
                attempts[second]++;
                if (second < BACK_S || attempts[second] > PER_S) {
                    uplink_lost(&ups[i], now_us, false);
                    continue;
                }
                uplink_connected(&ups[i], now_us);
                uplink_subscribed(&ups[i], now_us, 0);
                online++;
                last_us = now_us;
            }
        }
    }
    uint32_t most = 0;
    for (unsigned s = BACK_S; s < SECONDS; s++) {
        most = attempts[s] > most ? attempts[s] : most;
    }
    printf("storm: first second %u, at most %u/s when it is back, all after %llu s\n", attempts[0],
           most, (unsigned long long)(last_us / US_PER_S) - BACK_S);
    assert_int_equal(online, GATEWAYS);
    assert_true(most <= PER_S); // nobody had to be turned away
    free(ups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thirty_days_offline),
        cmocka_unit_test(test_a_short_outage_shows_the_newest_at_once),
        cmocka_unit_test(test_no_failure_makes_it_busy),
        cmocka_unit_test(test_no_clock_and_a_full_disk_make_it_not_busy),
        cmocka_unit_test(test_clock_that_comes_after_hours),
        cmocka_unit_test(test_boot_that_never_learns_the_time),
        cmocka_unit_test(test_clock_that_jumps_by_years_and_back),
        cmocka_unit_test(test_a_budget_is_kept_and_alerts_have_their_reserve),
        cmocka_unit_test(test_a_budget_too_small_holds_telemetry_until_the_next_day),
        cmocka_unit_test(test_restarts_and_power_cuts_do_not_stretch_a_budget),
        cmocka_unit_test(test_a_thousand_gateways_come_back_one_by_one),
        cmocka_unit_test(test_a_hub_out_of_quota_is_left_alone_until_midnight),
        cmocka_unit_test(test_a_hub_that_looked_out_of_quota_is_found_within_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
