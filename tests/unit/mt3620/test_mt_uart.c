// SPDX-License-Identifier: Apache-2.0
// Goal: the UART is exact on the wire and says to the core what the facts say. Method: guest
// programs (guests/uart.c), characters put on the wire bit by bit.
#include "sim/mt3620/mt3620.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/unit/mt3620/rig.h"

#define TICK     38U // units per 26 MHz clock
#define GPT4     5U  // units per tick
#define START_U  (2000 * MT_U_PER_US)
#define CHAR_U   (2257U * TICK)
#define LSR_GOOD 0x61U // data ready, transmitter idle
#define MARGIN_U 1500U // of a polling loop and an interrupt

static struct rig rig;

static void run(uint8_t which, const struct mt_knobs *knobs, uint64_t until_us)
{
    rig_open(&rig, "uart", which, knobs);
    rig_run(&rig, until_us);
    if (mt_failure(rig.mt) != NULL) {
        fail_msg("%s", mt_failure(rig.mt));
    }
}

static void test_characters_are_as_long_as_the_divider_says(void **state)
{
    (void)state;
    static const struct {
        uint8_t which;
        uint32_t clocks;
    } CASES[] = {{1, 27082}, {2, 13542}, {3, 2257}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        run(CASES[i].which, NULL, 40000);
        for (size_t n = 0; n < 10; n++) {
            const struct mt_event *c = rig_event(&rig, MT_CHAR, n);
            assert_non_null(c);
            assert_int_equal(c->at_u - c->start_u, (uint64_t)CASES[i].clocks * TICK);
            assert_int_equal(c->byte, 0x50 + n);
            assert_false(c->damaged);
            if (n > 0) {
                assert_int_equal(c->start_u, rig_event(&rig, MT_CHAR, n - 1)->at_u);
            }
        }
        rig_close(&rig);
    }
}

static uint64_t stamp_u(size_t result)
{
    // GPT4 was started at the second store of the guest; the offset is found by TEMT in the nominal
    // case, so only differences count.
    return (uint64_t)rig.results[result] * GPT4;
}

static void test_thre_comes_exactly_one_character_before_temt(void **state)
{
    (void)state;
    static const uint32_t CLOCKS[] = {27082, 13542, 2257};
    for (uint8_t i = 0; i < 3; i++) {
        run(1 + i, NULL, 40000);
        assert_int_equal(rig.result_count, 4);
        assert_int_equal(rig.results[0], 0); // TX_OFFSET at THRE
        uint64_t lead_u = stamp_u(2) - stamp_u(1);
        assert_in_range(lead_u, (uint64_t)CLOCKS[i] * TICK - MARGIN_U,
                        (uint64_t)CLOCKS[i] * TICK + MARGIN_U);
        rig_close(&rig);
    }
}

static void test_knobs_move_temt_and_thre(void **state)
{
    (void)state;
    run(3, &(struct mt_knobs){.temt_lead = 1000}, 40000);
    uint64_t lead_u = stamp_u(2) - stamp_u(1);
    assert_in_range(lead_u, CHAR_U - RIG_BIT_U - MARGIN_U, CHAR_U - RIG_BIT_U + MARGIN_U);
    rig_close(&rig);
    run(3, &(struct mt_knobs){.thre_lead = 500}, 40000);
    lead_u = stamp_u(2) - stamp_u(1);
    assert_in_range(lead_u, CHAR_U + RIG_BIT_U / 2 - MARGIN_U, CHAR_U + RIG_BIT_U / 2 + MARGIN_U);
    // The wire does not change.
    for (size_t n = 1; n < 10; n++) {
        assert_int_equal(rig_event(&rig, MT_CHAR, n)->start_u,
                         rig_event(&rig, MT_CHAR, n - 1)->at_u);
    }
    rig_close(&rig);
}

static void test_thre_at_the_trigger_level_is_a_knob(void **state)
{
    (void)state;
    run(4, &(struct mt_knobs){.thre_at_trigger = true}, 40000);
    // An interrupt at 4, 3, 2, 1 and 0 bytes left.
    static const uint32_t WANT[] = {4, 3, 2, 1, 0};
    assert_memory_equal(rig.results, WANT, sizeof WANT);
    rig_close(&rig);
    run(4, NULL, 40000);
    assert_int_equal(rig.results[0], 0);
    rig_close(&rig);
}

static void test_start_lag_is_between_load_and_start_bit(void **state)
{
    (void)state;
    static const uint16_t LAGS[] = {0, 250, 1000};
    uint64_t from_u[3];
    for (size_t i = 0; i < 3; i++) {
        run(13, &(struct mt_knobs){.tx_lag = LAGS[i]}, 5000);
        const struct mt_event *de = rig_pin(&rig, MT_PIN_DE, true, 0);
        const struct mt_event *c = rig_event(&rig, MT_CHAR, 0);
        from_u[i] = c->start_u - de->at_u;
        rig_close(&rig);
    }
    // The mean bit of 2257 clocks is 8576.6 units.
    assert_in_range(from_u[1] - from_u[0], 2144, 2145);
    assert_in_range(from_u[2] - from_u[0], 8576, 8577);
}

