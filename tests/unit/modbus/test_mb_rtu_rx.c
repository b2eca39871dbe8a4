// SPDX-License-Identifier: Apache-2.0
// Goal: the receiver takes good frames and nothing else, by stamps and by bursts, and the next good
// frame after anything bad. Method: virtual time at 19200 8E1, faults at every byte.
#include "modbus/rtu_rx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct mb_rx rx;
static uint64_t now_us;
static uint8_t request[8]; // unit 5, FC 3

static int set_up(bool coarse)
{
    mb_rx_init(&rx, &(struct mb_rx_config){.silence = mb_silence(19200, MB_BITS_8E1, false),
                                           .coarse = coarse});
    now_us = 1000000;
    struct writer w = writer_of(request, sizeof(request));
    return mb_rtu_encode(5, bytes_of("\x03\x00\x6b\x00\x03", 5), &w) == OK ? 0 : 1;
}

static int strict(void **state)
{
    (void)state;
    return set_up(false);
}

static int coarse(void **state)
{
    (void)state;
    return set_up(true);
}

static void hear(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        now_us += rx.config.silence.char_us;
        mb_rx_byte(&rx, now_us, data[i], true);
    }
}

static void pause(uint64_t us)
{
    now_us += us;
    mb_rx_tick(&rx, now_us);
}

static bool heard_request(void)
{
    struct mb_rx_frame out;
    return mb_rx_next(&rx, &out) && out.frame.unit == 5 && out.frame.pdu.size == 5 && out.is_last;
}

static void good_after_bad(void)
{
    struct mb_rx_frame none;
    assert_false(mb_rx_next(&rx, &none));
    if (rx.config.coarse) {
        mb_rx_burst(&rx, now_us, bytes_of(request, sizeof(request)));
    } else {
        hear(request, sizeof(request));
    }
    pause(rx.config.silence.t35_us);
    assert_true(heard_request());
}

static void test_a_frame_ends_after_its_silence(void **state)
{
    (void)state;
    struct mb_rx_frame out;
    hear(request, sizeof(request));
    uint64_t end_us = now_us;
    assert_int_equal(mb_rx_deadline_us(&rx), end_us + rx.config.silence.t35_us);
    pause(rx.config.silence.t35_us - 1);
    assert_false(mb_rx_next(&rx, &out));
    pause(1);
    assert_true(mb_rx_next(&rx, &out));
    assert_int_equal(out.last_us, end_us);
    assert_int_equal(out.first_us, end_us - 7 * rx.config.silence.char_us);
    assert_false(mb_rx_next(&rx, &out));
    assert_int_equal(mb_rx_deadline_us(&rx), TIME_NEVER);
}

static void test_a_good_frame_with_a_tail_is_rejected(void **state)
{
    (void)state;
    for (unsigned tail = 0; tail < 256; tail++) {
        uint8_t byte = (uint8_t)tail; // a zero leaves the CRC good
        hear(request, sizeof(request));
        hear(&byte, 1);
        pause(rx.config.silence.t35_us);
        assert_int_equal(rx.stats.crc_errors, tail + 1);
        good_after_bad();
    }
}

static void test_a_frame_of_wrong_length_and_good_crc_reaches_the_server(void **state)
{
    (void)state;
    uint8_t frame[16];
    struct writer w = writer_of(frame, sizeof(frame));
    assert_int_equal(mb_rtu_encode(5, bytes_of("\x03\x00\x6b\x00\x03\x99", 6), &w), OK);
    hear(frame, w.size);
    pause(rx.config.silence.t35_us);
    struct mb_rx_frame out;
    assert_true(mb_rx_next(&rx, &out)); // to be answered with exception 03
    assert_int_equal(out.frame.pdu.size, 6);
}

static void test_a_tail_after_t15_is_rejected_too(void **state)
{
    (void)state;
    hear(request, sizeof(request));
    pause(rx.config.silence.t15_us + 1);
    hear((const uint8_t *)"\0", 1);
    pause(rx.config.silence.t35_us);
    assert_int_equal(rx.stats.pauses, 1);
    good_after_bad();
}

static void test_a_pause_of_t15_is_fine_and_one_more_breaks(void **state)
{
    (void)state;
    for (size_t at = 1; at < sizeof(request); at++) {
        (void)set_up(false);
        hear(request, at);
        pause(rx.config.silence.t15_us);
        hear(request + at, sizeof(request) - at);
        pause(rx.config.silence.t35_us);
        assert_true(heard_request());

        hear(request, at);
        pause(rx.config.silence.t15_us + 1);
        hear(request + at, sizeof(request) - at);
        pause(rx.config.silence.t35_us);
        assert_int_equal(rx.stats.pauses, 1);
        good_after_bad();
    }
}

