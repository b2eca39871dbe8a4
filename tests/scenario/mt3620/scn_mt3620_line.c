// SPDX-License-Identifier: Apache-2.0
// Goal: the deployed ELF, whole: frames queued ahead go out exactly when the silence is over, every
// SEND has one clear outcome whatever the line does, and either side may restart at any time.
// Method: busward-rt.elf in the model between a gateway's session and a device; the line's judge
// and the shift register decide, not the firmware.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/linux/bus_rt_words.h"
#include "tests/scenario/mt3620/app_rig.h"

static struct app app;

static const struct ic_line_setup FAST = {.baud = 115200, .stop_bits = 1, .guard_bits8 = 12};
static const struct ic_line_setup SLOW = {
    .baud = 19200, .parity = 1, .stop_bits = 1, .guard_bits8 = 12};

static void open_app(const char *elf, const struct ic_line_setup *setup)
{
    if (!app_open(&app, elf, NULL, setup)) {
        fail_msg("%s", app.rig.failure);
    }
    app.device = app_device_echoes;
    app.turnaround_u = app.host.line_state.t3_5_us * (uint32_t)MT_U_PER_US;
}

static void send(uint32_t token, struct bytes frame, uint32_t timeout_us)
{
    assert_int_equal(app_send(&app, token, frame, timeout_us), OK);
}

static void wait_done(uint32_t count)
{
    if (!app_run_done(&app, count, 20 * US_PER_S)) {
        fail_msg("%u of %u DONE: %s", app.done_count, count, app.rig.failure);
    }
}

static void assert_good_frame(void)
{
    uint32_t count = app.done_count;
    send(99, bytes_of("good", 4), 50000);
    wait_done(count + 1);
    assert_int_equal(app.done.token, 99);
    assert_int_equal(app.done.outcome, LINE_REPLY);
    assert_int_equal(app.done.reply_size, 4);
    assert_memory_equal(app.done.reply, "good", 4);
}

enum { BACK_TO_BACK = 24 }; // three times what the core queues

static void test_256_bytes_back_to_back(void **state)
{
    (void)state;
    static const struct ic_line_setup *const setups[] = {&FAST, &SLOW};
    for (size_t line = 0; line < 2; line++) {
        open_app(NULL, setups[line]);
        for (uint32_t i = 0; i < BACK_TO_BACK; i++) {
            uint8_t frame[256];
            for (size_t j = 0; j < sizeof frame; j++) {
                frame[j] = (uint8_t)(i * 31 + j);
            }
            send(i, bytes_of(frame, sizeof frame - i % 3), 100000);
            if (app.done_count + 8 <= i) {
                wait_done(app.done_count + 1);
            }
        }
        wait_done(BACK_TO_BACK);
        assert_int_equal(app.outcomes[LINE_REPLY], BACK_TO_BACK);
        assert_int_equal(app.judge.violations, 0);
        assert_int_equal(app.rig.stray_count, 0);
        struct mt_counters counters;
        mt_counters(app.rig.mt, &counters);
        assert_int_equal(counters.rx_overruns, 0);
        assert_true(judge_utilisation(&app.judge) > 0.995);
        printf("baud %u: utilisation %.5f, stack %u bytes\n", setups[line]->baud,
               judge_utilisation(&app.judge), rig_stack_bytes(&app.rig));
        app_close(&app);
    }
}

static void test_a_storm_of_interrupts_moves_no_frame(void **state)
{
    (void)state;
    static const uint16_t irqs[] = {2, 11, 47}; // GPT3, mailbox, UART
    for (size_t i = 0; i < sizeof irqs / sizeof irqs[0]; i++) {
        const struct mt_knobs knobs = {.storm_irq = irqs[i], .storm_u = 17 * MT_U_PER_US};
        assert_true(app_open(&app, NULL, &knobs, &FAST));
        app.device = app_device_echoes;
        app.turnaround_u = app.host.line_state.t3_5_us * (uint32_t)MT_U_PER_US;
        for (uint32_t token = 0; token < 40; token++) {
            send(token, bytes_of("0123456789abcdef", 16), 20000);
            wait_done(app.done_count + (token >= 7));
        }
        wait_done(40);
        assert_int_equal(app.outcomes[LINE_REPLY], 40);
        assert_int_equal(app.judge.violations, 0);
        assert_int_equal(app.rig.reset_count, 0);
        assert_int_equal(app.rig.frame.cut, 0);
        app_close(&app);
    }
}

