// SPDX-License-Identifier: Apache-2.0
// Goal: the core's own services: time, sleep, watchdog, the record of a crash, boot ids, and a
// mailbox whose other side writes what it likes and restarts when it likes. Method: the probe
// firmware in the model, compared with the model's clock and pins.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/time.h"
#include "tests/scenario/mt3620/probe_rig.h"

static struct rig rig;

static void open_probe(const char *elf)
{
    if (!probe_open(&rig, elf, NULL)) {
        fail_msg("%s: %s", elf, rig.failure);
    }
}

static void say_u32(enum probe_kind kind, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    probe_say(&rig, kind, bytes_of(bytes, sizeof bytes));
}

static struct probe_started restarted(void)
{
    struct probe_started started;
    if (!probe_started(&rig, &started)) {
        fail_msg("it did not start again: %s", rig.failure);
    }
    return started;
}

static void assert_frames_go(unsigned count)
{
    const struct transceiver_cfg cfg = {.baud = 115200, .stop_bits = 1, .guard_bits8 = 12};
    struct transceiver_timing timing;
    assert_int_equal(probe_setup(&rig, &cfg, &timing), OK);
    // It refuses to talk into the last byte of what a reset has cut.
    assert_true(rig_run_us(&rig, 1000));
    rig.frame_seen = rig.frame_count;
    for (unsigned i = 0; i < count; i++) {
        assert_true(probe_send(&rig, bytes_of("frame", 5)));
        assert_int_equal(rig.frame.size, 5);
        assert_int_equal(rig.frame.cut, 0);
        assert_memory_equal(rig.frame.bytes, "frame", 5);
        assert_non_null(probe_wait(&rig, PROBE_EVENT));
    }
}

static void test_all_three_layouts_run(void **state)
{
    (void)state;
    static const char *const elfs[] = {"rt-probe", "rt-probe-sysram", "rt-probe-xip"};
    for (size_t i = 0; i < COUNT_OF(elfs); i++) {
        open_probe(elfs[i]);
        assert_frames_go(3);
        rig_close(&rig);
    }
}

static void test_what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct transceiver_cfg refused[] = {
        {.baud = 1199, .stop_bits = 1},
        {.baud = 921601, .stop_bits = 1},
        {.baud = 9600, .stop_bits = 0},
        {.baud = 9600, .stop_bits = 3},
        {.baud = 9600, .stop_bits = 1, .parity = (enum serial_parity)3},
    };
    struct transceiver_timing timing;
    open_probe("rt-probe");
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_int_equal(probe_setup(&rig, &refused[i], &timing), ERR_ARG);
    }
    assert_frames_go(1);
    rig_close(&rig);
}

static void test_it_wakes_on_time(void **state)
{
    (void)state;
    static const uint32_t waits_us[] = {0,   1,    2,    3,     5,      7,       10,     50,
                                        100, 1000, 1750, 10000, 500000, 1000000, 3000000};
    open_probe("rt-probe");
    for (size_t i = 0; i < COUNT_OF(waits_us); i++) {
        say_u32(PROBE_AT, waits_us[i]);
        const struct rig_message *message = probe_wait(&rig, PROBE_WOKEN);
        if (message == NULL) { // beyond the rig's patience
            message = probe_wait(&rig, PROBE_WOKEN);
        }
        assert_non_null(message);
        struct reader r = reader_of(bytes_of(message->bytes + 1, 16));
        uint64_t wanted_us = get_u64le(&r);
        uint64_t woken_us = get_u64le(&r);
        assert_true(woken_us >= wanted_us && woken_us <= wanted_us + 8);
    }
    rig_close(&rig);
}

static void test_time_does_not_drift_over_the_counters_wraps(void **state)
{
    (void)state;
    int64_t first = 0;
    open_probe("rt-probe");
    for (unsigned i = 0; i < 20; i++) {
        assert_true(rig_run_us(&rig, 7 * US_PER_S));
        say_u32(PROBE_AT, 0);
        const struct rig_message *message = probe_wait(&rig, PROBE_WOKEN);
        assert_non_null(message);
        struct reader r = reader_of(bytes_of(message->bytes + 9, 8));
        int64_t behind = (int64_t)(mt_now_u(rig.mt) / MT_U_PER_US) - (int64_t)get_u64le(&r);
        first = i == 0 ? behind : first;
        assert_in_range(behind - first + 3, 0, 6);
    }
    rig_close(&rig);
}