static void test_a_character_error_at_each_byte(void **state)
{
    (void)state;
    for (size_t bad = 0; bad < sizeof(request); bad++) {
        (void)set_up(false);
        for (size_t i = 0; i < sizeof(request); i++) {
            now_us += rx.config.silence.char_us;
            mb_rx_byte(&rx, now_us, request[i], i != bad);
        }
        pause(rx.config.silence.t35_us);
        assert_int_equal(rx.stats.char_errors, 1);
        good_after_bad();
    }
}

static void test_sizes_at_their_limits(void **state)
{
    (void)state;
    uint8_t pdu[MB_PDU_SIZE_MAX] = {100};
    uint8_t frame[MB_RTU_SIZE_MAX + 1];
    struct writer w = writer_of(frame, sizeof(frame));
    assert_int_equal(mb_rtu_encode(1, bytes_of(pdu, sizeof(pdu)), &w), OK);
    struct mb_rx_frame out;
    hear(frame, w.size);
    pause(rx.config.silence.t35_us);
    assert_true(mb_rx_next(&rx, &out));
    assert_int_equal(out.frame.pdu.size, MB_PDU_SIZE_MAX);
    assert_false(mb_rx_next(&rx, &out));
    hear(frame, sizeof(frame));
    pause(rx.config.silence.t35_us);
    assert_int_equal(rx.stats.size_errors, 1);
    hear(frame, 3);
    pause(rx.config.silence.t35_us);
    assert_int_equal(rx.stats.size_errors, 2);
    good_after_bad();
}

static void test_each_missing_byte_is_seen(void **state)
{
    (void)state;
    for (size_t missing = 0; missing < sizeof(request); missing++) {
        (void)set_up(false);
        hear(request, missing);
        now_us += rx.config.silence.char_us / 2;
        hear(request + missing + 1, sizeof(request) - missing - 1);
        pause(rx.config.silence.t35_us);
        good_after_bad();
    }
}

static void test_a_burst_in_two_pieces_is_waited_for(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < sizeof(request); cut++) {
        mb_rx_burst(&rx, now_us, bytes_of(request, cut));
        pause(MB_RX_GAP_US - 1); // far more than t3.5: an adapter's latency
        mb_rx_burst(&rx, now_us, bytes_of(request + cut, sizeof(request) - cut));
        assert_int_equal(mb_rx_deadline_us(&rx), now_us + rx.config.silence.t35_us);
        pause(rx.config.silence.t35_us);
        assert_true(heard_request());
    }
}

static void test_half_a_burst_is_given_up_after_the_gap(void **state)
{
    (void)state;
    mb_rx_burst(&rx, now_us, bytes_of(request, 5));
    pause(MB_RX_GAP_US + 3 * rx.config.silence.char_us - 1);
    assert_int_equal(rx.stats.crc_errors, 0);
    pause(1);
    assert_int_equal(rx.stats.crc_errors, 1);
    good_after_bad();
}

static void test_a_burst_with_a_tail_is_rejected(void **state)
{
    (void)state;
    uint8_t burst[9];
    memcpy(burst, request, sizeof(request));
    for (unsigned tail = 0; tail < 256; tail++) {
        burst[8] = (uint8_t)tail;
        mb_rx_burst(&rx, now_us, bytes_of(burst, sizeof(burst)));
        pause(MB_RX_GAP_US);
        good_after_bad();
    }
}

static void test_noise_before_a_frame_does_not_cost_it(void **state)
{
    (void)state;
    struct mb_rx_frame out;
    mb_rx_burst(&rx, now_us, bytes_of("\0", 1));
    pause(rx.config.silence.t35_us + 1);
    mb_rx_burst(&rx, now_us, bytes_of(request, sizeof(request)));
    pause(rx.config.silence.t35_us);
    assert_true(mb_rx_next(&rx, &out));
    assert_int_equal(rx.stats.size_errors, 1);
}

static void test_two_frames_in_one_burst_both_count(void **state)
{
    (void)state;
    // A reply of unit 9, then the request to unit 5, read at once by a process that came late.
    uint8_t burst[64];
    struct writer w = writer_of(burst, sizeof(burst));
    assert_int_equal(mb_rtu_encode(9, bytes_of("\x03\x02\x12\x34", 4), &w), OK);
    put_bytes(&w, bytes_of(request, sizeof(request)));
    mb_rx_burst(&rx, now_us, writer_bytes(&w));
    pause(rx.config.silence.t35_us);
    struct mb_rx_frame out;
    assert_true(mb_rx_next(&rx, &out));
    assert_int_equal(out.frame.unit, 9);
    assert_false(out.is_last);
    assert_true(heard_request());
}

