// SPDX-License-Identifier: Apache-2.0
// Goal: over a connection nothing but the reply to a request passes for it, stray bytes cost at
// most that reply, all that comes is accounted for, and a connection that may still owe a reply, or
// says nothing any more, is left in time.
// Method: every unit and function with a stray byte ahead, cut in every way; the rules one by one.
#include "modbus/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FUNCTION_COUNT 20

// Requests and their normal replies, most as the specification shows them.
static const char *const EXCHANGES[FUNCTION_COUNT][2] = {
    {"0100130013", "0103cd6b05"},
    {"0200c40016", "0203acdb35"},
    {"03006b0003", "0306022b00000064"},
    {"0400080001", "0402000a"},
    {"0500acff00", "0500acff00"},
    {"0600010003", "0600010003"},
    {"07", "076d"},
    {"080000a537", "080000a537"},
    {"0b", "0bffff0108"},
    {"0c", "0c080000010801212000"},
    {"0f0013000a02cd01", "0f0013000a"},
    {"100001000204000a0102", "1000010002"},
    {"11", "110342ff01"},
    {"140e0600040001000206000300090002", "140c05060dfe0020050633cd0040"},
    {"150d060004000700"
     "0306af04be100d",
     "150d0600040007000306af04be100d"},
    {"16000400f20025", "16000400f20025"},
    {"1700030006000e00030600ff00ff00ff", "170c00fe0acd00010003000d00ff"},
    {"1804de", "180006000201b81284"},
    {"2b0e0100", "2b0e010100000100"
                 "03616263"},
    {"4101", "410203"}, // of a maker's own
};

static struct mb_connection connection;
static uint32_t frame_bytes; // that came out, as replies or given up
static uint32_t all_bytes;   // that went in

struct adu {
    uint8_t data[MB_RTU_SIZE_MAX];
    size_t size;
};

