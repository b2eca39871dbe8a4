// SPDX-License-Identifier: Apache-2.0
// Goal: every type in every byte order gives the number that was put in. Method: the bytes A to H
// are laid out by the order's own letters, so the test shares no arithmetic with the decoder.
#include "apps/gateway/config/profile_check.h"
#include "apps/gateway/config/profile_words.h"
#include "apps/gateway/poll/decode.h"
#include "telemetry/decode.h"
#include "telemetry/encode.h"
#include "tests/unit/gateway/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct profile_point point_of(enum point_type type)
{
    return (struct profile_point){.table = TABLE_HOLDING,
                                  .type = type,
                                  .scale = 1,
                                  .width = 1,
                                  .decimals = DECIMALS_ALL,
                                  .low = (double)NAN,
                                  .high = (double)NAN};
}

// The wire as the order's name says: "BADC" puts byte B first.
static void lay_out(const uint8_t *value, const char *letters, uint8_t *wire)
{
    for (size_t i = 0; letters[i] != '\0'; i++) {
        wire[i] = value[letters[i] - 'A'];
    }
}

static void split(uint64_t value, size_t size, uint8_t *out)
{
    for (size_t i = size; i-- > 0; value >>= 8) {
        out[i] = (uint8_t)value;
    }
}

static struct tm_value decoded(struct profile_point *point, const uint8_t *wire, size_t size)
{
    struct decoded out;
    assert_int_equal(decode_point(point, bytes_of(wire, size), &out), DECODE_VALUE);
    return out.value;
}

static void check_orders(enum point_type type, uint64_t bits, size_t size, double expected)
{
    size_t first = size == 4 ? 1 : 5;
    size_t count = size == 4 ? 4 : 8;
    for (size_t w = 0; w < count; w++) {
        uint8_t value[8];
        uint8_t wire[8];
        split(bits, size, value);
        assert_int_equal(strlen(ORDER_WORDS[first + w]), size);
        lay_out(value, ORDER_WORDS[first + w], wire);
        struct profile_point point = point_of(type);
        point.order = (uint32_t)w;
        point.power = bits > INT64_MAX && type == TYPE_U64 ? POWER_NONE : 0; // or no integer
        struct tm_value got = decoded(&point, wire, size);
        double number = got.kind == TM_INT ? (double)got.u.i : got.u.d;
        if (number != expected) {
            print_error("type %s order %s: %.17g\n", TYPE_WORDS[type], ORDER_WORDS[first + w],
                        number);
        }
        assert_true(number == expected);
    }
}

static void test_every_wide_type_in_every_order(void **state)
{
    (void)state;
    check_orders(TYPE_U32, 0x12345678, 4, 305419896.0);
    check_orders(TYPE_I32, 0xfffffffe, 4, -2.0);
    check_orders(TYPE_I32, 0x80000000, 4, -2147483648.0);
    check_orders(TYPE_F32, 0x41460000, 4, 12.375);
    check_orders(TYPE_F32, 0xc2f6e979, 4, (double)-123.456f);
    check_orders(TYPE_BCD32, 0x12345678, 4, 12345678.0);
    check_orders(TYPE_U64, UINT64_C(0x0102030405060708), 8, 72623859790382856.0);
    check_orders(TYPE_U64, UINT64_MAX, 8, 18446744073709551615.0);
    check_orders(TYPE_I64, UINT64_C(0xfffffffffffffffd), 8, -3.0);
    check_orders(TYPE_F64, UINT64_C(0x400921fb54442d18), 8, 3.141592653589793);
}

static void test_types_of_one_register(void **state)
{
    (void)state;
    static const struct {
        enum point_type type;
        uint8_t wire[2];
        double expected;
    } CASES[] = {
        {TYPE_U8_HIGH, {0xab, 0xcd}, 171}, {TYPE_U8_LOW, {0xab, 0xcd}, 205},
        {TYPE_U16, {0xff, 0xfe}, 65534},   {TYPE_I16, {0xff, 0xfe}, -2},
        {TYPE_I16, {0x80, 0x00}, -32768},  {TYPE_BCD16, {0x98, 0x76}, 9876},
        {TYPE_F16, {0x3c, 0x00}, 1},       {TYPE_F16, {0xc0, 0x00}, -2},
        {TYPE_F16, {0x00, 0x01}, 0x1p-24}, {TYPE_F16, {0x7b, 0xff}, 65504},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct profile_point point = point_of(CASES[i].type);
        struct tm_value got = decoded(&point, CASES[i].wire, 2);
        assert_true((got.kind == TM_INT ? (double)got.u.i : got.u.d) == CASES[i].expected);
    }
}

