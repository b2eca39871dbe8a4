// SPDX-License-Identifier: Apache-2.0
// Goal: every form of docs/protocol/telemetry.md is written exactly as documented, and read.
// Method: golden texts; wrong forms one by one.
#include "telemetry/decode.h"
#include "telemetry/encode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define AT(second)    (UINT64_C(1763942400000000) + (uint64_t)((second)*1000000))
#define HEAD          "{\"v\":1,\"k\":\"s\",\"c\":\"%016llx\",\"t\":1763942400000,"

static const struct tm_point points[] = {
    {.id = 11, .type = TM_TYPE_INT, .exponent = -2, .name = "temperature", .device = "R"},
    {.id = 12, .type = TM_TYPE_INT, .exponent = -1, .name = "humidity", .device = "R"},
    {.id = 13, .type = TM_TYPE_INT, .name = "battery", .device = "R"},
    {.id = 14, .type = TM_TYPE_DOUBLE, .name = "power", .device = "M"},
    {.id = 15, .type = TM_TYPE_BOOL, .name = "door", .device = "M"},
    {.id = 16, .type = TM_TYPE_ENUM, .name = "mode", .device = "M"},
    {.id = 17, .type = TM_TYPE_TEXT, .name = "serial", .device = "M"},
};

static struct tm_catalogue catalogue;

static void expect(const struct tm_sample *samples, size_t count, const char *tail)
{
    uint16_t order[16];
    char out[1024];
    char expected[1024];
    struct tm_encode_memory memory = {.order = order, .capacity = LENGTH(order)};
    struct tm_body body = {.out = out, .capacity = sizeof(out) - 1};
    assert_int_equal(
        tm_encode(&catalogue, (struct tm_axis){.boot_id = 0}, samples, count, &memory, &body), OK);
    assert_int_equal(body.taken, count);
    out[body.size] = '\0';
    snprintf(expected, sizeof(expected), HEAD "%s", (unsigned long long)catalogue.hash, tail);
    assert_string_equal(out, expected);
}

static struct tm_sample sample(uint32_t point, double second, struct tm_value value)
{
    return (struct tm_sample){.point = point, .at_us = AT(second), .value = value};
}

static struct tm_sample lost(uint32_t point, double second, enum tm_quality quality,
                             enum tm_reason reason)
{
    return (struct tm_sample){
        .point = point, .at_us = AT(second), .quality = quality, .reason = reason};
}

static void test_points_read_together_share_their_times(void **state)
{
    (void)state;
    const struct tm_sample samples[] = {
        sample(11, 0, tm_int(412, -2)),   sample(12, 0, tm_int(655, -1)),
        sample(13, 0, tm_int(2950, 0)),   sample(11, 60, tm_int(409, -2)),
        sample(12, 60, tm_int(657, -1)),  sample(13, 60, tm_int(2950, 0)),
        sample(11, 121, tm_int(41, -1)),  sample(12, 121, tm_int(64, 0)),
        sample(13, 121, tm_int(2950, 0)),
    };
    expect(samples, 3, "\"u\":1,\"g\":[[0,0,412,655,2950]]}");
    expect(samples, 6, "\"u\":1,\"i\":60000,\"g\":[[0,[0,0],[412,-3],[655,2],2950]]}");
    expect(samples, 9, "\"u\":1,\"i\":60000,\"g\":[[0,[0,0,1000],[412,-3,1],[655,2,-17],2950]]}");
}

static void test_other_times_or_a_gap_in_the_indices_have_their_form(void **state)
{
    (void)state;
    const struct tm_sample list[] = {sample(11, 0, tm_int(1, -2)), sample(13, 0, tm_int(2, 0))};
    const struct tm_sample apart[] = {sample(11, 0, tm_int(1, -2)), sample(12, 0.5, tm_int(2, -1))};
    expect(list, 2, "\"u\":1,\"g\":[[[0,2],0,1,2]]}");
    expect(apart, 2, "\"u\":1,\"g\":[[0,0,1],[1,500,2]]}");
}

