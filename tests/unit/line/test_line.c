// SPDX-License-Identifier: Apache-2.0
// Goal: the exact times of the line machine with stamped bytes. Method: virtual time, every output
// recorded; at 19200 8E1 a character is 573 us and t3.5 is 2006 us.
#include "line/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/unit/line/rig.h"

static const struct line_cfg SLOW = {.baud = 19200};
static const uint8_t REPLY[] = {1, 3, 2, 0, 7, 0xaa, 0xbb};

static void test_silences_follow_the_standard(void **state)
{
    (void)state;
    static const struct {
        struct line_cfg cfg;
        uint32_t t1_5_us, t3_5_us;
    } CASES[] = {
        {{.baud = 9600}, 1719, 4011},
        {{.baud = 19200}, 860, 2006},
        {{.baud = 19200, .char_bits = 10}, 782, 1823},
        {{.baud = 38400}, 750, 1750},
        {{.baud = 115200, .char_bits = 10}, 750, 1750},
        {{.baud = 115200, .char_bits = 10, .silence_in_chars = true}, 131, 304},
        {{.baud = 115200, .t1_5_us = 5, .t3_5_us = 9}, 5, 9},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct line line;
        line_init(&line, &CASES[i].cfg);
        assert_int_equal(line.t1_5_us, CASES[i].t1_5_us);
        assert_int_equal(line.t3_5_us, CASES[i].t3_5_us);
    }
}

static void test_reply_is_handed_over_with_all_its_times(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    struct line_send send = rig_frame(7, 8);
    rig_send(&rig, &send);
    uint64_t start_us = rig.tx_us;
    assert_int_equal(start_us, US_PER_S); // the line was quiet for long
    assert_int_equal(rig.tx_size, 8);
    assert_memory_equal(rig.tx, send.frame, 8);
    uint64_t end_us = start_us + line_chars_us(&rig.line, 8);
    assert_int_equal(rig.de_off_us, end_us);
    rig_rx(&rig, end_us + 5000, REPLY, sizeof REPLY);
    uint64_t last_us = end_us + 5000 + 6 * rig.char_us;
    rig_run(&rig, last_us + 2005);
    assert_int_equal(rig.done_count, 0);
    rig_run(&rig, last_us + 2006);
    const struct line_done *done = rig_last(&rig);
    assert_int_equal(done->token, 7);
    assert_int_equal(done->outcome, LINE_REPLY);
    assert_false(done->coarse);
    assert_int_equal(done->tx_first_us, start_us);
    assert_int_equal(done->tx_end_us, end_us);
    assert_int_equal(done->rx_first_us, end_us + 5000);
    assert_int_equal(done->rx_last_us, last_us);
    assert_int_equal(done->reply_size, sizeof REPLY);
    assert_memory_equal(done->reply, REPLY, sizeof REPLY);
}

static void test_next_frame_starts_exactly_at_the_end_of_the_silence(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    struct line_send first = rig_frame(1, 8);
    struct line_send second = rig_frame(2, 5);
    rig_send(&rig, &first);
    rig_send(&rig, &second);
    uint64_t reply_us = rig.tx_us + line_chars_us(&rig.line, 8) + 3000;
    rig_rx(&rig, reply_us, REPLY, sizeof REPLY);
    uint64_t last_us = reply_us + 6 * rig.char_us;
    rig_run(&rig, last_us + US_PER_S / 20);
    assert_int_equal(rig.tx_count, 2);
    assert_int_equal(rig.tx_us, last_us + rig.line.t3_5_us);
    assert_int_equal(rig.tx_size, 5);
}

static void test_timeout_counts_from_the_last_stop_bit(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    struct line_send send = rig_frame(1, 8);
    rig_send(&rig, &send);
    uint64_t end_us = rig.tx_us + line_chars_us(&rig.line, 8);
    rig_run(&rig, end_us + send.reply_timeout_us - 1);
    assert_int_equal(rig.done_count, 0);
    rig_run(&rig, end_us + send.reply_timeout_us);
    assert_int_equal(rig_last(&rig)->outcome, LINE_TIMEOUT);
    assert_int_equal(rig_last(&rig)->reply_size, 0);
}

