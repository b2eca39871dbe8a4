// SPDX-License-Identifier: Apache-2.0
// Goal: after an outage new data goes ahead of what waited, which follows in the order that was
// chosen, and what is too old is given up with its exact count; nothing is lost or comes twice.
// Method: the journal of world.h, read message by message where the order matters.
#include "tests/scenario/gwcloud/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct world world;

static void assert_accounted_for(const struct world *w)
{
    uint64_t received, synced, missing;
    world_count(w, &received, &synced, &missing);
    assert_int_equal(received + w->gap_samples, w->sample_count);
}

static void assert_nothing_lost(const struct world *w)
{
    assert_int_equal(w->gap_samples, 0);
    assert_accounted_for(w);
}

// Six hours without the hub; a message every half minute.
static void begin_with_outage(struct world *w, uint64_t seed, enum journal_order order)
{
    world_init(w, seed);
    w->cfg.order = order;
    w->cfg.max_age_ms = 30000;
    world_start(w, true);
    world_run(w, 10 * US_PER_MIN, 5 * US_PER_S);
    w->is_online = false;
    world_run(w, 6 * 60 * US_PER_MIN, 5 * US_PER_S);
}

static bool take_live(struct world *w)
{
    static uint8_t buffer[JOURNAL_PAYLOAD_SIZE_MAX];
    struct journal_message message;
    if (journal_next_message(&w->journal, w->now_us, LANE_TELEMETRY, buffer, &message) != OK) {
        return false;
    }
    assert_false(message.is_backlog);
    world_take(w, &message);
    journal_ack(&w->journal, w->now_us, LANE_TELEMETRY, message.ordinal);
    return true;
}

static void test_new_data_goes_ahead_and_the_rest_follows_in_order(void **state)
{
    (void)state;
    for (enum journal_order order = JOURNAL_OLDEST_FIRST; order <= JOURNAL_NEWEST_FIRST; order++) {
        begin_with_outage(&world, 31 + order, order);
        assert_true(journal_waiting(&world.journal, LANE_TELEMETRY) > 600);
        while (take_live(&world)) { // the newest two of them
        }
        uint32_t first = world.sample_count;
        static uint8_t buffer[JOURNAL_PAYLOAD_SIZE_MAX];
        struct journal_message message;
        uint64_t last = order == JOURNAL_OLDEST_FIRST ? 0 : UINT64_MAX;
        for (unsigned count = 0; count < 300; count++) {
            assert_int_equal(journal_next_backlog(&world.journal, world.now_us, buffer, &message),
                             OK);
            assert_true(message.is_backlog);
            assert_true(order == JOURNAL_OLDEST_FIRST ? message.ordinal > last
                                                      : message.ordinal < last);
            last = message.ordinal;
            world_take(&world, &message);
            journal_ack(&world.journal, world.now_us, LANE_TELEMETRY, message.ordinal);
            if (count % 100 == 50) {
                world_run(&world, 40 * US_PER_S, 5 * US_PER_S);
                while (take_live(&world)) {
                }
                assert_int_equal(world.samples[first].received, 1);
                first = world.sample_count;
            }
        }
        world_drain(&world);
        assert_nothing_lost(&world);
        assert_int_equal(journal_waiting(&world.journal, LANE_TELEMETRY), 0);
        assert_true(world.journal.logs[LANE_TELEMETRY].log.bytes_used <
                    3 * JOURNAL_SEGMENT_SIZE_MIN);
        world_deinit(&world);
    }
}

static void test_restarts_and_power_cuts_in_the_middle_of_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        begin_with_outage(&world, seed, (enum journal_order)(seed % 2));
        for (unsigned i = 0; i < 30; i++) {
            world.is_online = world_random(&world, 3) > 0;
            if (world_random(&world, 4) == 0) {
                world_start(&world, false);
            }
            if (world_random(&world, 4) == 0) {
                struct sim_medium *medium = &world.media[LANE_TELEMETRY];
                medium->cut_at_step = medium->steps + 1 + world_random(&world, 20);
            }
            world_run(&world, (1 + world_random(&world, 30)) * US_PER_MIN / 2, 5 * US_PER_S);
            if (world_is_off(&world)) {
                world_power_up(&world);
            }
        }
        world.media[LANE_TELEMETRY].cut_at_step = 0;
        world_drain(&world);
        uint64_t received, synced, missing;
        world_count(&world, &received, &synced, &missing);
        assert_int_equal(missing, 0);
        assert_int_equal(world.gap_samples, 0);
        world_deinit(&world);
    }
}

