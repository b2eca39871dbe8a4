// SPDX-License-Identifier: Apache-2.0
// Goal: every bound of a request, at the limit and one beyond it, for encoder and decoder alike.
// Method: a table of requests with the verdict; the decoder gets the bytes of a writer that
// checks nothing.
#include "modbus/pdu.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t zeros[600];

struct bound {
    struct mb_request request;
    enum mb_exception verdict;
};

#define READ(f, a, n, v)                                                                           \
    {                                                                                              \
        {.fc = (f), .address = (a), .count = (n)}, (v)                                             \
    }
#define WRITE(f, a, n, s, v)                                                                       \
    {                                                                                              \
        {.fc = (f), .address = (a), .count = (n), .data = {zeros, (s)}}, (v)                       \
    }
#define BOTH(a, n, wa, wn, s, v)                                                                   \
    {                                                                                              \
        {.fc = 23,                                                                                 \
         .address = (a),                                                                           \
         .count = (n),                                                                             \
         .write_address = (wa),                                                                    \
         .write_count = (wn),                                                                      \
         .data = {zeros, (s)}},                                                                    \
            (v)                                                                                    \
    }
#define DIAG(sub, bytes, s, v)                                                                     \
    {                                                                                              \
        {.fc = 8, .subfunction = (sub), .data = {(const uint8_t *)(bytes), (s)}}, (v)              \
    }

static const struct bound bounds[] = {
    READ(1, 0, 0, MB_EX_VALUE),
    READ(1, 0, 1, MB_EX_NONE),
    READ(1, 0, 2000, MB_EX_NONE),
    READ(1, 0, 2001, MB_EX_VALUE),
    READ(2, 63536, 2000, MB_EX_NONE),
    READ(2, 63537, 2000, MB_EX_ADDRESS),
    READ(2, 0, 65535, MB_EX_VALUE),
    READ(3, 0, 0, MB_EX_VALUE),
    READ(3, 0, 125, MB_EX_NONE),
    READ(3, 0, 126, MB_EX_VALUE),
    READ(3, 65535, 1, MB_EX_NONE),
    READ(3, 65535, 2, MB_EX_ADDRESS),
    READ(4, 65411, 125, MB_EX_NONE),
    READ(4, 65412, 125, MB_EX_ADDRESS),
    {{.fc = 5, .value = 0}, MB_EX_NONE},
    {{.fc = 5, .value = 0xff00}, MB_EX_NONE},
    {{.fc = 5, .value = 1}, MB_EX_VALUE},
    {{.fc = 5, .value = 0xff01}, MB_EX_VALUE},
    {{.fc = 6, .address = 65535, .value = 65535}, MB_EX_NONE},
    WRITE(15, 0, 0, 0, MB_EX_VALUE),
    WRITE(15, 0, 1, 1, MB_EX_NONE),
    WRITE(15, 0, 1968, 246, MB_EX_NONE),
    WRITE(15, 0, 1969, 247, MB_EX_VALUE),
    WRITE(15, 0, 9, 1, MB_EX_VALUE),
    WRITE(15, 0, 8, 2, MB_EX_VALUE),
    WRITE(15, 63568, 1968, 246, MB_EX_NONE),
    WRITE(15, 63569, 1968, 246, MB_EX_ADDRESS),
    WRITE(16, 0, 0, 0, MB_EX_VALUE),
    WRITE(16, 0, 123, 246, MB_EX_NONE),
    WRITE(16, 0, 124, 248, MB_EX_VALUE),
    WRITE(16, 0, 2, 2, MB_EX_VALUE),
    WRITE(16, 65535, 1, 2, MB_EX_NONE),
    WRITE(16, 65535, 2, 4, MB_EX_ADDRESS),
    BOTH(0, 0, 0, 1, 2, MB_EX_VALUE),
    BOTH(0, 125, 0, 121, 242, MB_EX_NONE),
    BOTH(0, 126, 0, 1, 2, MB_EX_VALUE),
    BOTH(0, 1, 0, 122, 244, MB_EX_VALUE),
    BOTH(0, 1, 0, 0, 0, MB_EX_VALUE),
    BOTH(0, 1, 0, 2, 2, MB_EX_VALUE),
    BOTH(65535, 2, 0, 1, 2, MB_EX_ADDRESS),
    BOTH(0, 1, 65535, 2, 4, MB_EX_ADDRESS),
    BOTH(65535, 1, 65535, 1, 2, MB_EX_NONE),
    DIAG(0, "\0\0", 0, MB_EX_VALUE),
    DIAG(0, "\0\0", 2, MB_EX_NONE),
    DIAG(0, zeros, 3, MB_EX_VALUE),
    DIAG(0, zeros, 250, MB_EX_NONE),
    DIAG(1, "\0\0", 2, MB_EX_NONE),
    DIAG(1, "\xff\0", 2, MB_EX_NONE),
    DIAG(1, "\xff\1", 2, MB_EX_VALUE),
    DIAG(2, zeros, 4, MB_EX_VALUE),
    DIAG(2, "\0\1", 2, MB_EX_VALUE),
    DIAG(3, "A\0", 2, MB_EX_NONE),
    DIAG(3, "A\1", 2, MB_EX_VALUE),
    DIAG(4, "\0\0", 2, MB_EX_NONE),
    DIAG(5, "\0\0", 2, MB_EX_FUNCTION),
    DIAG(9, "\0\0", 2, MB_EX_FUNCTION),
    DIAG(10, "\0\0", 2, MB_EX_NONE),
    DIAG(18, "\0\0", 2, MB_EX_NONE),
    DIAG(19, "\0\0", 2, MB_EX_FUNCTION),
    DIAG(20, "\0\0", 2, MB_EX_NONE),
    DIAG(21, "\0\0", 2, MB_EX_FUNCTION),
    DIAG(65535, "\0\0", 2, MB_EX_FUNCTION),
    {{.fc = 22, .address = 65535}, MB_EX_NONE},
    {{.fc = 24, .address = 65535}, MB_EX_NONE},
    {{.fc = 43, .ident_code = 0}, MB_EX_VALUE},
    {{.fc = 43, .ident_code = 1}, MB_EX_NONE},
    {{.fc = 43, .ident_code = 4, .object_id = 255}, MB_EX_NONE},
    {{.fc = 43, .ident_code = 5}, MB_EX_VALUE},
    {{.fc = 0}, MB_EX_FUNCTION},
    {{.fc = 9}, MB_EX_FUNCTION},
    {{.fc = 100}, MB_EX_FUNCTION},
    {{.fc = 0x83}, MB_EX_FUNCTION},
};