static void test_values_take_their_shortest_form(void **state)
{
    (void)state;
    const struct tm_sample scaled[] = {
        sample(13, 0, tm_int(0, 0)), sample(13, 1, tm_int(10000, 0)),
        sample(13, 2, tm_int(0, 0)), sample(13, 3, tm_int(10000, 0)),
        sample(13, 4, tm_int(0, 0)), sample(13, 5, tm_int(10000, 0)),
        sample(13, 6, tm_int(0, 0)), sample(13, 7, tm_int(10000, 0)),
    };
    expect(scaled, 4, "\"u\":1,\"i\":1000,\"g\":[[2,[0,0,0,0],[0,10000,-10000,10000]]]}");
    expect(scaled, 8,
           "\"u\":1,\"i\":1000,\"g\":[[2,[0,0,0,0,0,0,0,0],{\"s\":[0,10000,0,10000,0,10000,0,10000]"
           "}]]}");
    const struct tm_sample big[] = {sample(13, 0, tm_int(INT64_MAX, 0)),
                                    sample(13, 1, tm_int(-5, 0))};
    expect(big, 1, "\"u\":1,\"g\":[[2,0,{\"b\":\"9223372036854775807\"}]]}");
    expect(big, 2,
           "\"u\":1,\"i\":1000,\"g\":[[2,[0,0],{\"b\":[\"9223372036854775807\",\"-5\"]}]]}");
    const struct tm_sample edge[] = {sample(13, 0, tm_int(INT64_C(1) << 52, 0))};
    expect(edge, 1, "\"u\":1,\"g\":[[2,0,4503599627370496]]}");
    const struct tm_sample over[] = {sample(13, 0, tm_int((INT64_C(1) << 52) + 1, 0))};
    expect(over, 1, "\"u\":1,\"g\":[[2,0,{\"b\":\"4503599627370497\"}]]}");
}

static void test_doubles_are_decimals_or_scaled(void **state)
{
    (void)state;
    const struct tm_sample short_run[] = {sample(14, 0, tm_double(21.5)),
                                          sample(14, 1, tm_double(21.25))};
    const struct tm_sample long_run[] = {
        sample(14, 0, tm_double(1021.5)), sample(14, 1, tm_double(1021.6)),
        sample(14, 2, tm_double(1021.7)), sample(14, 3, tm_double(1021.6)),
        sample(14, 4, tm_double(1021.5)),
    };
    const struct tm_sample odd[] = {sample(14, 0, tm_double(1e300)),
                                    sample(14, 1, tm_double(-0.1))};
    expect(short_run, 2, "\"u\":1,\"i\":1000,\"g\":[[3,[0,0],{\"a\":[21.5,21.25]}]]}");
    expect(long_run, 5,
           "\"u\":1,\"i\":1000,\"g\":[[3,[0,0,0,0,0],{\"e\":-1,\"d\":[10215,1,1,-1,-1]}]]}");
    expect(odd, 2, "\"u\":1,\"i\":1000,\"g\":[[3,[0,0],{\"a\":[1e300,-0.1]}]]}");
}

static void test_bools_enums_and_texts_have_their_form(void **state)
{
    (void)state;
    const struct tm_sample samples[] = {
        sample(15, 0, tm_bool(true)),
        sample(16, 0, tm_enum(3)),
        sample(17, 0, tm_text(bytes_of("a\"b", 3))),
        sample(15, 1, tm_bool(false)),
        sample(16, 1, tm_enum(1)),
        sample(17, 1, tm_text(bytes_of("", 0))),
    };
    expect(samples, 3, "\"u\":1,\"g\":[[4,0,{\"a\":true},3,{\"a\":\"a\\\"b\"}]]}");
    expect(samples, 6,
           "\"u\":1,\"i\":1000,\"g\":[[4,[0,0],{\"a\":[true,false]},[3,-2],{\"a\":[\"a\\\"b\",\"\"]"
           "}]]}");
}

static void test_what_is_not_good_has_no_value_but_a_reason(void **state)
{
    (void)state;
    const struct tm_sample samples[] = {
        sample(13, 0, tm_int(5, 0)),
        lost(13, 1, TM_STALE, TM_REASON_SILENT),
        sample(13, 2, tm_int(7, 0)),
        lost(13, 3, TM_BAD, TM_REASON_FAULT),
    };
    const struct tm_sample first = lost(13, 0, TM_STALE, TM_REASON_SILENT);
    const struct tm_sample doors[] = {sample(15, 0, tm_bool(true)),
                                      lost(15, 1, TM_STALE, TM_REASON_TIMEOUT)};
    expect(&first, 1, "\"u\":1,\"g\":[[2,0,{\"a\":null,\"q\":\"stale silent\"}]]}");
    expect(samples, 3,
           "\"u\":1,\"i\":1000,\"g\":[[2,[0,0,0],{\"d\":[5,null,2],\"q\":\"stale silent\"}]]}");
    expect(samples, 4,
           "\"u\":1,\"i\":1000,\"g\":[[2,[0,0,0,0],{\"d\":[5,null,2,null],\"q\":[\"stale "
           "silent\",\"bad fault\"]}]]}");
    expect(doors, 2,
           "\"u\":1,\"i\":1000,\"g\":[[4,[0,0],{\"a\":[true,null],\"q\":\"stale timeout\"}]]}");
}

