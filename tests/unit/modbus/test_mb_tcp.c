// SPDX-License-Identifier: Apache-2.0
// Goal: frames come out of a stream however TCP cuts it; nonsense is refused and the next good
// bytes work. Method: both kinds, cut at every byte.
#include "modbus/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"

static const uint8_t pdu[] = {3, 0, 0x6b, 0, 3};

static struct bytes frame_of(enum mb_stream_kind kind, struct writer *w)
{
    struct mb_frame frame = {.transaction = 77, .unit = 5, .pdu = {pdu, sizeof(pdu)}};
    assert_int_equal(mb_stream_encode(kind, &frame, w), OK);
    return writer_bytes(w);
}

static void expect_frame(struct mb_stream *stream)
{
    struct mb_frame out;
    assert_int_equal(mb_stream_next(stream, &out), OK);
    assert_int_equal(out.unit, 5);
    assert_int_equal(out.transaction, stream->kind == MB_STREAM_TCP ? 77 : 0);
    assert_true(bytes_equal(out.pdu, bytes_of(pdu, sizeof(pdu))));
}

static void test_any_cut_gives_the_same_frames(void **state)
{
    (void)state;
    for (int kind = MB_STREAM_TCP; kind <= MB_STREAM_RTU; kind++) {
        uint8_t two[64];
        struct writer w = writer_of(two, sizeof(two));
        (void)frame_of((enum mb_stream_kind)kind, &w);
        size_t one = w.size;
        (void)frame_of((enum mb_stream_kind)kind, &w);
        for (size_t cut = 0; cut <= w.size; cut++) {
            struct mb_stream stream;
            struct mb_frame out;
            mb_stream_init(&stream, (enum mb_stream_kind)kind, MB_REQUESTS);
            assert_int_equal(mb_stream_add(&stream, bytes_of(two, cut)), cut);
            if (cut >= one) {
                expect_frame(&stream);
            }
            assert_int_equal(cut == w.size ? ERR_EMPTY : mb_stream_next(&stream, &out), ERR_EMPTY);
            assert_int_equal(mb_stream_add(&stream, bytes_of(two + cut, w.size - cut)),
                             w.size - cut);
            if (cut < one) {
                expect_frame(&stream);
            }
            expect_frame(&stream);
            assert_int_equal(mb_stream_next(&stream, &out), ERR_EMPTY);
        }
    }
}

static void test_a_header_that_is_not_modbus(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\0\1\0\1\0\6\5\3\0\0\0\1",   // protocol id
        "\0\1\0\0\0\1\5\3\0\0\0\1",   // too short
        "\0\1\0\0\0\xff\5\3\0\0\0\1", // too long: 255
        "\0\1\0\0\1\6\5\3\0\0\0\1",
    };
    for (size_t i = 0; i < 4; i++) {
        struct mb_stream stream;
        struct mb_frame out;
        mb_stream_init(&stream, MB_STREAM_TCP, MB_REQUESTS);
        (void)mb_stream_add(&stream, bytes_of(bad[i], 12));
        assert_int_equal(mb_stream_next(&stream, &out), ERR_CORRUPT);
        uint8_t again[32];
        struct writer w = writer_of(again, sizeof(again));
        (void)mb_stream_add(&stream, frame_of(MB_STREAM_TCP, &w));
        expect_frame(&stream);
    }
}