static struct bytes adu_bytes(const struct adu *adu)
{
    return bytes_of(adu->data, adu->size);
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct adu adu_of(uint8_t unit, const char *hex)
{
    uint8_t pdu[MB_PDU_SIZE_MAX];
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        pdu[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    }
    struct adu adu;
    struct writer w = writer_of(adu.data, sizeof(adu.data));
    assert_int_equal(mb_rtu_encode(unit, bytes_of(pdu, size), &w), OK);
    adu.size = w.size;
    return adu;
}

static void open_as(enum mb_stream_kind kind)
{
    mb_connection_init(&connection, kind);
    mb_connection_opened(&connection);
    frame_bytes = all_bytes = 0;
}

static void ask(const struct adu *request)
{
    uint8_t out[MB_TCP_SIZE_MAX];
    struct writer w = writer_of(out, sizeof(out));
    assert_int_equal(mb_connection_ask(&connection, adu_bytes(request), &w), OK);
    bool is_rtu = connection.stream.kind == MB_STREAM_RTU;
    assert_true(!is_rtu || bytes_equal(writer_bytes(&w), adu_bytes(request)));
}

static void add(struct bytes in)
{
    all_bytes += (uint32_t)in.size;
    mb_connection_add(&connection, in);
}

// Nothing that came may be lost or counted twice.
static void check_bytes(void)
{
    uint32_t held = (uint32_t)mb_stream_held(&connection.stream).size;
    assert_int_equal(all_bytes, frame_bytes + connection.stray_bytes + held);
}

// A reply that comes out is this one.
static bool comes(const struct adu *reply)
{
    struct mb_frame frame;
    enum err err = mb_connection_next(&connection, &frame);
    if (err == OK) {
        assert_int_equal(frame.unit, reply->data[0]);
        assert_true(bytes_equal(frame.pdu, bytes_of(reply->data + 1, reply->size - 3)));
        frame_bytes += (uint32_t)reply->size;
        check_bytes();
        return true;
    }
    assert_int_equal(err, ERR_EMPTY);
    check_bytes();
    return false;
}

static size_t give_up(void)
{
    struct bytes held = mb_connection_give_up(&connection, false);
    frame_bytes += (uint32_t)held.size;
    check_bytes();
    return held.size;
}

// Where and how the stray byte comes.
enum way { WHILE_IDLE, AHEAD_IN_ONE, AHEAD_BYTE_BY_BYTE, WAY_COUNT };

static bool passes(enum way way, uint8_t stray, const struct adu *request, const struct adu *reply)
{
    uint8_t all[1 + MB_RTU_SIZE_MAX] = {stray};
    memcpy(all + 1, reply->data, reply->size);
    if (way == WHILE_IDLE) {
        add(bytes_of(all, 1));
        assert_false(comes(reply));
    }
    ask(request);
    if (way != AHEAD_BYTE_BY_BYTE) {
        size_t from = way == WHILE_IDLE ? 1 : 0;
        add(bytes_of(all + from, 1 + reply->size - from));
        return comes(reply);
    }
    for (size_t i = 0; i < reply->size; i++) {
        add(bytes_of(all + i, 1));
        assert_false(comes(reply));
    }
    add(bytes_of(all + reply->size, 1));
    return comes(reply);
}

static void test_a_stray_byte_costs_at_most_the_reply_that_it_precedes(void **state)
{
    (void)state;
    uint32_t lost = 0;
    open_as(MB_STREAM_RTU);
    for (unsigned u = 1; u <= MB_UNIT_MAX; u++) {
        for (size_t f = 0; f < FUNCTION_COUNT; f++) {
            uint8_t unit = (uint8_t)u;
            struct adu request = adu_of(unit, EXCHANGES[f][0]);
            uint8_t fc = request.data[1];
            const char refusal[] = {"89ab"[fc >> 4 & 3], "0123456789abcdef"[fc & 15], '0', '2', 0};
            const struct adu replies[] = {adu_of(unit, EXCHANGES[f][1]), adu_of(unit, refusal)};
            const uint8_t strays[] = {0, 0xff, unit, fc, fc | 0x80, (uint8_t)(7 * u + 31 * f)};
            for (unsigned i = 0; i < sizeof(strays) * WAY_COUNT * 2; i++) {
                enum way way = (enum way)(i / 2 % WAY_COUNT);
                uint8_t stray = strays[i / 2 / WAY_COUNT];
                const struct adu *reply = &replies[f == FUNCTION_COUNT - 1 ? 0 : i % 2];
                if (!passes(way, stray, &request, reply)) {
                    // Only what may itself be the beginning of the reply keeps it back.
                    assert_true(way != WHILE_IDLE && stray == unit && (unit & 0x7f) == fc);
                    assert_int_equal(give_up(), 1 + reply->size);
                    lost++;
                }
                ask(&request);
                add(adu_bytes(reply));
                assert_true(comes(reply));
            }
        }
    }
    assert_in_range(lost, 1, 100); // of a quarter of a million
}

static void test_a_reply_of_another_unit_or_function_is_passed_over(void **state)
{
    (void)state;
    open_as(MB_STREAM_RTU);
    struct adu request = adu_of(5, "0400080001");
    struct adu reply = adu_of(5, "0402000a");
    struct adu others[] = {adu_of(6, "0402000a"), adu_of(5, "0302000a"), adu_of(5, "8302")};
    for (size_t i = 0; i < 3; i++) {
        ask(&request);
        add(adu_bytes(&others[i]));
        assert_false(comes(&reply));
        add(adu_bytes(&reply));
        add(adu_bytes(&others[i])); // and nothing behind the reply matters
        assert_true(comes(&reply));
        assert_false(comes(&reply));
    }
    assert_int_equal(connection.stray_bytes, 2 * (7 + 7 + 5));
}

static void test_a_damaged_reply_is_given_up_and_the_next_one_comes(void **state)
{
    (void)state;
    struct adu request = adu_of(10, "0400080002");
    struct adu reply = adu_of(10, "04040001fffe");
    for (size_t bit = 0; bit < 8 * reply.size; bit++) {
        open_as(MB_STREAM_RTU);
        struct adu bad = reply;
        bad.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ask(&request);
        add(adu_bytes(&bad));
        assert_false(comes(&reply));
        assert_int_equal(give_up(), bad.size);
        assert_int_equal(give_up(), 0);
        add(bytes_of(&bad, 3)); // the rest of it, late
        ask(&request);
        add(adu_bytes(&reply));
        assert_true(comes(&reply));
        assert_int_equal(connection.stray_bytes, 3);
    }
}

static void test_a_peer_that_babbles_holds_no_more_than_the_buffer(void **state)
{
    (void)state;
    open_as(MB_STREAM_RTU);
    struct adu request = adu_of(10, "0400080002");
    struct adu reply = adu_of(10, "04040001fffe");
    uint8_t noise[MB_TCP_SIZE_MAX];
    uint32_t random = 1;
    for (int round = 0; round < 50; round++) {
        ask(&request);
        for (int i = 0; i < 20; i++) {
            for (size_t at = 0; at < sizeof(noise); at++) {
                random = random * 1664525 + 1013904223;
                noise[at] = (uint8_t)(random >> 24);
            }
            add(bytes_of(noise, 1 + (random >> 8) % sizeof(noise)));
            assert_false(comes(&reply));
        }
        // Also behind it all, cut anywhere; noise may end like its beginning.
        noise[sizeof(noise) - 1] = 0;
        add(bytes_of(noise, sizeof(noise)));
        size_t cut = (size_t)round % reply.size;
        add(bytes_of(reply.data, cut));
        (void)comes(&reply);
        add(bytes_of(reply.data + cut, reply.size - cut));
        bool is_here = comes(&reply);
        assert_true(is_here || give_up() == MB_RTU_SIZE_MAX);
    }
}

static bool must_renew(uint8_t unit)
{
    struct adu request = adu_of(unit, "0400080001");
    return mb_connection_must_renew(&connection, adu_bytes(&request));
}

static void exchange(uint8_t unit)
{
    struct adu request = adu_of(unit, "0400080001");
    struct adu reply = adu_of(unit, "0402000a");
    ask(&request);
    add(adu_bytes(&reply));
    assert_true(comes(&reply));
}

static void ask_in_vain(uint8_t unit)
{
    struct adu request = adu_of(unit, "0400080001");
    ask(&request);
    (void)give_up();
}

static void test_a_unit_that_owes_a_reply_is_not_asked_over_this_connection(void **state)
{
    (void)state;
    open_as(MB_STREAM_RTU);
    exchange(1);
    assert_false(must_renew(1));
    ask_in_vain(1);
    assert_true(must_renew(1));
    assert_false(must_renew(2));
    assert_false(must_renew(0));
    ask_in_vain(247);
    assert_true(must_renew(247) && must_renew(1));
    mb_connection_opened(&connection);
    assert_false(must_renew(1) || must_renew(247));
    // Behind another's reply to a later request none of before can come.
    ask_in_vain(1);
    exchange(2);
    assert_false(must_renew(1) || must_renew(2));
    // One that is no answer to its request may be an earlier one's.
    ask_in_vain(1);
    struct adu request = adu_of(2, "0400080002");
    struct adu wrong = adu_of(2, "0402000a");
    ask(&request);
    add(adu_bytes(&wrong));
    assert_true(comes(&wrong));
    assert_true(must_renew(1) && must_renew(2));
    // What is sent to all is answered by nobody.
    mb_connection_opened(&connection);
    request = adu_of(0, "0600010003");
    ask(&request);
    assert_int_equal(give_up(), 0);
    assert_false(must_renew(0) || must_renew(1));
}

static void test_what_the_other_end_has_not_received_goes_with_the_connection(void **state)
{
    (void)state;
    open_as(MB_STREAM_RTU);
    struct adu request = adu_of(1, "0400080001");
    ask(&request);
    (void)mb_connection_give_up(&connection, true);
    assert_true(must_renew(1) && must_renew(2) && must_renew(0));
    mb_connection_opened(&connection);
    assert_false(must_renew(1) || must_renew(2) || must_renew(0));
}

static void test_a_silent_peer_is_left_ever_more_rarely(void **state)
{
    (void)state;
    static const uint32_t waits[] = {3, 6, 12, 24, 48, 48};
    for (int kind = MB_STREAM_TCP; kind <= MB_STREAM_RTU; kind++) {
        open_as((enum mb_stream_kind)kind);
        for (int turn = 0; turn < 2; turn++) {
            for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
                for (uint32_t n = 0; n < waits[i]; n++) {
                    assert_false(must_renew((uint8_t)(1 + n)));
                    ask_in_vain((uint8_t)(1 + n));
                }
                assert_true(must_renew(200) && must_renew(0));
                mb_connection_opened(&connection);
            }
            struct adu request = adu_of(9, "0400080001");
            struct adu reply = adu_of(9, "0402000a");
            ask(&request);
            uint8_t tcp[] = {(uint8_t)(connection.transaction >> 8),
                             (uint8_t)connection.transaction,
                             0,
                             0,
                             0,
                             5,
                             9,
                             4,
                             2,
                             0,
                             10};
            bool is_rtu = kind == MB_STREAM_RTU;
            mb_connection_add(&connection, is_rtu ? adu_bytes(&reply) : bytes_of(tcp, sizeof(tcp)));
            struct mb_frame frame;
            assert_int_equal(mb_connection_next(&connection, &frame), OK);
        }
    }
}

