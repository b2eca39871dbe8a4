// SPDX-License-Identifier: Apache-2.0
// Goal: the core does what a Cortex-M4 does, also where Unicorn does not. Method: guest programs
// that note what they see (guests/core.c).
#include "sim/mt3620/mt3620.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/unit/mt3620/rig.h"

#define FORCED   (1U << 30)
#define PRECISE  (1U << 9 | 1U << 15)
#define BAD_LOAD 0x50000000U

static void expect(const struct rig *rig, const uint32_t *want, size_t count)
{
    if (mt_failure(rig->mt) != NULL) {
        fail_msg("%s", mt_failure(rig->mt));
    }
    assert_int_equal(rig->result_count, count);
    for (size_t i = 0; i < count; i++) {
        if (rig->results[i] != want[i]) {
            fail_msg("result %zu is 0x%x, not 0x%x", i, rig->results[i], want[i]);
        }
    }
}

static void test_raw_1_in_basepri_masks_nothing(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 1, NULL);
    rig_run(&rig, 5000);
    static const uint32_t WANT[] = {1, 0, 1, 1, 2, 0xe0, GUEST_END};
    expect(&rig, WANT, COUNT_OF(WANT));
    rig_close(&rig);
}

static void test_interrupts_keep_it_blocks_whole(void **state)
{
    (void)state;
    static struct rig rig;
    // Another period at every round, so that each place within the block is met.
    for (uint64_t i = 0; i < 6; i++) {
        struct mt_knobs knobs = {.storm_u = 4001 + 37 * i, .storm_irq = 98};
        rig_open(&rig, "core", 2, &knobs);
        rig_run(&rig, 100000);
        static const uint32_t WANT[] = {0, 1, GUEST_END};
        expect(&rig, WANT, COUNT_OF(WANT));
        rig_close(&rig);
    }
}

static void test_no_instruction_runs_twice_for_an_interrupt(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 11, &(struct mt_knobs){.storm_u = 3001, .storm_irq = 98});
    rig_run(&rig, 100000);
    static const uint32_t WANT[] = {300000, 1, GUEST_END};
    expect(&rig, WANT, COUNT_OF(WANT));
    rig_close(&rig);
}

static void test_stores_to_registers_run_once(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 3, NULL);
    rig_run(&rig, 20000);
    static const uint32_t WANT[] = {1000, GUEST_END};
    expect(&rig, WANT, COUNT_OF(WANT));
    for (size_t i = 0; i < 16; i++) {
        const struct mt_event *event = rig_event(&rig, MT_CHAR, i);
        assert_non_null(event);
        assert_int_equal(event->byte, i);
    }
    assert_null(rig_event(&rig, MT_CHAR, 16));
    rig_close(&rig);
}

static void test_wfi_wakes_under_primask_and_takes_nothing(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 4, NULL);
    rig_run(&rig, 5000);
    static const uint32_t WANT[] = {998, 1, 0x33, 0x99, GUEST_END}; // 198 ticks are 1.002 us
    expect(&rig, WANT, COUNT_OF(WANT));
    rig_close(&rig);
}

static void test_priorities_preempt_and_equals_wait(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 5, NULL);
    rig_run(&rig, 5000);
    static const uint32_t WANT[] = {0x10, 0x20, 0x11, 0x10, 0x11, 0x20, 0x30, GUEST_END};
    expect(&rig, WANT, COUNT_OF(WANT));
    rig_close(&rig);
}

static void test_supervisor_call_and_pended_service(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 6, NULL);
    rig_run(&rig, 5000);
    static const uint32_t WANT[] = {0x5c, 0x5e, 0x5d, 0x5f, 0x410fc241, GUEST_END};
    expect(&rig, WANT, COUNT_OF(WANT));
    rig_close(&rig);
}

static void test_faults_reach_their_handlers_with_all_they_say(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 7, NULL);
    rig_run(&rig, 5000);
    assert_null(mt_failure(rig.mt));
    const uint32_t *r = rig.results;
    // Load: precise, with address and place.
    assert_int_equal(r[0], 3);
    assert_int_equal(r[1], PRECISE);
    assert_int_equal(r[2], FORCED);
    assert_int_equal(r[3], BAD_LOAD);
    assert_int_equal(r[4], r[5]);
    // Store: buffered, so imprecise.
    assert_int_equal(r[6], 3);
    assert_int_equal(r[7], 1U << 10);
    // Undefined instruction.
    assert_int_equal(r[11], 3);
    assert_int_equal(r[12], 1U << 16);
    assert_int_equal(r[15], r[16]);
    // Jumps to nowhere and into ARM state.
    assert_int_equal(r[18], 1U << 8);
    assert_int_equal(r[21], BAD_LOAD);
    assert_int_equal(r[23], 1U << 17);
    // With handlers of their own.
    assert_int_equal(r[27], 5);
    assert_int_equal(r[28], PRECISE);
    assert_int_equal(r[29], 0);
    assert_int_equal(r[32], 6);
    assert_int_equal(r[33], 1U << 16);
    assert_int_equal(r[37], GUEST_END);
    rig_close(&rig);
}

