// SPDX-License-Identifier: Apache-2.0
// Goal: RTU frames of every legal size go round and no damaged one passes; lengths told from a
// beginning never trust the wire too far.
#include "modbus/rtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_crc_table_agrees_with_the_bitwise_definition(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint16_t crc = (uint16_t)(MB_CRC_START ^ byte);
        for (int bit = 0; bit < 8; bit++) {
            crc = (uint16_t)((crc & 1) != 0 ? crc >> 1 ^ 0xa001 : crc >> 1);
        }
        uint8_t in = (uint8_t)byte;
        assert_int_equal(mb_crc16(MB_CRC_START, bytes_of(&in, 1)), crc);
    }
}

static void test_every_size_goes_round(void **state)
{
    (void)state;
    uint8_t pdu[MB_PDU_SIZE_MAX + 1];
    memset(pdu, 0x5a, sizeof(pdu));
    for (size_t size = 0; size <= sizeof(pdu); size++) {
        uint8_t frame[MB_RTU_SIZE_MAX];
        struct writer w = writer_of(frame, sizeof(frame));
        enum err err = mb_rtu_encode(9, bytes_of(pdu, size), &w);
        assert_int_equal(err, size >= 1 && size <= MB_PDU_SIZE_MAX ? OK : ERR_SIZE);
        if (err != OK) {
            continue;
        }
        struct mb_frame out;
        assert_int_equal(mb_rtu_decode(writer_bytes(&w), &out), OK);
        assert_int_equal(out.unit, 9);
        assert_true(bytes_equal(out.pdu, bytes_of(pdu, size)));
    }
    uint8_t long_frame[MB_RTU_SIZE_MAX + 1] = {0};
    struct mb_frame out;
    assert_int_equal(mb_rtu_decode(bytes_of(long_frame, sizeof(long_frame)), &out), ERR_SIZE);
}

static void test_no_single_damaged_bit_passes(void **state)
{
    (void)state;
    uint8_t frame[16];
    struct writer w = writer_of(frame, sizeof(frame));
    assert_int_equal(mb_rtu_encode(1, bytes_of("\x03\x00\x6b\x00\x03", 5), &w), OK);
    for (size_t bit = 0; bit < 8 * w.size; bit++) {
        uint8_t bad[16];
        struct mb_frame out;
        memcpy(bad, frame, w.size);
        bad[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_int_equal(mb_rtu_decode(bytes_of(bad, w.size), &out), ERR_CORRUPT);
    }
}

static void test_too_little_room_leaves_the_writer_as_it_was(void **state)
{
    (void)state;
    uint8_t frame[8];
    for (size_t room = 0; room < 8; room++) {
        struct writer w = writer_of(frame, room);
        assert_int_equal(mb_rtu_encode(1, bytes_of("\x03\x00\x6b\x00\x03", 5), &w), ERR_SIZE);
        assert_int_equal(w.size, 0);
        assert_false(w.failed);
    }
}

static void test_a_claim_beyond_a_frame_is_not_believed(void **state)
{
    (void)state;
    // FC 16 with 255 data bytes, FC 24 with a byte count of 65535, FC 43 with huge objects.
    assert_int_equal(mb_rtu_size(MB_REQUESTS, bytes_of("\1\x10\0\0\0\1\xff", 7)), MB_SIZE_OPEN);
    assert_int_equal(mb_rtu_size(MB_REPLIES, bytes_of("\1\x18\xff\xff", 4)), MB_SIZE_OPEN);
    assert_int_equal(mb_rtu_size(MB_REPLIES, bytes_of("\1\x2b\x0e\1\1\0\0\2\0\xff", 10)),
                     MB_SIZE_OPEN);
    assert_int_equal(mb_rtu_size(MB_REPLIES, bytes_of("\1\x03\xfb", 3)), MB_RTU_SIZE_MAX);
    assert_int_equal(mb_rtu_size(MB_REPLIES, bytes_of("\1\x03\xfc", 3)), MB_SIZE_OPEN);
    assert_int_equal(mb_rtu_size(MB_REPLIES, bytes_of("\1\x83", 2)), MB_EXCEPTION_SIZE);
    assert_int_equal(mb_rtu_size(MB_REQUESTS, bytes_of("\1\x64", 2)), MB_SIZE_OPEN);
    assert_int_equal(mb_rtu_size(MB_REQUESTS, bytes_of("\1", 1)), MB_SIZE_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc_table_agrees_with_the_bitwise_definition),
        cmocka_unit_test(test_every_size_goes_round),
        cmocka_unit_test(test_no_single_damaged_bit_passes),
        cmocka_unit_test(test_too_little_room_leaves_the_writer_as_it_was),
        cmocka_unit_test(test_a_claim_beyond_a_frame_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