// Words go out to readers of any age, and numbers lie in journals and stores of any age.
static void test_a_reason_keeps_its_number_and_an_unknown_one_is_other(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "none",  "silent", "never",  "timeout", "suspended", "port",    "exception", "unavailable",
        "fault", "range",  "config", "other",   "garbled",   "no_echo", "busy"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        assert_string_equal(tm_reason_name((enum tm_reason)i), NAMES[i]);
        assert_int_equal(tm_reason_of(bytes_of((const uint8_t *)NAMES[i], strlen(NAMES[i]))), i);
    }
    assert_int_equal(TM_REASON_LAST + 1, sizeof(NAMES) / sizeof(NAMES[0]));
    assert_int_equal(tm_reason_of(bytes_of((const uint8_t *)"newer", 5)), TM_REASON_OTHER);
    assert_string_equal(tm_reason_name((enum tm_reason)(TM_REASON_LAST + 1)), "other");
    assert_string_equal(tm_reason_name((enum tm_reason)255), "other");
}

static void test_samples_that_cannot_be_carried_are_named(void **state)
{
    (void)state;
    uint16_t order[4];
    char out[600];
    struct tm_encode_memory memory = {.order = order, .capacity = LENGTH(order)};
    struct tm_sample no_value = sample(13, 0, (struct tm_value){.kind = TM_NULL});
    struct tm_sample both = sample(13, 0, tm_int(1, 0));
    both.quality = TM_STALE;
    struct tm_sample late = sample(13, 0, tm_int(1, 0));
    late.at_us = (UINT64_C(1) << 53) + 1;
    const struct tm_sample bad[] = {
        sample(99, 0, tm_int(1, 0)),
        sample(13, 0, tm_int(1, -1)),
        sample(13, 0, tm_int(INT64_MAX, 1)),
        sample(13, 0, tm_double(1)),
        sample(14, 0, tm_double((double)INFINITY)),
        sample(15, 0, tm_int(1, 0)),
        no_value,
        both,
        late,
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        const struct tm_sample samples[] = {sample(13, 0, tm_int(1, 0)), bad[i]};
        struct tm_body body = {.out = out, .capacity = sizeof(out), .taken = 7};
        assert_int_equal(
            tm_encode(&catalogue, (struct tm_axis){.boot_id = 0}, samples, 2, &memory, &body),
            ERR_ARG);
        assert_int_equal(body.taken, 1);
        assert_int_equal(
            tm_encode(&catalogue, (struct tm_axis){.boot_id = 0}, samples, 1, &memory, &body), OK);
    }
    struct tm_body body = {.out = out, .capacity = 600};
    assert_int_equal(tm_encode(&catalogue, (struct tm_axis){.boot_id = 0}, NULL, 0, &memory, &body),
                     ERR_EMPTY);
    body.capacity = 50;
    assert_int_equal(tm_encode(&catalogue, (struct tm_axis){.boot_id = 0}, bad, 1, &memory, &body),
                     ERR_ARG);
}

static enum err decode(const char *text, size_t row_capacity, size_t *rows)
{
    int64_t time_ms[8];
    struct tm_row cells[8];
    char buffer[64];
    struct tm_decode_memory memory = {
        .time_ms = time_ms, .rows = cells, .row_capacity = row_capacity};
    memory.text = buffer;
    memory.text_capacity = sizeof(buffer);
    struct tm_decoder d;
    struct tm_column column;
    *rows = 0;
    enum err err = tm_decode_init(&d, bytes_of(text, strlen(text)), NULL, &memory);
    while (err == OK && (err = tm_decode_next(&d, &column)) == OK) {
        *rows += column.row_count;
    }
    return err;
}

#define FRONT "{\"v\":1,\"k\":\"s\",\"c\":\"0123456789abcdef\",\"t\":1000,\"u\":10,"

static void test_messages_are_read_whatever_the_order_of_keys(void **state)
{
    (void)state;
    static const char *const good[] = {
        FRONT "\"g\":[]}",
        FRONT "\"g\":[[0,[0,1],5]],\"later\":{\"x\":[1]}}",
        FRONT "\"new\":[1,{}],\"g\":[[0,[0,1],{\"q\":\"stale silent\",\"d\":[null,1],\"new\":2}]]}",
        " { \"boot\" : \"00000000000000ff\" , \"c\":\"0123456789abcdef\", \"g\" : [ [ [ 0 , 3 ] , "
        "0 , 5 , 6 ] ] ,"
        "\"i\":0,\"k\":\"s\",\"t\":0,\"u\":1,\"v\":1 } ",
    };
    static const size_t expected[] = {0, 2, 2, 2};
    for (size_t i = 0; i < LENGTH(good); i++) {
        size_t rows = 0;
        assert_int_equal(decode(good[i], 8, &rows), ERR_EMPTY);
        assert_int_equal(rows, expected[i]);
    }
}