static void test_frame_of_an_odd_stack_is_padded(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 8, NULL);
    rig_run(&rig, 5000);
    static const uint32_t WANT[] = {1, 1, GUEST_END};
    expect(&rig, WANT, COUNT_OF(WANT));
    rig_close(&rig);
}

static void test_lock_up_lasts_until_the_watchdog(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 9, NULL);
    rig_run(&rig, 2000000);
    const struct mt_event *lockup = rig_event(&rig, MT_LOCKUP, 0);
    const struct mt_event *reset = rig_event(&rig, MT_RESET, 0);
    assert_non_null(lockup);
    assert_non_null(reset);
    assert_int_equal(reset->cause, MT_CAUSE_WATCHDOG);
    assert_in_range(reset->at_u - lockup->at_u, 499000 * MT_U_PER_US, 500000 * MT_U_PER_US);
    rig_close(&rig);
}

static void test_reset_retains_memory_and_power_does_not(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 10, NULL);
    rig_run(&rig, 5000);
    const struct mt_event *reset = rig_event(&rig, MT_RESET, 0);
    assert_non_null(reset);
    assert_int_equal(reset->cause, MT_CAUSE_CORE);
    rig_choose(&rig, 10);
    rig_run(&rig, 10000);
    assert_int_equal(rig.result_count, 5);
    assert_int_equal(rig.results[0], 0);
    assert_int_equal(rig.results[2], 1);
    assert_int_equal(rig.results[3], 0x1234);
    mt_reset(rig.mt, true);
    rig_choose(&rig, 10);
    rig_run(&rig, 15000);
    assert_int_equal(rig.result_count, 2);
    assert_int_not_equal(rig.results[1], 0x1234);
    struct mt_counters counters;
    mt_counters(rig.mt, &counters);
    assert_int_equal(counters.resets, 3);
    rig_close(&rig);
}

static void test_what_is_not_modelled_ends_the_run(void **state)
{
    (void)state;
    static const struct {
        uint8_t which;
        const char *text;
    } CASES[] = {
        {100, "register 0x70 of UART0"},
        {101, "0xe000e010"},
        {102, "0xe0001004"},
        {103, "0xe000ed90"},
        {104, "0x21040000"},
        {105, "0x30010020"},
        {106, "0x21010010"},
        {110, "1 bytes read at 0x38070514"},
        {111, "floating-point instruction"},
        {112, "WFE"},
        {113, "CONTROL is 0x2"},
        {114, "IER 0x08 of UART0"},
        {115, "writing 0xe000ed08"},
        {116, "RBR of UART0 read while it is empty"},
    };
    static struct rig rig;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        rig_open(&rig, "core", CASES[i].which, NULL);
        assert_int_equal(rig_run(&rig, 5000), MT_FAILED);
        rig_expect_failure(&rig, CASES[i].text);
        assert_int_equal(rig.result_count, 0); // it did not go on with a zero
        rig_close(&rig);
    }
}

static void test_failure_names_the_very_instruction(void **state)
{
    (void)state;
    static struct rig rig;
    rig_open(&rig, "core", 100, NULL);
    assert_int_equal(rig_run(&rig, 5000), MT_FAILED);
    uint32_t address;
    assert_true(mt_symbol(rig.mt, "load_here", &address));
    char text[32];
    snprintf(text, sizeof text, "[pc 0x%08x, ", address);
    rig_expect_failure(&rig, text);
    rig_close(&rig);
}

static uint64_t fingerprint(uint64_t seed)
{
    static struct rig rig;
    struct mt_knobs knobs = {.storm_u = 7 * MT_U_PER_US, .rx_jitter = 300, .seed = seed};
    rig_open(&rig, "frame", 1, &knobs);
    rig_run(&rig, 50000);
    assert_null(mt_failure(rig.mt));
    uint64_t hash = rig.event_count;
    for (size_t i = 0; i < rig.event_count; i++) {
        hash = (hash ^ rig.events[i].at_u ^ rig.events[i].byte) * UINT64_C(0x100000001b3);
    }
    rig_close(&rig);
    return hash;
}

static void test_same_inputs_give_the_same_run(void **state)
{
    (void)state;
    assert_int_equal(fingerprint(3), fingerprint(3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_1_in_basepri_masks_nothing),
        cmocka_unit_test(test_interrupts_keep_it_blocks_whole),
        cmocka_unit_test(test_no_instruction_runs_twice_for_an_interrupt),
        cmocka_unit_test(test_stores_to_registers_run_once),
        cmocka_unit_test(test_wfi_wakes_under_primask_and_takes_nothing),
        cmocka_unit_test(test_priorities_preempt_and_equals_wait),
        cmocka_unit_test(test_supervisor_call_and_pended_service),
        cmocka_unit_test(test_faults_reach_their_handlers_with_all_they_say),
        cmocka_unit_test(test_frame_of_an_odd_stack_is_padded),
        cmocka_unit_test(test_lock_up_lasts_until_the_watchdog),
        cmocka_unit_test(test_reset_retains_memory_and_power_does_not),
        cmocka_unit_test(test_what_is_not_modelled_ends_the_run),
        cmocka_unit_test(test_failure_names_the_very_instruction),
        cmocka_unit_test(test_same_inputs_give_the_same_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
