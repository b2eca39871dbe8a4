// SPDX-License-Identifier: Apache-2.0
// Goal: a buffer that the other core names may be anywhere but in our memory or registers.
// Method: each border of each region, and sizes that wrap.
#include "port/mt3620/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_borders(void **state)
{
    (void)state;
    assert_false(memory_is_foreign(0x00100000, 4096)); // TCM
    assert_false(memory_is_foreign(0x001FFFFF, 1));
    assert_true(memory_is_foreign(0x00200000, 4096));
    assert_false(memory_is_foreign(0x0FFFFFFF, 2)); // into flash
    assert_true(memory_is_foreign(0x0FFFF000, 4096));
    assert_false(memory_is_foreign(0x20FFF000, 8192)); // into our peripherals
    assert_false(memory_is_foreign(0x2200FFFF, 4096)); // out of our SYSRAM
    assert_true(memory_is_foreign(0x22010000, 4096));
    assert_false(memory_is_foreign(0x38070500, 64));
    assert_false(memory_is_foreign(0xE000ED00, 64));
    assert_true(memory_is_foreign(0x80001020, 4096));
}

static void test_sizes_that_wrap(void **state)
{
    (void)state;
    assert_false(memory_is_foreign(0x80000000, 0));
    assert_false(memory_is_foreign(0x80000000, UINT32_MAX));
    assert_false(memory_is_foreign(0xDFFFFFFF, 0x20000002));
    assert_true(memory_is_foreign(0xDFFFFFFF, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_sizes_that_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
