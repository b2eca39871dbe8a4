// SPDX-License-Identifier: Apache-2.0
// Goal: the silences of [SL 2.5.1.1] at the speeds where the rule changes.
#include "modbus/timing.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_silences_per_speed(void **state)
{
    (void)state;
    static const struct {
        uint32_t baud, bits;
        bool char_times;
        uint32_t char_us, t15_us, t35_us;
    } cases[] = {
        {9600, 11, false, 1146, 1719, 4011},    {19200, 11, false, 573, 860, 2006},
        {19200, 10, false, 521, 782, 1823},     {19201, 11, false, 573, 750, 1750},
        {38400, 11, false, 287, 750, 1750},     {115200, 10, false, 87, 750, 1750},
        {115200, 10, true, 87, 131, 304},       {115200, 11, true, 96, 144, 335},
        {300, 11, false, 36667, 55000, 128334}, {4000000, 10, true, 3, 4, 9},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mb_silence s = mb_silence(cases[i].baud, cases[i].bits, cases[i].char_times);
        assert_int_equal(s.char_us, cases[i].char_us);
        assert_int_equal(s.t15_us, cases[i].t15_us);
        assert_int_equal(s.t35_us, cases[i].t35_us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silences_per_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
