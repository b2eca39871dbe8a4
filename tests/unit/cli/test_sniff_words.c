// SPDX-License-Identifier: Apache-2.0
// Goal: what is heard on a line is told in words, an answer apart from a question, and nothing that
// was heard is made up. Method: dialogues as they go over a line, frame by frame.
#include "apps/cli/sniff_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

struct heard {
    const char *pdu; // hexadecimal
    uint8_t unit;
    enum sniff_kind kind;
    const char *words;
};

static size_t frame_of(uint8_t unit, const char *pdu, uint8_t out[MB_RTU_SIZE_MAX])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[MB_PDU_SIZE_MAX];
    size_t size = strlen(pdu) / 2;
    for (size_t i = 0; i < size; i++) {
        size_t high = (size_t)(strchr(digits, pdu[2 * i]) - digits);
        size_t low = (size_t)(strchr(digits, pdu[2 * i + 1]) - digits);
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    struct writer frame = writer_of(out, MB_RTU_SIZE_MAX);
    assert_int_equal(mb_rtu_encode(unit, bytes_of(bytes, size), &frame), OK);
    return frame.size;
}

static void test_a_dialogue_in_words(void **state)
{
    (void)state;
    static const struct heard rows[] = {
        {"0300000002", 1, SNIFF_REQUEST, "read holding registers 0 to 1"},
        {"0304000affff", 1, SNIFF_REPLY, "read holding registers 0 to 1: 10 65535"},
        {"0304000affff", 1, SNIFF_REPLY, "read holding registers: 10 65535"}, // to what was missed
        {"0400630001", 2, SNIFF_REQUEST, "read input registers 99"},
        {"8402", 2, SNIFF_REFUSAL, "read input registers: illegal data address (exception 2)"},
        {"0100000003", 1, SNIFF_REQUEST, "read coils 0 to 2"},
        {"010105", 1, SNIFF_REPLY, "read coils 0 to 2: 1 0 1"},
        // The reply to a single write is its request again.
        {"0600050007", 1, SNIFF_REQUEST, "write single register 5: 7"},
        {"0600050007", 1, SNIFF_REPLY, "write single register 5: 7"},
        {"0600050007", 1, SNIFF_REQUEST, "write single register 5: 7"},
        {"0600050007", 3, SNIFF_REQUEST, "write single register 5: 7"}, // another unit
        {"050001ff00", 0, SNIFF_REQUEST, "write single coil 1: on"},    // to all: nobody answers
        {"050001ff00", 0, SNIFF_REQUEST, "write single coil 1: on"},
        {"1000010002040001002a", 1, SNIFF_REQUEST, "write multiple registers 1 to 2: 1 42"},
        {"1000010002", 1, SNIFF_REPLY, "write multiple registers 1 to 2"},
        {"0f0000000a02ff01", 1, SNIFF_REQUEST, "write multiple coils 0 to 9: 1 1 1 1 1 1 1 1 1 0"},
        {"160004000fff00", 1, SNIFF_REQUEST, "mask write register 4: and 000f, or ff00"},
        {"17000000010009000102002a", 1, SNIFF_REQUEST,
         "read/write multiple registers: read 0, write 9: 42"},
        // Asked again before it answered: a question again.
        {"0300000002", 1, SNIFF_REQUEST, "read holding registers 0 to 1"},
        {"0300000002", 1, SNIFF_REQUEST, "read holding registers 0 to 1"},
        // Another unit's word is no answer to it.
        {"03020001", 2, SNIFF_REPLY, "read holding registers: 1"},
        {"6401", 1, SNIFF_UNKNOWN, "function 100"},
    };
    struct sniff sniff = {.has_request = false};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t frame[MB_RTU_SIZE_MAX];
        struct sniff_text text;
        size_t size = frame_of(rows[i].unit, rows[i].pdu, frame);
        sniff_words(&sniff, bytes_of(frame, size), &text);
        memset(frame, 0xee, sizeof frame); // it is borrowed for the call only
        if (text.kind != rows[i].kind || strcmp(text.words, rows[i].words) != 0) {
            fail_msg("row %zu: kind %d: %s", i, (int)text.kind, text.words);
        }
        assert_int_equal(text.unit, rows[i].unit);
        frame_of(rows[i].unit, rows[i].pdu, frame);
        frame[size - 1] ^= 1U;
        struct sniff other = sniff;
        sniff_words(&other, bytes_of(frame, size), &text);
        assert_int_equal(text.kind, SNIFF_BROKEN);
    }
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    struct sniff sniff = {.has_request = false};
    struct sniff_text text;
    uint8_t pdu[2 + 250] = {MB_READ_HOLDING, 250};
    uint8_t bytes[MB_RTU_SIZE_MAX];
    struct writer frame = writer_of(bytes, sizeof bytes);
    memset(pdu + 2, 0xff, 250);
    assert_int_equal(mb_rtu_encode(1, bytes_of(pdu, sizeof pdu), &frame), OK);
    sniff_words(&sniff, writer_bytes(&frame), &text);
    assert_string_equal(text.words, "read holding registers: 65535 65535 65535 65535 65535 65535 "
                                    "65535 65535 65535 65535 ...");
}

static void test_a_burst_of_several_frames_is_taken_apart(void **state)
{
    (void)state;
    uint8_t burst[3 * MB_RTU_SIZE_MAX];
    size_t request = frame_of(1, "0300000002", burst);
    size_t reply = frame_of(1, "0304000affff", burst + request);
    size_t all = request + reply;
    assert_int_equal(sniff_first(bytes_of(burst, request)), request);
    assert_int_equal(sniff_first(bytes_of(burst, all)), request);
    assert_int_equal(sniff_first(bytes_of(burst + request, reply)), reply);
    assert_int_equal(sniff_first(bytes_of(burst, request - 1)), request - 1); // no CRC fits
    assert_int_equal(sniff_first(bytes_of(burst, 1)), 1);
    burst[all] = 0x55; // a tail
    assert_int_equal(sniff_first(bytes_of(burst + request, reply + 1)), reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dialogue_in_words),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_a_burst_of_several_frames_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
