// SPDX-License-Identifier: Apache-2.0
// Goal: device identification as a client asks for it: the whole stream in any number of pieces,
// single objects, and each category's bounds.
#include "modbus/ident.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t text[MB_IDENT_OBJECT_MAX];

#define OBJECT(i, size)                                                                            \
    {                                                                                              \
        .id = (i), .value = { text, (size) }                                                       \
    }

static const struct mb_object objects[] = {
    OBJECT(0, 7),  OBJECT(1, 5),   OBJECT(2, 3),    OBJECT(3, 200),
    OBJECT(4, 60), OBJECT(5, 244), OBJECT(0x80, 1),
};
static const struct mb_ident ident = {objects, COUNT_OF(objects)};
static uint8_t buffer[MB_PDU_SIZE_MAX];

static enum mb_exception ask(uint8_t code, uint8_t id, struct mb_reply *reply)
{
    struct mb_request request = {.fc = MB_ENCAPSULATED, .ident_code = code, .object_id = id};
    struct writer scratch = writer_of(buffer, sizeof(buffer));
    enum mb_exception no = mb_ident_answer(&ident, &request, &scratch, reply);
    if (no == MB_EX_NONE) {
        uint8_t pdu[MB_PDU_SIZE_MAX];
        struct writer w = writer_of(pdu, sizeof(pdu));
        struct mb_reply decoded;
        assert_int_equal(mb_reply_encode(reply, &w), OK);
        assert_int_equal(mb_reply_decode(writer_bytes(&w), &request, &decoded), OK);
    }
    return no;
}

// Walks the stream as a client does; returns the objects seen.
static size_t walk(uint8_t code, size_t *requests)
{
    uint8_t next = 0;
    size_t seen = 0;
    for (*requests = 1; *requests < 10; ++*requests) {
        struct mb_reply reply;
        assert_int_equal(ask(code, next, &reply), MB_EX_NONE);
        struct reader r = reader_of(reply.data);
        struct mb_object object;
        while (mb_ident_object(&r, &object)) {
            assert_int_equal(object.id, objects[seen].id);
            assert_int_equal(object.value.size, objects[seen].value.size);
            seen++;
        }
        if (!reply.more_follows) {
            return seen;
        }
        next = reply.next_object;
    }
    return 0;
}

static void test_a_stream_comes_whole_in_pieces_that_fit(void **state)
{
    (void)state;
    size_t requests = 0;
    assert_int_equal(walk(MB_IDENT_BASIC, &requests), 3);
    assert_int_equal(requests, 1);
    assert_int_equal(walk(MB_IDENT_REGULAR, &requests), 6);
    assert_int_equal(requests, 3);
    assert_int_equal(walk(MB_IDENT_EXTENDED, &requests), 7);
    assert_int_equal(requests, 4);
}

static void test_a_single_object_is_there_or_not(void **state)
{
    (void)state;
    struct mb_reply reply;
    assert_int_equal(ask(MB_IDENT_ONE, 0x80, &reply), MB_EX_NONE);
    assert_int_equal(reply.object_count, 1);
    assert_int_equal(reply.conformity, 0x83);
    assert_int_equal(ask(MB_IDENT_ONE, 5, &reply), MB_EX_NONE);
    assert_int_equal(ask(MB_IDENT_ONE, 6, &reply), MB_EX_ADDRESS);
    assert_int_equal(ask(MB_IDENT_ONE, 255, &reply), MB_EX_ADDRESS);
}

static void test_an_unknown_start_of_a_stream_begins_anew(void **state)
{
    (void)state;
    struct mb_reply reply;
    assert_int_equal(ask(MB_IDENT_BASIC, 0x90, &reply), MB_EX_NONE);
    assert_int_equal(reply.object_count, 3);
    assert_int_equal(ask(MB_IDENT_BASIC, 5, &reply), MB_EX_NONE); // not of that category
    assert_int_equal(reply.object_count, 3);
    assert_int_equal(ask(MB_IDENT_BASIC, 2, &reply), MB_EX_NONE);
    assert_int_equal(reply.object_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_comes_whole_in_pieces_that_fit),
        cmocka_unit_test(test_a_single_object_is_there_or_not),
        cmocka_unit_test(test_an_unknown_start_of_a_stream_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
