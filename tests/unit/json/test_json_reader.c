// SPDX-License-Identifier: Apache-2.0
// Goal: the reader takes exactly RFC 8259, says where and why it refuses, and never reads past its
// text. Method: tables of good and bad documents, every truncation of a good one, limits +-1.
#include "json/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

// An exact copy on the heap, so that the sanitizer sees a read past the end.
static bool accepts(struct bytes text, const struct json_options *options, struct json_error *error)
{
    uint8_t *copy = malloc(text.size > 0 ? text.size : 1);
    assert_non_null(copy);
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    struct json_reader r;
    json_reader_init(&r, bytes_of(copy, text.size), options);
    bool good = json_skip(&r) && json_end(&r);
    assert_true(good == !json_failed(&r));
    *error = r.error;
    free(copy);
    return good;
}

static bool accepts_text(const char *text)
{
    struct json_error error;
    return accepts(bytes_of(text, strlen(text)), NULL, &error);
}

static void test_good_documents_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",
        "-0",
        "-1",
        "1.0",
        "1E+2",
        "1e-2",
        "0.5e0",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\xc3\xa9\"",
        "\"\xe2\x82\xac\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\x7f\"",
        "\"\xef\xbf\xbf\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[[],{}]",
        " [ 1 , 2 ] ",
        "\t{\r\n\"a\" : 1 , \"b\":[ ]}\n",
        "{\"\":0}",
        "{\"a\":1,\"a\":2}",
        "[null,true,false,\"x\",1]",
        "\"/* no comment */ // here\"",
    };
    for (size_t i = 0; i < LENGTH(good); i++) {
        if (!accepts_text(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
}

static void test_bad_documents_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "+1",
        "01",
        "-",
        "-a",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1.e1",
        "0x10",
        "1a",
        "NaN",
        "Infinity",
        "-Infinity",
        "nul",
        "nulll",
        "True",
        "tru",
        "'a'",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud83d\\n\"",
        "\"\n\"",
        "\"\x1f\"",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xc1\xbf\"",
        "\"\xe0\x80\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xc3\"",
        "\"\xe2\x82\"",
        "\"\xff\"",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1;2]",
        "[1}",
        "{",
        "}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{,}",
        "{\"a\":1]",
        "{\"a\":1 \"b\":2}",
        "{\"a\"::1}",
        "1 2",
        "[] []",
        "{} x",
        "\xef\xbb\xbf{}",
        "[1]//",
        "/**/1",
        "\f1",
        "\v1",
        "[\xc2\xa0]",
        "\"a\"\"b\"",
        "[\"a\":1]",
        "--1",
        "1.2.3",
        "1e2e3",
        "{\"\\q\":1}",
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        if (accepts_text(bad[i])) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

static void test_every_truncation_and_every_tail_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5e3,{\"b\\n\":\"x\\u00e9\"},null],\"c\":true}";
    struct json_error error;
    assert_true(accepts(bytes_of(text, sizeof(text) - 1), NULL, &error));
    for (size_t size = 0; size + 1 < sizeof(text); size++) {
        assert_false(accepts(bytes_of(text, size), NULL, &error));
        assert_true(error.code != JSON_OK && error.message[0] != '\0' && error.offset <= size);
    }
    assert_false(accepts(bytes_of(text, sizeof(text)), NULL, &error));
}

static void test_an_error_names_place_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *message;
    } table[] = {
        {"{\n  \"a\": 1,\n  \"\xc3\xa9\": tru\n}", 3, 8, "expected a value"},
        {"[1,\n2,]", 2, 2, "nothing follows this comma: remove it"},
        {"[1 2]", 1, 4, "expected , or ]"},
        {"{\"a\":1 2}", 1, 8, "expected , or }"},
        {"{\"a\" 1}", 1, 6, "expected : after the key"},
        {"{a:1}", 1, 2, "expected a key in double quotes"},
        {"\"abc", 1, 5, "this string is not closed"},
        {"// x\n1", 1, 1, "comments are not allowed here"},
        {"01", 1, 3, "a number may not begin with 0"},
        {"1 1", 1, 3, "nothing may follow the end of the document"},
        {"", 1, 1, "expected a value, found the end of the text"},
    };
    for (size_t i = 0; i < LENGTH(table); i++) {
        struct json_error error;
        struct bytes text = bytes_of(table[i].text, strlen(table[i].text));
        assert_false(accepts(text, NULL, &error));
        assert_string_equal(error.message, table[i].message);
        struct json_place place = json_place_of(text, error.offset);
        assert_int_equal(place.line, table[i].line);
        assert_int_equal(place.column, table[i].column);
    }
}

