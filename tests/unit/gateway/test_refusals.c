// SPDX-License-Identifier: Apache-2.0
// Goal: what a unit refuses is read around for as long as it refuses it, and a unit that a gateway
// on the way cannot reach is a dead one. Method: as test_app.c, over a bus that refuses.
#include "tests/unit/gateway/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void test_an_illegal_address_is_cut_out(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1")),
               PLAIN("{\"name\":\"a\",\"address\":1},{\"name\":\"b\",\"address\":2},"
                     "{\"name\":\"c\",\"address\":3},{\"name\":\"d\",\"address\":4},"
                     "{\"name\":\"e\",\"address\":5}"));
    w.illegal = 3;
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 20 * US_PER_S);
    size_t good[6] = {0};
    size_t bad[6] = {0};
    for (size_t i = 0; i < w.sample_count; i++) {
        *(w.samples[i].quality == TM_GOOD ? &good[w.samples[i].point] : &bad[w.samples[i].point]) +=
            1;
    }
    for (uint32_t id = 1; id <= 5; id++) {
        assert_int_equal(bad[id], id == 3 ? 1 : 0);
        assert_in_range(good[id], id == 3 ? 0 : 18, id == 3 ? 0 : 24);
    }
    close_world(&w);
}

// A device that starts anew refuses for a moment what it has: soon after it is one request again.
static void test_a_passing_refusal_is_forgotten(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1")),
               PLAIN("{\"name\":\"a\",\"address\":1},{\"name\":\"b\",\"address\":2},"
                     "{\"name\":\"c\",\"address\":3},{\"name\":\"d\",\"address\":4},"
                     "{\"name\":\"e\",\"address\":5}"));
    bus_state(&w, BUS_UP);
    for (uint32_t i = 1; i <= 5; i++) { // until all stand alone
        w.illegal = i;
        run_until(&w, w.now_us + 5 * US_PER_S);
    }
    w.illegal = 0;
    assert_int_equal(w.cuts, 1); // told once
    uint32_t before = w.asked[1];
    run_until(&w, w.now_us + 10 * US_PER_S);
    assert_true(w.asked[1] - before >= 40);
    run_until(&w, w.now_us + 400 * US_PER_S);
    before = w.asked[1];
    run_until(&w, w.now_us + 100 * US_PER_S);
    assert_in_range(w.asked[1] - before, 99, 101);
    run_until(&w, w.now_us + 400 * US_PER_S);
    w.illegal = 3; // long after it is news again
    run_until(&w, w.now_us + 5 * US_PER_S);
    assert_int_equal(w.cuts, 2);
    close_world(&w);
}

// One that refuses for ever what lies between is asked for it ever more rarely, and nothing that
// it does have is missed for that.
static void test_a_lasting_refusal_is_tried_rarely(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1")),
               PLAIN("{\"name\":\"a\",\"address\":1},{\"name\":\"b\",\"address\":2},"
                     "{\"name\":\"d\",\"address\":4},{\"name\":\"e\",\"address\":5}"));
    w.illegal = 3; // no point, but in the hole that is read over
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 20000 * US_PER_S);
    const struct poller_unit *unit = &w.app.buses[0].poller.units[0];
    assert_in_range(unit->counts.exceptions, 5, 8); // 5, 15, 35, 75, 155, 315 minutes
    assert_in_range(w.sample_count, 4 * 19999, 4 * 20002);
    for (size_t i = 0; i < w.sample_count; i++) {
        assert_int_equal(w.samples[i].quality, TM_GOOD);
    }
    assert_int_equal(w.cuts, 1);
    close_world(&w);
}

