// SPDX-License-Identifier: Apache-2.0
// Goal: only an answer to the request itself is taken for one; replies at their limits.
#include "modbus/pdu.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t zeros[300];

struct pair {
    const char *request;
    size_t request_size;
    const char *reply;
    size_t reply_size;
    enum err expected;
};

#define PAIR(q, a, e)                                                                              \
    {                                                                                              \
        (q), sizeof(q) - 1, (a), sizeof(a) - 1, (e)                                                \
    }

static const struct pair pairs[] = {
    PAIR("\1\0\0\0\x8", "\1\1\xff", OK),
    PAIR("\1\0\0\0\x9", "\1\1\xff", ERR_ARG),
    PAIR("\1\0\0\0\x8", "\2\1\xff", ERR_ARG),
    PAIR("\3\0\0\0\1", "\3\2\1\2", OK),
    PAIR("\3\0\0\0\2", "\3\2\1\2", ERR_ARG),
    PAIR("\3\0\0\0\1", "\4\2\1\2", ERR_ARG),
    PAIR("\3\0\0\0\1", "\3\3\1\2\3", ERR_CORRUPT),
    PAIR("\3\0\0\0\1", "\3\0", ERR_CORRUPT),
    PAIR("\3\0\0\0\1", "\x83\2", OK),
    PAIR("\3\0\0\0\1", "\x84\2", ERR_ARG),
    PAIR("\3\0\0\0\1", "\x83\0", ERR_CORRUPT),
    PAIR("\3\0\0\0\1", "\x83\2\0", ERR_CORRUPT),
    PAIR("\3\0\0\0\1", "\x83", ERR_CORRUPT),
    PAIR("\3\0\0\0\1", "", ERR_CORRUPT),
    PAIR("\5\0\1\xff\0", "\5\0\2\xff\0", ERR_ARG),
    PAIR("\5\0\1\xff\0", "\5\0\1\0\0", ERR_ARG),
    PAIR("\5\0\1\xff\0", "\5\0\1\xff\1", ERR_CORRUPT),
    PAIR("\6\0\1\0\2", "\6\0\1\0\3", ERR_ARG),
    PAIR("\x8\0\0\xa5\x37", "\x8\0\0\xa5\x38", ERR_ARG),
    PAIR("\x8\0\xb\0\0", "\x8\0\xb\x12\x34", OK),
    PAIR("\x8\0\xb\0\0", "\x8\0\xb\x12\x34\x56\x78", ERR_CORRUPT),
    PAIR("\x8\0\xb\0\0", "\x8\0\xc\x12\x34", ERR_ARG),
    PAIR("\x8\0\4\0\0", "\x8\0\4\0\0", ERR_ARG), // listen-only never answers
    PAIR("\xf\0\1\0\2\1\3", "\xf\0\1\0\3", ERR_ARG),
    PAIR("\x10\0\1\0\1\2\0\1", "\x10\0\2\0\1", ERR_ARG),
    PAIR("\x14\7\6\0\1\0\0\0\1", "\x14\4\3\6\x12\x34", OK),
    PAIR("\x14\7\6\0\1\0\0\0\2", "\x14\4\3\6\x12\x34", ERR_ARG),
    PAIR("\x14\7\6\0\1\0\0\0\1", "\x14\4\3\7\x12\x34", ERR_CORRUPT), // reference type
    PAIR("\x14\7\6\0\1\0\0\0\1", "\x14\5\4\6\x12\x34\x56", ERR_CORRUPT),
    PAIR("\x14\7\6\0\1\0\0\0\1", "\x14\4\xff\6\x12\x34", ERR_CORRUPT),
    PAIR("\x14\7\6\0\1\0\0\0\1", "\x14\4\0\6\x12\x34", ERR_CORRUPT),
    PAIR("\x14\7\6\0\1\0\0\0\1", "\x14\0", ERR_CORRUPT),
    PAIR("\x15\x9\6\0\1\0\0\0\1\x12\x34", "\x15\x9\6\0\1\0\0\0\1\x12\x35", ERR_ARG),
    PAIR("\x15\x9\6\0\1\0\0\0\1\x12\x34", "\x15\x9\6\0\1\0\0\0\2\x12\x34", ERR_CORRUPT),
    PAIR("\x16\0\4\0\xf2\0\x25", "\x16\0\4\0\xf2\0\x26", ERR_ARG),
    PAIR("\x18\4\xde", "\x18\0\2\0\0", OK),
    PAIR("\x18\4\xde", "\x18\0\4\0\2\1\2\3\4", ERR_CORRUPT),
    PAIR("\x2b\xe\4\2", "\x2b\xe\4\x81\0\0\1\2\1V", OK),
    PAIR("\x2b\xe\4\2", "\x2b\xe\4\x81\0\0\1\3\1V", ERR_ARG), // another object
    PAIR("\x2b\xe\4\2", "\x2b\xe\1\x81\0\0\1\2\1V", ERR_ARG),
    PAIR("\x2b\xe\1\0", "\x2b\xe\1\x81\1\0\1\0\1V", ERR_CORRUPT), // more follows: 0 or ff
    PAIR("\x2b\xe\1\0", "\x2b\xe\1\x81\0\0\2\0\1V", ERR_CORRUPT), // one object, two said
    PAIR("\x2b\xe\1\0", "\x2b\xe\1\x81\0\0\1\0\2V", ERR_CORRUPT), // cut object
};

