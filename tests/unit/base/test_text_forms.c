// SPDX-License-Identifier: Apache-2.0
// Goal: bytes become the very texts that the standards say and come back; what is no such text is
// refused, and nothing is written beyond the capacity. Method: vectors of RFC 4648 and RFC 3986,
// every byte once.
#include "base/text_forms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"}};
    uint8_t out[6];
    char back[9];
    size_t size = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) { // RFC 4648, 10
        assert_int_equal(base64_decode(bytes_of_text(cases[i].in), out, sizeof(out), &size), OK);
        assert_int_equal(size, strlen(cases[i].out));
        assert_memory_equal(out, cases[i].out, size);
        base64_text(bytes_of_text(cases[i].out), back);
        assert_string_equal(back, cases[i].in);
        assert_int_equal(strlen(back), BASE64_SIZE_OF(size));
    }
    static const char *const bad[] = {
        "Z", "Zg=", "Zg", "Z===", "Zm9v=", "Z!8=", "====", "Zm 9", "Zh==", "Zm9="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(base64_decode(bytes_of_text(bad[i]), out, sizeof(out), &size),
                         ERR_CORRUPT);
    }
    assert_int_equal(base64_decode(bytes_of_text("Zm9vYmFyZm9v"), out, sizeof(out), &size),
                     ERR_SIZE);
}

static void test_every_byte_in_base64(void **state)
{
    (void)state;
    uint8_t all[256];
    uint8_t back[256];
    char text[BASE64_SIZE_OF(256) + 1];
    size_t size = 0;
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (uint8_t)i;
    }
    for (size_t from = 0; from < sizeof(all); from++) {
        base64_text(bytes_of(all + from, sizeof(all) - from), text);
        assert_int_equal(base64_decode(bytes_of_text(text), back, sizeof(back), &size), OK);
        assert_int_equal(size, sizeof(all) - from);
        assert_memory_equal(back, all + from, size);
    }
}

static void test_percent(void **state)
{
    (void)state;
    static const char plain[] =
        "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    static const enum hex_letters both[] = {HEX_SMALL, HEX_CAPITAL};
    for (size_t i = 0; i < 2; i++) {
        for (unsigned c = 0; c < 256; c++) {
            uint8_t byte = (uint8_t)c;
            uint8_t out[4] = {0};
            char expected[5];
            bool is_plain = c != 0 && strchr(plain, (int)c) != NULL;
            snprintf(expected, sizeof(expected), both[i] == HEX_SMALL ? "%%%02x" : "%%%02X", c);
            struct writer w = writer_of(out, 3);
            put_percent(&w, bytes_of(&byte, 1), both[i]);
            assert_false(w.failed);
            assert_int_equal(w.size, is_plain ? 1 : 3);
            assert_memory_equal(out, is_plain ? (const char *)&byte : expected, w.size);
        }
    }
    uint8_t out[2];
    struct writer w = writer_of(out, sizeof(out));
    put_percent(&w, bytes_of_text("/"), HEX_SMALL);
    assert_true(w.failed);
}

static void test_hex_digits(void **state)
{
    (void)state;
    static const char small[] = "0123456789abcdef";
    static const char capital[] = "0123456789ABCDEF";
    for (int c = 0; c < 256; c++) {
        const char *at = c != 0 ? strchr(small, c) : NULL;
        int expected = at != NULL ? (int)(at - small) : -1;
        at = c != 0 ? strchr(capital, c) : NULL;
        expected = at != NULL ? (int)(at - capital) : expected;
        assert_int_equal(hex_value((uint8_t)c), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_every_byte_in_base64),
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_hex_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
