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

enum { MANY = 10 * LOG_REPEAT_MAX };

struct heard {
    unsigned audit, info;
};

static void on_line(void *ctx, const char *line, size_t size)
{
    struct heard *heard = ctx;
    heard->audit += memmem(line, size, " level=audit mod=t ev=change who=", 33) != NULL ? 1 : 0;
    heard->info += memmem(line, size, " level=info mod=t ev=change ", 28) != NULL ? 1 : 0;
}

// The same (mod, ev) on both levels: the ones that are held back take none of the others along.
static void test_no_audit_line_is_held_back_as_a_repeat_or_by_the_level(void **state)
{
    (void)state;
    struct heard heard = {0};
    log_set_tap(on_line, &heard);
    assert_int_equal(log_set_level("info"), OK);
    for (unsigned i = 0; i < MANY; i++) {
        log_info("t", "change", "%s", "");
        log_audit("t", "change", "who=%u", i);
    }
    assert_true(heard.info <= 2 * LOG_REPEAT_MAX); // a window may end meanwhile
    assert_int_equal(heard.audit, MANY);
    assert_int_equal(log_set_level("error"), OK);
    log_audit("t", "change", "who=%u", MANY);
    assert_int_equal(heard.audit, MANY + 1);
    assert_int_equal(log_set_level("audit"), ERR_ARG); // nobody can ask for less than these
    log_set_tap(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stays_as_it_is),
        cmocka_unit_test(test_odd_text_is_quoted_and_escaped),
        cmocka_unit_test(test_long_text_is_cut_at_every_length),
        cmocka_unit_test(test_levels_have_names),
        cmocka_unit_test(test_no_audit_line_is_held_back_as_a_repeat_or_by_the_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