static void test_comments_are_an_option(void **state)
{
    (void)state;
    static const char text[] =
        "// head\n{ /* a */ \"a\" /**/ : // b\n 1, /* ** / */ \"b\":[/*x*/]} // tail";
    struct json_options options = {.comments = true};
    struct json_error error;
    assert_true(accepts(bytes_of(text, sizeof(text) - 1), &options, &error));
    assert_false(accepts(bytes_of(text, sizeof(text) - 1), NULL, &error));
    assert_false(accepts(bytes_of("1 /* x", 6), &options, &error));
    assert_string_equal(error.message, "this comment is not closed by */");
    assert_false(accepts(bytes_of("1 /*/", 5), &options, &error));
    assert_false(accepts(bytes_of("1 / 2", 5), &options, &error));
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    static const char text[] = "[[[[]]]]";
    struct json_error error;
    struct json_options options = {.depth_max = 4};
    assert_true(accepts(bytes_of(text, 8), &options, &error));
    options.depth_max = 3;
    assert_false(accepts(bytes_of(text, 8), &options, &error));
    assert_int_equal(error.code, JSON_DEPTH);
    assert_int_equal(error.offset, 3);
    char deep[2 * JSON_DEPTH_MAX + 2];
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    options.depth_max = JSON_DEPTH_MAX;
    assert_true(accepts(bytes_of(deep + 1, 2 * JSON_DEPTH_MAX), &options, &error));
    assert_false(accepts(bytes_of(deep, sizeof(deep)), &options, &error));
}

static void test_duplicate_keys_are_found_however_they_are_spelt(void **state)
{
    (void)state;
    struct json_key keys[3];
    struct json_options options = {.keys = keys, .key_capacity = LENGTH(keys)};
    struct json_error error;
    static const char *const good[] = {
        "{\"a\":1,\"b\":2}",
        "[{\"a\":1},{\"a\":1}]",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "[{\"a\":1,\"b\":1,\"c\":1},{\"a\":1,\"b\":1,\"c\":1}]",
    };
    static const char *const bad[] = {"{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
                                      "{\"\\u0061b\":1,\"a\\u0062\":2}",
                                      "{\"a\":{\"b\":1},\"a\":2}"};
    for (size_t i = 0; i < LENGTH(good); i++) {
        assert_true(accepts(bytes_of(good[i], strlen(good[i])), &options, &error));
    }
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_false(accepts(bytes_of(bad[i], strlen(bad[i])), &options, &error));
        assert_int_equal(error.code, JSON_DUPLICATE);
    }
    static const char many[] = "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}";
    assert_false(accepts(bytes_of(many, strlen(many)), &options, &error));
    assert_int_equal(error.code, JSON_KEYS);
}

struct settings {
    uint64_t baud;
    int64_t offset;
    double factor;
    bool on;
    char name[8];
    size_t mistakes;
    char messages[8][JSON_MESSAGE_SIZE];
};

static void read_settings(struct json_reader *r, struct settings *s)
{
    struct json_text key;
    if (!json_enter_object(r)) {
        return;
    }
    while (json_next_key(r, &key)) {
        bool good = true;
        if (json_text_is(&key, "baud")) {
            good = json_get_u64(r, 1200, 115200, &s->baud);
        } else if (json_text_is(&key, "offset")) {
            good = json_get_i64(r, -10, 10, &s->offset);
        } else if (json_text_is(&key, "factor")) {
            good = json_get_double(r, 0, 1.5, &s->factor);
        } else if (json_text_is(&key, "on")) {
            good = json_get_bool(r, &s->on);
        } else if (json_text_is(&key, "name")) {
            good = json_get_string(r, s->name, sizeof(s->name), NULL);
        } else {
            good = json_complain(r, key.offset, "unknown key");
            assert_true(json_skip(r));
        }
        if (!good && !json_failed(r)) {
            strcpy(s->messages[s->mistakes++], r->error.message);
        }
    }
}

