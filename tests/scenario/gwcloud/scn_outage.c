// SPDX-License-Identifier: Apache-2.0
// Goal: whatever breaks on the way to the hub, and whenever, nothing that was acknowledged is lost,
// nothing is stored twice, gaps are told exactly, and live data is back within a minute. Method: a
// scripted morning in virtual time, once for every packet that it exchanges and every write to its
// disks, with the way or the power failing there; then random days by seed.
#include "base/assert.h"
#include "tests/scenario/gwcloud/outage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct outage o;

static const struct outage_config plain = {
    .forward = {.max_age_ms = 30000}, .sample_us = 5 * US_PER_S, .slow_us = 20 * US_PER_S};

static void assert_nothing_lost(void)
{
    uint64_t received, synced, missing;
    world_count(&o.world, &received, &synced, &missing);
    assert_int_equal(missing, 0);
    assert_int_equal(o.world.gap_samples, 0);
    assert_true(received >= synced);
    assert_int_equal(world_count_claimed_missing(&o.world), 0);
}

// Some minutes online, a quarter of an hour without the hub, and the backlog after it.
static bool morning(void)
{
    bool is_on = outage_run(&o, 2 * US_PER_MIN);
    if (is_on) {
        outage_set_mode(&o, HUB_AWAY);
        world_event(&o.world);
        is_on = outage_run(&o, 15 * US_PER_MIN);
    }
    if (is_on) {
        outage_set_mode(&o, HUB_GOOD);
        is_on = outage_run(&o, 2 * US_PER_MIN);
    }
    return is_on;
}

static void begin(uint64_t seed, const struct outage_config *cfg)
{
    outage_init(&o, seed, cfg);
    outage_start(&o, true);
}

static void cut_everywhere(bool is_silent)
{
    begin(2, &plain);
    assert_true(morning());
    uint64_t steps = o.steps;
    outage_deinit(&o);
    assert_true(steps > 100);
    for (uint64_t step = 1; step <= steps; step++) {
        outage_init(&o, 2 + step % 2, &plain); // both orders
        o.cut_at_step = step;
        o.cut_is_silent = is_silent;
        outage_start(&o, true);
        assert_true(morning());
        // Silence is found out by a PUBLISH, or by the keep-alive when there is none.
        assert_true(outage_resumes_us(&o, 2 * US_PER_MIN) != TIME_NEVER);
        outage_settle(&o, US_PER_HOUR);
        assert_nothing_lost();
        assert_int_equal(o.alerts_stored, 1);
        outage_deinit(&o);
    }
}

static void test_link_cut_at_every_packet(void **state)
{
    (void)state;
    cut_everywhere(false);
}

static void test_half_open_link_at_every_packet(void **state)
{
    (void)state;
    cut_everywhere(true);
}

static void test_power_cut_at_every_write(void **state)
{
    (void)state;
    begin(2, &plain);
    assert_true(morning());
    uint64_t last[LANE_COUNT] = {o.world.media[0].steps, o.world.media[1].steps};
    outage_deinit(&o);
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        for (uint64_t step = 1; step <= last[lane]; step++) {
            outage_init(&o, step, &plain);
            o.world.media[lane].cut_at_step = step;
            outage_start(&o, true);
            if (world_is_off(&o.world) || !morning()) {
                outage_power_up(&o);
            }
            outage_settle(&o, US_PER_HOUR);
            assert_nothing_lost();
            outage_deinit(&o);
        }
    }
}

static void test_live_data_is_back_within_a_minute_after_any_outage(void **state)
{
    (void)state;
    static const uint64_t hours[] = {0, 1, 7, 48};
    for (enum hub_mode mode = HUB_AWAY; mode <= HUB_SILENT; mode++) {
        for (uint64_t i = 0; i < 4 * COUNT_OF(hours); i++) {
            outage_init(&o, 100 + i, &plain);
            o.world.cfg.bytes_max = 512 * JOURNAL_SEGMENT_SIZE_MIN;
            outage_start(&o, true);
            assert_true(outage_run(&o, 5 * US_PER_MIN));
            outage_set_mode(&o, mode);
            uint64_t for_us = hours[i / 4] * US_PER_HOUR + 5 * US_PER_MIN;
            assert_true(outage_run(&o, for_us + i * 777777));
            outage_set_mode(&o, HUB_GOOD);
            assert_true(outage_resumes_us(&o, US_PER_MIN) <= US_PER_MIN);
            // And it stays live while the backlog follows.
            for (unsigned minute = 0; minute < 10; minute++) {
                assert_true(outage_run(&o, US_PER_MIN));
                assert_true(outage_staleness_us(&o) <= US_PER_MIN);
            }
            outage_settle(&o, 24 * US_PER_HOUR);
            assert_nothing_lost();
            outage_deinit(&o);
        }
    }
}

