// SPDX-License-Identifier: Apache-2.0
// Goal: the driver falls after the last stop bit, never before, and hardly later.
// Method: frames of every length at every speed through the ELF in the model, also with somebody
// who talks into them; judged by the shift register.
// BUSWARD_SEEDS multiplies the frames.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/scenario/mt3620/campaign.h"

#define SHIPPED_GUARD_BITS8 12

static const uint32_t SPEEDS[] = {1200,  2400,  4800,   9600,   14400,  19200, 38400,
                                  57600, 76800, 115200, 230400, 460800, 921600};

static void test_without_a_guard_within_a_fraction_of_a_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SPEEDS); i++) {
        for (unsigned format = 0; format < 3; format++) {
            struct campaign campaign = {
                .elf = "rt-probe",
                .frames = campaign_frames(SPEEDS[i], 64),
                .first_size = 1 + format * 64,
                .line = {.baud = SPEEDS[i],
                         .parity = (enum serial_parity)format,
                         .stop_bits = (uint8_t)(format == SERIAL_NONE ? 2 : 1)}};
            struct verdict verdict = campaign_expect_good(&campaign);
            if (SPEEDS[i] == 115200) {
                assert_true(verdict.hold_max <= 0.2);
            } else if (SPEEDS[i] == 9600) {
                assert_true(verdict.hold_max <= 0.02);
            }
            assert_true(verdict.hold_max <= 1.5);
        }
    }
}

static void test_somebody_talking_into_it_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SPEEDS); i++) {
        struct campaign campaign = {.elf = "rt-probe",
                                    .frames = campaign_frames(SPEEDS[i], 16),
                                    .size_step = 37,
                                    .has_babble = true,
                                    .line = {.baud = SPEEDS[i],
                                             .stop_bits = 1,
                                             .guard_bits8 = SHIPPED_GUARD_BITS8,
                                             .hears_itself = true},
                                    .knobs = {.seed = i}};
        (void)campaign_expect_good(&campaign);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_guard_within_a_fraction_of_a_bit),
        cmocka_unit_test(test_somebody_talking_into_it_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
