// SPDX-License-Identifier: Apache-2.0
// Goal: a value from outside can never forge or break a log line.
#include "port/linux/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_plain_text_stays_as_it_is(void **state)
{
    (void)state;
    assert_string_equal(log_quote("/dev/ttyUSB0").text, "/dev/ttyUSB0");
}

static void test_odd_text_is_quoted_and_escaped(void **state)
{
    (void)state;
    assert_string_equal(log_quote("").text, "\"\"");
    assert_string_equal(log_quote(NULL).text, "\"\"");
    assert_string_equal(log_quote("a b").text, "\"a b\"");
    assert_string_equal(log_quote("x\nlevel=info").text, "\"x\\x0alevel=info\"");
    assert_string_equal(log_quote("say \"hi\"").text, "\"say \\\"hi\\\"\"");
    assert_string_equal(log_quote("back\\slash").text, "\"back\\\\slash\"");
}

static void test_long_text_is_cut_at_every_length(void **state)
{
    (void)state;
    char text[2 * LOG_QUOTE_MAX];
    for (size_t size = 0; size < sizeof text; size++) {
        memset(text, size % 3 == 0 ? '\n' : 'x', size);
        text[size] = '\0';
        struct log_quoted quoted = log_quote(text);
        assert_non_null(memchr(quoted.text, '\0', sizeof quoted.text));
        if (size >= LOG_QUOTE_MAX) {
            assert_non_null(strstr(quoted.text, "...\""));
        }
    }
}

static void test_levels_have_names(void **state)
{
    (void)state;
    assert_int_equal(log_set_level("loud"), ERR_ARG);
    assert_int_equal(log_set_level("error"), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stays_as_it_is),
        cmocka_unit_test(test_odd_text_is_quoted_and_escaped),
        cmocka_unit_test(test_long_text_is_cut_at_every_length),
        cmocka_unit_test(test_levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
