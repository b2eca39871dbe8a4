// SPDX-License-Identifier: Apache-2.0
// Goal: the driver falls after the last stop bit, never before, and hardly later.
// Method: frames of every length at every speed through the ELF in the model, each knob of the
// silicon at its ends, storms of interrupts and messages meanwhile; judged by the shift register.
// BUSWARD_SEEDS multiplies the frames.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/scenario/mt3620/campaign.h"

#define SHIPPED_GUARD_BITS8 12

static const uint32_t SPEEDS[] = {1200,  2400,  4800,   9600,   14400,  19200, 38400,
                                  57600, 76800, 115200, 230400, 460800, 921600};

static unsigned scale(void)
{
    const char *text = getenv("BUSWARD_SEEDS");
    unsigned long seeds = text == NULL ? 1 : strtoul(text, NULL, 10) / 100;
    return seeds < 1 ? 1 : (unsigned)seeds;
}

static unsigned frames_at(uint32_t baud, unsigned frames)
{
    unsigned fewer = baud < 9600 ? frames / 8 : frames;
    return (fewer < 3 ? 3 : fewer) * scale();
}

static struct verdict expect_good(const struct campaign *campaign)
{
    static struct verdict verdict;
    char what[128];
    campaign_run(campaign, &verdict);
    snprintf(what, sizeof what, "%u %c%u lag %u temt %u thre %u%s wait %u%s%s", campaign->line.baud,
             "NEO"[campaign->line.parity], campaign -> line.stop_bits, campaign->knobs.tx_lag,
             campaign->knobs.temt_lead, campaign->knobs.thre_lead,
             campaign->knobs.thre_at_trigger ? "t" : "", campaign->knobs.bus_wait_cycles,
             campaign->has_echoes ? " echoes" : "", campaign->has_babble ? " babble" : "");
    verdict_print(&verdict, what);
    assert_true(verdict_is_good(&verdict));
    return verdict;
}

static void test_without_a_guard_within_a_fraction_of_a_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SPEEDS); i++) {
        for (unsigned format = 0; format < 3; format++) {
            struct campaign campaign = {
                .elf = "rt-probe",
                .frames = frames_at(SPEEDS[i], 64),
                .first_size = 1 + format * 64,
                .line = {.baud = SPEEDS[i],
                         .parity = (enum serial_parity)format,
                         .stop_bits = (uint8_t)(format == SERIAL_NONE ? 2 : 1)}};
            struct verdict verdict = expect_good(&campaign);
            if (SPEEDS[i] == 115200) {
                assert_true(verdict.hold_max <= 0.2);
            } else if (SPEEDS[i] == 9600) {
                assert_true(verdict.hold_max <= 0.02);
            }
            assert_true(verdict.hold_max <= 1.5);
        }
    }
}

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
                                    .frames = frames_at(baud, is_slow ? 8 : 40),
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
        struct verdict verdict = expect_good(&campaign);
        assert_true(verdict.hold_max <= 5.0);
    }
}

static void test_somebody_talking_into_it_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SPEEDS); i++) {
        struct campaign campaign = {.elf = "rt-probe",
                                    .frames = frames_at(SPEEDS[i], 16),
                                    .size_step = 37,
                                    .has_babble = true,
                                    .line = {.baud = SPEEDS[i],
                                             .stop_bits = 1,
                                             .guard_bits8 = SHIPPED_GUARD_BITS8,
                                             .hears_itself = true},
                                    .knobs = {.seed = i}};
        (void)expect_good(&campaign);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_guard_within_a_fraction_of_a_bit),
        cmocka_unit_test(test_with_the_shipped_guard_never_early_whatever_the_silicon),
        cmocka_unit_test(test_somebody_talking_into_it_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