static void test_modbus_tcp_tells_replies_apart_by_their_number(void **state)
{
    (void)state;
    open_as(MB_STREAM_TCP);
    struct adu request = adu_of(9, "0400080001");
    struct mb_frame frame;
    ask(&request);
    uint8_t late[] = {0, 1, 0, 0, 0, 5, 9, 4, 2, 0, 1};
    uint8_t own[] = {0, 2, 0, 0, 0, 5, 9, 4, 2, 0, 2};
    assert_int_equal(mb_connection_give_up(&connection, true).size, 0);
    assert_false(must_renew(9)); // a late one does no harm
    ask(&request);
    mb_connection_add(&connection, bytes_of(late, sizeof(late)));
    mb_connection_add(&connection, bytes_of(own, 3));
    assert_int_equal(mb_connection_next(&connection, &frame), ERR_EMPTY);
    mb_connection_add(&connection, bytes_of(own + 3, sizeof(own) - 3));
    assert_int_equal(mb_connection_next(&connection, &frame), OK);
    assert_int_equal(mb_reg(frame.pdu, 1), 2);
    assert_int_equal(mb_connection_next(&connection, &frame), ERR_EMPTY);
    own[2] = 1; // the protocol
    mb_connection_add(&connection, bytes_of(own, sizeof(own)));
    assert_int_equal(mb_connection_next(&connection, &frame), ERR_CORRUPT);
}