static void test_only_an_answer_to_the_request_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct pair *pair = &pairs[i];
        struct mb_request request;
        assert_int_equal(mb_request_decode(bytes_of(pair->request, pair->request_size), &request),
                         MB_EX_NONE);
        struct mb_reply reply = {.fc = 0xee};
        enum err err = mb_reply_decode(bytes_of(pair->reply, pair->reply_size), &request, &reply);
        if (err != pair->expected || (err != OK && reply.fc != 0xee)) {
            fail_msg("pair %zu: %s", i, err_name(err));
        }
    }
}

static enum err encode(const struct mb_reply *reply, size_t room)
{
    uint8_t pdu[400];
    struct writer w = writer_of(pdu, room);
    return mb_reply_encode(reply, &w);
}

static void test_replies_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        uint8_t fc;
        size_t size;
        uint16_t count;
        enum err expected;
    } cases[] = {
        {1, 0, 0, ERR_ARG},    {1, 250, 0, OK},       {1, 251, 0, ERR_ARG},  {3, 0, 0, ERR_ARG},
        {3, 250, 0, OK},       {3, 252, 0, ERR_ARG},  {3, 249, 0, ERR_ARG},  {8, 250, 0, OK},
        {8, 252, 0, ERR_ARG},  {12, 0, 0, OK},        {12, 64, 0, OK},       {12, 65, 0, ERR_ARG},
        {17, 0, 0, ERR_ARG},   {17, 251, 0, OK},      {17, 252, 0, ERR_ARG}, {24, 62, 31, OK},
        {24, 64, 32, ERR_ARG}, {24, 62, 30, ERR_ARG}, {9, 0, 0, ERR_ARG},    {0, 0, 0, ERR_ARG},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mb_reply reply = {
            .fc = cases[i].fc, .count = cases[i].count, .data = {zeros, cases[i].size}};
        if (encode(&reply, 400) != cases[i].expected) {
            fail_msg("case %zu", i);
        }
        if (cases[i].expected == OK) {
            assert_int_equal(encode(&reply, 1), ERR_SIZE);
        }
    }
}

static void test_file_replies_at_their_limits(void **state)
{
    (void)state;
    struct mb_reply reply = {.fc = MB_READ_FILE, .record_count = 1};
    reply.records[0] = (struct mb_record){.count = 121, .data = {zeros, 242}};
    assert_int_equal(encode(&reply, 400), OK);
    reply.records[0] = (struct mb_record){.count = 122, .data = {zeros, 244}};
    assert_int_equal(encode(&reply, 400), ERR_ARG);
    reply.fc = MB_WRITE_FILE;
    assert_int_equal(encode(&reply, 400), OK);
    reply.records[0] = (struct mb_record){.count = 123, .data = {zeros, 246}};
    assert_int_equal(encode(&reply, 400), ERR_ARG);
    reply.record_count = 0;
    assert_int_equal(encode(&reply, 400), ERR_ARG);
    reply.record_count = MB_RECORDS_MAX + 1;
    assert_int_equal(encode(&reply, 400), ERR_ARG);
}

static void test_values_are_read_from_their_place_and_no_further(void **state)
{
    (void)state;
    struct bytes data = bytes_of("\x12\x34\x56\x78\x9a", 5);
    assert_int_equal(mb_reg(data, 0), 0x1234);
    assert_int_equal(mb_reg(data, 1), 0x5678);
    assert_int_equal(mb_reg(data, 2), 0); // half a register
    assert_int_equal(mb_reg(data, SIZE_MAX), 0);
    assert_false(mb_bit(data, 0));
    assert_true(mb_bit(data, 1));
    assert_true(mb_bit(data, 39));
    assert_false(mb_bit(data, 40));
}

static void test_exception_codes_of_any_value_come_through(void **state)
{
    (void)state;
    for (unsigned code = 1; code < 256; code++) {
        uint8_t pdu[] = {0x84, (uint8_t)code};
        struct mb_request request = {.fc = MB_READ_INPUT, .count = 1};
        struct mb_reply reply;
        assert_int_equal(mb_reply_decode(bytes_of(pdu, 2), &request, &reply), OK);
        assert_int_equal(reply.exception, code);
        assert_non_null(mb_exception_name(reply.exception));
        assert_non_null(mb_fc_name((uint8_t)code));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_an_answer_to_the_request_is_taken),
        cmocka_unit_test(test_replies_at_their_limits),
        cmocka_unit_test(test_file_replies_at_their_limits),
        cmocka_unit_test(test_values_are_read_from_their_place_and_no_further),
        cmocka_unit_test(test_exception_codes_of_any_value_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