static void test_bits_and_booleans(void **state)
{
    (void)state;
    static const uint8_t WIRE[] = {0x5a, 0xc3}; // 0101 1010 1100 0011
    struct profile_point point = point_of(TYPE_BITS);
    point.bit = 6;
    point.width = 5; // 0b01011
    assert_int_equal(decoded(&point, WIRE, 2).u.i, 11);
    point.bit = 0;
    point.width = 16;
    assert_int_equal(decoded(&point, WIRE, 2).u.i, 0x5ac3);
    point = point_of(TYPE_BOOL);
    point.bit = 1;
    assert_true(decoded(&point, WIRE, 2).u.b);
    point.bit = 2;
    assert_false(decoded(&point, WIRE, 2).u.b);
    struct decoded out;
    point.table = TABLE_COIL;
    assert_int_equal(decode_bit(&point, true, &out), DECODE_VALUE);
    assert_true(out.value.kind == TM_BOOL && out.value.u.b);
}

static void test_texts_in_all_four_placements(void **state)
{
    (void)state;
    static const struct {
        enum text_order order;
        const char *wire;
        size_t size;
    } CASES[] = {
        {TEXT_HIGH_LOW, "Abc\0", 4},
        {TEXT_LOW_HIGH, "bA\0c", 4},
        {TEXT_HIGH, "A\0b\0c\0\0\0", 8},
        {TEXT_LOW, "\0A\0b\0c\0\0", 8},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct profile_point point = point_of(TYPE_STRING);
        point.text = CASES[i].order;
        point.length = 4;
        struct decoded out;
        struct bytes wire = bytes_of(CASES[i].wire, CASES[i].size);
        assert_int_equal(decode_point(&point, wire, &out), DECODE_VALUE);
        assert_int_equal(out.value.text_size, 3);
        assert_string_equal(out.text, "Abc");
    }
    struct profile_point point = point_of(TYPE_STRING);
    point.length = 4;
    struct decoded out;
    assert_int_equal(decode_point(&point, bytes_of("\xff\x01\x20\x20", 4), &out), DECODE_VALUE);
    assert_string_equal(out.text, "??");
    assert_int_equal(decode_point(&point, bytes_of("abc", 3), &out), DECODE_SHORT);
}

static void test_scale_stays_exact_where_it_can(void **state)
{
    (void)state;
    static const uint8_t WIRE[] = {0xff, 0x85}; // -123
    struct profile_point point = point_of(TYPE_I16);
    point.scale = 0.01;
    point.power = -2;
    struct tm_value got = decoded(&point, WIRE, 2);
    assert_true(got.kind == TM_INT && got.u.i == -123 && got.exponent == -2);
    assert_int_equal(decode_type(&point), TM_TYPE_INT);
    assert_int_equal(decode_exponent(&point), -2);

    point.scale = 0.5;
    point.offset = 10;
    point.power = POWER_NONE;
    got = decoded(&point, WIRE, 2);
    assert_true(got.kind == TM_DOUBLE && got.u.d == -51.5);
    assert_int_equal(decode_type(&point), TM_TYPE_DOUBLE);

    point.decimals = 0;
    got = decoded(&point, WIRE, 2);
    assert_true(got.kind == TM_INT && got.u.i == -52 && got.exponent == 0);
}

