// SPDX-License-Identifier: Apache-2.0
// Goal: the judge is worth something. Method: firmwares that are wrong in one way each run the
// campaign that the real one passes, and must be seen to fail in their own way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/scenario/mt3620/campaign.h"

static struct verdict run_one(struct campaign campaign, const char *elf)
{
    struct verdict verdict;
    campaign.elf = elf;
    campaign_run(&campaign, &verdict);
    verdict_print(&verdict, elf);
    return verdict;
}

// Runs the real firmware, which must pass, then the mutant.
static struct verdict run_both(struct campaign campaign, const char *mutant)
{
    struct verdict verdict = run_one(campaign, "rt-probe");
    assert_true(verdict_is_good(&verdict));
    verdict = run_one(campaign, mutant);
    assert_false(verdict_is_good(&verdict));
    return verdict;
}

static const uint32_t SPEEDS[] = {9600, 19200, 115200, 921600};

static void test_release_on_thre(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SPEEDS); i++) {
        struct campaign campaign = {.frames = 20,
                                    .size_step = 13,
                                    .line = {.baud = SPEEDS[i], .stop_bits = 1, .guard_bits8 = 12}};
        struct verdict verdict = run_both(campaign, "rt-mutant-thre");
        assert_int_equal(verdict.early, 20);
        assert_int_equal(verdict.wrong, 20);
    }
}

static void test_no_guard_where_temt_leads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SPEEDS); i++) {
        struct campaign campaign = {.frames = 20,
                                    .size_step = 13,
                                    .line = {.baud = SPEEDS[i], .stop_bits = 1, .guard_bits8 = 12},
                                    .knobs = {.temt_lead = 1000}};
        struct verdict verdict = run_both(campaign, "rt-mutant-temt");
        assert_int_equal(verdict.early, 20);
    }
}

static void test_one_character_late_cuts_the_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SPEEDS); i++) {
        struct campaign campaign = {.frames = 20,
                                    .size_step = 13,
                                    .has_reply = true,
                                    .line = {.baud = SPEEDS[i], .stop_bits = 1, .guard_bits8 = 12}};
        struct verdict verdict = run_both(campaign, "rt-mutant-late");
        assert_int_equal(verdict.early, 0);
        assert_int_equal(verdict.cut_replies, 20);
    }
}

// It is wrong only if an interrupt comes within some 40 instructions: storms of several periods, so
// that no change of the code's layout lets it get through. The first that catches it is enough,
// unless BUSWARD_SEEDS asks for a long campaign.
static void test_raw_basepri(void **state)
{
    (void)state;
    unsigned caught = 0;
    bool is_long = campaign_frames(921600, 100) > 100;
    for (uint64_t storm_us = 5; storm_us <= 13 && (caught == 0 || is_long);
         storm_us += 2) { // of the UART's interrupt
        struct campaign campaign = {
            .frames = 100,
            .size_step = 13,
            .has_babble = true,
            .knobs = {.storm_u = storm_us * MT_U_PER_US, .seed = storm_us},
            .line = {.baud = 921600, .stop_bits = 1, .guard_bits8 = 12, .hears_itself = true}};
        struct verdict verdict = run_one(campaign, "rt-probe");
        assert_true(verdict_is_good(&verdict));
        verdict = run_one(campaign, "rt-mutant-raw");
        caught += verdict.wrong > 0 || verdict.failure[0] != '\0';
    }
    assert_true(caught >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_release_on_thre),
        cmocka_unit_test(test_no_guard_where_temt_leads),
        cmocka_unit_test(test_one_character_late_cuts_the_reply),
        cmocka_unit_test(test_raw_basepri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
