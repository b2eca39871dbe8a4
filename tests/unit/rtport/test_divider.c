// SPDX-License-Identifier: Apache-2.0
// Goal: the UART runs at the speed it was told, or refuses. Method: MediaTek's own figures for
// three speeds, then every speed there is against exact arithmetic.
#include "port/mt3620/divider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define CLOCK 26000000

static struct divider find(uint32_t baud)
{
    struct divider divider;
    assert_int_equal(divider_find(CLOCK, baud, &divider), OK);
    return divider;
}

static unsigned bits_in(uint16_t mask)
{
    return (unsigned)__builtin_popcount(mask);
}

static void test_figures_of_the_vendor(void **state)
{
    (void)state;
    static const struct {
        uint32_t baud;
        uint16_t latch;
        uint8_t sample_count, sample_point;
        uint16_t fraction;
        uint32_t char_clocks;
    } rows[] = {
        {115200, 1, 224, 110, 0x0DF, 2257},
        {19200, 6, 224, 110, 0x0DF, 13542},
        {9600, 11, 245, 121, 0x044, 27082},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct divider divider = find(rows[i].baud);
        assert_int_equal(divider.latch, rows[i].latch);
        assert_int_equal(divider.sample_count, rows[i].sample_count);
        assert_int_equal(divider.sample_point, rows[i].sample_point);
        assert_int_equal(divider.fraction, rows[i].fraction);
        assert_int_equal(divider_char_min(&divider, 10), rows[i].char_clocks);
        assert_int_equal(divider_char_max(&divider, 10), rows[i].char_clocks);
    }
}

static void test_every_speed_is_within_a_percent(void **state)
{
    (void)state;
    for (uint32_t baud = DIVIDER_BAUD_MIN; baud <= DIVIDER_BAUD_MAX; baud++) {
        struct divider divider = find(baud);
        assert_int_equal(bits_in(divider.fraction), divider.fraction_bits);
        double clocks = divider.latch * (10.0 * (divider.sample_count + 1) + divider.fraction_bits);
        double real = CLOCK * 10.0 / clocks;
        assert_true(real > baud * 0.99 && real < baud * 1.01);
        assert_true(divider.baud > real - 1 && divider.baud < real + 1);
        assert_true(divider.sample_point < divider.sample_count);
        assert_int_equal(divider_char_min(&divider, 10), (uint32_t)clocks);
        assert_true(divider_char_max(&divider, 12) >= divider_char_min(&divider, 12));
    }
}

static void test_what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct divider divider = {.latch = 7};
    assert_int_equal(divider_find(CLOCK, DIVIDER_BAUD_MIN - 1, &divider), ERR_ARG);
    assert_int_equal(divider_find(CLOCK, DIVIDER_BAUD_MAX + 1, &divider), ERR_ARG);
    assert_int_equal(divider_find(CLOCK, 0, &divider), ERR_ARG);
    // A clock too slow to make the speed.
    assert_int_equal(divider_find(2000000, 921600, &divider), ERR_UNSUPPORTED);
    assert_int_equal(divider.latch, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_of_the_vendor),
        cmocka_unit_test(test_every_speed_is_within_a_percent),
        cmocka_unit_test(test_what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