// Writes what the struct says, however wrong.
static struct bytes raw(const struct mb_request *r, struct writer *w)
{
    put_u8(w, r->fc);
    switch (r->fc) {
    case 5:
    case 6:
        put_u16be(w, r->address);
        put_u16be(w, r->value);
        break;
    case 8:
        put_u16be(w, r->subfunction);
        put_bytes(w, r->data);
        break;
    case 22:
        put_u16be(w, r->address);
        put_u32be(w, 0);
        break;
    case 24: put_u16be(w, r->address); break;
    case 43:
        put_u8(w, 14);
        put_u8(w, r->ident_code);
        put_u8(w, r->object_id);
        break;
    default:
        put_u16be(w, r->address);
        put_u16be(w, r->count);
        if (r->fc == 23) {
            put_u16be(w, r->write_address);
            put_u16be(w, r->write_count);
        }
        if (r->fc >= 15 && r->fc <= 23) {
            put_u8(w, (uint8_t)r->data.size);
            put_bytes(w, r->data);
        }
        break;
    }
    return writer_bytes(w);
}

static void test_each_limit_and_one_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        const struct bound *bound = &bounds[i];
        if (mb_request_check(&bound->request) != bound->verdict) {
            fail_msg("bound %zu: fc %u", i, bound->request.fc);
        }
        uint8_t pdu[300];
        struct writer w = writer_of(pdu, sizeof(pdu));
        struct mb_request decoded;
        enum mb_exception verdict = mb_request_decode(raw(&bound->request, &w), &decoded);
        if (verdict != bound->verdict) {
            fail_msg("bound %zu: fc %u decodes to %d", i, bound->request.fc, (int)verdict);
        }
        w = writer_of(pdu, sizeof(pdu));
        enum err expected = bound->verdict == MB_EX_NONE ? OK : ERR_ARG;
        assert_int_equal(mb_request_encode(&bound->request, &w), expected);
    }
}

static struct mb_request files(uint8_t fc, size_t count, uint16_t regs)
{
    struct mb_request request = {.fc = fc, .record_count = (uint8_t)count};
    for (size_t i = 0; i < count && i < MB_RECORDS_MAX; i++) {
        request.records[i] = (struct mb_record){.file = 1, .count = regs};
        if (fc == MB_WRITE_FILE) {
            request.records[i].data = bytes_of(zeros, 2 * (size_t)regs);
        }
    }
    return request;
}