// PUBACKs come one in 20 s: silent throttling. Nothing is torn down, the backlog stands back.
static void test_a_slow_hub_is_borne(void **state)
{
    (void)state;
    begin(200, &plain);
    assert_true(outage_run(&o, 5 * US_PER_MIN));
    outage_set_mode(&o, HUB_AWAY);
    assert_true(outage_run(&o, 6 * US_PER_HOUR));
    uint32_t losses = o.up.stats.losses;
    uint64_t duplicates = o.world.duplicates;
    outage_set_mode(&o, HUB_SLOW);
    assert_true(outage_run(&o, 2 * US_PER_HOUR));
    assert_int_equal(o.up.stats.losses, losses);
    assert_true(o.forward.pacing.rate_per_min < PACING_PER_MIN_DEFAULT / 8);
    assert_true(outage_staleness_us(&o) <= 3 * US_PER_MIN);
    outage_settle(&o, 24 * US_PER_HOUR);
    assert_nothing_lost();
    assert_true(o.world.duplicates <= duplicates + 8); // nothing was sent in vain
    outage_deinit(&o);
}

static void random_turn(void)
{
    struct world *w = &o.world;
    switch (world_random(w, 12)) {
    case 0:
    case 1: outage_set_mode(&o, (enum hub_mode)world_random(w, HUB_QUOTA + 1)); break;
    case 2:
    case 3: outage_set_mode(&o, HUB_GOOD); break;
    case 4: world_event(w); break;
    case 5: outage_start(&o, false); break;
    case 6: {
        struct sim_medium *medium = &w->media[world_random(w, 2)];
        medium->cut_at_step = medium->steps + 1 + world_random(w, 40);
        break;
    }
    case 7:
        w->media[world_random(w, 2)].error_at_step =
            w->media[LANE_TELEMETRY].steps + 1 + world_random(w, 9);
        break;
    case 8: {
        // The clock jumps, by hours or by years, and perhaps back.
        int64_t years_ms = INT64_C(3) * 365 * 86400 * 1000;
        int64_t jump_ms = (int64_t)world_random(w, 3) * years_ms - years_ms;
        outage_set_clock(&o, jump_ms + (int64_t)world_random(w, 7200000) - 3600000);
        break;
    }
    case 9: outage_set_clock(&o, 0); break;
    default:
        o.cut_at_step = o.steps + 1 + world_random(w, 30);
        o.cut_is_silent = world_random(w, 2) == 0;
        break;
    }
}

static void test_random_days(void **state)
{
    (void)state;
    const char *given = getenv("BUSWARD_SEEDS");
    unsigned long seeds = given == NULL ? 60 : strtoul(given, NULL, 10);
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        begin(seed * 1000003, &plain);
        for (unsigned i = 0; i < 30; i++) {
            if (!world_is_off(&o.world)) {
                random_turn();
            }
            uint64_t for_us = 1 + world_random(&o.world, 8 * US_PER_MIN);
            if (world_is_off(&o.world) || !outage_run(&o, for_us)) {
                o.has_clock = world_random(&o.world, 4) > 0; // NTP may not answer in that boot
                outage_power_up(&o);
            }
        }
        for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
            o.world.media[lane].cut_at_step = o.world.media[lane].error_at_step = 0;
        }
        if (!world_is_off(&o.world)) {
            outage_set_clock(&o, 0);
        }
        o.has_clock = true;
        outage_settle(&o, 6 * US_PER_HOUR);
        uint64_t received, synced, missing;
        world_count(&o.world, &received, &synced, &missing);
        if (missing != 0 || o.world.gap_samples != 0) {
            printf("seed=%lu missing=%llu gaps=%llu\n", seed, (unsigned long long)missing,
                   (unsigned long long)o.world.gap_samples);
        }
        assert_nothing_lost();
        outage_deinit(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_cut_at_every_packet),
        cmocka_unit_test(test_half_open_link_at_every_packet),
        cmocka_unit_test(test_power_cut_at_every_write),
        cmocka_unit_test(test_live_data_is_back_within_a_minute_after_any_outage),
        cmocka_unit_test(test_a_slow_hub_is_borne),
        cmocka_unit_test(test_random_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
