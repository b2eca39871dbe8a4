// SPDX-License-Identifier: Apache-2.0
// Goal: a configuration keeps its name however a hub writes it, and another one has another name.
// Method: pairs of texts.
#include "apps/gateway/twin/remote_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0;
    assert_int_equal(remote_hash(bytes_of(text, strlen(text)), &hash), OK);
    assert_true(hash != 0);
    return hash;
}

static void test_what_is_the_same(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"{}", " { } "},
        {"{\"a\":1,\"b\":{\"c\":[1,2],\"d\":null}}", "{\"b\":{\"d\":null,\"c\":[1, 2]},\"a\":1}"},
        {"{\"a\":100}", "{\"a\":1e2}"},
        {"{\"a\":0}", "{\"a\":-0.0}"},
        {"{\"a\":\"\\u00e9\\n\\ud83d\\ude00/\"}", "{\"a\":\"\xc3\xa9\\n\xf0\x9f\x98\x80\\/\"}"},
        {"{\"\\u0061\":1}", "{\"a\":1}"},
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_true(hash_of(same[i][0]) == hash_of(same[i][1]));
    }
}

static void test_what_is_not(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{}",
        "[]",
        "null",
        "0",
        "\"\"",
        "false",
        "true",
        "{\"a\":1}",
        "{\"a\":2}",
        "{\"b\":1}",
        "{\"a\":\"1\"}",
        "{\"a\":[1]}",
        "{\"a\":{}}",
        "{\"a\":null}",
        "{\"a\":[]}",
        "{\"a\":[1,2]}",
        "{\"a\":[2,1]}",
        "{\"a\":{\"b\":1}}",
        "{\"a\":1,\"b\":1}",
        "{\"a\":1,\"b\":2}",
        "{\"a\":2,\"b\":1}",
        "{\"a\":{\"c\":1},\"b\":{\"d\":1}}",
        "{\"a\":{\"d\":1},\"b\":{\"c\":1}}",
    };
    size_t count = sizeof(others) / sizeof(others[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_true(hash_of(others[i]) != hash_of(others[k]));
        }
    }
}

static void test_the_section(void **state)
{
    (void)state;
    static const struct {
        const char *document, *section;
    } rows[] = {
        {"{}", "{}"},
        {"{\"config\":null}", "{}"},
        {"{\"x\":{\"config\":1},\"config\":{\"a\":1}}", "{\"a\":1}"},
        {"{\"config\":[1]}", "[1]"},
        {"[]", NULL},
        {"", NULL},
        {"{\"config\":{}", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes out = bytes_of(NULL, 0);
        enum err err =
            remote_section(bytes_of(rows[i].document, strlen(rows[i].document)), "config", &out);
        assert_int_equal(err, rows[i].section != NULL ? OK : ERR_CORRUPT);
        if (rows[i].section != NULL) {
            assert_int_equal(out.size, strlen(rows[i].section));
            assert_memory_equal(out.data, rows[i].section, out.size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_the_same),
        cmocka_unit_test(test_what_is_not),
        cmocka_unit_test(test_the_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
