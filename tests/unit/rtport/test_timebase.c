// SPDX-License-Identifier: Apache-2.0
// Goal: time from the 32-bit counter is exact, never goes back and survives the counter's wrap.
// Method: a 64-bit count beside it as the truth, steps of every size, stamps on both sides.
#include "port/mt3620/timebase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static uint64_t truth_us(uint64_t ticks)
{
    return ticks * 5 / TICKS_PER_5US;
}

static void test_time_is_exact_over_days(void **state)
{
    (void)state;
    uint64_t random = 1;
    uint64_t ticks = 0;
    struct timebase base = {.us = 0};
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t step = next_random(&random) % (i % 3 == 0 ? UINT64_C(4294967295) : 2000);
        ticks += step;
        timebase_advance(&base, (uint32_t)ticks);
        assert_true(base.us == truth_us(ticks));
        assert_true(base.rest < TICKS_PER_5US);
    }
}

static void test_stamps_on_both_sides_of_now(void **state)
{
    (void)state;
    uint64_t random = 2;
    uint64_t ticks = UINT64_C(5000000000);
    struct timebase base = {.us = truth_us(ticks), .ticks = (uint32_t)ticks};
    base.rest = (uint32_t)(ticks * 5 % TICKS_PER_5US);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t step = next_random(&random) % 3000000;
        ticks += step;
        timebase_advance(&base, (uint32_t)ticks);
        uint64_t away = next_random(&random) % (i % 2 == 0 ? 2000 : UINT64_C(2000000000));
        assert_true(timebase_us(&base, (uint32_t)(ticks - away)) == truth_us(ticks - away));
        assert_true(timebase_us(&base, (uint32_t)(ticks + away)) == truth_us(ticks + away));
    }
}

static void test_before_across_the_wrap(void **state)
{
    (void)state;
    assert_true(ticks_before(UINT32_MAX, 0));
    assert_false(ticks_before(0, UINT32_MAX));
    assert_false(ticks_before(7, 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_is_exact_over_days),
        cmocka_unit_test(test_stamps_on_both_sides_of_now),
        cmocka_unit_test(test_before_across_the_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