static void test_what_is_no_value(void **state)
{
    (void)state;
    struct profile_sentinel sentinels[] = {{.value = -32768, .reason = SENTINEL_UNAVAILABLE},
                                           {.value = 32767, .reason = SENTINEL_FAULT}};
    struct profile_point point = point_of(TYPE_I16);
    point.sentinels = sentinels;
    point.sentinel_count = 2;
    struct decoded out;
    assert_int_equal(decode_point(&point, bytes_of("\x80\x00", 2), &out), DECODE_SENTINEL);
    assert_int_equal(out.reason, TM_REASON_UNAVAILABLE);
    assert_int_equal(decode_point(&point, bytes_of("\x7f\xff", 2), &out), DECODE_SENTINEL);
    assert_int_equal(out.reason, TM_REASON_FAULT);
    assert_int_equal(decode_point(&point, bytes_of("\x80\x01", 2), &out), DECODE_VALUE);

    point = point_of(TYPE_BCD16);
    assert_int_equal(decode_point(&point, bytes_of("\x12\x3a", 2), &out), DECODE_INVALID);
    point = point_of(TYPE_F32);
    assert_int_equal(decode_point(&point, bytes_of("\x7f\xc0\x00\x00", 4), &out), DECODE_INVALID);
    assert_int_equal(decode_point(&point, bytes_of("\x7f\x80\x00\x00", 4), &out), DECODE_INVALID);
    assert_int_equal(decode_point(&point, bytes_of("\x7f\x80\x00", 3), &out), DECODE_SHORT);
}

// A point as tm_encode() needs it, from what the gateway says of it in the catalogue.
static void check_is_carried(const struct profile_point *point, const struct tm_value *value)
{
    struct tm_point described = {.id = 1,
                                 .name = "x",
                                 .device = "d",
                                 .type = decode_type(point),
                                 .exponent = (int8_t)decode_exponent(point)};
    struct tm_catalogue catalogue;
    assert_int_equal(tm_catalogue_init(&catalogue, NULL, &described, 1, NULL), OK);
    struct tm_sample sample = {.at_us = 5000, .point = 1, .value = *value};
    uint16_t order;
    struct tm_encode_memory memory = {.order = &order, .capacity = 1};
    char out[TM_BODY_SIZE_MAX];
    struct tm_body body = {.out = out, .capacity = sizeof(out)};
    struct tm_axis axis = {.boot_id = 1};
    enum err err = tm_encode(&catalogue, axis, &sample, 1, &memory, &body);
    if (err != OK) {
        print_error("type %s scale %g decimals %u order %u\n", TYPE_WORDS[point->type],
                    point->scale, point->decimals, point->order);
    }
    assert_int_equal(err, OK);
    int64_t times[8];
    struct tm_row rows[8];
    char text[512];
    struct tm_decode_memory room = {
        .time_ms = times, .rows = rows, .row_capacity = 8, .text = text, .text_capacity = 512};
    struct tm_decoder decoder;
    struct tm_column column;
    assert_int_equal(tm_decode_init(&decoder, bytes_of(out, body.size), &catalogue, &room), OK);
    assert_int_equal(tm_decode_next(&decoder, &column), OK);
    assert_true(column.row_count == 1 && column.rows[0].quality == TM_GOOD);
    assert_true(tm_value_equal(&column.rows[0].value, value));
}

// Every value that is not refused here has the kind and the size that its catalogue promises.
static void test_every_value_fits_its_catalogue(void **state)
{
    (void)state;
    static const struct {
        double scale, offset;
        int32_t power;
    } SCALES[] = {{1, 0, 0},
                  {0.01, 0, -2},
                  {1e9, 0, 9},
                  {1e-12, 0, -12},
                  {0.5, 0, POWER_NONE},
                  {1, 3, POWER_NONE},
                  {-1e15, 1e15, POWER_NONE}};
    static const uint32_t DECIMALS[] = {DECIMALS_ALL, 0, 2, 15};
    static const uint64_t RAWS[] = {0,
                                    1,
                                    UINT64_MAX,
                                    UINT64_C(1) << 63,
                                    (UINT64_C(1) << 63) - 1,
                                    UINT64_C(0x20000000000001),
                                    UINT64_C(0x7f7fffff7f7fffff),
                                    UINT64_C(0xff7fffffff7fffff),
                                    UINT64_C(0x7fefffffffffffff),
                                    UINT64_C(0x0000000100000001),
                                    UINT64_C(0x8000800080008000),
                                    UINT64_C(0x9999999999999999),
                                    UINT64_C(0x7c0000007f800000),
                                    UINT64_C(0x7ff8000000000000),
                                    UINT64_C(0x5555aaaa12345678)};
    static const struct profile_label LABELS[] = {{.value = 1, .text = "on"}};
    size_t values = 0;
    for (uint32_t n = 0; n < TYPE_STRING * ORDER_COUNT * 7 * 4 * 15 * 2; n++) {
        uint32_t k = n;
        struct profile_point point = point_of(k % TYPE_STRING);
        k /= TYPE_STRING;
        point.width = 16;
        point.order = k % ORDER_COUNT & (profile_type_bytes(point.type) - 1);
        k /= ORDER_COUNT;
        point.scale = SCALES[k % 7].scale;
        point.offset = SCALES[k % 7].offset;
        point.power = SCALES[k % 7].power;
        point.decimals = DECIMALS[k / 7 % 4];
        uint8_t wire[8];
        split(RAWS[k / 28 % 15], 8, wire);
        bool is_integer = point.type < TYPE_F16 || point.type > TYPE_F64;
        if (k / 420 == 1 && is_integer && point.scale == 1 && point.offset == 0) {
            point.labels = LABELS;
            point.label_count = 1;
        }
        struct decoded out;
        if (decode_point(&point, bytes_of(wire, sizeof(wire)), &out) == DECODE_VALUE) {
            check_is_carried(&point, &out.value);
            values++;
        }
    }
    assert_true(values > 20000);
}