static void test_an_assertion_is_remembered_over_the_reset(void **state)
{
    (void)state;
    open_probe("rt-probe");
    uint32_t boot_id = 0;
    for (uint32_t i = 1; i <= 3; i++) {
        assert_frames_go(1);
        probe_say(&rig, PROBE_DRIVE, bytes_of(NULL, 0));
        probe_say(&rig, PROBE_ASSERT, bytes_of(NULL, 0));
        struct probe_started started = restarted();
        assert_int_equal(rig.cause, MT_CAUSE_CORE);
        assert_int_equal(started.crash.end, CORE_END_ASSERT);
        assert_int_equal(started.crash.count, i);
        assert_true(started.crash.line > 10 && started.crash.line < 500);
        assert_string_equal(started.crash.file, "irmware/probe.c");
        assert_int_not_equal(started.boot_id, boot_id);
        assert_false(rig.is_driving);
        boot_id = started.boot_id;
    }
    mt_reset(rig.mt, false);
    struct probe_started started = restarted();
    assert_int_equal(started.crash.end, CORE_END_NONE); // it was taken
    assert_int_equal(started.crash.count, 3);
    rig_close(&rig);
}

static void test_a_fault_is_remembered_with_its_registers(void **state)
{
    (void)state;
    open_probe("rt-probe");
    assert_frames_go(1);
    probe_say(&rig, PROBE_DRIVE, bytes_of(NULL, 0));
    say_u32(PROBE_FAULT, 0x90000000U);
    struct probe_started started = restarted();
    assert_int_equal(started.crash.end, CORE_END_FAULT);
    assert_int_equal(started.crash.address, 0x90000000U);
    assert_true((started.crash.cfsr & 0x8200U) == 0x8200U); // precise, address valid
    const uint32_t *registers = started.crash.registers;
    assert_in_range(registers[CORE_PC], 0x00100000, 0x00108000);
    assert_in_range(registers[CORE_LR], 0x00100001, 0x00108000);
    assert_int_equal(registers[CORE_PSR] & 0x010001FFU, 0x01000000U); // Thumb, no handler
    uint32_t found = 0; // the pointer that it followed
    for (size_t i = CORE_R0; i <= CORE_R12; i++) {
        found += registers[i] == 0x90000000U;
    }
    assert_true(found >= 1);
    assert_false(rig.is_driving);
    assert_frames_go(1);
    rig_close(&rig);
}

static void test_a_loop_that_hangs_is_reset(void **state)
{
    (void)state;
    open_probe("rt-probe");
    assert_true(rig_run_us(&rig, 30 * US_PER_S)); // fed, it lives
    assert_int_equal(rig.reset_count, 0);
    probe_say(&rig, PROBE_HANG, bytes_of(NULL, 0));
    uint64_t from_u = mt_now_u(rig.mt);
    while (rig.reset_count == 0 && mt_now_u(rig.mt) < from_u + 4 * US_PER_S * MT_U_PER_US) {
        assert_true(rig_run_us(&rig, 10000));
    }
    assert_int_equal(rig.cause, MT_CAUSE_WATCHDOG);
    assert_true(mt_now_u(rig.mt) <= from_u + 2100 * US_PER_MS * MT_U_PER_US);
    struct probe_started started = restarted();
    assert_int_equal(started.crash.end, CORE_END_WATCHDOG);
    rig_close(&rig);
}

static void test_boot_ids_differ(void **state)
{
    (void)state;
    uint32_t ids[24];
    size_t count = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const struct mt_knobs knobs = {.seed = seed};
        assert_true(rig_open(&rig, rig_elf("rt-probe"), &knobs));
        ids[count++] = restarted().boot_id;
        for (unsigned i = 0; i < 5; i++) {
            mt_reset(rig.mt, i % 2 == 1);
            ids[count++] = restarted().boot_id;
        }
        rig_close(&rig);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ids[i], ids[j]);
        }
    }
}

