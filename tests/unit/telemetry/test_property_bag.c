// SPDX-License-Identifier: Apache-2.0
// Goal: the bag of a message names it exactly; anything else is refused.
#include "telemetry/property_bag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_a_bag_is_written_and_read(void **state)
{
    (void)state;
    const struct tm_bag bag = {
        .kind = TM_MESSAGE_EVENTS, .journal_id = 0xfedcba9876543210, .number = UINT64_MAX};
    char out[TM_BAG_SIZE_MAX + 1];
    size_t size = 0;
    assert_int_equal(tm_bag_write(&bag, out, TM_BAG_SIZE_MAX, &size), OK);
    out[size] = '\0';
    assert_string_equal(
        out, "$.ct=application%2Fjson&$.ce=utf-8&t=e&j=fedcba9876543210&n=18446744073709551615");
    struct tm_bag read = {.number = 0};
    assert_int_equal(tm_bag_read(bytes_of(out, size), &read), OK);
    assert_true(read.kind == bag.kind && read.journal_id == bag.journal_id &&
                read.number == bag.number);
    size_t unused = 0;
    assert_int_equal(tm_bag_write(&bag, out, size - 1, &unused), ERR_SIZE);
}

static void test_bags_are_read_in_any_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } table[] = {
        {"t=s&j=0000000000000001&n=5", OK},
        {"n=5&%6a=000000000000000%31&t=%73&other&x=&a_very_long_key_that_is_not_ours=1", OK},
        {"", ERR_CORRUPT},
        {"t=s&j=0000000000000001", ERR_CORRUPT},
        {"t=s&t=s&j=0000000000000001&n=5", ERR_CORRUPT},
        {"t=z&j=0000000000000001&n=5", ERR_UNSUPPORTED},
        {"t=s&j=000000000000001&n=5", ERR_CORRUPT},
        {"t=s&j=00000000000000000&n=5", ERR_CORRUPT},
        {"t=s&j=000000000000000G&n=5", ERR_CORRUPT},
        {"t=s&j=0000000000000001&n=", ERR_CORRUPT},
        {"t=s&j=0000000000000001&n=-5", ERR_CORRUPT},
        {"t=s&j=0000000000000001&n=18446744073709551616", ERR_CORRUPT},
        {"t=s&j=0000000000000001&n=%3", ERR_CORRUPT},
        {"t=s&j=0000000000000001&n=%zz", ERR_CORRUPT},
        {"t&j=0000000000000001&n=5", ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct tm_bag bag = {.number = 0};
        enum err err = tm_bag_read(bytes_of(table[i].text, strlen(table[i].text)), &bag);
        if (err != table[i].err) {
            fail_msg("%s: %s", table[i].text, err_name(err));
        }
        if (err == OK) {
            assert_true(bag.kind == TM_MESSAGE_SAMPLES && bag.journal_id == 1 && bag.number == 5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bag_is_written_and_read),
        cmocka_unit_test(test_bags_are_read_in_any_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
