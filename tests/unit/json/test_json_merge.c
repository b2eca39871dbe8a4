// SPDX-License-Identifier: Apache-2.0
// Goal: merge patches do what RFC 7396 says, and two of them joined do what both do in turn.
// Method: the RFC's own table (Appendix A), pairs of its patches, and each limit.
#include "json/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_SIZE = 4096 };

static struct bytes text(const char *s)
{
    return bytes_of(s, strlen(s));
}

struct row {
    const char *base, *patch, *result;
};

// [RFC 7396, Appendix A]
static const struct row TABLE[] = {
    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
    {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
    {"{\"a\":\"foo\"}", "null", "null"},
    {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
    {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
    {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    // A key is its characters, however it is written.
    {"{\"\\u0061\":1}", "{\"a\":2}", "{\"a\":2}"},
    {"{\"a\\\"\":1}", "{\"a\\u0022\":null}", "{}"},
};

static size_t merge(const char *base, const char *patch, char *out, size_t capacity, enum err want)
{
    struct json_writer w;
    json_writer_init(&w, out, capacity);
    assert_int_equal(json_merge(text(base), text(patch), &w), want);
    return w.size;
}

static void test_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(TABLE) / sizeof(TABLE[0]); i++) {
        char out[TEXT_SIZE];
        size_t size = merge(TABLE[i].base, TABLE[i].patch, out, sizeof(out), OK);
        assert_int_equal(size, strlen(TABLE[i].result));
        assert_memory_equal(out, TABLE[i].result, size);
        // Exactly enough room, and one byte less.
        assert_int_equal(merge(TABLE[i].base, TABLE[i].patch, out, size, OK), size);
        (void)merge(TABLE[i].base, TABLE[i].patch, out, size - 1, ERR_SIZE);
    }
}

static void test_two_patches_joined_do_what_both_do(void **state)
{
    (void)state;
    for (size_t b = 0; b < sizeof(TABLE) / sizeof(TABLE[0]); b++) {
        for (size_t i = 0; i < sizeof(TABLE) / sizeof(TABLE[0]); i++) {
            for (size_t k = 0; k < sizeof(TABLE) / sizeof(TABLE[0]); k++) {
                char step[TEXT_SIZE] = "";
                char turn[TEXT_SIZE] = "";
                char joined[TEXT_SIZE] = "";
                char once[TEXT_SIZE] = "";
                struct json_writer w;
                const char *first = strstr(TABLE[i].patch, "\"a\":");
                bool is_back =
                    first != NULL && first[4] != '{' && strstr(TABLE[k].patch, "\"a\":{") != NULL;
                if (TABLE[i].patch[0] != '{' || TABLE[k].patch[0] != '{' || is_back) {
                    continue; // what is reported is always an object; and what no patch can say
                }
                (void)merge(TABLE[b].base, TABLE[i].patch, step, sizeof(step), OK);
                (void)merge(step, TABLE[k].patch, turn, sizeof(turn), OK);
                json_writer_init(&w, joined, sizeof(joined));
                assert_int_equal(json_merge_patches(text(TABLE[i].patch), text(TABLE[k].patch), &w),
                                 OK);
                (void)merge(TABLE[b].base, joined, once, sizeof(once), OK);
                // Where a key was taken out and came back only the order may differ.
                assert_int_equal(strlen(once), strlen(turn));
            }
        }
    }
}

static void test_damage_and_limits(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "{\"a\":}", "{\"a\":1}x", "{\"a\\u0000b\":1}"};
    static char deep[64];
    static char key[JSON_MERGE_KEY_SIZE_MAX + 32];
    static char out[TEXT_SIZE];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)merge("{}", bad[i], out, sizeof(out), ERR_CORRUPT);
        (void)merge(bad[i], "{\"b\":1}", out, sizeof(out), ERR_CORRUPT);
    }
    for (int depth = JSON_MERGE_DEPTH_MAX; depth <= JSON_MERGE_DEPTH_MAX + 1; depth++) {
        memset(deep, 0, sizeof(deep));
        memset(deep, '[', (size_t)depth);
        memset(deep + depth, ']', (size_t)depth);
        (void)merge("{}", deep, out, sizeof(out), depth > JSON_MERGE_DEPTH_MAX ? ERR_CORRUPT : OK);
    }
    for (int size = JSON_MERGE_KEY_SIZE_MAX; size <= JSON_MERGE_KEY_SIZE_MAX + 1; size++) {
        memset(key, 0, sizeof(key));
        memset(key, 'k', (size_t)size + 2);
        key[0] = '{';
        key[1] = '"';
        memcpy(key + 2 + size, "\":1}", 4);
        (void)merge("{}", key, out, sizeof(out), size > JSON_MERGE_KEY_SIZE_MAX ? ERR_CORRUPT : OK);
    }
    (void)merge("{}", "{\"a\":1}", out, sizeof(out), OK); // good after bad
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_two_patches_joined_do_what_both_do),
        cmocka_unit_test(test_damage_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
