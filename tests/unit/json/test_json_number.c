// SPDX-License-Identifier: Apache-2.0
// Goal: numbers go from text to exact values and back without a loss, at every limit.
// Method: tables for the limits; random bit patterns against libc for doubles.
#include "json/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void test_whole_numbers_are_exact_up_to_the_limits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err i64_err;
        int64_t i64;
        enum err u64_err;
        uint64_t u64;
    } table[] = {
        {"0", OK, 0, OK, 0},
        {"-0", OK, 0, OK, 0},
        {"1e3", OK, 1000, OK, 1000},
        {"12.00", OK, 12, OK, 12},
        {"120e-1", OK, 12, OK, 12},
        {"1.5", ERR_ARG, 0, ERR_ARG, 0},
        {"15e-1", ERR_ARG, 0, ERR_ARG, 0},
        {"9223372036854775807", OK, INT64_MAX, OK, INT64_MAX},
        {"9223372036854775808", ERR_SIZE, 0, OK, UINT64_C(9223372036854775808)},
        {"-9223372036854775808", OK, INT64_MIN, ERR_SIZE, 0},
        {"-9223372036854775809", ERR_SIZE, 0, ERR_SIZE, 0},
        {"18446744073709551615", ERR_SIZE, 0, OK, UINT64_MAX},
        {"18446744073709551616", ERR_SIZE, 0, ERR_SIZE, 0},
        {"18446744073709551615.000000000000000000000", ERR_SIZE, 0, OK, UINT64_MAX},
        {"1e99999999999999999999", ERR_SIZE, 0, ERR_SIZE, 0},
        {"0e99999999999999999999", OK, 0, OK, 0},
        {"1e-99999999999999999999", ERR_ARG, 0, ERR_ARG, 0},
        {"", ERR_CORRUPT, 0, ERR_CORRUPT, 0},
        {"01", ERR_CORRUPT, 0, ERR_CORRUPT, 0},
        {"1 ", ERR_CORRUPT, 0, ERR_CORRUPT, 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t signed_value = 77;
        uint64_t unsigned_value = 77;
        assert_int_equal(json_i64_of(text_of(table[i].text), &signed_value), table[i].i64_err);
        assert_int_equal(json_u64_of(text_of(table[i].text), &unsigned_value), table[i].u64_err);
        assert_true(signed_value == (table[i].i64_err == OK ? table[i].i64 : 77));
        assert_true(unsigned_value == (table[i].u64_err == OK ? table[i].u64 : 77));
    }
}

static void test_a_decimal_keeps_its_digits(void **state)
{
    (void)state;
    struct json_decimal d = {0};
    assert_int_equal(json_decimal_of(text_of("-21.50"), &d), OK);
    assert_int_equal(d.mantissa, -2150);
    assert_int_equal(d.exponent, -2);
    assert_int_equal(json_decimal_of(text_of("0.001e5"), &d), OK);
    assert_int_equal(d.mantissa, 1);
    assert_int_equal(d.exponent, 2);
    assert_int_equal(json_decimal_of(text_of("9223372036854775807"), &d), OK);
    assert_true(d.mantissa == INT64_MAX);
    assert_int_equal(json_decimal_of(text_of("9223372036854775808"), &d), ERR_SIZE);
    assert_int_equal(json_decimal_of(text_of("-9223372036854775808"), &d), OK);
    assert_int_equal(json_decimal_of(text_of("1e10000"), &d), ERR_SIZE);
    assert_int_equal(json_decimal_of(text_of("1e9999"), &d), OK);
}

