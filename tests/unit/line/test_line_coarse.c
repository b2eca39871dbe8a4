// SPDX-License-Identifier: Apache-2.0
// Goal: bursts of a tty end by the size hints, or by silence where the size is unknown; t1.5 is
// never judged. Method: virtual time.
#include "line/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/line/rig.h"

static const struct line_cfg COARSE = {.baud = 19200, .coarse = true};
static const uint8_t REPLY[9] = {1, 3, 4, 0, 7, 0, 8, 0xaa, 0xbb};
static const uint8_t EXCEPTION[5] = {1, 0x83, 2, 0xaa, 0xbb};

static struct line_send hinted(uint32_t token)
{
    struct line_send send = rig_frame(token, 8);
    send.reply_size = sizeof REPLY;
    send.alt_size = sizeof EXCEPTION;
    send.alt_index = 1;
    send.alt_mask = 0x80;
    return send;
}

// Sends and returns the end of the frame.
static uint64_t ask(struct rig *rig, const struct line_send *send)
{
    rig_send(rig, send);
    rig_run(rig, rig->now_us + 10000);
    return rig->tx_us + line_chars_us(&rig->line, send->frame_size);
}

static void test_reply_ends_with_its_last_byte_in_any_cut(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < sizeof REPLY; cut++) {
        struct rig rig;
        rig_init(&rig, &COARSE);
        struct line_send send = hinted(1);
        uint64_t at_us = ask(&rig, &send) + 20000;
        rig_burst(&rig, at_us, REPLY, cut);
        assert_int_equal(rig.done_count, 0);
        at_us += 15000; // a USB adapter's pause, far beyond t1.5 and t3.5
        rig_burst(&rig, at_us, REPLY + cut, sizeof REPLY - cut);
        assert_int_equal(rig.done_count, 1);
        assert_int_equal(rig_last(&rig)->outcome, LINE_REPLY);
        assert_true(rig_last(&rig)->coarse);
        assert_memory_equal(rig_last(&rig)->reply, REPLY, sizeof REPLY);
        assert_int_equal(rig_last(&rig)->rx_last_us, at_us);
        rig_send(&rig, &send);
        rig_run(&rig, at_us + 2005);
        assert_int_equal(rig.tx_count, 1);
        rig_run(&rig, at_us + 2006);
        assert_int_equal(rig.tx_count, 2);
    }
}

static void test_exception_needs_no_silence_either(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &COARSE);
    struct line_send send = hinted(1);
    uint64_t end_us = ask(&rig, &send);
    rig_burst(&rig, end_us + 9000, EXCEPTION, 1);
    rig_burst(&rig, end_us + 9500, EXCEPTION + 1, 3);
    assert_int_equal(rig.done_count, 0);
    rig_burst(&rig, end_us + 9600, EXCEPTION + 4, 1);
    assert_int_equal(rig_last(&rig)->reply_size, sizeof EXCEPTION);
    // The next reply is not measured by what this one left in the buffer.
    end_us = ask(&rig, &send);
    rig_burst(&rig, end_us + 9000, REPLY, 1);
    assert_int_equal(line_reply_due_us(&rig.line), 0);
}

static void test_unknown_or_cut_reply_ends_by_silence(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &COARSE);
    struct line_send unknown = rig_frame(1, 8);
    uint64_t end_us = ask(&rig, &unknown);
    rig_burst(&rig, end_us + 9000, REPLY, 3);
    rig_run(&rig, end_us + 9000 + rig.line.cfg.burst_gap_us);
    assert_int_equal(rig_last(&rig)->outcome, LINE_REPLY);
    assert_int_equal(rig_last(&rig)->reply_size, 3);
    struct line_send send = hinted(2);
    end_us = ask(&rig, &send);
    rig_burst(&rig, end_us + 9000, REPLY, sizeof REPLY - 1);
    rig_run(&rig, end_us + 9000 + rig.line.cfg.burst_gap_us + rig.char_us);
    assert_int_equal(rig.done_count, 2);
    assert_int_equal(rig_last(&rig)->reply_size, sizeof REPLY - 1);
}

static void test_tail_in_the_same_burst_is_kept_for_the_judge(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &COARSE);
    uint8_t tailed[sizeof REPLY + 2] = {0};
    memcpy(tailed, REPLY, sizeof REPLY);
    struct line_send send = hinted(1);
    uint64_t end_us = ask(&rig, &send);
    rig_burst(&rig, end_us + 9000, tailed, sizeof tailed);
    assert_int_equal(rig_last(&rig)->reply_size, sizeof tailed);
    // In a burst of its own it is late, and the silence starts anew behind it.
    end_us = ask(&rig, &send);
    rig_burst(&rig, end_us + 9000, REPLY, sizeof REPLY);
    rig_send(&rig, &send);
    rig_burst(&rig, end_us + 9500, "xy", 2);
    assert_int_equal(rig.line.stats.late_bytes, 2);
    rig_run(&rig, end_us + 9500 + 2006);
    assert_int_equal(rig.tx_us, end_us + 9500 + 2006);
}