static void test_what_is_no_frame_is_not_asked(void **state)
{
    (void)state;
    open_as(MB_STREAM_RTU);
    struct adu request = adu_of(9, "0400080001");
    uint8_t out[MB_RTU_SIZE_MAX];
    struct writer w = writer_of(out, sizeof(out));
    request.data[2] ^= 1;
    assert_int_equal(mb_connection_ask(&connection, adu_bytes(&request), &w), ERR_ARG);
    assert_int_equal(mb_connection_ask(&connection, bytes_of(out, 0), &w), ERR_ARG);
    assert_false(mb_connection_must_renew(&connection, bytes_of(out, 0)));
    assert_int_equal(w.size, 0);
    request.data[2] ^= 1;
    w = writer_of(out, request.size - 1);
    assert_int_equal(mb_connection_ask(&connection, adu_bytes(&request), &w), ERR_SIZE);
    assert_int_equal(give_up(), 0);
    exchange(9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stray_byte_costs_at_most_the_reply_that_it_precedes),
        cmocka_unit_test(test_a_reply_of_another_unit_or_function_is_passed_over),
        cmocka_unit_test(test_a_damaged_reply_is_given_up_and_the_next_one_comes),
        cmocka_unit_test(test_a_peer_that_babbles_holds_no_more_than_the_buffer),
        cmocka_unit_test(test_a_unit_that_owes_a_reply_is_not_asked_over_this_connection),
        cmocka_unit_test(test_what_the_other_end_has_not_received_goes_with_the_connection),
        cmocka_unit_test(test_a_silent_peer_is_left_ever_more_rarely),
        cmocka_unit_test(test_modbus_tcp_tells_replies_apart_by_their_number),
        cmocka_unit_test(test_what_is_no_frame_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
