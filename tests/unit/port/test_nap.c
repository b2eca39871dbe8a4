// SPDX-License-Identifier: Apache-2.0
// Goal: a sleeper whose timer fires late wakes close to its time, seldom before it, and a wrong
// guess costs a bounded time awake. Method: a made-up system with a known lateness.
#include "port/linux/nap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define WAKES 2000

// How long after until_us the last of many naps ended, on a system that is late by that much.
static int64_t settled_us(uint64_t late_us)
{
    struct nap nap = {0};
    int64_t off_us = 0;
    for (uint64_t i = 1; i <= WAKES; i++) {
        uint64_t until_us = i * 10000;
        uint64_t timer_us = nap_timer_us(&nap, until_us);
        assert_int_equal(nap_woke(&nap, timer_us, timer_us + late_us), late_us);
        off_us = (int64_t)(timer_us + late_us) - (int64_t)until_us;
    }
    return off_us;
}

static void test_constant_lateness_is_made_up_for(void **state)
{
    (void)state;
    assert_in_range(settled_us(80) + 10, 0, 20);
    assert_in_range(settled_us(0) + 1, 0, 1);
}

static void test_lead_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(settled_us(NAP_LEAD_MAX_US + 5000), 5000);
}

static void test_scattered_lateness_seldom_wakes_early(void **state)
{
    (void)state;
    struct nap nap = {0};
    uint64_t early_us = 0;
    uint64_t late_us = 0;
    unsigned early = 0;
    uint32_t random = 1;
    for (uint64_t i = 1; i <= WAKES; i++) {
        random = random * 1664525U + 1013904223U;
        uint64_t until_us = i * 10000;
        uint64_t woke_us = nap_timer_us(&nap, until_us) + 40 + (random >> 24); // 40 to 295 late
        if (woke_us < until_us) {
            early++;
            early_us += until_us - woke_us;
        } else {
            late_us += woke_us - until_us;
        }
        nap_woke(&nap, nap_timer_us(&nap, until_us), woke_us);
    }
    assert_in_range(early, 1, WAKES / 6);
    assert_true(early_us / WAKES < 10); // awake for nothing, on average
    assert_true(late_us / WAKES < 128); // less than without a lead, which is 167
}

static void test_a_faster_system_is_noticed_soon(void **state)
{
    (void)state;
    struct nap nap = {.lead_us = NAP_LEAD_MAX_US};
    for (uint64_t i = 1; i <= 30; i++) {
        uint64_t timer_us = nap_timer_us(&nap, i * 10000);
        nap_woke(&nap, timer_us, timer_us);
    }
    assert_in_range(nap.lead_us, 0, 1);
}

static void test_time_before_the_first_lead_is_no_underflow(void **state)
{
    (void)state;
    const struct nap nap = {.lead_us = 50};
    assert_int_equal(nap_timer_us(&nap, 50), 0);
    assert_int_equal(nap_timer_us(&nap, 51), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_lateness_is_made_up_for),
        cmocka_unit_test(test_lead_is_bounded),
        cmocka_unit_test(test_scattered_lateness_seldom_wakes_early),
        cmocka_unit_test(test_a_faster_system_is_noticed_soon),
        cmocka_unit_test(test_time_before_the_first_lead_is_no_underflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