// A gateway on the way answers for a dead unit, after it waited for it: that unit is as dead as one
// that says nothing.
static void test_a_unit_that_a_gateway_cannot_reach_is_dead(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1") "," DEVICE("b", "2") "," DEVICE("c", "3")),
               "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":500}],\"points\":["
               "{\"name\":\"v\",\"address\":7},{\"name\":\"w\",\"address\":100},"
               "{\"name\":\"x\",\"address\":200},{\"name\":\"y\",\"address\":300},"
               "{\"name\":\"z\",\"address\":390}]}");
    const struct poller_unit *unit = &w.app.buses[0].poller.units[1];
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 10 * US_PER_S);
    w.unreachable = 2;
    w.unreachable_us = 450000;
    while (unit->state == UNIT_ONLINE) {
        run_until(&w, w.now_us + US_PER_S / 100);
    }
    while (unit->asked > 0) { // what was asked before says nothing new
        run_until(&w, w.now_us + US_PER_S / 100);
    }
    assert_int_equal(unit->pause_us, w.f.config.buses[0].probe_min_ms * US_PER_MS);
    uint32_t before = w.asked[1];
    run_until(&w, w.now_us + 590 * US_PER_S);
    assert_in_range(w.asked[1] - before, 10 * 585, 10 * 591);
    assert_in_range(w.dead_us, 1 * US_PER_S, 33 * US_PER_S); // its share of 5 %, as above
    assert_true(w.app.buses[0].poller.stats.dead_us + US_PER_S > w.dead_us);
    assert_int_equal(unit->state, UNIT_SUSPENDED);
    assert_true(unit->pause_us > 10 * US_PER_S);
    size_t stale = 0;
    for (size_t i = 0; i < w.sample_count; i++) {
        assert_int_not_equal(w.samples[i].quality, TM_BAD);
        stale += w.samples[i].quality == TM_STALE;
    }
    assert_int_equal(stale, 5); // one transition for each of its points
    w.unreachable = 0;
    run_until(&w, w.now_us + 70 * US_PER_S);
    assert_int_equal(w.online, 1);
    assert_int_equal(unit->state, UNIT_ONLINE);
    close_world(&w);
}

// One that shows several devices as one unit and cannot reach one of them: the others go on, and
// so do the probes of a unit that is dead until it is repaired.
static void test_a_part_that_a_gateway_cannot_reach_kills_nothing(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1") "," DEVICE("b", "2")),
               PLAIN("{\"name\":\"x\",\"address\":7},{\"name\":\"y\",\"address\":200},"
                     "{\"name\":\"z\",\"address\":390}"));
    const struct poller *poller = &w.app.buses[0].poller;
    w.illegal = 200;
    w.illegal_says = MB_EX_TARGET;
    w.illegal_us = 450000;
    w.is_dead[2] = true;
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 300 * US_PER_S);
    assert_int_equal(poller->units[0].state, UNIT_ONLINE);
    assert_int_equal(poller->units[1].state, UNIT_SUSPENDED);
    assert_int_equal(w.online, 0); // nor was the first one ever suspended
    size_t good = 0;
    size_t stale = 0;
    for (size_t i = 0; i < w.sample_count; i++) {
        if (w.samples[i].point >= 1 && w.samples[i].point <= 3) { // of the first unit
            good += w.samples[i].quality == TM_GOOD;
            stale += w.samples[i].quality == TM_STALE;
            assert_true(w.samples[i].quality == TM_GOOD || w.samples[i].point == 2);
        }
    }
    assert_int_equal(stale, 1);
    assert_in_range(good, 2 * 297, 2 * 301);
    assert_in_range(w.asked[1], 2 * 297 + 5, 2 * 301 + 20); // it is tried ever more rarely
    assert_true(poller->stats.dead_us < 300 * US_PER_S * 7 / 100);
    w.is_dead[2] = false; // repaired, behind all those tries
    uint32_t parts = w.asked[1];
    run_until(&w, w.now_us + 80 * US_PER_S);
    assert_int_equal(poller->units[1].state, UNIT_ONLINE);
    assert_in_range(w.asked[1] - parts, 2 * 79 + 1, 2 * 81 + 8);
    assert_int_equal(w.online, 1);
    w.illegal = 0;
    run_until(&w, w.now_us + 70 * US_PER_S);
    assert_int_equal(w.app.sampler.state[1].quality, TM_GOOD);
    uint32_t before = w.asked[1];
    run_until(&w, w.now_us + 10 * US_PER_S);
    assert_in_range(w.asked[1] - before, 3 * 9, 3 * 11); // at its own interval again
    close_world(&w);
}

