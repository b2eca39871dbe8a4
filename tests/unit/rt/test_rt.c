// SPDX-License-Identifier: Apache-2.0
// Goal: what the core's application does with inputs that come late or out of turn, and what its
// figures and log keep. Method: inputs by hand, outputs looked at one by one.
#include "apps/rt/rt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

enum { HOST = 77, CORE = 55 };

struct rig {
    struct rt rt;
    uint16_t sequence;
    uint32_t sends, releases;
    struct ic_message last; // of the core
    uint8_t bytes[IC_CORE_MESSAGE_MAX];
};

static void drain(struct rig *rig, uint64_t now_us)
{
    struct rt_out out;
    const struct transceiver_timing timing = {.baud = 19200, .char_bits = 11, .char_ns = 572917};
    while (rt_next(&rig->rt, &out)) {
        switch (out.kind) {
        case RT_OUT_SETUP: rt_setup_done(&rig->rt, now_us, OK, &timing); break;
        case RT_OUT_SEND: rig->sends++; break;
        case RT_OUT_RELEASE: rig->releases++; break;
        case RT_OUT_MESSAGE:
            memcpy(rig->bytes, out.bytes.data, out.bytes.size);
            assert_int_equal(ic_decode(bytes_of(rig->bytes, out.bytes.size), &rig->last), OK);
            rt_mailbox(&rig->rt, OK);
            break;
        case RT_OUT_DRIVE:
        case RT_OUT_LIGHT: break;
        }
    }
}

static void say(struct rig *rig, uint64_t now_us, struct ic_message message)
{
    uint8_t bytes[IC_MESSAGE_MAX];
    struct writer out = writer_of(bytes, sizeof bytes);
    message.head.from = HOST;
    message.head.to = CORE;
    message.head.sequence = rig->sequence++;
    assert_int_equal(ic_encode(&message, &out), OK);
    rt_message(&rig->rt, now_us, writer_bytes(&out));
    drain(rig, now_us);
}

static void start(struct rig *rig, uint64_t now_us, struct ic_line_setup setup)
{
    const struct rt_cfg cfg = {.boot_id = CORE, .firmware = "unit"};
    *rig = (struct rig){.sends = 0};
    rt_init(&rig->rt, now_us, &cfg);
    drain(rig, now_us);
    say(rig, now_us,
        (struct ic_message){
            .head = {.kind = IC_HELLO},
            .u.hello = {.version_min = 1, .version_max = 1, .message_max = IC_MESSAGE_MAX}});
    setup.id = 1;
    setup.baud = 19200;
    setup.stop_bits = 1;
    say(rig, now_us, (struct ic_message){.head = {.kind = IC_LINE_SETUP}, .u.line_setup = setup});
    assert_int_equal(rig->rt.line_state, RT_LINE_READY);
}

static void send(struct rig *rig, uint64_t now_us, uint32_t token)
{
    const struct ic_send frame = {
        .token = token, .reply_timeout_us = 10000, .frame = bytes_of("frame", 5)};
    say(rig, now_us, (struct ic_message){.head = {.kind = IC_SEND}, .u.send = frame});
}

static void rx(struct rig *rig, uint64_t at_us, uint8_t byte)
{
    const struct transceiver_event event = {.kind = TRANSCEIVER_RX, .byte = byte, .at_us = at_us};
    rt_event(&rig->rt, &event);
}

// A loop that comes late knows of the byte before it knows that the silence seemed over.
static void test_no_frame_starts_into_a_byte_that_is_known(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, 1000, (struct ic_line_setup){.guard_bits8 = 12});
    send(&rig, 1100, 1);
    rx(&rig, 1000 + 2006 + 300, 0x55); // began 273 us before the silence's end
    rt_tick(&rig.rt, 1000 + 2006 + 310);
    drain(&rig, 1000 + 2006 + 310);
    assert_int_equal(rig.sends, 0);
    rt_tick(&rig.rt, 1000 + 2006 + 300 + 2006);
    drain(&rig, 1000 + 2006 + 300 + 2006);
    assert_int_equal(rig.sends, 1);
}

