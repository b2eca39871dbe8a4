// SPDX-License-Identifier: Apache-2.0
// Goal: the merge rules, the metadata and each limit of twins, the limit and one beyond, by tables.
#include "apps/hub/backend/twin_merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct twin_merge merge;

static struct bytes span(const char *text)
{
    return bytes_of(text, strlen(text));
}

static void expect_text(struct bytes got, const char *want)
{
    if (!bytes_equal(got, span(want))) {
        fail_msg("got %.*s, want %s", (int)got.size, (const char *)got.data, want);
    }
}

static bool run(const char *old, const char *patch, bool is_replace, struct verdict *why)
{
    struct twin_merge_in in = {.section = TWIN_DESIRED,
                               .old = span(old),
                               .patch = span(patch),
                               .is_replace = is_replace,
                               .version = 7,
                               .utc_ms = 1000};
    return twin_merge_run(&merge, &in, why);
}

static void test_merge_rules(void **state)
{
    static const struct {
        const char *old, *patch;
        bool is_replace;
        const char *want, *notice;
    } rows[] = {
        {"", "{}", false, "{}", "{\"$version\":7}"},
        {"{\"a\":1}", "{\"b\":2}", false, "{\"a\":1,\"b\":2}", "{\"b\":2,\"$version\":7}"},
        {"{\"a\":1}", "{\"a\":null}", false, "{}", "{\"a\":null,\"$version\":7}"},
        {"{\"a\":1}", "{\"b\":null}", false, "{\"a\":1}", "{\"b\":null,\"$version\":7}"},
        {"{\"a\":{\"x\":1,\"y\":[1,2]}}", "{\"a\":{\"y\":[3]}}", false,
         "{\"a\":{\"x\":1,\"y\":[3]}}", "{\"a\":{\"y\":[3]},\"$version\":7}"},
        {"{\"a\":{\"x\":1}}", "{\"a\":5}", false, "{\"a\":5}", "{\"a\":5,\"$version\":7}"},
        {"{\"a\":5}", "{\"a\":{\"x\":null,\"y\":{\"z\":null}}}", false, "{\"a\":{\"y\":{}}}",
         "{\"a\":{\"x\":null,\"y\":{\"z\":null}},\"$version\":7}"},
        {"{\"a\":1,\"b\":{\"c\":1,\"d\":2}}", "{\"b\":{\"c\":9}}", true, "{\"b\":{\"c\":9}}",
         "{\"b\":{\"c\":9,\"d\":null},\"a\":null,\"$version\":7}"},
        {"{}", "{\"$version\":3,\"$metadata\":{\"q\":1},\"k\":true}", false, "{\"k\":true}",
         "{\"k\":true,\"$version\":7}"},
        // The same key in another spelling.
        {"{\"a\":1}", "{\"\\u0061\":2}", false, "{\"a\":2}", "{\"a\":2,\"$version\":7}"},
        {"{\"a\":\"\\u00e4\\n\"}", "{\"b\":1.50}", false, "{\"a\":\"\\u00e4\\n\",\"b\":1.50}",
         "{\"b\":1.50,\"$version\":7}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct verdict why;
        assert_true(run(rows[i].old, rows[i].patch, rows[i].is_replace, &why));
        expect_text(merge.properties, rows[i].want);
        expect_text(merge.notice, rows[i].notice);
    }
}

static void test_refusals_say_what_and_where(void **state)
{
    static const struct {
        const char *patch;
        enum hub_code code;
        const char *words;
    } rows[] = {
        {"", HUB_DONE, ""},
        {"[]", HUB_ARGUMENT_INVALID, "line 1 column 1"},
        {"{\"a\":1", HUB_ARGUMENT_INVALID, "line 1 column 7"},
        {"{\"a\":1}x", HUB_ARGUMENT_INVALID, "line 1 column 8"},
        {"{\"a\":1,\"a\":2}", HUB_ARGUMENT_INVALID, "column 8"},
        {"{\"a.b\":1}", HUB_ARGUMENT_INVALID, "\"a.b\""},
        {"{\"a b\":1}", HUB_ARGUMENT_INVALID, "\"a b\""},
        {"{\"$a\":1}", HUB_ARGUMENT_INVALID, "\"$a\""},
        {"{\"x\":{\"$version\":1}}", HUB_ARGUMENT_INVALID, "$version"},
        {"{\"\":1}", HUB_ARGUMENT_INVALID, "1 to 1024 bytes"},
        {"{\"a\\u0000\":1}", HUB_ARGUMENT_INVALID, "control"},
        {"{\"a\\u0085\":1}", HUB_ARGUMENT_INVALID, "control"},
        {"{\"a\\u00e9\":1}", HUB_DONE, ""},
        {"{\"n\":4503599627370495}", HUB_DONE, ""},
        {"{\"n\":4503599627370496}", HUB_ARGUMENT_INVALID, "4503599627370496"},
        {"{\"n\":-4503599627370496}", HUB_DONE, ""},
        {"{\"n\":-4503599627370497}", HUB_ARGUMENT_INVALID, "-4503599627370497"},
        {"{\"n\":[{\"m\":4503599627370496}]}", HUB_ARGUMENT_INVALID, "4503599627370496"},
        {"{\"n\":1e400}", HUB_ARGUMENT_INVALID, "too large"},
        {"{\"n\":1.5e300}", HUB_DONE, ""},
        {"{\"n\":[{\"a.b\":1}]}", HUB_ARGUMENT_INVALID, "\"a.b\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct verdict why;
        bool is_good = run("{\"old\":1}", rows[i].patch, false, &why);
        if (is_good != (rows[i].code == HUB_DONE) || why.code != rows[i].code ||
            strstr(why.message, rows[i].words) == NULL) {
            fail_msg("%s: %d %s", rows[i].patch, (int)why.code, why.message);
        }
        assert_true(run("{\"old\":1}", "{\"good\":1}", false, &why)); // good after bad
    }
}

static char text[1 << 20];

static void repeat(size_t *at, char c, size_t count)
{
    memset(text + *at, c, count);
    *at += count;
    text[*at] = '\0';
}

static void append(size_t *at, const char *more)
{
    size_t size = strlen(more);
    memcpy(text + *at, more, size + 1);
    *at += size;
}

static bool run_key(size_t size)
{
    struct verdict why;
    size_t at = 0;
    append(&at, "{\"");
    repeat(&at, 'k', size);
    append(&at, "\":1}");
    return run("", text, false, &why);
}

static bool run_string(size_t size, bool in_array)
{
    struct verdict why;
    size_t at = 0;
    append(&at, in_array ? "{\"k\":[\"" : "{\"k\":\"");
    append(&at, "\\u00e4"); // two bytes
    repeat(&at, 's', size - 2);
    append(&at, in_array ? "\"]}" : "\"}");
    return run("", text, false, &why);
}

// levels of objects below the section, and an array as the last one.
static bool run_depth(size_t levels, bool ends_in_array)
{
    struct verdict why;
    size_t at = 0;
    append(&at, "{");
    for (size_t i = 0; i < levels - (ends_in_array ? 1 : 0); i++) {
        append(&at, "\"k\":{");
    }
    append(&at, ends_in_array ? "\"v\":[1]" : "\"v\":1");
    for (size_t i = 0; i < levels - (ends_in_array ? 1 : 0); i++) {
        append(&at, "}");
    }
    append(&at, "}");
    return run("", text, false, &why);
}

static void test_limits_and_one_beyond(void **state)
{
    (void)state;
    assert_true(run_key(TWIN_KEY_SIZE_MAX));
    assert_false(run_key(TWIN_KEY_SIZE_MAX + 1));
    assert_true(run_string(TWIN_STRING_SIZE_MAX, false));
    assert_false(run_string(TWIN_STRING_SIZE_MAX + 1, false));
    assert_true(run_string(TWIN_STRING_SIZE_MAX, true));
    assert_false(run_string(TWIN_STRING_SIZE_MAX + 1, true));
    assert_true(run_depth(TWIN_DEPTH_MAX, false));
    assert_false(run_depth(TWIN_DEPTH_MAX + 1, false));
    assert_true(run_depth(TWIN_DEPTH_MAX, true));
    assert_false(run_depth(TWIN_DEPTH_MAX + 1, true));
}

// count members of 4 + 4,000 bytes, and one that fills up to the size.
static bool run_size(enum twin_section section, size_t size, size_t in_old, struct verdict *why)
{
    size_t at = 0;
    char key[16];
    append(&at, "{");
    for (size_t i = in_old; size > 0; i++) {
        size_t part = size > 4004 ? 4004 : size;
        assert_true(part > 4);
        snprintf(key, sizeof(key), "%s\"k%03zu\":\"", i == in_old ? "" : ",", i);
        append(&at, key);
        repeat(&at, 'x', part - 4);
        append(&at, "\"");
        size -= part;
    }
    append(&at, "}");
    const char *old = in_old == 0 ? "" : "{\"a\":12,\"b\":true,\"c\":[1,\"xy\"]}"; // 9 + 5 + 11
    struct twin_merge_in in = {
        .section = section, .old = span(old), .patch = span(text), .version = 1, .utc_ms = 1};
    return twin_merge_run(&merge, &in, why);
}

static void test_section_sizes(void **state)
{
    static const struct {
        enum twin_section section;
        size_t max;
    } rows[] = {{TWIN_DESIRED, 32768}, {TWIN_REPORTED, 32768}, {TWIN_TAGS, 8192}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct verdict why;
        assert_true(run_size(rows[i].section, rows[i].max, 0, &why));
        assert_int_equal(merge.counted, rows[i].max);
        assert_false(run_size(rows[i].section, rows[i].max + 1, 0, &why));
        assert_int_equal(why.code, HUB_TOO_LARGE);
        // What is there already counts: numbers 8, booleans 4, keys and strings their bytes.
        assert_true(run_size(rows[i].section, rows[i].max - 25, 1, &why));
        assert_int_equal(merge.counted, rows[i].max);
        assert_false(run_size(rows[i].section, rows[i].max - 24, 1, &why));
    }
}

static void test_values_are_bounded_where_the_count_is_not(void **state)
{
    (void)state;
    for (int over = 0; over <= 1; over++) {
        struct verdict why;
        size_t at = 0;
        char key[24];
        append(&at, "{");
        for (int i = 0; i < TWIN_VALUES_MAX + over; i++) {
            snprintf(key, sizeof(key), "%s\"%04x\":{}", i > 0 ? "," : "", (unsigned)i);
            append(&at, key);
        }
        append(&at, "}");
        assert_int_equal(run("", text, false, &why), over == 0);
        assert_int_equal(why.code, over == 0 ? HUB_DONE : HUB_TOO_LARGE);
    }
}

static void test_metadata_follows_the_values(void **state)
{
    struct verdict why;
    struct twin_merge_in in = {.section = TWIN_DESIRED,
                               .patch = span("{\"a\":1,\"o\":{\"p\":[1],\"q\":2}}"),
                               .version = 2,
                               .utc_ms = 86400000};
    char stored[2][512] = {0};
    char shown[1024];
    struct json_writer w;
    (void)state;
    assert_true(twin_merge_run(&merge, &in, &why));
    memcpy(stored[0], merge.properties.data, merge.properties.size);
    memcpy(stored[1], merge.metadata.data, merge.metadata.size);
    in.old = span(stored[0]);
    in.old_metadata = span(stored[1]);
    in.patch = span("{\"o\":{\"q\":null,\"r\":\"n\"}}");
    in.version = 3;
    in.utc_ms = 2 * 86400000;
    assert_true(twin_merge_run(&merge, &in, &why));
    expect_text(merge.properties, "{\"a\":1,\"o\":{\"p\":[1],\"r\":\"n\"}}");
    json_writer_init(&w, shown, sizeof(shown));
    assert_true(twin_metadata_write(&merge.patch, merge.metadata, true, &w));
    expect_text(json_writer_bytes(&w),
                "{\"$lastUpdated\":\"1970-01-03T00:00:00.0000000Z\",\"$lastUpdatedVersion\":3,"
                "\"a\":{\"$lastUpdated\":\"1970-01-02T00:00:00.0000000Z\","
                "\"$lastUpdatedVersion\":2},"
                "\"o\":{\"$lastUpdated\":\"1970-01-03T00:00:00.0000000Z\","
                "\"$lastUpdatedVersion\":3,"
                "\"p\":{\"$lastUpdated\":\"1970-01-02T00:00:00.0000000Z\","
                "\"$lastUpdatedVersion\":2},"
                "\"r\":{\"$lastUpdated\":\"1970-01-03T00:00:00.0000000Z\","
                "\"$lastUpdatedVersion\":3}}}");
    json_writer_init(&w, shown, sizeof(shown));
    assert_true(twin_metadata_write(&merge.patch, span("{\"\":[0,1]}"), false, &w));
    expect_text(json_writer_bytes(&w), "{\"$lastUpdated\":\"0001-01-01T00:00:00Z\"}");
    assert_false(twin_metadata_write(&merge.patch, span("{\"\":3}"), false, &w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_rules),
        cmocka_unit_test(test_refusals_say_what_and_where),
        cmocka_unit_test(test_limits_and_one_beyond),
        cmocka_unit_test(test_section_sizes),
        cmocka_unit_test(test_values_are_bounded_where_the_count_is_not),
        cmocka_unit_test(test_metadata_follows_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
