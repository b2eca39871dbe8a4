// SPDX-License-Identifier: Apache-2.0
// Goal: every byte that comes is handed on, once, in order, with the time at which its stop bit
// ended; what is wrong with it is said. Method: characters with exact edges into the model's
// receiver, back to back at every speed, then with each fault there is; good after bad each time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/scenario/mt3620/probe_rig.h"

#define LATE_US 4 // of a stamp: interrupt, bus and rounding

static struct rig rig;

static uint32_t open_line(const struct transceiver_cfg *cfg, const struct mt_knobs *knobs)
{
    struct transceiver_timing timing;
    assert_true(probe_open(&rig, "rt-probe", knobs));
    assert_int_equal(probe_setup(&rig, cfg, &timing), OK);
    return (uint32_t)((uint32_t)U_PER_S / cfg->baud);
}

static struct transceiver_event next_event(void)
{
    struct transceiver_event event;
    if (!probe_event(&rig, &event)) {
        fail_msg("no event: %s", rig.failure);
    }
    return event;
}

static void assert_stamp(const struct transceiver_event *event, uint64_t end_u, uint32_t offset_us)
{
    int64_t late = (int64_t)event->at_us + offset_us - (int64_t)(end_u / MT_U_PER_US);
    if (late < -LATE_US || late > LATE_US) {
        fail_msg("stamped %lld us late", (long long)late);
    }
}

// What the core's clock is behind the model's, by a frame of its own.
static uint32_t clock_offset_us(void)
{
    assert_true(probe_send(&rig, bytes_of("x", 1)));
    struct transceiver_event sent = next_event();
    assert_int_equal(sent.kind, TRANSCEIVER_SENT);
    return (uint32_t)(rig.frame.first_u / MT_U_PER_US - sent.at_us);
}

static void hear_whole_frame(uint32_t baud, enum serial_parity parity, uint8_t stop_bits,
                             uint16_t bus_wait)
{
    const struct transceiver_cfg cfg = {.baud = baud, .parity = parity, .stop_bits = stop_bits};
    const struct mt_knobs knobs = {.bus_wait_cycles = bus_wait, .seed = baud};
    uint32_t bit_u = open_line(&cfg, &knobs);
    uint32_t offset_us = clock_offset_us();
    uint32_t bits = 9U + stop_bits + (parity != SERIAL_NONE);
    uint8_t frame[256];
    for (size_t i = 0; i < sizeof frame; i++) {
        frame[i] = (uint8_t)rig_random(&rig);
    }
    uint64_t start_u = mt_now_u(rig.mt) + 20 * bit_u;
    (void)rig_talk(&rig, start_u, bit_u, bytes_of(frame, sizeof frame), parity, stop_bits);
    for (size_t i = 0; i < sizeof frame; i++) {
        struct transceiver_event event = next_event();
        assert_int_equal(event.kind, TRANSCEIVER_RX);
        assert_int_equal(event.byte, frame[i]);
        assert_int_equal(event.flags, 0);
        assert_stamp(&event, start_u + (i + 1) * bits * (uint64_t)bit_u, offset_us);
    }
    struct mt_counters counters;
    mt_counters(rig.mt, &counters);
    assert_int_equal(counters.rx_overruns, 0);
    rig_close(&rig);
}

static void test_256_bytes_back_to_back_at_every_speed(void **state)
{
    (void)state;
    static const uint32_t speeds[] = {1200,  2400,  4800,   9600,   19200,  38400,
                                      57600, 76800, 115200, 230400, 460800, 921600};
    for (size_t i = 0; i < COUNT_OF(speeds); i++) {
        hear_whole_frame(speeds[i], SERIAL_NONE, 1, 12);
        hear_whole_frame(speeds[i], SERIAL_EVEN, 1, 40);
        hear_whole_frame(speeds[i], SERIAL_ODD, 2, 4);
    }
}