// What the catalogue's type cannot hold is no value; what it can is not lost by a double's 53 bits.
static void test_values_beyond_the_catalogue(void **state)
{
    (void)state;
    static const uint8_t ONES[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t ODD[] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct decoded out;
    struct profile_point point = point_of(TYPE_U64);
    assert_int_equal(decode_point(&point, bytes_of(ONES, 8), &out), DECODE_INVALID);
    static const struct profile_label LABELS[] = {{.value = 1, .text = "on"}};
    point.labels = LABELS;
    point.label_count = 1;
    assert_int_equal(decode_point(&point, bytes_of(ONES, 8), &out), DECODE_INVALID);
    point = point_of(TYPE_U64);
    point.decimals = 0;
    assert_true(decoded(&point, ODD, 8).u.i == INT64_MAX);
    point = point_of(TYPE_F32);
    point.decimals = 2;
    assert_int_equal(decode_point(&point, bytes_of("\x7f\x7f\xff\xff", 4), &out), DECODE_INVALID);
    assert_int_equal(decoded(&point, (const uint8_t *)"\x41\x46\x00\x00", 4).u.i, 1238);
}

#define LOADED_CONFIG                                                                              \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"buses\":[{\"name\":\"b\",\"port\":"         \
    "\"tty:/dev/x\",\"devices\":[{\"name\":\"d\",\"unit\":1,\"profile\":\"p\"}]}]}"
#define LOADED_PROFILE(points)                                                                     \
    "{\"name\":\"p\",\"order\":\"DCBA\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],"       \
    "\"points\":[" points "]}"

// A device says its sentinels in its own type: 32 bits of -999.9 are not those 64 of the file.
static void test_sentinels_of_a_file_match_what_devices_send(void **state)
{
    (void)state;
    static const struct {
        size_t point;
        const char *wire;
    } CASES[] = {
        {0, "\x9a\xf9\x79\xc4"},
        {0, "\xff\xff\x7f\x7f"},
        {0, "\x6a\xf5\x94\x7e"},
        {1, "\x7b\xff"},
        {1, "\x2e\x66"},
        {1, "\x80\x01"},
        {2, "\xff\xff\xff\xff\xff\xff\xff\xff"},
        {3, "\x80\x00"},
    };
    struct fixture f;
    fixture_open(
        &f, LOADED_CONFIG,
        LOADED_PROFILE(
            "{\"name\":\"a\",\"address\":0,\"type\":\"f32\",\"sentinels\":[{\"value\":-999.9},"
            "{\"value\":3.4028235e38},{\"value\":9.9e37}]},"
            "{\"name\":\"b\",\"address\":2,\"type\":\"f16\",\"sentinels\":[{\"value\":65504},"
            "{\"value\":0.1},{\"value\":-6e-8}]},"
            "{\"name\":\"c\",\"address\":4,\"type\":\"u64\",\"sentinels\":["
            "{\"value\":18446744073709551615}]},"
            "{\"name\":\"d\",\"address\":8,\"type\":\"i16\",\"sentinels\":["
            "{\"value\":-32768}]}"));
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const struct profile_point *point = f.points.all[CASES[i].point].profile;
        struct decoded out;
        struct bytes wire = bytes_of(CASES[i].wire, profile_type_bytes(point->type));
        assert_int_equal(decode_point(point, wire, &out), DECODE_SENTINEL);
    }
    fixture_close(&f);
}

