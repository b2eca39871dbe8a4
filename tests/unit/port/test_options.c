// SPDX-License-Identifier: Apache-2.0
// Goal: every type, default and limit of the option table, and a refusal for every mistake.
#include "port/linux/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

struct sample {
    bool flag;
    uint64_t number;
    double real;
    const char *text;
    const char *must;
    struct option_list list;
    struct option_list rest;
};

static const struct option OPTIONS[] = {
    {.name = "flag", .type = OPTION_FLAG, .offset = offsetof(struct sample, flag)},
    {.name = "number",
     .type = OPTION_UINT,
     .offset = offsetof(struct sample, number),
     .min = 3,
     .max = 9,
     .fallback = "5"},
    {.name = "real",
     .type = OPTION_REAL,
     .offset = offsetof(struct sample, real),
     .max = 1,
     .fallback = "0.25"},
    {.name = "text", .type = OPTION_TEXT, .offset = offsetof(struct sample, text)},
    {.name = "must", .type = OPTION_TEXT, .offset = offsetof(struct sample, must), .min = 1},
    {.name = "list", .type = OPTION_LIST, .offset = offsetof(struct sample, list)},
    {.name = "FILE", .type = OPTION_REST, .offset = offsetof(struct sample, rest), .max = 2},
};

static const struct option_table TABLE = {
    .program = "sample", .purpose = "for tests", .options = OPTIONS, .count = COUNT_OF(OPTIONS)};

static enum option_result parse(struct sample *out, const char *line)
{
    static char copy[256];
    static char program[] = "sample";
    char *argv[32] = {program};
    int argc = 1;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    memset(out, 0xff, sizeof(*out)); // what was there before does not count
    return options_parse(&TABLE, argc, argv, out);
}

static void test_defaults_and_every_type(void **state)
{
    (void)state;
    struct sample s;
    assert_int_equal(parse(&s, "--must x"), OPTIONS_RUN);
    assert_false(s.flag);
    assert_int_equal(s.number, 5);
    assert_true(s.real == 0.25);
    assert_null(s.text);
    assert_int_equal(parse(&s, "--must=x --flag --number 9 --real=1 --list a --list b c"),
                     OPTIONS_RUN);
    assert_true(s.flag);
    assert_int_equal(s.number, 9);
    assert_int_equal(s.list.count, 2);
    assert_string_equal(s.list.item[1], "b");
    assert_int_equal(s.rest.count, 1);
    assert_string_equal(s.rest.item[0], "c");
    assert_int_equal(parse(&s, "--help"), OPTIONS_HELP);
    assert_int_equal(parse(&s, "--version"), OPTIONS_HELP);
}

static void test_each_mistake_is_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "",
        "--must",
        "--must x --number 2",
        "--must x --number 10",
        "--must x --number -4",
        "--must x --number 5x",
        "--must x --number 99999999999999999999",
        "--must x --real nan",
        "--must x --real 1.5",
        "--must x --flag=1",
        "--must x --must y",
        "--must x --unknown",
        "--must x a b c",
        "--must x --log-level loud",
    };
    for (size_t i = 0; i < COUNT_OF(WRONG); i++) {
        struct sample s;
        if (parse(&s, WRONG[i]) != OPTIONS_WRONG) {
            fail_msg("accepted: %s", WRONG[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_and_every_type),
        cmocka_unit_test(test_each_mistake_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
