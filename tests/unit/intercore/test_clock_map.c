// SPDX-License-Identifier: Apache-2.0
// Goal: a time of the core on our clock is never further off than is said, and the bound is useful.
// Method: two clocks with offset and drift, ways of random length, compared with the truth.
#include "intercore/clock_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"

struct clocks {
    uint64_t random;
    int64_t offset_us;
    double rate; // of the host against the core
    uint64_t way_us;
};

static uint64_t below(struct clocks *clocks, uint64_t limit)
{
    clocks->random = clocks->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (clocks->random >> 33) % limit;
}

static uint64_t host_us(const struct clocks *clocks, uint64_t core_us)
{
    return (uint64_t)((int64_t)core_us + clocks->offset_us +
                      (int64_t)((double)core_us * clocks->rate));
}

static void exchange(struct clocks *clocks, struct ic_clock *clock, uint64_t core_us)
{
    uint64_t there_us = core_us + below(clocks, clocks->way_us);
    uint64_t held_us = there_us + below(clocks, 50);
    uint64_t back_us = held_us + below(clocks, clocks->way_us);
    assert_true(ic_clock_sync(clock, host_us(clocks, core_us), there_us, held_us,
                              host_us(clocks, back_us)));
}

static uint32_t assert_true_at(const struct clocks *clocks, const struct ic_clock *clock,
                               uint64_t core_us)
{
    uint64_t at_us = 0;
    uint32_t error_us = 0;
    assert_true(ic_clock_to_host(clock, core_us, &at_us, &error_us));
    uint64_t truth_us = host_us(clocks, core_us);
    uint64_t off_us = truth_us > at_us ? truth_us - at_us : at_us - truth_us;
    assert_true(off_us <= error_us);
    return error_us;
}

static void test_the_bound_holds_and_shrinks(void **state)
{
    (void)state;
    static const double RATES[] = {0, 20e-6, -80e-6, 450e-6, -450e-6};
    for (size_t r = 0; r < COUNT_OF(RATES); r++) {
        struct clocks clocks = {
            .random = r + 1, .offset_us = 5000000, .rate = RATES[r], .way_us = 400};
        struct ic_clock clock;
        ic_clock_init(&clock);
        uint32_t error_us = 0;
        for (uint64_t s = 0; s < 600; s++) {
            uint64_t core_us = US_PER_S + s * 2 * US_PER_S;
            exchange(&clocks, &clock, core_us);
            for (uint64_t k = 0; k < 8; k++) {
                error_us = assert_true_at(&clocks, &clock, core_us + k * 250 * US_PER_MS);
            }
        }
        assert_int_equal(clock.jumps, 0);
        print_message("rate %+.0f ppm: off by %u us at most\n", RATES[r] * 1e6, error_us);
        assert_true(error_us < 250); // an exchange takes 400 us on average, 800 at most
        // A minute of silence: what the rates may have changed, no more.
        assert_true(assert_true_at(&clocks, &clock, clock.now.at_us + US_PER_MIN) < 1000);
        assert_true(assert_true_at(&clocks, &clock, clock.now.at_us - US_PER_MIN) < 1000);
    }
}

static void test_a_step_is_found_and_forgotten(void **state)
{
    (void)state;
    struct clocks clocks = {.random = 7, .offset_us = 1000000, .way_us = 100};
    struct ic_clock clock;
    ic_clock_init(&clock);
    for (uint64_t s = 1; s < 100; s++) {
        exchange(&clocks, &clock, s * US_PER_S);
    }
    clocks.offset_us += 3000; // as nothing monotonic should
    exchange(&clocks, &clock, 100 * US_PER_S);
    assert_int_equal(clock.jumps, 1);
    assert_true_at(&clocks, &clock, 100 * US_PER_S);
}

static void test_nonsense_changes_nothing(void **state)
{
    (void)state;
    struct ic_clock clock;
    uint64_t at_us;
    uint32_t error_us;
    ic_clock_init(&clock);
    assert_false(ic_clock_to_host(&clock, 5, &at_us, &error_us));
    assert_true(ic_clock_sync(&clock, 1000, 50, 60, 1100));
    static const uint64_t BAD[][4] = {
        {1100, 70, 80, 1000},                                      // answered before asked
        {1100, 80, 70, 1200},                                      // sent before received
        {1100, 70, 900, 1200},                                     // held longer than we waited
        {1100, 20, 30, 1200},                                      // the core's clock went back
        {1100, 70, UINT64_MAX, 1200},                              // no time at all
        {1100, 70, 80, UINT64_MAX},   {0, 70, 80, 2 * US_PER_DAY}, // a day on its way
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        struct ic_clock before = clock;
        assert_false(ic_clock_sync(&clock, BAD[i][0], BAD[i][1], BAD[i][2], BAD[i][3]));
        assert_memory_equal(&before, &clock, sizeof clock);
    }
    assert_false(ic_clock_to_host(&clock, 60 + US_PER_DAY + 1, &at_us, &error_us));
    assert_false(ic_clock_to_host(&clock, UINT64_MAX, &at_us, &error_us));
    assert_true(ic_clock_to_host(&clock, 60 + US_PER_DAY, &at_us, &error_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bound_holds_and_shrinks),
        cmocka_unit_test(test_a_step_is_found_and_forgotten),
        cmocka_unit_test(test_nonsense_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
