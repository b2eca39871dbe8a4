// SPDX-License-Identifier: Apache-2.0
// Goal: with the guard that is shipped the driver never falls early, whatever the silicon does
// where nobody has measured it. Method: all combinations of the model's knobs at their ends, storms
// of interrupts and messages meanwhile; judged by the shift register. BUSWARD_SEEDS multiplies the
// frames.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/scenario/mt3620/campaign.h"

#define SHIPPED_GUARD_BITS8 12
enum { SIZES = 20 }; // of frames: each once, in steps of 13 bytes

// Every 7 us at the highest speeds, and several times per bit at any.
static uint64_t storm_u(uint32_t baud)
{
    return baud >= 115200 ? 7 * MT_U_PER_US : (uint32_t)U_PER_S / 5 / baud;
}

static void test_with_the_shipped_guard_never_early_whatever_the_silicon(void **state)
{
    (void)state;
    for (unsigned knobs = 0; knobs < 64; knobs++) {
        static const uint32_t speeds[] = {1200, 9600, 19200, 115200, 921600};
        uint32_t baud = speeds[knobs % COUNT_OF(speeds)];
        bool is_stormy = (knobs & 32U) != 0;
        bool is_slow = is_stormy && baud <= 19200; // to compute: seconds full of interrupts
        struct campaign campaign = {.elf = "rt-probe",
                                    .frames = campaign_frames(baud, is_slow ? 8 : SIZES),
                                    .size_step = is_slow ? 37 : 13,
                                    .line = {.baud = baud,
                                             .parity = (enum serial_parity)(knobs % 3),
                                             .stop_bits = (uint8_t)(1 + knobs % 2),
                                             .guard_bits8 = SHIPPED_GUARD_BITS8,
                                             .de_active_low = (knobs & 2U) != 0,
                                             .hears_itself = (knobs & 4U) != 0},
                                    .knobs = {.tx_lag = (knobs & 1U) != 0 ? 1000 : 0,
                                              .temt_lead = (knobs & 2U) != 0 ? 1000 : 0,
                                              .thre_lead = (knobs & 4U) != 0 ? 1000 : 0,
                                              .thre_at_trigger = (knobs & 8U) != 0,
                                              .bus_wait_cycles = (knobs & 16U) != 0 ? 40 : 4,
                                              .irq_latency_cycles = (knobs & 16U) != 0 ? 40 : 0,
                                              .storm_u = is_stormy ? storm_u(baud) : 0,
                                              .seed = knobs},
                                    .has_echoes = is_stormy};
        struct verdict verdict = campaign_expect_good(&campaign);
        assert_true(verdict.hold_max <= 5.0);
    }
}

// Each of the release's three ways to know the end (THRE, the shortest that the frame can be, TEMT)
// covers for another; with hardly a guard it shows when one of them is gone.
static void test_with_hardly_a_guard_never_early_where_one_sign_tells_the_truth(void **state)
{
    (void)state;
    static const struct mt_knobs rows[] = {
        {.tx_lag = 1000},                       // TEMT
        {.thre_lead = 1000},                    // TEMT, or the shortest
        {.thre_lead = 1000, .temt_lead = 1000}, // the shortest
        {.temt_lead = 1000},                    // THRE
        {.thre_at_trigger = true, .temt_lead = 1000},
    };
    static const uint32_t speeds[] = {9600, 115200, 921600};
    for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(speeds); i++) {
        uint32_t baud = speeds[i % COUNT_OF(speeds)];
        struct campaign campaign = {.elf = "rt-probe",
                                    .frames = campaign_frames(baud, 20),
                                    .size_step = 13,
                                    .line = {.baud = baud, .stop_bits = 1, .guard_bits8 = 1},
                                    .knobs = rows[i / COUNT_OF(speeds)]};
        (void)campaign_expect_good(&campaign);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_the_shipped_guard_never_early_whatever_the_silicon),
        cmocka_unit_test(test_with_hardly_a_guard_never_early_where_one_sign_tells_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