static void check_most_unreached(const char *config, uint32_t first, uint32_t last, uint32_t good)
{
    static struct world w;
    open_world(&w, config,
               PLAIN("{\"name\":\"v\",\"address\":7},{\"name\":\"w\",\"address\":100},"
                     "{\"name\":\"x\",\"address\":200},{\"name\":\"y\",\"address\":300},"
                     "{\"name\":\"z\",\"address\":390}"));
    w.illegal_says = MB_EX_TARGET;
    w.illegal = first;
    w.illegal_last = last;
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 100 * US_PER_S);
    assert_int_equal(w.suspended, 0);
    size_t stale = 0;
    size_t read = 0;
    for (size_t i = 0; i < w.sample_count; i++) {
        stale += w.samples[i].quality == TM_STALE;
        read += w.samples[i].quality == TM_GOOD;
        assert_int_equal(w.samples[i].quality == TM_GOOD, w.samples[i].point == good);
    }
    assert_int_equal(stale, 4);
    assert_in_range(read, 99, 106); // some ahead of its time, for the doubt
    w.unreachable = 1;              // and now the last of them
    run_until(&w, w.now_us + 100 * US_PER_S);
    assert_int_equal(w.app.buses[0].poller.units[0].state, UNIT_SUSPENDED);
    assert_int_equal(w.why, POLL_UNREACHED);
    w.unreachable = 0;
    run_until(&w, w.now_us + 300 * US_PER_S);
    assert_int_equal(w.online, 1); // once
    close_world(&w);
}

// As many as would make a unit dead, again and again, and one block that is answered.
static void test_what_is_answered_speaks_for_the_rest(void **state)
{
    (void)state;
    check_most_unreached(BUS_CONFIG(DEVICE("a", "1")), 100, 390, 1);
    check_most_unreached(BUS_CONFIG(DEVICE("a", "1")), 7, 300, 5);
}

// A unit of very many blocks is known to be dead long before each of them was asked in vain.
static void test_not_all_blocks_of_a_dead_unit_are_asked(void **state)
{
    (void)state;
    static struct world w;
    char points[2048] = "";
    size_t size = 0;
    for (uint32_t i = 0; i < 40; i++) { // too far apart for one request
        size += (size_t)snprintf(points + size, sizeof(points) - size,
                                 "%s{\"name\":\"p%u\",\"address\":%u}", i > 0 ? "," : "", i,
                                 1 + 130 * i);
    }
    char profile[2560];
    snprintf(profile, sizeof(profile), PLAIN("%s"), points);
    open_world(&w, BUS_CONFIG(DEVICE("a", "1")), profile);
    const struct poller_unit *unit = &w.app.buses[0].poller.units[0];
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 10 * US_PER_S);
    assert_int_equal(unit->block_count, 40);
    w.unreachable = 1;
    w.unreachable_us = 450000;
    uint32_t before = w.asked[1];
    while (unit->state == UNIT_ONLINE) {
        run_until(&w, w.now_us + US_PER_S / 100);
    }
    assert_in_range(w.asked[1] - before, 3, 6 + POLLER_DEPTH_MAX);
    while (unit->asked > 0) { // what was asked before says nothing new
        run_until(&w, w.now_us + US_PER_S / 100);
    }
    assert_int_equal(unit->pause_us, w.f.config.buses[0].probe_min_ms * US_PER_MS);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_illegal_address_is_cut_out),
        cmocka_unit_test(test_a_passing_refusal_is_forgotten),
        cmocka_unit_test(test_a_lasting_refusal_is_tried_rarely),
        cmocka_unit_test(test_a_unit_that_a_gateway_cannot_reach_is_dead),
        cmocka_unit_test(test_a_part_that_a_gateway_cannot_reach_kills_nothing),
        cmocka_unit_test(test_what_is_answered_speaks_for_the_rest),
        cmocka_unit_test(test_not_all_blocks_of_a_dead_unit_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