static void open_slow(uint32_t baud)
{
    mb_rx_init(&rx, &(struct mb_rx_config){.silence = mb_silence(baud, MB_BITS_8E1, false),
                                           .coarse = true});
    assert_int_equal(rx.config.gap_us, rx.config.silence.t35_us);
    now_us = 1000000;
}

static void test_slow_lines_deliver_byte_by_byte_too(void **state)
{
    (void)state;
    static const uint32_t SPEEDS[] = {300, 1200};
    for (size_t s = 0; s < sizeof(SPEEDS) / sizeof(SPEEDS[0]); s++) {
        open_slow(SPEEDS[s]);
        for (size_t i = 0; i < sizeof(request); i++) {
            mb_rx_burst(&rx, now_us, bytes_of(&request[i], 1));
            if (i + 1 < sizeof(request)) { // read as late as may be, once in a while
                pause(rx.config.silence.char_us + (i == 3 ? MB_RX_GAP_US : 0));
            }
        }
        pause(rx.config.silence.t35_us - 1);
        struct mb_rx_frame none;
        assert_false(mb_rx_next(&rx, &none));
        pause(1);
        assert_true(heard_request());
        assert_int_equal(rx.stats.crc_errors + rx.stats.size_errors, 0);
    }
}

static void test_slow_lines_deliver_in_two_pieces_too(void **state)
{
    (void)state;
    static const uint32_t SPEEDS[] = {300, 1200};
    for (size_t s = 0; s < sizeof(SPEEDS) / sizeof(SPEEDS[0]); s++) {
        open_slow(SPEEDS[s]);
        for (size_t cut = 1; cut < sizeof(request); cut++) {
            size_t left = sizeof(request) - cut;
            mb_rx_burst(&rx, now_us, bytes_of(request, cut));
            pause(left * rx.config.silence.char_us + MB_RX_GAP_US - 1);
            mb_rx_burst(&rx, now_us, bytes_of(request + cut, left));
            pause(rx.config.silence.t35_us);
            assert_true(heard_request());
        }
    }
}

// A length that noise made up keeps nobody deaf for the time of a whole frame.
static void test_a_made_up_length_ends_in_time(void **state)
{
    (void)state;
    open_slow(300);
    mb_rx_burst(&rx, now_us, bytes_of("\5\3\xf0", 3)); // 240 bytes of a reply
    uint64_t most_us = MB_RX_HELD_MAX * (uint64_t)rx.config.silence.char_us;
    assert_int_equal(mb_rx_deadline_us(&rx), now_us + rx.config.gap_us + most_us);
    pause(rx.config.gap_us + most_us);
    assert_int_equal(rx.stats.size_errors, 1);
    good_after_bad();
}

static void test_too_long_a_burst_is_dropped(void **state)
{
    (void)state;
    uint8_t noise[MB_RX_SIZE + 1];
    memset(noise, 0x55, sizeof(noise));
    mb_rx_burst(&rx, now_us, bytes_of(noise, MB_RX_SIZE));
    mb_rx_burst(&rx, now_us, bytes_of(noise, sizeof(noise)));
    pause(MB_RX_GAP_US);
    assert_int_equal(rx.stats.size_errors, 1);
    good_after_bad();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_frame_ends_after_its_silence, strict),
        cmocka_unit_test_setup(test_a_good_frame_with_a_tail_is_rejected, strict),
        cmocka_unit_test_setup(test_a_frame_of_wrong_length_and_good_crc_reaches_the_server,
                               strict),
        cmocka_unit_test_setup(test_a_tail_after_t15_is_rejected_too, strict),
        cmocka_unit_test_setup(test_a_pause_of_t15_is_fine_and_one_more_breaks, strict),
        cmocka_unit_test_setup(test_a_character_error_at_each_byte, strict),
        cmocka_unit_test_setup(test_sizes_at_their_limits, strict),
        cmocka_unit_test_setup(test_each_missing_byte_is_seen, strict),
        cmocka_unit_test_setup(test_a_burst_in_two_pieces_is_waited_for, coarse),
        cmocka_unit_test_setup(test_half_a_burst_is_given_up_after_the_gap, coarse),
        cmocka_unit_test_setup(test_a_burst_with_a_tail_is_rejected, coarse),
        cmocka_unit_test_setup(test_noise_before_a_frame_does_not_cost_it, coarse),
        cmocka_unit_test_setup(test_two_frames_in_one_burst_both_count, coarse),
        cmocka_unit_test_setup(test_slow_lines_deliver_byte_by_byte_too, coarse),
        cmocka_unit_test_setup(test_slow_lines_deliver_in_two_pieces_too, coarse),
        cmocka_unit_test_setup(test_a_made_up_length_ends_in_time, coarse),
        cmocka_unit_test_setup(test_too_long_a_burst_is_dropped, coarse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