static void run_against(const char *elf, uint64_t *violations)
{
    open_app(elf, &FAST);
    for (uint32_t i = 0; i < 20; i++) {
        send(i, bytes_of("12345678", 8), 100000);
        wait_done(app.done_count + (i >= 7));
    }
    wait_done(20);
    *violations = app.judge.violations;
    app_close(&app);
}

static void test_without_the_silence_the_judge_says_so(void **state)
{
    (void)state;
    uint64_t violations;
    run_against(NULL, &violations);
    assert_int_equal(violations, 0);
    run_against("rt-mutant-silence", &violations);
    assert_true(violations >= 10);
}

// --- a line that misbehaves ---

static void silent(struct app *a, const struct rig_frame *frame)
{
    (void)a;
    (void)frame;
}

static void noisy(struct app *a, const struct rig_frame *frame)
{
    struct mt_rx rx = {.byte = 0x5A,
                       .start_u = frame->end_u + a->turnaround_u,
                       .bit_u = a->bit_u,
                       .flags = MT_RX_BAD_STOP};
    uint64_t end_u;
    assert_int_equal(mt_rx(a->rig.mt, &rx, &end_u), OK);
}

static void babbling(struct app *a, const struct rig_frame *frame)
{
    static const uint8_t babble[700];
    app_talk(a, frame->end_u + a->turnaround_u, bytes_of(babble, sizeof babble));
}

static void halting(struct app *a, const struct rig_frame *frame)
{
    uint64_t at_u = frame->end_u + a->turnaround_u;
    at_u = rig_talk(&a->rig, at_u, a->bit_u, bytes_of("ab", 2), SERIAL_NONE, 1);
    app_talk(a, at_u + 1000 * MT_U_PER_US, bytes_of("cd", 2)); // more than t1.5
}

static void test_each_fault_has_its_outcome_and_the_next_frame_works(void **state)
{
    (void)state;
    static const struct {
        void (*device)(struct app *app, const struct rig_frame *frame);
        enum line_outcome outcome;
    } rows[] = {
        {silent, LINE_TIMEOUT}, {noisy, LINE_NOISE},    {babbling, LINE_NOISE},
        {halting, LINE_NOISE},  {silent, LINE_TIMEOUT},
    };
    open_app(NULL, &FAST);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        app.device = rows[i].device;
        uint32_t count = app.done_count;
        send((uint32_t)i, bytes_of("12345678", 8), 20000);
        wait_done(count + 1);
        assert_int_equal(app.done.token, i);
        assert_int_equal(app.done.outcome, rows[i].outcome);
        app.device = app_device_echoes;
        assert_good_frame();
    }
    assert_int_equal(app.judge.violations, 0);
    app_close(&app);
}

// The receiver's FIFO runs over, as interrupts are served later than it lasts.
static void test_an_overrun_is_noise_and_the_next_frame_works(void **state)
{
    (void)state;
    static const struct ic_line_setup fastest = {.baud = 921600, .stop_bits = 1, .guard_bits8 = 12};
    static const struct mt_knobs late = {.irq_latency_cycles = 60000}; // 0.3 ms: 28 characters
    struct mt_counters counters = {.rx_overruns = 0};
    uint8_t frame[100] = {0};
    if (!app_open(&app, NULL, &late, &fastest)) {
        fail_msg("%s", app.rig.failure);
    }
    app.device = app_device_echoes;
    app.turnaround_u = app.host.line_state.t3_5_us * (uint32_t)MT_U_PER_US;
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t count = app.done_count;
        uint64_t overruns = counters.rx_overruns;
        send(i, bytes_of(frame, sizeof frame), 20000);
        wait_done(count + 1);
        mt_counters(app.rig.mt, &counters);
        assert_true(counters.rx_overruns > overruns);
        assert_int_equal(app.done.token, i);
        assert_int_equal(app.done.outcome, LINE_NOISE);
        assert_good_frame();
    }
    app_close(&app);
}