static void test_formats_are_as_lcr_says(void **state)
{
    (void)state;
    // 0x35 is 110101: bits from the start bit on, lowest first.
    static const struct {
        uint8_t count;
        uint16_t bits;
    } WANT[] = {
        {7, 0x6a},   // 5N1: 1 0101 (0x15), stop
        {10, 0x26a}, // 8N1
        {11, 0x66a}, // 8O1: four ones, parity 1
        {11, 0x46a}, // 8E1
        {11, 0x66a}, // 8 mark 1
        {11, 0x46a}, // 8 space 1
        {11, 0x66a}, // 8N2
        {8, 0xea},   // 5N1.5
        {11, 0x66a}, // 7E2 of 0x35: parity 0, two stops
    };
    run(5, NULL, 20000);
    for (size_t i = 0; i < COUNT_OF(WANT); i++) {
        const struct mt_event *c = rig_event(&rig, MT_CHAR, i);
        assert_non_null(c);
        assert_int_equal(c->bit_count, WANT[i].count);
        if (i < 8) {
            assert_int_equal(c->bits, WANT[i].bits);
        }
    }
    const struct mt_event *half = rig_event(&rig, MT_CHAR, 7);
    assert_in_range(half->at_u - half->start_u, 7 * RIG_BIT_U + RIG_BIT_U / 2 - 40,
                    7 * RIG_BIT_U + RIG_BIT_U / 2 + 80);
    const struct mt_event *seven = rig_event(&rig, MT_CHAR, 8);
    assert_int_equal(seven->bits, 0x66a & ~0x100U);
    rig_close(&rig);
}

static void hear(uint8_t which, const char *text, size_t size)
{
    rig_open(&rig, "uart", which, NULL);
    (void)rig_hear(&rig, START_U, text, size);
    rig_run(&rig, 20000);
    assert_null(mt_failure(rig.mt));
}

static void test_each_byte_interrupts_at_trigger_1(void **state)
{
    (void)state;
    hear(6, "ab", 2);
    static const uint32_t WANT[] = {4, 1, 'a', 4, 1, 'b'};
    assert_int_equal(rig.result_count, COUNT_OF(WANT));
    assert_memory_equal(rig.results, WANT, sizeof WANT);
    rig_close(&rig);
}

static void test_trigger_levels_and_timeout(void **state)
{
    (void)state;
    hear(7, "abcdefgh", 8);
    static const uint32_t SIX[] = {4, 6, 'a', 'b', 'c', 'd', 'e', 'f', 12, 2, 'g', 'h'};
    assert_int_equal(rig.result_count, COUNT_OF(SIX));
    assert_memory_equal(rig.results, SIX, sizeof SIX);
    // Four characters of silence after the last one is ready, in the middle of its stop bit.
    uint64_t ready_u = START_U + 8 * 10 * (uint64_t)RIG_BIT_U - RIG_BIT_U / 2;
    const struct mt_event *timeout = rig_pin(&rig, MT_PIN_RED, false, 0);
    assert_in_range(timeout->at_u - ready_u, 4 * CHAR_U - MARGIN_U, 4 * CHAR_U + MARGIN_U);
    rig_close(&rig);
    hear(8, "abcd", 4);
    static const uint32_t FOUR[] = {4, 4, 'a', 'b', 'c', 'd'}; // RXTRIG
    assert_int_equal(rig.result_count, COUNT_OF(FOUR));
    assert_memory_equal(rig.results, FOUR, sizeof FOUR);
    rig_close(&rig);
}

static void test_interrupt_is_a_level(void **state)
{
    (void)state;
    hear(14, "xyz", 3);
    static const uint32_t WANT[] = {4, 3, 'x', 4, 2, 'y', 4, 1, 'z', GUEST_END};
    assert_int_equal(rig.result_count, COUNT_OF(WANT));
    assert_memory_equal(rig.results, WANT, sizeof WANT);
    rig_close(&rig);
}

static void test_errors_are_told_with_their_byte(void **state)
{
    (void)state;
    static const struct {
        enum serial_parity parity;
        unsigned flags;
        uint32_t lsr;
    } CASES[] = {{SERIAL_EVEN, MT_RX_BAD_PARITY, 0xe5},
                 {SERIAL_EVEN, MT_RX_BAD_STOP, 0xe9},
                 {SERIAL_EVEN, MT_RX_BREAK, 0xf9}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        rig_open(&rig, "uart", 9, NULL);
        struct mt_rx in = {.byte = 0x41,
                           .start_u = START_U,
                           .bit_u = RIG_BIT_U,
                           .parity = CASES[i].parity,
                           .flags = CASES[i].flags};
        uint64_t end_u;
        assert_int_equal(mt_rx(rig.mt, &in, &end_u), OK);
        in.flags = 0;
        in.start_u = end_u + 2 * (uint64_t)RIG_BIT_U; // the next good one
        assert_int_equal(mt_rx(rig.mt, &in, &end_u), OK);
        rig_run(&rig, 20000);
        assert_null(mt_failure(rig.mt));
        uint8_t byte = CASES[i].flags == MT_RX_BREAK ? 0 : 0x41;
        const uint32_t want[] = {6, 1, CASES[i].lsr, byte, 4, 1, 0x41};
        assert_int_equal(rig.result_count, COUNT_OF(want));
        assert_memory_equal(rig.results, want, sizeof want);
        rig_close(&rig);
    }
}

