// SPDX-License-Identifier: Apache-2.0
// Goal: the backlog follows at its rate, stands back when PUBACKs come late, and comes up again.
// Method: the machine alone, in virtual time.
#include "apps/gateway/north/pacing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct pacing pacing;

static void begin(uint32_t per_min)
{
    pacing_init(&pacing, &(struct pacing_config){.messages_per_min = per_min}, 0);
}

// Takes what there is room for, for so long; each PUBACK comes latency_us after its PUBLISH.
static uint32_t take_for(uint64_t from_us, uint64_t for_us, uint64_t latency_us)
{
    uint32_t taken = 0;
    for (uint64_t now_us = from_us; now_us < from_us + for_us; now_us += US_PER_S / 10) {
        uint32_t room = pacing_room(&pacing, now_us, 0);
        pacing_took(&pacing, now_us, room);
        for (uint32_t i = 0; i < room; i++) {
            pacing_acked(&pacing, now_us, latency_us);
        }
        taken += room;
    }
    return taken;
}

static void test_rate_is_kept_and_nothing_goes_while_offline(void **state)
{
    (void)state;
    begin(0);
    assert_int_equal(pacing_room(&pacing, US_PER_MIN, 0), 0);
    assert_int_equal(pacing_deadline_us(&pacing), TIME_NEVER);
    pacing_online(&pacing, US_PER_MIN);
    assert_int_equal(pacing_room(&pacing, US_PER_MIN, 0), 0); // live data first
    assert_int_equal(pacing_deadline_us(&pacing), US_PER_MIN + US_PER_S / 2);
    uint32_t taken = take_for(US_PER_MIN, 10 * US_PER_MIN, 50000);
    assert_true(taken >= 1190 && taken <= 1200);
    pacing_offline(&pacing, 12 * US_PER_MIN);
    assert_int_equal(pacing_room(&pacing, 13 * US_PER_MIN, 0), 0);
}

static void test_a_pause_saves_up_little_and_few_are_in_flight(void **state)
{
    (void)state;
    begin(60);
    pacing_online(&pacing, 0);
    assert_int_equal(pacing_room(&pacing, US_PER_HOUR, 0), 4);
    assert_int_equal(pacing_room(&pacing, US_PER_HOUR, 1), 3);
    assert_int_equal(pacing_room(&pacing, US_PER_HOUR, PACING_IN_FLIGHT_MAX), 0);
}

static void test_late_pubacks_halve_the_rate_and_good_ones_raise_it(void **state)
{
    (void)state;
    begin(120);
    pacing_online(&pacing, 0);
    pacing_acked(&pacing, 1, 50000);
    uint64_t now_us = 10 * US_PER_S;
    pacing_acked(&pacing, now_us, 2000000);
    assert_int_equal(pacing.rate_per_min, 120); // just in time
    pacing_acked(&pacing, now_us, 2000001);
    assert_int_equal(pacing.rate_per_min, 60);
    pacing_acked(&pacing, now_us + US_PER_S, 9000000); // of the same row
    assert_int_equal(pacing.rate_per_min, 60);
    for (unsigned i = 0; i < 20; i++) {
        now_us += 10 * US_PER_S;
        pacing_acked(&pacing, now_us, 9000000);
    }
    assert_int_equal(pacing.rate_per_min, 1);
    for (unsigned i = 0; i < 40; i++) {
        now_us += 30 * US_PER_S;
        pacing_acked(&pacing, now_us, 50000);
    }
    assert_int_equal(pacing.rate_per_min, 120);
}

static void test_a_far_hub_is_not_a_slow_one(void **state)
{
    (void)state;
    begin(120);
    pacing_online(&pacing, 0);
    for (uint64_t now_us = US_PER_S; now_us < US_PER_HOUR; now_us += 10 * US_PER_S) {
        pacing_acked(&pacing, now_us, 1900000); // by way of a satellite, at worst
        pacing_acked(&pacing, now_us, 7000000); // four times that is not late
    }
    assert_int_equal(pacing.rate_per_min, 120);
}

static void test_nothing_goes_while_a_puback_is_overdue(void **state)
{
    (void)state;
    begin(120);
    pacing_online(&pacing, 0);
    pacing_waiting(&pacing, US_PER_MIN, US_PER_MIN);
    assert_true(pacing_room(&pacing, US_PER_MIN + 1999999, 1) > 0);
    assert_int_equal(pacing_room(&pacing, US_PER_MIN + 2000000, 1), 0);
    assert_int_equal(pacing.rate_per_min, 60);
    pacing_waiting(&pacing, US_PER_MIN + 3000000, TIME_NEVER);
    assert_true(pacing_room(&pacing, US_PER_MIN + 3000000, 0) > 0);
}

static void test_too_many_requests_pauses(void **state)
{
    (void)state;
    begin(120);
    pacing_online(&pacing, 0);
    pacing_throttled(&pacing, US_PER_MIN, 30);
    assert_int_equal(pacing_room(&pacing, 90 * US_PER_S - 1, 0), 0);
    assert_int_equal(pacing_deadline_us(&pacing), 90 * US_PER_S);
    assert_true(pacing_room(&pacing, 90 * US_PER_S, 0) > 0);
    assert_int_equal(pacing.rate_per_min, 60);
    pacing_throttled(&pacing, 100 * US_PER_S, 0);
    assert_int_equal(pacing_room(&pacing, 109 * US_PER_S, 0), 0);
    assert_true(pacing_room(&pacing, 110 * US_PER_S, 0) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_is_kept_and_nothing_goes_while_offline),
        cmocka_unit_test(test_a_pause_saves_up_little_and_few_are_in_flight),
        cmocka_unit_test(test_late_pubacks_halve_the_rate_and_good_ones_raise_it),
        cmocka_unit_test(test_a_far_hub_is_not_a_slow_one),
        cmocka_unit_test(test_nothing_goes_while_a_puback_is_overdue),
        cmocka_unit_test(test_too_many_requests_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
