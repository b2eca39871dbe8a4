// SPDX-License-Identifier: Apache-2.0
// Goal: whatever goes wrong on the wire has its outcome, and the next transaction is good again.
// Method: one fault at every step of a transaction, then a good one.
#include "line/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/line/rig.h"

static const struct line_cfg SLOW = {.baud = 19200};
static const struct line_cfg ECHO = {.baud = 19200, .echo = true};
static const uint8_t REPLY[] = {1, 3, 2, 0, 7, 0xaa, 0xbb};

// A whole good transaction on a line that may have seen anything before.
static void assert_good_after(struct rig *rig)
{
    struct line_send send = rig_frame(1000, 4);
    unsigned before = rig->tx_count;
    rig_send(rig, &send);
    for (int i = 0; i < 100 && rig->tx_count == before; i++) {
        rig_run(rig, rig->now_us + 100 * US_PER_MS);
    }
    assert_int_equal(rig->tx_count, before + 1);
    if (rig->line.cfg.echo) {
        rig_rx(rig, rig->now_us, send.frame, 4);
    }
    uint64_t at_us = rig->tx_us + line_chars_us(&rig->line, 4) + 5000;
    rig_rx(rig, at_us > rig->now_us ? at_us : rig->now_us, REPLY, sizeof REPLY);
    rig_run(rig, rig->now_us + 10000);
    assert_int_equal(rig_last(rig)->token, 1000);
    assert_int_equal(rig_last(rig)->outcome, LINE_REPLY);
    assert_memory_equal(rig_last(rig)->reply, REPLY, sizeof REPLY);
}

static void test_character_error_or_pause_at_each_byte_is_noise(void **state)
{
    (void)state;
    for (unsigned fault = 0; fault < 2; fault++) {
        for (size_t bad = fault; bad < sizeof REPLY; bad++) {
            struct rig rig;
            rig_init(&rig, &SLOW);
            struct line_send send = rig_frame(1, 4);
            rig_send(&rig, &send);
            uint64_t at_us = rig.tx_us + line_chars_us(&rig.line, 4) + 5000;
            for (size_t i = 0; i < sizeof REPLY; i++) {
                bool here = i == bad;
                // t1.5 from the end of one byte to the start of the next, and 1 us.
                at_us += rig.char_us + (here && fault == 1 ? rig.line.t1_5_us + 1 : 0);
                rig_rx_flagged(&rig, at_us, REPLY[i],
                               here && fault == 0 ? LINE_RX_CHAR_ERROR : LINE_RX_GOOD);
            }
            rig_run(&rig, at_us + 10000);
            assert_int_equal(rig_last(&rig)->outcome, LINE_NOISE);
            assert_int_equal(rig_last(&rig)->reply_size, sizeof REPLY);
            assert_int_equal(rig.line.stats.t1_5_broken, fault);
            assert_int_equal(rig.line.stats.char_errors, 1 - fault);
            assert_good_after(&rig);
        }
    }
}

static void test_pause_of_exactly_t1_5_is_allowed(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    struct line_send send = rig_frame(1, 4);
    rig_send(&rig, &send);
    uint64_t at_us = rig.tx_us + 10000;
    rig_rx(&rig, at_us, REPLY, 1);
    rig_rx(&rig, at_us + rig.char_us + rig.line.t1_5_us, REPLY, 1);
    rig_run(&rig, rig.now_us + 10000);
    assert_int_equal(rig_last(&rig)->outcome, LINE_REPLY);
}

static void test_frame_of_256_is_good_and_257_is_noise(void **state)
{
    (void)state;
    uint8_t data[LINE_FRAME_MAX + 1] = {0};
    for (size_t size = LINE_FRAME_MAX; size <= LINE_FRAME_MAX + 1; size++) {
        struct rig rig;
        rig_init(&rig, &SLOW);
        struct line_send send = rig_frame(1, 4);
        rig_send(&rig, &send);
        rig_rx(&rig, rig.tx_us + 10000, data, size);
        rig_run(&rig, rig.now_us + 10000);
        assert_int_equal(rig_last(&rig)->outcome, size == LINE_FRAME_MAX ? LINE_REPLY : LINE_NOISE);
        assert_int_equal(rig.line.stats.too_long, size == LINE_FRAME_MAX ? 0 : 1);
        assert_good_after(&rig);
    }
}

static void test_babbling_line_is_given_up_and_comes_back(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    rig_rx(&rig, rig.now_us, "x", 1);
    struct line_send send = rig_frame(1, 4);
    rig_send(&rig, &send);
    uint64_t asked_us = rig.now_us;
    while (rig.done_count == 0) {
        rig_rx(&rig, rig.now_us + 1000, "x", 1);
    }
    assert_int_equal(rig_last(&rig)->outcome, LINE_BUSY);
    assert_int_equal(rig.tx_count, 0);
    assert_true(rig.now_us <= asked_us + US_PER_S + 4000);
    assert_good_after(&rig);
}

static void test_echo_fault_at_each_byte_is_a_collision(void **state)
{
    (void)state;
    for (size_t bad = 0; bad < 4; bad++) {
        for (int lost = 0; lost <= 1; lost++) {
            struct rig rig;
            rig_init(&rig, &ECHO);
            struct line_send send = rig_frame(1, 4);
            rig_send(&rig, &send);
            for (size_t i = 0; i < 4; i++) {
                uint8_t byte = (uint8_t)(send.frame[i] ^ (i == bad ? 0x10 : 0));
                if (i != bad || lost == 0) {
                    rig_rx(&rig, rig.tx_us + (i + 1) * rig.char_us, &byte, 1);
                }
            }
            rig_run(&rig, rig.now_us + US_PER_S);
            assert_int_equal(rig.done_count, 1);
            assert_int_equal(rig_last(&rig)->outcome, LINE_COLLISION);
            assert_good_after(&rig);
        }
    }
}