static void test_a_full_fifo_overruns(void **state)
{
    (void)state;
    hear(10, "0123456789abcdefXYZ", 19);
    rig_run(&rig, 200000);
    assert_int_equal(rig.results[0], 16);
    assert_int_equal(rig.results[1], LSR_GOOD | 2);
    assert_int_equal(rig.results[2], LSR_GOOD);
    assert_int_equal(rig.results[3], '0');
    assert_int_equal(rig.results[18], 'f');
    struct mt_counters counters;
    mt_counters(rig.mt, &counters);
    assert_int_equal(counters.rx_overruns, 3);
    rig_close(&rig);
}

static void test_speed_may_be_off_by_3_percent_but_not_by_7(void **state)
{
    (void)state;
    static const struct {
        uint32_t bit_u;
        bool good;
    } CASES[] = {{RIG_BIT_U * 97 / 100, true},
                 {RIG_BIT_U * 103 / 100, true},
                 {RIG_BIT_U * 93 / 100, false},
                 {RIG_BIT_U * 107 / 100, false}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        rig_open(&rig, "uart", 6, NULL);
        uint64_t at_u = START_U;
        for (unsigned n = 0; n < 3; n++) {
            struct mt_rx in = {.byte = 0x4d, .start_u = at_u, .bit_u = CASES[i].bit_u};
            assert_int_equal(mt_rx(rig.mt, &in, &at_u), OK);
        }
        rig_run(&rig, 20000);
        static const uint32_t WANT[] = {4, 1, 0x4d, 4, 1, 0x4d, 4, 1, 0x4d};
        bool good =
            rig.result_count == COUNT_OF(WANT) && memcmp(rig.results, WANT, sizeof WANT) == 0;
        assert_int_equal(good, CASES[i].good);
        rig_close(&rig);
    }
}

static void test_own_bytes_come_back_only_while_re_is_on(void **state)
{
    (void)state;
    run(11, NULL, 5000);
    static const uint32_t WANT[] = {1, 0xa5, 0, GUEST_END};
    assert_int_equal(rig.result_count, COUNT_OF(WANT));
    assert_memory_equal(rig.results, WANT, sizeof WANT);
    rig_close(&rig);
}

static void test_what_the_driver_cuts_arrives_damaged(void **state)
{
    (void)state;
    run(12, NULL, 5000);
    const struct mt_event *first = rig_event(&rig, MT_CHAR, 0);
    const struct mt_event *second = rig_event(&rig, MT_CHAR, 1);
    const struct mt_event *third = rig_event(&rig, MT_CHAR, 2);
    const struct mt_event *fall = rig_pin(&rig, MT_PIN_DE, false, 0);
    assert_false(first->damaged);
    assert_int_equal(first->heard, 0x11);
    assert_true(second->damaged);
    assert_int_not_equal(second->heard, 0x22);
    assert_int_equal(second->lost_u, second->at_u - fall->at_u);
    assert_int_equal(third->lost_u, CHAR_U);
    assert_int_equal(fall->busy, 2);
    rig_close(&rig);
}

static void test_two_talkers_spoil_each_other(void **state)
{
    (void)state;
    rig_open(&rig, "uart", 3, NULL);
    // Found in the quiet run: the third byte is on the wire then.
    rig_run(&rig, 700);
    (void)rig_hear(&rig, 800 * MT_U_PER_US, "\x00\x00", 2);
    rig_run(&rig, 5000);
    size_t damaged = 0;
    for (size_t n = 0; n < 10; n++) {
        damaged += rig_event(&rig, MT_CHAR, n)->damaged;
    }
    assert_in_range(damaged, 2, 3);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters_are_as_long_as_the_divider_says),
        cmocka_unit_test(test_thre_comes_exactly_one_character_before_temt),
        cmocka_unit_test(test_knobs_move_temt_and_thre),
        cmocka_unit_test(test_thre_at_the_trigger_level_is_a_knob),
        cmocka_unit_test(test_start_lag_is_between_load_and_start_bit),
        cmocka_unit_test(test_formats_are_as_lcr_says),
        cmocka_unit_test(test_each_byte_interrupts_at_trigger_1),
        cmocka_unit_test(test_trigger_levels_and_timeout),
        cmocka_unit_test(test_interrupt_is_a_level),
        cmocka_unit_test(test_errors_are_told_with_their_byte),
        cmocka_unit_test(test_a_full_fifo_overruns),
        cmocka_unit_test(test_speed_may_be_off_by_3_percent_but_not_by_7),
        cmocka_unit_test(test_own_bytes_come_back_only_while_re_is_on),
        cmocka_unit_test(test_what_the_driver_cuts_arrives_damaged),
        cmocka_unit_test(test_two_talkers_spoil_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