static void test_a_line_that_never_rests(void **state)
{
    (void)state;
    static const uint8_t babble[1200];
    open_app(NULL, &FAST);
    uint64_t at_u = mt_now_u(app.rig.mt) + 1000;
    for (unsigned i = 0; i < 14; i++) { // 1.4 s without a pause
        at_u = rig_talk(&app.rig, at_u, app.bit_u, bytes_of(babble, sizeof babble), SERIAL_NONE, 1);
        if (i == 1) {
            send(1, bytes_of("12345678", 8), 20000);
        }
        assert_true(app_run_us(&app, (at_u - mt_now_u(app.rig.mt)) / MT_U_PER_US - 5000));
    }
    wait_done(1);
    assert_int_equal(app.done.outcome, LINE_BUSY);
    assert_int_equal(app.rig.char_count, 0);
    assert_true(app_run_us(&app, 200000));
    assert_good_frame();
    app_close(&app);
}

// --- what comes while the core is busy with a message ---

#define JUST_US 4 // that the byte ends before its moment is over

static struct {
    uint32_t after_us; // our frame's end; the moment
    uint64_t moment_u; // 0: our frame is not over
    uint8_t outcome;   // of SEND 1
} just;

static void just_in_time(struct app *a, const struct rig_frame *frame)
{
    just.moment_u = frame->end_u + just.after_us * MT_U_PER_US;
    uint64_t end_u = just.moment_u - JUST_US * MT_U_PER_US;
    a->device = silent;
    app_talk(a, end_u - (uint64_t)a->char_bits * a->bit_u, bytes_of("!", 1));
}

static void note_outcome(struct app *a, const struct app_done *done)
{
    (void)a;
    just.outcome = done->token == 1 ? done->outcome : just.outcome;
}

// A byte ends just before the moment, and the core begins to copy a long message so long before it.
static void hear_while_copying(uint32_t after_us, uint32_t message_us)
{
    static const uint8_t frame[256] = {1};
    just.after_us = after_us;
    just.moment_u = 0;
    app.device = just_in_time;
    app.on_done = note_outcome;
    while (just.moment_u == 0) {
        assert_true(app_run_us(&app, 10));
    }
    uint64_t at_u = just.moment_u - message_us * MT_U_PER_US;
    assert_true(app_run_us(&app, (at_u - mt_now_u(app.rig.mt)) / MT_U_PER_US));
    send(3, bytes_of(frame, sizeof frame), 1000);
}

static void test_a_reply_in_time_counts_though_the_core_was_copying(void **state)
{
    (void)state;
    open_app(NULL, &FAST);
    for (uint32_t message_us = 1; message_us < 150; message_us++) {
        uint32_t count = app.done_count;
        send(1, bytes_of("12345678", 8), 3000);
        hear_while_copying(3000, message_us);
        wait_done(count + 2);
        if (just.outcome != LINE_REPLY) {
            fail_msg("message %u us before: %s", message_us,
                     line_outcome_name((enum line_outcome)just.outcome));
        }
    }
    app_close(&app);
}

static void test_a_silence_is_broken_though_the_core_was_copying(void **state)
{
    (void)state;
    open_app(NULL, &FAST);
    for (uint32_t message_us = 1; message_us < 150; message_us++) {
        uint32_t count = app.done_count;
        send(1, bytes_of("12345678", 8), 0); // its turn-around is none
        send(2, bytes_of("12345678", 8), 1000);
        hear_while_copying(app.host.line_state.t3_5_us, message_us);
        wait_done(count + 3);
        if (app.judge.violations != 0) {
            fail_msg("message %u us before", message_us);
        }
    }
    app_close(&app);
}

// --- restarts ---