static void test_a_wrong_character_is_marked_and_the_next_is_good(void **state)
{
    (void)state;
    static const unsigned faults[] = {MT_RX_BAD_PARITY, MT_RX_BAD_STOP, MT_RX_BREAK};
    const struct transceiver_cfg cfg = {.baud = 19200, .parity = SERIAL_EVEN, .stop_bits = 1};
    uint32_t bit_u = open_line(&cfg, NULL);
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct mt_rx rx = {.byte = 0x35,
                           .start_u = mt_now_u(rig.mt) + bit_u,
                           .bit_u = bit_u,
                           .parity = SERIAL_EVEN,
                           .flags = faults[i]};
        uint64_t end_u;
        assert_int_equal(mt_rx(rig.mt, &rx, &end_u), OK);
        struct transceiver_event event = next_event();
        assert_int_equal(event.kind, TRANSCEIVER_RX);
        assert_int_equal(event.flags, TRANSCEIVER_CHAR_ERROR);
        (void)rig_talk(&rig, end_u + 30 * bit_u, bit_u, bytes_of("ok", 2), SERIAL_EVEN, 1);
        event = next_event();
        while (event.byte != 'o') { // a low stop bit may look like one more start
            event = next_event();
        }
        assert_int_equal(event.flags, 0);
        assert_int_equal(next_event().byte, 'k');
    }
    rig_close(&rig);
}

static void say_u32(enum probe_kind kind, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    probe_say(&rig, kind, bytes_of(bytes, sizeof bytes));
}

// Says how many bytes came before the first that is marked as coming after a loss.
static unsigned hear_loss(enum probe_kind kind, unsigned count)
{
    const struct transceiver_cfg cfg = {.baud = 921600, .stop_bits = 1};
    uint8_t frame[256];
    uint32_t bit_u = open_line(&cfg, NULL);
    for (unsigned i = 0; i < count; i++) {
        frame[i] = (uint8_t)i;
    }
    say_u32(kind, 4000);
    assert_true(rig_run_us(&rig, 100));
    (void)rig_talk(&rig, mt_now_u(rig.mt), bit_u, bytes_of(frame, count), SERIAL_NONE, 1);
    unsigned before = 0;
    struct transceiver_event event = next_event();
    while (event.kind == TRANSCEIVER_RX && event.flags == 0) {
        assert_int_equal(event.byte, before);
        before++;
        event = next_event();
    }
    assert_int_equal(event.kind, TRANSCEIVER_LOST);
    assert_true(rig_run_us(&rig, 20000));
    (void)rig_talk(&rig, mt_now_u(rig.mt), bit_u, bytes_of("ok", 2), SERIAL_NONE, 1);
    do { // what came after the loss, then this
        event = next_event();
    } while (event.byte != 'o' || event.flags != 0);
    assert_int_equal(next_event().byte, 'k');
    rig_close(&rig);
    return before;
}

static void test_a_full_ring_and_a_full_fifo_are_told(void **state)
{
    (void)state;
    assert_true(hear_loss(PROBE_BUSY, 200) >= 120); // the ring
    // The UART says so with the byte at its FIFO's head: what it held is doubted as a whole.
    assert_int_equal(hear_loss(PROBE_DEAF, 60), 0);
}

static void test_it_hears_itself(void **state)
{
    (void)state;
    const struct transceiver_cfg cfg = {
        .baud = 115200, .stop_bits = 1, .hears_itself = true, .guard_bits8 = 12};
    (void)open_line(&cfg, NULL);
    uint8_t frame[256];
    for (size_t i = 0; i < sizeof frame; i++) {
        frame[i] = (uint8_t)(i * 7);
    }
    assert_true(probe_send(&rig, bytes_of(frame, sizeof frame)));
    uint64_t last_us = 0;
    for (size_t i = 0; i < sizeof frame; i++) {
        struct transceiver_event event = next_event();
        assert_int_equal(event.kind, TRANSCEIVER_RX);
        assert_int_equal(event.byte, frame[i]);
        assert_true(event.at_us >= last_us);
        last_us = event.at_us;
    }
    struct transceiver_event sent = next_event();
    assert_int_equal(sent.kind, TRANSCEIVER_SENT);
    assert_true(last_us + LATE_US >= sent.end_us && last_us <= sent.end_us + LATE_US);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_256_bytes_back_to_back_at_every_speed),
        cmocka_unit_test(test_a_wrong_character_is_marked_and_the_next_is_good),
        cmocka_unit_test(test_a_full_ring_and_a_full_fifo_are_told),
        cmocka_unit_test(test_it_hears_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