static void test_a_reader_of_settings_sees_all_mistakes_at_once(void **state)
{
    (void)state;
    static const char good[] =
        "{\"baud\":19200,\"offset\":-10,\"factor\":1.5,\"on\":true,\"name\":\"1234567\"}";
    static const char bad[] =
        "{\"baud\":1199,\"offset\":\"x\",\"factor\":[1,{\"a\":2}],\"on\":0,"
        "\"name\":\"12345678\",\"nam\":{\"x\":[1]},\"offset\":1.5,\"name\":\"\\u0000\"}";
    struct json_reader r;
    struct settings s = {0};
    json_reader_init(&r, bytes_of(good, sizeof(good) - 1), NULL);
    read_settings(&r, &s);
    assert_true(json_end(&r));
    assert_int_equal(s.mistakes, 0);
    assert_true(s.baud == 19200 && s.offset == -10 && s.factor == 1.5 && s.on);
    assert_string_equal(s.name, "1234567");

    static const char *const expected[] = {
        "expected a whole number from 1200 to 115200", "expected a number, found a string",
        "expected a number, found an array",           "expected true or false, found a number",
        "the string is longer than 7 bytes",           "unknown key",
        "expected a whole number from -10 to 10",      "the string holds a NUL character",
    };
    struct settings t = {.baud = 9600};
    json_reader_init(&r, bytes_of(bad, sizeof(bad) - 1), NULL);
    read_settings(&r, &t);
    assert_true(json_end(&r));
    assert_int_equal(t.mistakes, LENGTH(expected));
    for (size_t i = 0; i < LENGTH(expected); i++) {
        assert_string_equal(t.messages[i], expected[i]);
    }
    assert_int_equal(t.baud, 9600);
}

static void test_unread_values_are_passed_over(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,[2,3],{\"b\":4}],\"c\":[5,6],\"d\":7}";
    struct json_reader r;
    struct json_text key;
    struct bytes raw = {0};
    int64_t value = 0;
    json_reader_init(&r, bytes_of(text, sizeof(text) - 1), NULL);
    assert_true(json_enter_object(&r));
    assert_true(json_next_key(&r, &key) && json_text_is(&key, "a"));
    assert_true(json_next_key(&r, &key) && json_text_is(&key, "c"));
    assert_true(json_enter_array(&r));
    assert_true(json_next_item(&r));
    assert_true(json_next_item(&r) && json_get_i64(&r, 0, 9, &value));
    assert_int_equal(value, 6);
    assert_false(json_next_item(&r));
    assert_true(json_next_key(&r, &key) && json_text_is(&key, "d"));
    assert_int_equal(json_peek(&r), JSON_NUMBER);
    assert_int_equal(json_offset(&r), sizeof(text) - 3);
    assert_true(json_raw(&r, &raw));
    assert_true(raw.size == 1 && raw.data[0] == '7');
    assert_false(json_next_key(&r, &key));
    assert_true(json_end(&r));
}

static void test_strings_are_unescaped_into_the_callers_memory(void **state)
{
    (void)state;
    static const char text[] = "\"a\\u00e9\\ud83d\\ude00\\n\\\"z\"";
    static const char plain[] = "a\xc3\xa9\xf0\x9f\x98\x80\n\"z";
    struct json_reader r;
    struct json_text string;
    char out[sizeof(plain)];
    size_t size = 0;
    json_reader_init(&r, bytes_of(text, sizeof(text) - 1), NULL);
    assert_true(json_get_text(&r, &string));
    assert_true(json_text_is(&string, plain));
    assert_int_equal(json_unescape(&string, out, sizeof(plain) - 1, &size), OK);
    assert_int_equal(size, sizeof(plain) - 1);
    assert_memory_equal(out, plain, size);
    assert_int_equal(json_unescape(&string, out, sizeof(plain) - 2, &size), ERR_SIZE);
    json_reader_init(&r, bytes_of(text, sizeof(text) - 1), NULL);
    assert_true(json_get_string(&r, out, sizeof(plain), NULL));
    assert_string_equal(out, plain);
    json_reader_init(&r, bytes_of(text, sizeof(text) - 1), NULL);
    assert_false(json_get_string(&r, out, sizeof(plain) - 1, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_documents_are_taken),
        cmocka_unit_test(test_bad_documents_are_refused),
        cmocka_unit_test(test_every_truncation_and_every_tail_is_refused),
        cmocka_unit_test(test_an_error_names_place_and_reason),
        cmocka_unit_test(test_comments_are_an_option),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_duplicate_keys_are_found_however_they_are_spelt),
        cmocka_unit_test(test_a_reader_of_settings_sees_all_mistakes_at_once),
        cmocka_unit_test(test_unread_values_are_passed_over),
        cmocka_unit_test(test_strings_are_unescaped_into_the_callers_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