static void test_a_byte_while_the_driver_settles_lets_go(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, 1000, (struct ic_line_setup){.lead_bits8 = 80});
    send(&rig, 1100, 1);
    uint64_t lead_us = rt_deadline_us(&rig.rt);
    rt_tick(&rig.rt, lead_us);
    drain(&rig, lead_us);
    assert_int_equal(rig.rt.line.state, LINE_LEAD);
    rx(&rig, lead_us + 600, 1); // also later than the lead's end, as seen by a late loop
    drain(&rig, lead_us + 600);
    assert_int_equal(rig.releases, 1);
    assert_int_equal(rig.sends, 0);
}

static void test_lost_bytes_spoil_the_reply_and_are_counted(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig, 1000, (struct ic_line_setup){.guard_bits8 = 12});
    send(&rig, 1000, 1);
    rt_tick(&rig.rt, 3006);
    drain(&rig, 3006);
    const struct transceiver_event sent = {
        .kind = TRANSCEIVER_SENT, .at_us = 3006, .end_us = 5871, .hold_ns = 78125};
    rt_event(&rig.rt, &sent);
    rx(&rig, 8000, 1);
    const struct transceiver_event lost = {.kind = TRANSCEIVER_LOST, .at_us = 8600};
    rt_event(&rig.rt, &lost);
    rx(&rig, 9200, 2);
    rt_tick(&rig.rt, 12000);
    drain(&rig, 12000);
    // LOG came last; the outcome is in the figures.
    assert_int_equal(rig.rt.line.stats.done_count[LINE_NOISE], 1);
    assert_int_equal(rig.rt.figures.overruns, 1);
    assert_int_equal(rig.last.head.kind, IC_LOG);
    assert_int_equal(ic_log_at(&rig.last.u.logs, 0).event, IC_LOG_RX_LOST);
}

static void test_the_log_keeps_the_youngest_and_counts_the_rest(void **state)
{
    (void)state;
    static struct rt_log log;
    uint8_t bytes[IC_LOG_SIZE * RT_LOG_MAX];
    for (uint32_t i = 0; i < RT_LOG_MAX + 3; i++) {
        rt_log_add(&log, i, IC_LOG_RX_LOST, 0, i);
    }
    struct writer out = writer_of(bytes, 2 * IC_LOG_SIZE + 1);
    assert_int_equal(rt_log_take(&log, &out), 3);
    const struct ic_logs logs = {.records = writer_bytes(&out)};
    assert_int_equal(ic_log_count(&logs), 2);
    assert_int_equal(ic_log_at(&logs, 0).b, 3);
    out = writer_of(bytes, sizeof bytes);
    assert_int_equal(rt_log_take(&log, &out), 0);
    assert_int_equal(out.size, (RT_LOG_MAX - 2) * IC_LOG_SIZE);
}

static void test_holds_are_counted_beyond_the_guard(void **state)
{
    (void)state;
    struct rt_figures f = {.overruns = 9};
    // At 9600 baud a bit is 104,167 ns, 1/32 of it 3,255 ns; the guard is 1 bit.
    assert_false(rt_figures_hold(&f, 104167 + 1, 8, 9600));
    assert_false(rt_figures_hold(&f, 104167 + 3256, 8, 9600));
    assert_false(rt_figures_hold(&f, 104167 + 15 * 3256, 8, 9600));
    assert_false(rt_figures_hold(&f, 10 * 104167, 8, 9600));
    assert_true(rt_figures_hold(&f, 104167 - 3256, 8, 9600));
    assert_int_equal(f.hold_steps[0], 2); // the early one is beyond nothing
    assert_int_equal(f.hold_steps[1], 1);
    assert_int_equal(f.hold_steps[15], 2);
    assert_int_equal(f.hold_early, 1);
    assert_int_equal(f.hold_count, 5);
    assert_int_equal(f.hold_max_ns, 1041670);
    // 1.5 bit at 115200 baud are 13,020.83 ns, told as 13,020.
    assert_false(rt_figures_hold(&f, 13020, 12, 115200));
    assert_true(rt_figures_hold(&f, 13019, 12, 115200));
    rt_figures_forget_holds(&f);
    assert_int_equal(f.hold_count, 0);
    assert_int_equal(f.overruns, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_frame_starts_into_a_byte_that_is_known),
        cmocka_unit_test(test_a_byte_while_the_driver_settles_lets_go),
        cmocka_unit_test(test_lost_bytes_spoil_the_reply_and_are_counted),
        cmocka_unit_test(test_the_log_keeps_the_youngest_and_counts_the_rest),
        cmocka_unit_test(test_holds_are_counted_beyond_the_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