static void test_the_longest_frame_fits_and_no_longer_is_made(void **state)
{
    (void)state;
    uint8_t big[MB_PDU_SIZE_MAX + 1] = {100};
    uint8_t buffer[MB_TCP_SIZE_MAX];
    struct mb_frame frame = {.unit = 1, .pdu = {big, MB_PDU_SIZE_MAX}};
    struct writer w = writer_of(buffer, sizeof(buffer));
    assert_int_equal(mb_tcp_encode(&frame, &w), OK);
    assert_int_equal(w.size, MB_TCP_SIZE_MAX);
    struct mb_stream stream;
    mb_stream_init(&stream, MB_STREAM_TCP, MB_REQUESTS);
    (void)mb_stream_add(&stream, writer_bytes(&w));
    assert_int_equal(mb_stream_next(&stream, &frame), OK);
    assert_int_equal(frame.pdu.size, MB_PDU_SIZE_MAX);
    frame.pdu = bytes_of(big, sizeof(big));
    w = writer_of(buffer, sizeof(buffer));
    assert_int_equal(mb_tcp_encode(&frame, &w), ERR_SIZE);
    frame.pdu = bytes_of(big, 0);
    assert_int_equal(mb_tcp_encode(&frame, &w), ERR_SIZE);
}

static void test_a_full_stream_takes_no_more_until_it_is_drained(void **state)
{
    (void)state;
    struct mb_stream stream;
    mb_stream_init(&stream, MB_STREAM_TCP, MB_REQUESTS);
    uint8_t one[32];
    struct writer w = writer_of(one, sizeof(one));
    struct bytes frame = frame_of(MB_STREAM_TCP, &w);
    size_t sent = 0;
    size_t taken = 0;
    while ((taken = mb_stream_add(&stream, frame)) == frame.size) {
        sent++;
    }
    assert_int_equal(sent, MB_STREAM_SIZE / frame.size);
    for (size_t i = 0; i < sent; i++) {
        expect_frame(&stream);
    }
    assert_int_equal(mb_stream_add(&stream, bytes_of(frame.data + taken, frame.size - taken)),
                     frame.size - taken);
    expect_frame(&stream);
}

static void test_rtu_over_tcp_survives_a_bad_crc(void **state)
{
    (void)state;
    uint8_t one[32];
    struct writer w = writer_of(one, sizeof(one));
    struct bytes frame = frame_of(MB_STREAM_RTU, &w);
    struct mb_stream stream;
    struct mb_frame out;
    mb_stream_init(&stream, MB_STREAM_RTU, MB_REQUESTS);
    one[3] ^= 1;
    (void)mb_stream_add(&stream, frame);
    assert_int_equal(mb_stream_next(&stream, &out), ERR_CORRUPT);
    one[3] ^= 1;
    (void)mb_stream_add(&stream, frame);
    expect_frame(&stream);
}

static void test_rtu_over_tcp_ends_an_echo_by_its_crc(void **state)
{
    (void)state;
    uint8_t one[32];
    struct writer w = writer_of(one, sizeof(one));
    assert_int_equal(mb_rtu_encode(5, bytes_of("\x08\0\0\x12\x34\x56\x78", 7), &w), OK);
    struct mb_stream stream;
    struct mb_frame out;
    mb_stream_init(&stream, MB_STREAM_RTU, MB_REQUESTS);
    for (size_t i = 0; i < w.size; i++) {
        assert_int_equal(mb_stream_next(&stream, &out), ERR_EMPTY);
        (void)mb_stream_add(&stream, bytes_of(one + i, 1));
    }
    assert_int_equal(mb_stream_next(&stream, &out), OK);
    assert_int_equal(out.pdu.size, 7);
}

// What a listener's stream does with one byte ahead of each request.
static void test_rtu_over_tcp_is_in_step_again_after_a_pause(void **state)
{
    (void)state;
    uint64_t now_us = 0;
    struct mb_stream stream;
    struct mb_frame out;
    mb_stream_init(&stream, MB_STREAM_RTU, MB_REQUESTS);
    for (unsigned unit = 1; unit <= MB_UNIT_MAX; unit++) {
        for (unsigned stray = 0; stray < 256; stray++) {
            uint8_t bytes[32] = {(uint8_t)stray};
            struct writer w = writer_of(bytes + 1, sizeof(bytes) - 1);
            assert_int_equal(mb_rtu_encode((uint8_t)unit, bytes_of(pdu, sizeof(pdu)), &w), OK);
            now_us += MB_STREAM_PAUSE_US;
            (void)mb_stream_pause(&stream, now_us);
            (void)mb_stream_add(&stream, bytes_of(bytes, 1 + w.size));
            while (mb_stream_next(&stream, &out) != ERR_EMPTY) {
            }
            size_t held = mb_stream_held(&stream).size;
            now_us += MB_STREAM_PAUSE_US - 1;
            assert_false(mb_stream_pause(&stream, now_us));
            now_us += MB_STREAM_PAUSE_US;
            assert_int_equal(mb_stream_pause(&stream, now_us), held > 0);
            (void)mb_stream_add(&stream, writer_bytes(&w));
            assert_int_equal(mb_stream_next(&stream, &out), OK);
            assert_int_equal(out.unit, unit);
            assert_int_equal(mb_stream_next(&stream, &out), ERR_EMPTY);
        }
    }
}