static void test_byte_read_at_the_deadline_is_in_time(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &COARSE);
    struct line_send send = hinted(1);
    uint64_t end_us = ask(&rig, &send);
    // A busy machine reads before it ticks: the bytes were on the wire before they were read.
    line_rx(&rig.line, end_us + send.reply_timeout_us + 500, bytes_of(REPLY, sizeof REPLY), 0);
    rig_run(&rig, end_us + send.reply_timeout_us + 500);
    assert_int_equal(rig_last(&rig)->outcome, LINE_REPLY);
}

static void test_early_reply_is_taken_only_where_allowed(void **state)
{
    (void)state;
    for (int early = 0; early <= 1; early++) {
        struct line_cfg cfg = COARSE;
        cfg.early_reply = early != 0;
        struct rig rig;
        rig_init(&rig, &cfg);
        struct line_send send = hinted(1);
        rig_send(&rig, &send);
        rig_burst(&rig, rig.tx_us + 10, REPLY, sizeof REPLY);
        rig_run(&rig, rig.now_us + US_PER_S);
        assert_int_equal(rig_last(&rig)->outcome, early != 0 ? LINE_REPLY : LINE_COLLISION);
    }
}

static void test_port_may_sleep_until_the_reply_can_be_whole(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &COARSE);
    struct line_send send = hinted(1);
    uint64_t end_us = ask(&rig, &send);
    assert_int_equal(line_reply_due_us(&rig.line), end_us + line_chars_us(&rig.line, 5));
    rig_burst(&rig, end_us + 9000, REPLY, 2);
    assert_int_equal(line_reply_due_us(&rig.line), end_us + 9000 + line_chars_us(&rig.line, 7));
    rig_burst(&rig, end_us + 9100, REPLY + 2, 7);
    assert_int_equal(line_reply_due_us(&rig.line), 0);
}

static void test_echo_and_reply_may_share_a_burst(void **state)
{
    (void)state;
    struct line_cfg cfg = COARSE;
    cfg.echo = true;
    struct rig rig;
    rig_init(&rig, &cfg);
    struct line_send send = hinted(1);
    rig_send(&rig, &send);
    uint8_t burst[8 + sizeof REPLY];
    memcpy(burst, send.frame, 8);
    memcpy(burst + 8, REPLY, sizeof REPLY);
    uint64_t at_us = rig.tx_us + line_chars_us(&rig.line, sizeof burst) + 3000;
    rig_burst(&rig, at_us, burst, sizeof burst);
    assert_int_equal(rig_last(&rig)->outcome, LINE_REPLY);
    assert_memory_equal(rig_last(&rig)->reply, REPLY, sizeof REPLY);
}

static void test_a_reply_without_an_echo_is_told_by_its_length(void **state)
{
    (void)state;
    static const uint8_t LONG[] = {1, 3, 14, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 98, 99};
    static const uint8_t REFUSED[] = {1, 0x83, 2, 0xc0, 0xf1};
    const struct {
        struct bytes heard;
        uint16_t reply_size;
        enum line_outcome outcome;
    } rows[] = {
        {bytes_of(REPLY, sizeof REPLY), sizeof REPLY, LINE_NO_ECHO}, // shorter than our frame
        {bytes_of(LONG, sizeof LONG), sizeof LONG, LINE_NO_ECHO},    // and longer
        {bytes_of(REFUSED, sizeof REFUSED), sizeof REPLY, LINE_NO_ECHO},
        {bytes_of(LONG, 8), sizeof REPLY, LINE_COLLISION}, // our frame, changed
        {bytes_of(LONG, 8 + sizeof REPLY), sizeof REPLY, LINE_COLLISION},
        {bytes_of(LONG, 3), sizeof REPLY, LINE_COLLISION}, // some of it
    };
    struct line_cfg cfg = COARSE;
    cfg.echo = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig rig;
        rig_init(&rig, &cfg);
        struct line_send send = hinted(1);
        send.reply_size = rows[i].reply_size;
        uint64_t end_us = ask(&rig, &send);
        rig_burst(&rig, end_us + 9000, rows[i].heard.data, rows[i].heard.size);
        rig_run(&rig, rig.now_us + US_PER_S);
        assert_int_equal(rig.done_count, 1);
        assert_int_equal(rig_last(&rig)->outcome, rows[i].outcome);
    }
}