// The profile's order is that of wide values; a register whose bytes are swapped says so itself.
static void test_the_order_of_a_profile_leaves_single_registers_alone(void **state)
{
    (void)state;
    static const char *const WIRES[] = {"\x00\x00\x46\x41", "\x01\x02", "\xff\xfe",
                                        "\x00\x01",         "\x00\x01", "\x02\x01"};
    static const double EXPECTED[] = {12.375, 258, -2, 1, 1, 258};
    struct fixture f;
    fixture_open(
        &f, LOADED_CONFIG,
        LOADED_PROFILE("{\"name\":\"a\",\"address\":0,\"type\":\"f32\"},"
                       "{\"name\":\"b\",\"address\":2,\"type\":\"u16\"},"
                       "{\"name\":\"c\",\"address\":3,\"type\":\"i16\"},"
                       "{\"name\":\"d\",\"address\":4,\"type\":\"bits\",\"width\":8},"
                       "{\"name\":\"e\",\"address\":5,\"type\":\"bool\"},"
                       "{\"name\":\"f\",\"address\":6,\"type\":\"u16\",\"order\":\"BA\"}"));
    for (size_t i = 0; i < sizeof(WIRES) / sizeof(WIRES[0]); i++) {
        const struct profile_point *point = f.points.all[i].profile;
        struct decoded out;
        struct bytes wire = bytes_of(WIRES[i], profile_type_bytes(point->type));
        assert_int_equal(decode_point(point, wire, &out), DECODE_VALUE);
        assert_true(tm_value_double(&out.value) == EXPECTED[i]);
    }
    fixture_close(&f);
}

// Earlier versions took such a sentinel, which never matched: a start goes on without it.
static void test_a_start_leaves_out_sentinels_that_cannot_come(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(
        &fixture,
        "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/tmp\"},\"buses\":[{\"name\":\"b\","
        "\"port\":\"tty:/dev/ttyS0\",\"devices\":[{\"name\":\"d\",\"unit\":1,"
        "\"profile\":\"p\"}]}]}",
        "{\"name\":\"p\",\"order\":\"DCBA\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],"
        "\"points\":[{\"name\":\"a\",\"address\":0,\"type\":\"i16\",\"sentinels\":["
        "{\"value\":32768},{\"value\":-1},{\"value\":0.5},{\"value\":7}]},"
        "{\"name\":\"b\",\"address\":1,\"order\":\"BA\"},{\"name\":\"c\",\"address\":2},"
        "{\"name\":\"d\",\"address\":3,\"type\":\"f32\",\"sentinels\":[{\"value\":1e-60}]}]}");
    const struct profile_point *points = fixture.config.profiles[0]->points;
    assert_int_equal(points[0].sentinel_count, 2);
    assert_true(points[0].sentinels[0].value == -1 && points[0].sentinels[1].value == 7);
    assert_int_equal(points[3].sentinel_count, 0);
    size_t said = 0, orders = 0;
    for (size_t i = 0; i < fixture.report.count; i++) {
        const char *message = fixture.report.items[i].message;
        said += strstr(message, "it is left out") != NULL;
        orders += strstr(message, "\"a\" and others without an order") != NULL;
    }
    assert_int_equal(said, 3);
    assert_int_equal(orders, 1);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_wide_type_in_every_order),
        cmocka_unit_test(test_types_of_one_register),
        cmocka_unit_test(test_bits_and_booleans),
        cmocka_unit_test(test_texts_in_all_four_placements),
        cmocka_unit_test(test_scale_stays_exact_where_it_can),
        cmocka_unit_test(test_what_is_no_value),
        cmocka_unit_test(test_every_value_fits_its_catalogue),
        cmocka_unit_test(test_values_beyond_the_catalogue),
        cmocka_unit_test(test_sentinels_of_a_file_match_what_devices_send),
        cmocka_unit_test(test_a_start_leaves_out_sentinels_that_cannot_come),
        cmocka_unit_test(test_the_order_of_a_profile_leaves_single_registers_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