// More outages than there are places to note what each left behind.
static void test_a_flapping_link_leaves_no_hole_open(void **state)
{
    (void)state;
    for (enum journal_order order = JOURNAL_OLDEST_FIRST; order <= JOURNAL_NEWEST_FIRST; order++) {
        world_init(&world, 50);
        world.cfg.order = order;
        world.cfg.max_age_ms = 1000;
        world.cfg.sync_ms = 1000;
        world_start(&world, true);
        size_t holes = 0;
        for (unsigned i = 0; i < JOURNAL_HOLES_MAX + 20; i++) {
            world.is_online = false;
            world_run(&world, 2 * (JOURNAL_LIVE_LAG_MAX + 8) * US_PER_S, US_PER_S);
            // One live message gets through, nothing of the backlog.
            if (!take_live(&world)) {
                world_run(&world, 2 * US_PER_S, US_PER_S);
                assert_true(take_live(&world));
            }
            size_t ranges = world.journal.logs[LANE_TELEMETRY].acks.range_count;
            holes = ranges > holes ? ranges : holes;
        }
        assert_int_equal(holes, JOURNAL_HOLES_MAX);
        world_start(&world, false);
        world_drain(&world);
        assert_nothing_lost(&world);
        assert_int_equal(world.journal.logs[LANE_TELEMETRY].acks.range_count, 0);
        world_deinit(&world);
    }
}

static void test_what_is_too_old_is_given_up_with_its_count(void **state)
{
    (void)state;
    for (enum journal_order order = JOURNAL_OLDEST_FIRST; order <= JOURNAL_NEWEST_FIRST; order++) {
        world_init(&world, 60);
        world.cfg.order = order;
        world.cfg.age_max_s = 6 * 3600;
        world_start(&world, true);
        world.is_online = false;
        world_event(&world);
        world_run(&world, 40 * 3600 * US_PER_S, 10 * US_PER_S);
        uint64_t lost = world.journal.stats.samples_lost;
        assert_true(lost > 33 * 360 && lost <= 34 * 360);
        // 7 hours at most are left on the disk, but for what shares a segment with them.
        assert_true(world.journal.logs[LANE_TELEMETRY].log.bytes_used <
                    7 * JOURNAL_SEGMENT_SIZE_MIN);
        world_drain(&world);
        assert_accounted_for(&world);
        assert_int_equal(world.gap_samples, world.journal.stats.samples_lost);
        assert_int_equal(world.other_events, 1); // an alert has no such age
        for (uint32_t i = 0; i < world.sample_count; i++) {
            uint64_t age_us = world.now_us - world.samples[i].at_us;
            assert_true(world.samples[i].received == 1 || age_us > 6 * 3600 * US_PER_S);
        }
        world_deinit(&world);
    }
}

static void test_power_cuts_while_ages_are_judged(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        world_init(&world, seed + 600);
        world.cfg.age_max_s = 2 * 3600;
        world_start(&world, true);
        world.is_online = false;
        for (unsigned i = 0; i < 12; i++) {
            struct sim_medium *medium = &world.media[LANE_TELEMETRY];
            medium->cut_at_step = medium->steps + 1 + world_random(&world, 1500);
            world_run(&world, 5 * 3600 * US_PER_S, 10 * US_PER_S);
            if (world_is_off(&world)) {
                // The clock ran on while the power was off.
                world.utc_offset_ms += (int64_t)(world.now_us / US_PER_MS);
                world_power_up(&world);
            }
        }
        world.media[LANE_TELEMETRY].cut_at_step = 0;
        world_drain(&world);
        uint64_t received, synced, missing;
        world_count(&world, &received, &synced, &missing);
        assert_true(world.gap_samples > 0);
        assert_true(world.gap_samples >= missing);
        assert_true(received + world.gap_samples <= world.sample_count);
        world_deinit(&world);
    }
}