static void test_whole_frames_come_again_without_a_pause_too(void **state)
{
    (void)state;
    uint8_t one[32];
    struct writer w = writer_of(one, sizeof(one));
    struct bytes frame = frame_of(MB_STREAM_RTU, &w);
    for (unsigned first = 0; first < 0x10000; first++) {
        const uint8_t noise[] = {(uint8_t)(first >> 8), (uint8_t)first};
        struct mb_stream stream;
        struct mb_frame out;
        size_t lost = sizeof(noise);
        mb_stream_init(&stream, MB_STREAM_RTU, MB_REQUESTS);
        (void)mb_stream_add(&stream, bytes_of(noise, sizeof(noise)));
        while (mb_stream_add(&stream, frame) == frame.size && mb_stream_next(&stream, &out) != OK) {
            lost += frame.size;
        }
        assert_in_range(lost, sizeof(noise), MB_RTU_SIZE_MAX + frame.size);
    }
}

static void test_modbus_tcp_keeps_its_step_over_a_pause(void **state)
{
    (void)state;
    uint8_t one[32];
    struct writer w = writer_of(one, sizeof(one));
    struct bytes frame = frame_of(MB_STREAM_TCP, &w);
    struct mb_stream stream;
    mb_stream_init(&stream, MB_STREAM_TCP, MB_REQUESTS);
    for (size_t i = 0; i < frame.size; i++) {
        assert_false(mb_stream_pause(&stream, i * US_PER_S));
        (void)mb_stream_add(&stream, bytes_of(one + i, 1));
    }
    expect_frame(&stream);
}

static void test_a_part_of_what_is_held_can_be_forgotten(void **state)
{
    (void)state;
    struct mb_stream stream;
    mb_stream_init(&stream, MB_STREAM_RTU, MB_REPLIES);
    (void)mb_stream_add(&stream, bytes_of("abcd", 4));
    mb_stream_skip(&stream, 1);
    assert_true(bytes_equal(mb_stream_held(&stream), bytes_of("bcd", 3)));
    assert_int_equal(mb_stream_drop(&stream), 3);
    (void)mb_stream_add(&stream, bytes_of("ef", 2));
    mb_stream_skip(&stream, 3);
    assert_int_equal(mb_stream_held(&stream).size, 0);
    assert_int_equal(mb_stream_drop(&stream), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut_gives_the_same_frames),
        cmocka_unit_test(test_a_header_that_is_not_modbus),
        cmocka_unit_test(test_the_longest_frame_fits_and_no_longer_is_made),
        cmocka_unit_test(test_a_full_stream_takes_no_more_until_it_is_drained),
        cmocka_unit_test(test_rtu_over_tcp_survives_a_bad_crc),
        cmocka_unit_test(test_rtu_over_tcp_ends_an_echo_by_its_crc),
        cmocka_unit_test(test_rtu_over_tcp_is_in_step_again_after_a_pause),
        cmocka_unit_test(test_whole_frames_come_again_without_a_pause_too),
        cmocka_unit_test(test_modbus_tcp_keeps_its_step_over_a_pause),
        cmocka_unit_test(test_a_part_of_what_is_held_can_be_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