static void test_the_core_restarts_at_any_moment(void **state)
{
    (void)state;
    open_app(NULL, &FAST);
    for (unsigned i = 0; i < 60; i++) {
        for (uint32_t token = 0; token < 4; token++) {
            send(token, bytes_of("0123456789abcdef", 16), 20000);
        }
        assert_true(app_run_us(&app, 1 + rig_random(&app.rig) % 12000));
        uint32_t strays = app.rig.stray_count;
        mt_reset(app.rig.mt, i % 4 == 3);
        assert_true(app_run_us(&app, 1000));
        assert_false(app.rig.is_driving);
        assert_true(app_run_up(&app, 10 * US_PER_S));
        assert_int_equal(app.rig.stray_count, strays);
        assert_true(app_run_us(&app, 50000));
        assert_good_frame();
    }
    assert_int_equal(app.done_count, 60 * 5);
    app_close(&app);
}

static void test_the_gateway_restarts_at_any_moment(void **state)
{
    (void)state;
    open_app(NULL, &FAST);
    for (unsigned i = 0; i < 60; i++) {
        for (uint32_t token = 0; token < 4; token++) {
            send(token, bytes_of("0123456789abcdef", 16), 20000);
        }
        assert_true(app_run_us(&app, 1 + rig_random(&app.rig) % 12000));
        struct ic_host_cfg cfg = app.host.cfg;
        cfg.seed += i;
        ic_host_init(&app.host, &cfg);
        app.out_size = 0;
        mt_partner_restart(app.rig.mt);
        ic_host_link(&app.host, mt_now_u(app.rig.mt) / MT_U_PER_US, true);
        assert_true(app_run_up(&app, 10 * US_PER_S));
        assert_true(app_run_us(&app, 50000));
        assert_good_frame();
    }
    assert_int_equal(app.rig.reset_count, 0);
    assert_int_equal(app.judge.violations, 0);
    app_close(&app);
}

// Breaks a word of the firmware's data; what it does about it is told to the gateway in words.
static void break_word(const char *symbol, uint32_t value, const char *words)
{
    uint32_t at = 0;
    char text[320];
    uint32_t downs = app.down_count;
    assert_true(mt_symbol(app.rig.mt, symbol, &at));
    assert_true(mt_poke(app.rig.mt, at, &value, sizeof value));
    for (unsigned i = 0; i < 1000 && app.down_count == downs; i++) {
        assert_true(app_run_us(&app, 10000));
    }
    assert_int_equal(app.rig.cause, MT_CAUSE_CORE);
    assert_int_equal(app.trouble, IC_TROUBLE_RESTART);
    bus_rt_trouble(&app.host, app.trouble, "", text, sizeof text);
    if (strncmp(text, words, strlen(words)) != 0) {
        fail_msg("%s: %s", symbol, text);
    }
    assert_true(app_run_up(&app, 10 * US_PER_S));
    assert_good_frame();
}

static void test_what_the_core_died_of_is_told_in_words(void **state)
{
    (void)state;
    open_app(NULL, &FAST);
    assert_good_frame();
    // The stack's end was written over; the inbound ring is where nothing is.
    break_word("ram_stack_start", 1, "the core restarted after an assertion at t/mt3620/core.c:");
    break_word("mailbox", 0x90000000U, "the core restarted after a fault at 0010");
    const struct ic_crash *crash = &app.host.core_hello.crash;
    assert_int_equal(crash->address, 0x90000000U);
    assert_int_equal(crash->count, 2);
    assert_in_range(crash->registers[IC_PC], 0x00100000, 0x00108000);
    app_close(&app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_256_bytes_back_to_back),
        cmocka_unit_test(test_a_storm_of_interrupts_moves_no_frame),
        cmocka_unit_test(test_without_the_silence_the_judge_says_so),
        cmocka_unit_test(test_each_fault_has_its_outcome_and_the_next_frame_works),
        cmocka_unit_test(test_an_overrun_is_noise_and_the_next_frame_works),
        cmocka_unit_test(test_a_line_that_never_rests),
        cmocka_unit_test(test_a_reply_in_time_counts_though_the_core_was_copying),
        cmocka_unit_test(test_a_silence_is_broken_though_the_core_was_copying),
        cmocka_unit_test(test_the_core_restarts_at_any_moment),
        cmocka_unit_test(test_the_gateway_restarts_at_any_moment),
        cmocka_unit_test(test_what_the_core_died_of_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