static void test_wrong_messages_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } table[] = {
        {"", ERR_CORRUPT},
        {"[]", ERR_CORRUPT},
        {"{}", ERR_CORRUPT},
        {"{\"v\":2,\"k\":\"s\"}", ERR_UNSUPPORTED},
        {"{\"v\":1,\"k\":\"z\"}", ERR_UNSUPPORTED},
        {"{\"v\":1,\"k\":\"e\",\"c\":\"0123456789abcdef\",\"e\":[]}", ERR_UNSUPPORTED},
        {"{\"v\":1,\"v\":1,\"k\":\"s\",\"c\":\"0123456789abcdef\",\"t\":0,\"u\":1,\"g\":[]}",
         ERR_CORRUPT},
        {"{\"v\":1,\"k\":\"s\",\"c\":\"0123456789abcde\",\"t\":0,\"u\":1,\"g\":[]}", ERR_CORRUPT},
        {"{\"v\":1,\"k\":\"s\",\"c\":\"0123456789abcdef\",\"t\":0,\"u\":0,\"g\":[]}", ERR_CORRUPT},
        {"{\"v\":1,\"k\":\"s\",\"c\":\"0123456789abcdef\",\"t\":-1,\"u\":1,\"g\":[]}", ERR_CORRUPT},
        {"{\"v\":1,\"k\":\"s\",\"c\":\"0123456789abcdef\",\"t\":0,\"u\":1}", ERR_CORRUPT},
        {"{\"v\":1,\"k\":\"s\",\"c\":\"0123456789abcdef\",\"u\":1,\"g\":[]}", ERR_CORRUPT},
        {FRONT "\"g\":[],\"i\":5}", ERR_CORRUPT},
        {FRONT "\"g\":[],\"g\":[]}", ERR_CORRUPT},
        {FRONT "\"g\":[]} x", ERR_CORRUPT},
        {FRONT "\"g\":[[]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,[],5]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[-1,0,5]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[10000,0,5]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[1e1,0,5]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[[0,1],0,5]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[[0],0,5,6]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[[],0,5]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,-101,5]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,1.5,5]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,[0,0],[5]]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,[0,0],[5,6,7]]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,\"5\"]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,null]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,9007199254740993]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,[0,0],[9007199254740992,1]]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"a\":null}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"a\":null,\"q\":\"good none\"}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"a\":null,\"q\":\"stale\"}]]}", ERR_EMPTY},
        {FRONT "\"g\":[[0,0,{\"a\":null,\"q\":[]}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"a\":1,\"q\":[\"stale silent\"]}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"a\":1,\"d\":1}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"a\":[[1]]}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"b\":5}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"b\":\"9223372036854775808\"}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,0,{\"e\":23,\"d\":5}]]}", ERR_CORRUPT},
        {FRONT "\"g\":[[0,[0,0,0,0,0,0,0,0,0],5]]}", ERR_SIZE},
        {FRONT "\"g\":[[0,[0,0,0,0,0,0,0,0],5]]}", ERR_EMPTY},
    };
    for (size_t i = 0; i < LENGTH(table); i++) {
        size_t rows = 0;
        enum err err = decode(table[i].text, 8, &rows);
        if (err != table[i].err) {
            fail_msg("%s: %s instead of %s", table[i].text, err_name(err), err_name(table[i].err));
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    return tm_catalogue_init(&catalogue, NULL, points, LENGTH(points), NULL) == OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_read_together_share_their_times),
        cmocka_unit_test(test_other_times_or_a_gap_in_the_indices_have_their_form),
        cmocka_unit_test(test_values_take_their_shortest_form),
        cmocka_unit_test(test_doubles_are_decimals_or_scaled),
        cmocka_unit_test(test_bools_enums_and_texts_have_their_form),
        cmocka_unit_test(test_what_is_not_good_has_no_value_but_a_reason),
        cmocka_unit_test(test_a_reason_keeps_its_number_and_an_unknown_one_is_other),
        cmocka_unit_test(test_samples_that_cannot_be_carried_are_named),
        cmocka_unit_test(test_messages_are_read_whatever_the_order_of_keys),
        cmocka_unit_test(test_wrong_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