// A long reply handed over whole at its end was once taken for a time-out, and the retry collided
// with it.
static void test_reply_handed_over_whole_at_its_end_is_in_time(void **state)
{
    (void)state;
    static const uint8_t LONG[255] = {1, 4, 250};
    struct rig rig;
    rig_init(&rig, &COARSE);
    struct line_send send = hinted(1);
    send.reply_size = sizeof LONG;
    send.reply_timeout_us = 50000;
    uint64_t end_us = ask(&rig, &send);
    uint64_t wire_us = line_chars_us(&rig.line, sizeof LONG);
    assert_true(wire_us > send.reply_timeout_us);
    rig_burst(&rig, end_us + 40000 + wire_us, LONG, sizeof LONG);
    assert_int_equal(rig.done_count, 1);
    assert_int_equal(rig_last(&rig)->outcome, LINE_REPLY);
    rig_send(&rig, &send);
    rig_run(&rig, rig.now_us + 10000);
    rig_run(&rig, rig.tx_us + line_chars_us(&rig.line, send.frame_size) + 50000 + wire_us + 1);
    assert_int_equal(rig_last(&rig)->outcome, LINE_TIMEOUT);
}

// A burst is taken at once where that makes no difference; here it is compared with its bytes given
// one by one at the same time, around the longest frame and with noise behind it.
static void test_burst_is_what_its_bytes_are(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1,  2, 3, LINE_FRAME_MAX - 1, LINE_FRAME_MAX, LINE_FRAME_MAX + 1,
                                   300};
    static uint8_t data[300];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        static struct rig whole;
        static struct rig bytes;
        rig_init(&whole, &COARSE);
        rig_init(&bytes, &COARSE);
        struct line_send unknown = rig_frame(1, 8);
        uint64_t at_us = ask(&whole, &unknown) + 9000;
        assert_int_equal(ask(&bytes, &unknown) + 9000, at_us);
        rig_burst(&whole, at_us, data, SIZES[i]);
        for (size_t b = 0; b < SIZES[i]; b++) {
            rig_burst(&bytes, at_us, data + b, 1);
        }
        assert_int_equal(line_deadline_us(&whole.line), line_deadline_us(&bytes.line));
        rig_burst(&whole, at_us + 500, data, 3);
        for (size_t b = 0; b < 3; b++) {
            rig_burst(&bytes, at_us + 500, data + b, 1);
        }
        assert_int_equal(line_deadline_us(&whole.line), line_deadline_us(&bytes.line));
        rig_rx_flagged(&whole, at_us + 900, 9, i % 2 == 0 ? LINE_RX_CHAR_ERROR : LINE_RX_GOOD);
        rig_rx_flagged(&bytes, at_us + 900, 9, i % 2 == 0 ? LINE_RX_CHAR_ERROR : LINE_RX_GOOD);
        rig_run(&whole, at_us + US_PER_S);
        rig_run(&bytes, at_us + US_PER_S);
        assert_int_equal(whole.done_count, 1);
        assert_memory_equal(rig_last(&whole), rig_last(&bytes), sizeof(struct line_done));
        assert_memory_equal(&whole.line.stats, &bytes.line.stats, sizeof whole.line.stats);
    }
}

static void test_port_is_told_what_waits_for_silence_only(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, &COARSE);
    assert_false(line_waits_for_silence(&rig.line)); // nothing to send
    struct line_send send = hinted(1);
    uint64_t end_us = ask(&rig, &send);
    rig_send(&rig, &send);
    assert_false(line_waits_for_silence(&rig.line)); // a reply is awaited
    rig_burst(&rig, end_us + 9000, REPLY, sizeof REPLY);
    assert_true(line_waits_for_silence(&rig.line));
    assert_int_equal(line_deadline_us(&rig.line), end_us + 9000 + rig.line.t3_5_us);
    uint64_t noise_us = end_us + 9000 + rig.line.t3_5_us; // read at the last moment
    line_rx(&rig.line, noise_us, bytes_of("?", 1), LINE_RX_GOOD);
    line_tick(&rig.line, noise_us);
    assert_true(line_waits_for_silence(&rig.line));
    assert_int_equal(line_deadline_us(&rig.line), noise_us + rig.line.t3_5_us);
    rig_run(&rig, noise_us + rig.line.t3_5_us);
    assert_false(line_waits_for_silence(&rig.line));
    assert_int_equal(rig.tx_us, noise_us + rig.line.t3_5_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_handed_over_whole_at_its_end_is_in_time),
        cmocka_unit_test(test_reply_ends_with_its_last_byte_in_any_cut),
        cmocka_unit_test(test_exception_needs_no_silence_either),
        cmocka_unit_test(test_unknown_or_cut_reply_ends_by_silence),
        cmocka_unit_test(test_tail_in_the_same_burst_is_kept_for_the_judge),
        cmocka_unit_test(test_byte_read_at_the_deadline_is_in_time),
        cmocka_unit_test(test_early_reply_is_taken_only_where_allowed),
        cmocka_unit_test(test_port_may_sleep_until_the_reply_can_be_whole),
        cmocka_unit_test(test_echo_and_reply_may_share_a_burst),
        cmocka_unit_test(test_a_reply_without_an_echo_is_told_by_its_length),
        cmocka_unit_test(test_burst_is_what_its_bytes_are),
        cmocka_unit_test(test_port_is_told_what_waits_for_silence_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