static void test_late_reply_goes_to_nobody_and_delays_the_next_frame(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    struct line_send first = rig_frame(1, 8);
    struct line_send second = rig_frame(2, 8);
    rig_send(&rig, &first);
    uint64_t timeout_us = rig.tx_us + line_chars_us(&rig.line, 8) + first.reply_timeout_us;
    rig_run(&rig, timeout_us);
    rig_rx(&rig, timeout_us + 100, REPLY, sizeof REPLY - 1);
    rig_send(&rig, &second); // while the late reply is still coming
    uint64_t last_us = timeout_us + 100 + 6 * rig.char_us;
    rig_rx(&rig, last_us, REPLY + 6, 1);
    rig_run(&rig, last_us + rig.line.t3_5_us);
    assert_int_equal(rig.tx_count, 2);
    assert_int_equal(rig.tx_us, last_us + rig.line.t3_5_us);
    assert_int_equal(rig.line.stats.late_bytes, sizeof REPLY);
    rig_run(&rig, rig.now_us + US_PER_S);
    assert_int_equal(rig_last(&rig)->token, 2);
    assert_int_equal(rig_last(&rig)->outcome, LINE_TIMEOUT);
    assert_int_equal(rig_last(&rig)->late_bytes, sizeof REPLY);
    assert_int_equal(rig_last(&rig)->reply_size, 0);
    rig_send(&rig, &first);
    rig_run(&rig, rig.now_us + US_PER_S);
    assert_int_equal(rig_last(&rig)->late_bytes, 0); // told once
}

static void test_broadcast_waits_its_turnaround(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    struct line_send send = rig_frame(1, 8);
    struct line_send next = rig_frame(2, 8);
    send.broadcast = true;
    rig_send(&rig, &send);
    rig_send(&rig, &next);
    uint64_t over_us = rig.tx_us + line_chars_us(&rig.line, 8) + send.turnaround_us;
    rig_run(&rig, over_us - 1);
    assert_int_equal(rig.done_count, 0);
    rig_run(&rig, over_us);
    assert_int_equal(rig_last(&rig)->outcome, LINE_SENT);
    assert_int_equal(rig.tx_count, 2);
    assert_int_equal(rig.tx_us, over_us); // its silence lay in the turn-around
    // What comes behind a broadcast answers nobody.
    rig_run(&rig, rig.now_us + US_PER_S);
    rig_send(&rig, &send);
    rig_run(&rig, rig.now_us + US_PER_S);
    rig_rx(&rig, rig.now_us, REPLY, 1);
    assert_int_equal(rig.line.stats.unsolicited_bytes, 1);
    assert_int_equal(rig.line.stats.late_bytes, 0);
}

static void test_driver_is_on_from_lead_to_guard_only(void **state)
{
    (void)state;
    struct rig rig;
    static const struct line_cfg GUARDED = {.baud = 19200, .de_lead_bits8 = 16, .de_hold_bits8 = 8};
    rig_init(&rig, &GUARDED);
    struct line_send send = rig_frame(1, 8);
    rig_send(&rig, &send);
    assert_int_equal(rig.de_on_us, US_PER_S);
    rig_run(&rig, US_PER_S + 105);
    assert_int_equal(rig.tx_us, US_PER_S + 105); // 2 bits, rounded up
    assert_int_equal(rig.de_off_us, rig.tx_us + line_chars_us(&rig.line, 8) + 53);
    // Behind a reply the lead lies inside the silence, so the frame itself is not late.
    rig_send(&rig, &send);
    uint64_t reply_us = rig.tx_us + 20000;
    rig_rx(&rig, reply_us, REPLY, 1);
    rig_run(&rig, reply_us + 3000);
    assert_int_equal(rig.de_on_us, reply_us + 2006); // the frame end is told by the same silence
}

static void test_byte_during_the_lead_takes_the_driver_off(void **state)
{
    (void)state;
    struct rig rig;
    static const struct line_cfg GUARDED = {.baud = 19200, .de_lead_bits8 = 16};
    rig_init(&rig, &GUARDED);
    struct line_send send = rig_frame(1, 8);
    rig_send(&rig, &send);
    rig_rx(&rig, US_PER_S + 50, REPLY, 1);
    assert_false(rig.de);
    assert_int_equal(rig.tx_count, 0);
    rig_run(&rig, US_PER_S + 50 + 2006);
    assert_int_equal(rig.tx_us, US_PER_S + 50 + 2006);
    assert_int_equal(rig.line.stats.unsolicited_bytes, 1);
}