static void test_no_echo_at_all_is_told_apart(void **state)
{
    (void)state;
    for (int broadcast = 0; broadcast <= 1; broadcast++) {
        struct rig rig;
        rig_init(&rig, &ECHO);
        struct line_send send = rig_frame(1, 4);
        send.broadcast = broadcast != 0;
        rig_send(&rig, &send);
        rig_run(&rig, rig.now_us + US_PER_S);
        assert_int_equal(rig_last(&rig)->outcome, LINE_NO_ECHO);
        assert_good_after(&rig);
    }
}

// The reply was once taken for an echo that differs, so that a wrong setting looked like a fight.
static void test_a_reply_without_an_echo_is_no_collision(void **state)
{
    (void)state;
    for (size_t echo = 0; echo < 4; echo++) { // so much of four bytes comes back
        struct rig rig;
        rig_init(&rig, &ECHO);
        struct line_send send = rig_frame(1, 4);
        rig_send(&rig, &send);
        uint64_t end_us = rig.tx_us + line_chars_us(&rig.line, 4);
        if (echo > 0) {
            rig_rx(&rig, rig.tx_us + rig.char_us, send.frame, echo);
        }
        rig_rx(&rig, end_us + rig.char_us, REPLY, sizeof REPLY); // the soonest that it can
        rig_run(&rig, rig.now_us + US_PER_S);
        assert_int_equal(rig.done_count, 1);
        assert_int_equal(rig_last(&rig)->outcome, echo == 0 ? LINE_NO_ECHO : LINE_COLLISION);
        assert_int_equal(rig_last(&rig)->reply_size, sizeof REPLY);
        assert_memory_equal(rig_last(&rig)->reply, REPLY, sizeof REPLY);
        assert_good_after(&rig);
    }
}

// Found by fuzz_line: an echo behind our frame's end did not move the silence.
static void test_late_echo_moves_the_silence(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &ECHO);
    struct line_send send = rig_frame(1, 4);
    send.reply_timeout_us = 1000;
    rig_send(&rig, &send);
    rig_send(&rig, &send);
    uint64_t echo_us = rig.tx_us + line_chars_us(&rig.line, 4) + 900;
    rig_rx(&rig, echo_us, send.frame, 1);
    rig_run(&rig, echo_us + 2005);
    assert_int_equal(rig.tx_count, 1);
    rig_run(&rig, echo_us + 2006);
    assert_int_equal(rig.tx_count, 2);
}

static void test_foreign_byte_while_sending_is_a_collision(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    struct line_send send = rig_frame(1, 4);
    rig_send(&rig, &send);
    rig_rx(&rig, rig.tx_us + rig.char_us, "x", 1);
    rig_run(&rig, rig.now_us + US_PER_S);
    assert_int_equal(rig_last(&rig)->outcome, LINE_COLLISION);
    assert_good_after(&rig);
}

static void test_port_lost_at_each_step_ends_every_send_once(void **state)
{
    (void)state;
    for (uint64_t step_us = 0; step_us < 120000; step_us += 250) {
        struct rig rig;
        static const struct line_cfg GUARDED = {.baud = 19200, .de_lead_bits8 = 16};
        rig_init(&rig, &GUARDED);
        for (uint32_t token = 0; token < 3; token++) {
            struct line_send send = rig_frame(token, 4);
            send.broadcast = token == 1;
            rig_send(&rig, &send);
        }
        uint64_t at_us = US_PER_S + step_us;
        if (at_us > US_PER_S + 30000) {
            rig_rx(&rig, US_PER_S + 30000, REPLY, 1);
        }
        rig_run(&rig, at_us);
        line_port(&rig.line, at_us, false);
        rig_run(&rig, at_us + US_PER_S);
        assert_false(rig.de);
        assert_int_equal(rig.done_count, 3);
        assert_int_equal(line_queue_count(&rig.line), 0);
        struct line_send send = rig_frame(9, 4);
        rig_send(&rig, &send); // down: an answer at once
        assert_int_equal(rig_last(&rig)->token, 9);
        assert_int_equal(rig_last(&rig)->outcome, LINE_PORT_LOST);
        assert_int_equal(line_deadline_us(&rig.line), TIME_NEVER);
        line_port(&rig.line, rig.now_us, true);
        rig.de = false;
        assert_good_after(&rig);
    }
}

static void test_silence_starts_anew_when_the_port_comes_back(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &SLOW);
    line_port(&rig.line, rig.now_us, false);
    line_port(&rig.line, rig.now_us, true);
    struct line_send send = rig_frame(1, 4);
    rig_send(&rig, &send);
    assert_int_equal(rig.tx_count, 0);
    rig_run(&rig, rig.now_us + 2006);
    assert_int_equal(rig.tx_us, US_PER_S + 2006);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_character_error_or_pause_at_each_byte_is_noise),
        cmocka_unit_test(test_pause_of_exactly_t1_5_is_allowed),
        cmocka_unit_test(test_frame_of_256_is_good_and_257_is_noise),
        cmocka_unit_test(test_babbling_line_is_given_up_and_comes_back),
        cmocka_unit_test(test_echo_fault_at_each_byte_is_a_collision),
        cmocka_unit_test(test_no_echo_at_all_is_told_apart),
        cmocka_unit_test(test_a_reply_without_an_echo_is_no_collision),
        cmocka_unit_test(test_late_echo_moves_the_silence),
        cmocka_unit_test(test_foreign_byte_while_sending_is_a_collision),
        cmocka_unit_test(test_port_lost_at_each_step_ends_every_send_once),
        cmocka_unit_test(test_silence_starts_anew_when_the_port_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