// NTP says a year ten years off, for half an hour.
static void test_a_clock_that_jumps_by_years_makes_nothing_old(void **state)
{
    (void)state;
    const int64_t years_ms = INT64_C(10) * 365 * 86400 * 1000;
    for (int64_t jump_ms = -years_ms; jump_ms <= years_ms; jump_ms += 2 * years_ms) {
        world_init(&world, 70);
        world.cfg.age_max_s = 24 * 3600;
        world_start(&world, true);
        world.is_online = false;
        world_run(&world, 3 * 3600 * US_PER_S, 10 * US_PER_S);
        world.utc_offset_ms += jump_ms;
        world_tell_clock(&world);
        world_run(&world, 30 * US_PER_MIN, 10 * US_PER_S);
        world.utc_offset_ms -= jump_ms;
        world_tell_clock(&world);
        world_run(&world, 3 * 3600 * US_PER_S, 10 * US_PER_S);
        world_drain(&world);
        // What was measured under a clock of the past is old by that clock's word, no more.
        uint64_t received, synced, missing;
        world_count(&world, &received, &synced, &missing);
        assert_true(missing <= (jump_ms < 0 ? 180 + 30 : 0));
        assert_accounted_for(&world);
        world_deinit(&world);
    }
}

// Bytes rot in the backlog while live data goes ahead of it: what is lost is told, to the sample,
// and the rest arrives, whichever way it is read.
static void test_damage_in_the_backlog_is_told_exactly(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        begin_with_outage(&world, 700 + seed, (enum journal_order)(seed % 2));
        struct storage_segment list[64];
        size_t count = 0;
        const struct storage *storage = &world.storage[LANE_TELEMETRY];
        assert_int_equal(storage->ops->list(storage->ctx, 0, list, 64, &count), OK);
        assert_true(count > 6);
        // Neither the oldest, which has no head before it, nor the newest.
        size_t at = 1 + world_random(&world, count - 3);
        size_t size = 0;
        uint8_t *bytes = sim_storage_bytes(&world.media[LANE_TELEMETRY], list[at].id, &size);
        bytes[100 + world_random(&world, size - 100)] ^= 0x40;
        while (take_live(&world)) {
        }
        world_run(&world, 2 * US_PER_MIN, 5 * US_PER_S);
        while (take_live(&world)) {
        }
        world_drain(&world);
        assert_true(world.gap_samples > 0);
        assert_accounted_for(&world);
        assert_int_equal(journal_waiting(&world.journal, LANE_TELEMETRY), 0);
        world_deinit(&world);
    }
}

static uint64_t newest_segment(const struct world *w, size_t *count)
{
    struct storage_segment list[128];
    const struct storage *storage = &w->storage[LANE_TELEMETRY];
    assert_int_equal(storage->ops->list(storage->ctx, 0, list, 128, count), OK);
    assert_true(*count > 0 && *count < 128);
    return list[*count - 1].id;
}

// Bytes rot at the end of a segment that only live data is in: the backlog is not taken for done.
static void test_damage_in_live_data_leaves_the_backlog_alone(void **state)
{
    (void)state;
    for (enum journal_order order = JOURNAL_OLDEST_FIRST; order <= JOURNAL_NEWEST_FIRST; order++) {
        begin_with_outage(&world, 800 + order, order);
        // What the uplink held is done with, so that nothing is handed out.
        world.is_online = true;
        for (unsigned i = 0; i < 100 && world.in_flight_count > 0; i++) {
            world_pump(&world);
        }
        world.is_online = false;
        size_t count = 0;
        size_t size = 0;
        uint8_t *bytes = NULL;
        while (size < JOURNAL_SEGMENT_SIZE_MIN - 1500) {
            while (take_live(&world)) {
            }
            world_run(&world, 30 * US_PER_S, 5 * US_PER_S);
            uint64_t newest = newest_segment(&world, &count);
            bytes = sim_storage_bytes(&world.media[LANE_TELEMETRY], newest, &size);
        }
        bytes[size - 40] ^= 0x40;
        size_t before = count;
        while (count == before) {
            world_run(&world, 5 * US_PER_S, 5 * US_PER_S);
            (void)newest_segment(&world, &count);
        }
        world_run(&world, 2 * US_PER_MIN, 5 * US_PER_S);
        while (take_live(&world)) {
        }
        world_drain(&world);
        assert_accounted_for(&world);
        world_deinit(&world);
    }
}

// The world's points and so many more that their list is longer than what may lag behind.
static uint64_t make_long_catalogue(struct world *w)
{
    enum { MANY = 700 };
    static struct tm_point points[MANY];
    static char text[TM_BODY_SIZE_MAX];
    struct tm_catalogue_cursor cursor = {.index = 0};
    size_t size = 0;
    uint64_t parts = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        points[i] = w->points[i % WORLD_POINTS];
        points[i].id = i < WORLD_POINTS ? w->points[i].id : 1000 + i;
        points[i].sensor = "the one behind the third door on the left";
    }
    enum err err = tm_catalogue_init(&w->catalogue, NULL, points, MANY, NULL);
    assert_int_equal(err, OK);
    while (tm_catalogue_write(&w->catalogue, &cursor, text, sizeof(text), &size) == OK) {
        parts++;
    }
    assert_true(parts > JOURNAL_LIVE_LAG_MAX);
    return parts;
}