static void test_queue_is_bounded_and_every_send_has_one_done(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    for (uint32_t token = 0; token < LINE_QUEUE_MAX; token++) {
        struct line_send send = rig_frame(token, 4);
        rig_send(&rig, &send);
    }
    struct line_send more = rig_frame(99, 4);
    assert_int_equal(line_send(&rig.line, rig.now_us, &more), ERR_FULL);
    more.frame_size = 0;
    assert_int_equal(line_send(&rig.line, rig.now_us, &more), ERR_SIZE);
    more.frame_size = LINE_FRAME_MAX + 1;
    assert_int_equal(line_send(&rig.line, rig.now_us, &more), ERR_SIZE);
    rig_run(&rig, 10 * US_PER_S);
    assert_int_equal(rig.done_count, LINE_QUEUE_MAX);
    for (uint32_t token = 0; token < LINE_QUEUE_MAX; token++) {
        assert_int_equal(rig.done[token].token, token);
    }
    assert_int_equal(line_deadline_us(&rig.line), TIME_NEVER); // idle: nothing wakes anybody
}

static void test_barrier_holds_until_resumed(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    struct line_send first = rig_frame(1, 8);
    struct line_send second = rig_frame(2, 8);
    first.barrier = true;
    rig_send(&rig, &first);
    rig_send(&rig, &second);
    rig_run(&rig, 5 * US_PER_S);
    assert_int_equal(rig.done_count, 1);
    assert_true(rig_last(&rig)->held);
    assert_int_equal(rig.tx_count, 1);
    line_resume(&rig.line, rig.now_us);
    rig_run(&rig, rig.now_us);
    assert_int_equal(rig.tx_count, 2);
    // A good reply holds nothing.
    rig_run(&rig, rig.now_us + US_PER_S);
    rig_send(&rig, &first);
    rig_rx(&rig, rig.now_us + 20000, REPLY, sizeof REPLY);
    rig_run(&rig, rig.now_us + 5000);
    assert_int_equal(rig_last(&rig)->outcome, LINE_REPLY);
    assert_false(rig_last(&rig)->held);
}

static void test_cancel_ends_waiting_frames_only(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    for (uint32_t token = 1; token <= 3; token++) {
        struct line_send send = rig_frame(token, 8);
        rig_send(&rig, &send);
    }
    line_cancel(&rig.line, rig.now_us, 1); // on the line: goes on
    line_cancel(&rig.line, rig.now_us, 2);
    line_cancel(&rig.line, rig.now_us, 9);
    rig_run(&rig, rig.now_us);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig_last(&rig)->token, 2);
    assert_int_equal(rig_last(&rig)->outcome, LINE_CANCELLED);
    assert_int_equal(rig_last(&rig)->tx_first_us, 0);
    rig_run(&rig, rig.now_us + US_PER_S);
    assert_int_equal(rig.done_count, 3);
    assert_int_equal(rig.done[1].token, 1);
    assert_int_equal(rig.done[2].token, 3);
}

static void test_listen_only_hears_frames_and_never_drives(void **state)
{
    (void)state;
    struct rig rig;
    static const struct line_cfg LISTEN = {.baud = 19200, .listen_only = true};
    rig_init(&rig, &LISTEN);
    struct line_send send = rig_frame(1, 8);
    assert_int_equal(line_send(&rig.line, rig.now_us, &send), ERR_STATE);
    for (unsigned i = 1; i <= 3; i++) {
        rig_rx(&rig, rig.now_us + 3000, REPLY, i);
        rig_run(&rig, rig.now_us + 2006);
        assert_int_equal(rig.heard_count, i);
        assert_int_equal(rig.heard_size, i);
    }
    rig_rx_flagged(&rig, rig.now_us + 3000, 1, LINE_RX_CHAR_ERROR);
    rig_run(&rig, rig.now_us + 5000);
    assert_int_equal(rig.heard_count, 3);
    rig_rx(&rig, rig.now_us + 3000, REPLY, 2); // good after bad
    rig_run(&rig, rig.now_us + 5000);
    assert_int_equal(rig.heard_count, 4);
    assert_int_equal(rig.tx_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silences_follow_the_standard),
        cmocka_unit_test(test_reply_is_handed_over_with_all_its_times),
        cmocka_unit_test(test_next_frame_starts_exactly_at_the_end_of_the_silence),
        cmocka_unit_test(test_timeout_counts_from_the_last_stop_bit),
        cmocka_unit_test(test_late_reply_goes_to_nobody_and_delays_the_next_frame),
        cmocka_unit_test(test_broadcast_waits_its_turnaround),
        cmocka_unit_test(test_driver_is_on_from_lead_to_guard_only),
        cmocka_unit_test(test_byte_during_the_lead_takes_the_driver_off),
        cmocka_unit_test(test_queue_is_bounded_and_every_send_has_one_done),
        cmocka_unit_test(test_barrier_holds_until_resumed),
        cmocka_unit_test(test_cancel_ends_waiting_frames_only),
        cmocka_unit_test(test_listen_only_hears_frames_and_never_drives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