// A reset in the middle of a frame cuts it, and that is all the line sees of it.
static void test_a_reset_at_any_moment_of_a_frame(void **state)
{
    (void)state;
    open_probe("rt-probe");
    for (unsigned i = 0; i < 120; i++) {
        assert_frames_go(1);
        uint8_t frame[40] = {0};
        probe_say(&rig, PROBE_SEND, bytes_of(frame, sizeof frame));
        assert_true(rig_run_us(&rig, 1 + rig_random(&rig) % 4000));
        uint32_t strays = rig.stray_count;
        uint64_t reset_u = mt_now_u(rig.mt);
        mt_reset(rig.mt, false);
        (void)restarted();
        assert_false(rig.is_driving);
        assert_true(rig.frame.fall_u < reset_u + 50 * MT_U_PER_US);
        assert_int_equal(rig.stray_count, strays);
    }
    assert_frames_go(1);
    rig_close(&rig);
}

static void assert_echo(const char *text)
{
    size_t size = strlen(text);
    probe_say(&rig, PROBE_ECHO, bytes_of(text, size));
    const struct rig_message *message = probe_wait(&rig, PROBE_ECHO);
    assert_non_null(message);
    assert_int_equal(message->size, size + 1);
    assert_memory_equal(message->bytes + 1, text, size);
}

static void test_a_partner_that_writes_what_it_likes(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 1, 19, 20, 0xFFF, 0x7FFFFFFF, 0xFFFFFFFF};
    static const uint32_t positions[] = {1, 15, 4032, 4096, 0x7FFFFFF0, 0xFFFFFFFF, 16, 2048};
    static const uint8_t junk[64];
    open_probe("rt-probe");
    assert_echo("before");
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_int_equal(mt_send_block(rig.mt, sizes[i], bytes_of(junk, sizeof junk)), OK);
        assert_true(rig_run_us(&rig, 1000));
        assert_echo("after a wrong size");
    }
    for (size_t i = 0; i < COUNT_OF(positions); i++) {
        mt_set_write_position(rig.mt, positions[i]);
        assert_true(rig_run_us(&rig, 1000));
        mt_partner_restart(rig.mt); // who wrote that has crashed
        assert_true(rig_run_us(&rig, 200000));
        assert_echo("after a wrong position");
    }
    assert_int_equal(rig.reset_count, 0);
    assert_frames_go(1);
    rig_close(&rig);
}

static void test_a_partner_that_restarts_at_any_moment(void **state)
{
    (void)state;
    open_probe("rt-probe");
    assert_frames_go(1);
    for (unsigned i = 0; i < 100; i++) {
        probe_say(&rig, PROBE_ECHO, bytes_of("lost", 4));
        assert_true(rig_run(&rig, mt_now_u(rig.mt) + rig_random(&rig) % 30000));
        mt_partner_restart(rig.mt);
        assert_true(rig_run_us(&rig, 110000)); // it is looked for ten times a second
        rig.message_taken = rig.message_count;
        assert_echo("new");
    }
    assert_int_equal(rig.reset_count, 0);
    rig_close(&rig);
}

static void test_the_blinky_blinks(void **state)
{
    (void)state;
    assert_true(rig_open(&rig, rig_elf("busward-blinky"), NULL));
    assert_true(rig_run_us(&rig, 9900 * US_PER_MS));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rig.light_count[i], 5);
    }
    struct mt_counters counters;
    mt_counters(rig.mt, &counters);
    assert_true(counters.instructions < 200000); // it sleeps in between
    assert_int_equal(counters.resets, 0);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_three_layouts_run),
        cmocka_unit_test(test_what_cannot_be_is_refused),
        cmocka_unit_test(test_it_wakes_on_time),
        cmocka_unit_test(test_time_does_not_drift_over_the_counters_wraps),
        cmocka_unit_test(test_an_assertion_is_remembered_over_the_reset),
        cmocka_unit_test(test_a_fault_is_remembered_with_its_registers),
        cmocka_unit_test(test_a_loop_that_hangs_is_reset),
        cmocka_unit_test(test_boot_ids_differ),
        cmocka_unit_test(test_a_reset_at_any_moment_of_a_frame),
        cmocka_unit_test(test_a_partner_that_writes_what_it_likes),
        cmocka_unit_test(test_a_partner_that_restarts_at_any_moment),
        cmocka_unit_test(test_the_blinky_blinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