static void test_file_records_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        uint8_t fc;
        size_t count;
        uint16_t regs;
        enum mb_exception verdict;
    } cases[] = {
        {20, 0, 1, MB_EX_VALUE},     {20, 1, 0, MB_EX_VALUE},     {20, 1, 1, MB_EX_NONE},
        {20, 1, 121, MB_EX_NONE},    {20, 1, 122, MB_EX_VALUE},   {20, 35, 2, MB_EX_NONE},
        {20, 35, 3, MB_EX_VALUE},    {20, 36, 1, MB_EX_VALUE},    {20, 255, 1, MB_EX_VALUE},
        {20, 2, 32768, MB_EX_VALUE}, {20, 1, 65535, MB_EX_VALUE}, {21, 0, 1, MB_EX_VALUE},
        {21, 1, 0, MB_EX_VALUE},     {21, 1, 122, MB_EX_NONE},    {21, 1, 123, MB_EX_VALUE},
        {21, 27, 1, MB_EX_NONE},     {21, 28, 1, MB_EX_VALUE},    {21, 2, 59, MB_EX_NONE},
        {21, 2, 60, MB_EX_VALUE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mb_request request = files(cases[i].fc, cases[i].count, cases[i].regs);
        if (mb_request_check(&request) != cases[i].verdict) {
            fail_msg("case %zu", i);
        }
        if (cases[i].verdict != MB_EX_NONE) {
            continue;
        }
        uint8_t pdu[MB_PDU_SIZE_MAX];
        struct writer w = writer_of(pdu, sizeof(pdu));
        struct mb_request decoded;
        assert_int_equal(mb_request_encode(&request, &w), OK);
        assert_int_equal(mb_request_decode(writer_bytes(&w), &decoded), MB_EX_NONE);
        assert_int_equal(decoded.record_count, request.record_count);
    }
}

static void test_file_and_record_numbers(void **state)
{
    (void)state;
    struct mb_request request = files(20, 1, 10);
    request.records[0].number = 9990;
    assert_int_equal(mb_request_check(&request), MB_EX_NONE);
    request.records[0].number = 9991;
    assert_int_equal(mb_request_check(&request), MB_EX_ADDRESS);
    request.records[0].number = 65535;
    assert_int_equal(mb_request_check(&request), MB_EX_ADDRESS);
    request = files(21, 1, 1);
    request.records[0].file = 0;
    assert_int_equal(mb_request_check(&request), MB_EX_ADDRESS);
    request.records[0].file = 65535;
    assert_int_equal(mb_request_check(&request), MB_EX_NONE);
}

static void test_file_requests_that_peers_misread(void **state)
{
    (void)state;
    struct mb_request out;
    struct {
        const char *bytes;
        size_t size;
        enum mb_exception verdict;
    } cases[] = {
        {"\x14\x07\x06\0\1\0\0\0\1", 9, MB_EX_NONE},
        {"\x14\x07\x07\0\1\0\0\0\1", 9, MB_EX_ADDRESS},  // reference type
        {"\x14\x06\x06\0\1\0\0\0", 8, MB_EX_VALUE},      // cut sub-request
        {"\x14\x08\x06\0\1\0\0\0\1\6", 10, MB_EX_VALUE}, // a second one begins
        {"\x14\x07\x06\0\1\0\0\0\1\0", 10, MB_EX_VALUE}, // tail
        {"\x15\x09\x06\0\1\0\0\0\1\x12\x34", 11, MB_EX_NONE},
        {"\x15\x09\x06\0\1\0\0\0\2\x12\x34", 11, MB_EX_VALUE},     // more registers than bytes
        {"\x15\x09\x06\0\1\0\0\xff\xff\x12\x34", 11, MB_EX_VALUE}, // far more
        {"\x15\x09\x06\0\1\0\0\0\0\x12\x34", 11, MB_EX_VALUE},     // none, and bytes behind
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (mb_request_decode(bytes_of(cases[i].bytes, cases[i].size), &out) != cases[i].verdict) {
            fail_msg("case %zu", i);
        }
    }
}

static void test_mei_types_other_than_identification_are_no_function(void **state)
{
    (void)state;
    struct mb_request out;
    assert_int_equal(mb_request_decode(bytes_of("\x2b\x0d\1\0", 4), &out), MB_EX_FUNCTION);
    assert_int_equal(mb_request_decode(bytes_of("\x2b", 1), &out), MB_EX_VALUE);
    assert_int_equal(mb_request_decode(bytes_of("", 0), &out), MB_EX_FUNCTION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_limit_and_one_beyond),
        cmocka_unit_test(test_file_records_at_their_limits),
        cmocka_unit_test(test_file_and_record_numbers),
        cmocka_unit_test(test_file_requests_that_peers_misread),
        cmocka_unit_test(test_mei_types_other_than_identification_are_no_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