static void test_decimals_are_written_in_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        int64_t mantissa;
        int exponent;
        const char *text;
    } table[] = {
        {0, 0, "0"},
        {0, -5, "0"},
        {2150, -2, "21.5"},
        {-2150, -2, "-21.5"},
        {5, -1, "0.5"},
        {5, -3, "0.005"},
        {5, -4, "5e-4"},
        {7, 12, "7e12"},
        {7, 2, "700"},
        {7, 3, "7e3"},
        {1234, -4, "0.1234"},
        {1234, -3, "1.234"},
        {1, 400, "1e400"},
        {1, -400, "1e-400"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {1234567, -9, "0.001234567"},
        {INT64_MIN, -19, "-0.9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char out[JSON_NUMBER_SIZE_MAX + 1];
        size_t size = json_format_decimal(table[i].mantissa, table[i].exponent, out);
        assert_in_range(size, 1, JSON_NUMBER_SIZE_MAX);
        out[size] = '\0';
        assert_string_equal(out, table[i].text);
    }
}

static void test_doubles_read_as_libc_reads_them(void **state)
{
    (void)state;
    static const char *const table[] = {
        "0",
        "-0",
        "1",
        "0.1",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740993.0000000000000000000000000000000000000000001",
        "2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1e-330",
        "1e-400",
        "0.000000000000000000000000000000000001e40",
        "123456789012345678901234567890e-10",
        "8.98846567431158e307",
        "3.0517578125e-5",
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        double value = 1;
        assert_int_equal(json_double_of(text_of(table[i]), &value), OK);
        double expected = strtod(table[i], NULL);
        assert_memory_equal(&value, &expected, sizeof(value));
    }
    double value = 42;
    assert_int_equal(json_double_of(text_of("1.7976931348623159e308"), &value), ERR_SIZE);
    assert_int_equal(json_double_of(text_of("1e309"), &value), ERR_SIZE);
    assert_int_equal(json_double_of(text_of("1e999999999999"), &value), ERR_SIZE);
    assert_true(value == 42);
}

static void test_a_thousand_digits_decide_a_tie(void **state)
{
    (void)state;
    char text[1200] = "9007199254740993.";
    size_t start = strlen(text);
    memset(text + start, '0', 1000);
    double value = 0;
    assert_int_equal(json_double_of(bytes_of(text, start + 1000), &value), OK);
    assert_true(value == 9007199254740992.0);
    text[start + 999] = '1';
    assert_int_equal(json_double_of(bytes_of(text, start + 1000), &value), OK);
    assert_true(value == 9007199254740994.0);
}

static void check_round_trip(double value)
{
    char mine[JSON_NUMBER_SIZE_MAX + 1];
    size_t size = json_format_double(value, mine);
    assert_in_range(size, 1, JSON_NUMBER_SIZE_MAX);
    mine[size] = '\0';
    double back = 0;
    assert_int_equal(json_double_of(bytes_of(mine, size), &back), OK);
    assert_memory_equal(&back, &value, sizeof(value));
    // As short as libc can make it with any precision.
    struct json_decimal decimal = {0};
    assert_true(json_decimal_of_double(value, &decimal));
    char libc[64];
    int digits = 0;
    do {
        snprintf(libc, sizeof(libc), "%.*e", digits++, value);
    } while (strtod(libc, NULL) != value);
    char count[32];
    snprintf(count, sizeof(count), "%lld", llabs((long long)decimal.mantissa));
    size_t mine_digits = strlen(count);
    while (mine_digits > 1 && count[mine_digits - 1] == '0') {
        mine_digits--;
    }
    assert_int_equal(mine_digits, digits);
}

static void test_random_doubles_survive_writing_and_reading(void **state)
{
    (void)state;
    uint64_t seed = 20261123;
    print_message("seed %" PRIu64 "\n", seed);
    for (int i = 0; i < 4000; i++) {
        uint64_t bits = next_random(&seed);
        double value = 0;
        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value) && value != 0) {
            check_round_trip(value);
        }
        check_round_trip((double)(int64_t)(bits >> 40) / 1000 + 0.001);
    }
    static const double edges[] = {
        DBL_MIN, DBL_MAX,    DBL_TRUE_MIN,       DBL_EPSILON,       1e15, 1e16, 1e22, 1e23, 0.1,
        0.3,     123456.789, 9007199254740991.0, 4503599627370496.0};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        check_round_trip(edges[i]);
        check_round_trip(-edges[i]);
    }
}

static void test_infinities_have_no_text(void **state)
{
    (void)state;
    char out[JSON_NUMBER_SIZE_MAX];
    assert_int_equal(json_format_double((double)INFINITY, out), 0);
    assert_int_equal(json_format_double((double)NAN, out), 0);
    assert_int_equal(json_format_double(-0.0, out), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers_are_exact_up_to_the_limits),
        cmocka_unit_test(test_a_decimal_keeps_its_digits),
        cmocka_unit_test(test_decimals_are_written_in_their_shortest_form),
        cmocka_unit_test(test_doubles_read_as_libc_reads_them),
        cmocka_unit_test(test_a_thousand_digits_decide_a_tie),
        cmocka_unit_test(test_random_doubles_survive_writing_and_reading),
        cmocka_unit_test(test_infinities_have_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