// A gateway of 600 points and more sent its list of points several times over after each start, and
// its first values went with the backlog.
static void test_a_long_list_of_points_leaves_nothing_behind(void **state)
{
    (void)state;
    static const unsigned OFFLINE_S[] = {0, 2, 60, 300};
    for (size_t i = 0; i < sizeof(OFFLINE_S) / sizeof(OFFLINE_S[0]); i++) {
        world_init(&world, 77 + i);
        uint64_t parts = make_long_catalogue(&world);
        world.cfg.max_age_ms = 30000;
        world.is_online = false;
        world_start(&world, true);
        world_run(&world, OFFLINE_S[i] * US_PER_S, US_PER_S);
        for (unsigned s = 0; s < 120; s++) {
            world_run(&world, US_PER_S, US_PER_S);
            while (take_live(&world)) { // as the hub is quick to acknowledge them
            }
        }
        assert_int_equal(world.catalogue_parts, parts);
        assert_false(journal_has_backlog(&world.journal));
        world_drain(&world);
        assert_nothing_lost(&world);
        world_deinit(&world);
    }
}

// How many samples of one point come before the journal seals a message: it is full. `refused`:
// the one, from 1, that the format refuses; 0: none.
static unsigned samples_until_full(struct world *w, bool is_wide, unsigned refused)
{
    unsigned count = 0;
    for (uint64_t before = w->journal.stats.messages; w->journal.stats.messages == before;) {
        w->now_us++;
        struct tm_sample sample = {.at_us = w->now_us, .point = w->points[0].id};
        sample.value = tm_int(is_wide && count % 2 == 0 ? INT64_C(1) << 52 : 0, 0);
        if (count + 1 == refused) { // of no kind that the catalogue says
            sample.value = tm_bool(true);
        }
        assert_int_equal(journal_add(&w->journal, w->now_us, &sample), OK);
        count++;
        journal_tick(&w->journal, w->now_us);
    }
    return count;
}

// What the last message held says nothing about the next one.
static void test_a_full_message_is_noticed_whatever_the_last_one_held(void **state)
{
    (void)state;
    world_init(&world, 60);
    world.cfg.max_age_ms = 3600000;
    world.cfg.sync_ms = 3600000;
    world_start(&world, true);
    world_flush(&world); // the catalogue leaves
    unsigned narrow = samples_until_full(&world, false, 0);
    unsigned wide = samples_until_full(&world, true, 0);
    assert_in_range(narrow, 1000, JOURNAL_WINDOW_MIN);
    assert_in_range(wide, 200, 500);
    world_deinit(&world);
}

// A sample that no message can carry used to count as a full one: all before it left at once.
static void test_a_refused_sample_makes_no_message_full(void **state)
{
    (void)state;
    world_init(&world, 61);
    world.cfg.max_age_ms = 3600000;
    world.cfg.sync_ms = 3600000;
    world_start(&world, true);
    world_flush(&world);
    unsigned without = samples_until_full(&world, false, 0);
    assert_int_equal(samples_until_full(&world, false, 20), without);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_data_goes_ahead_and_the_rest_follows_in_order),
        cmocka_unit_test(test_a_long_list_of_points_leaves_nothing_behind),
        cmocka_unit_test(test_restarts_and_power_cuts_in_the_middle_of_it),
        cmocka_unit_test(test_a_full_message_is_noticed_whatever_the_last_one_held),
        cmocka_unit_test(test_a_refused_sample_makes_no_message_full),
        cmocka_unit_test(test_a_flapping_link_leaves_no_hole_open),
        cmocka_unit_test(test_damage_in_the_backlog_is_told_exactly),
        cmocka_unit_test(test_damage_in_live_data_leaves_the_backlog_alone),
        cmocka_unit_test(test_what_is_too_old_is_given_up_with_its_count),
        cmocka_unit_test(test_power_cuts_while_ages_are_judged),
        cmocka_unit_test(test_a_clock_that_jumps_by_years_makes_nothing_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
