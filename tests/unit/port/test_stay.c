// SPDX-License-Identifier: Apache-2.0
// Goal: a thread settles on a CPU that wakes it in time, leaves one that does not, and one late
// wake-up now and then changes nothing. Method: lateness as data.
#include "port/linux/stay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PUNCTUAL_US 100
#define LATE_US     3000

// The first move other than STAY_AS_IT_IS within count wake-ups, every so many of them late.
static enum stay_move first_move(struct stay *stay, unsigned count, unsigned late_every)
{
    for (unsigned i = 1; i <= count; i++) {
        uint64_t late_us = late_every != 0 && i % late_every == 0 ? LATE_US : PUNCTUAL_US;
        enum stay_move move = stay_woke(stay, late_us);
        if (move != STAY_AS_IT_IS) {
            return move;
        }
    }
    return STAY_AS_IT_IS;
}

static void test_settles_where_it_is_woken_in_time(void **state)
{
    (void)state;
    struct stay stay = {0};
    assert_int_equal(first_move(&stay, 31, 0), STAY_AS_IT_IS);
    assert_int_equal(first_move(&stay, 1, 0), STAY_HERE);
    assert_int_equal(first_move(&stay, 100000, 0), STAY_AS_IT_IS);
}

static void test_rare_lateness_moves_nothing(void **state)
{
    (void)state;
    struct stay stay = {0};
    assert_int_equal(first_move(&stay, 1000, 0), STAY_HERE);
    assert_int_equal(first_move(&stay, 100000, 60), STAY_AS_IT_IS);
}

static void test_leaves_a_busy_cpu_and_settles_again(void **state)
{
    (void)state;
    struct stay stay = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(first_move(&stay, 1000, 0), STAY_HERE);
        assert_int_equal(first_move(&stay, 100, 5), STAY_FREE);
    }
    assert_int_equal(first_move(&stay, 1000, 0), STAY_HERE);
    assert_int_equal(first_move(&stay, 4, 1), STAY_FREE);
}

static void test_settles_nowhere_while_every_cpu_is_busy(void **state)
{
    (void)state;
    struct stay stay = {0};
    assert_int_equal(first_move(&stay, 100000, 5), STAY_AS_IT_IS);
    assert_int_equal(first_move(&stay, 1000, 0), STAY_HERE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settles_where_it_is_woken_in_time),
        cmocka_unit_test(test_rare_lateness_moves_nothing),
        cmocka_unit_test(test_leaves_a_busy_cpu_and_settles_again),
        cmocka_unit_test(test_settles_nowhere_while_every_cpu_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
