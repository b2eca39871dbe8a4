// SPDX-License-Identifier: Apache-2.0
// Goal: no more units a day than the budget, in steps that are told, over restarts, and a hub whose
// own quota is used up is noticed. Method: the machine alone, in virtual time.
#include "apps/gateway/north/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct budget budget;
static const int64_t midnight_ms = INT64_C(20000) * 86400000; // a UTC day begins at now_us = 0

static void begin(uint32_t units, struct journal_budget kept)
{
    budget_init(&budget, &(struct budget_config){.units_per_day = units}, kept);
    budget_set_clock(&budget, 0, (struct wall_time){.utc_ms = midnight_ms});
}

static void store(void)
{
    struct journal_budget kept;
    if (budget_store(&budget, &kept)) {
        budget_stored(&budget, kept);
    }
}

static bool publish(uint64_t now_us, enum journal_lane lane, bool is_backlog, size_t size)
{
    bool may = budget_may_publish(&budget, now_us, lane, is_backlog, size);
    store();
    may = may || budget_may_publish(&budget, now_us, lane, is_backlog, size);
    if (may) {
        budget_published(&budget, now_us, size);
        budget_acked(&budget, now_us);
    }
    return may;
}

static void test_no_budget_no_bounds(void **state)
{
    (void)state;
    begin(0, (struct journal_budget){.day = 0});
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(publish(1, LANE_TELEMETRY, true, 4096));
    }
    struct journal_budget kept;
    assert_false(budget_store(&budget, &kept));
    assert_null(budget_next_note(&budget));
    assert_int_equal(budget_deadline_us(&budget), TIME_NEVER);
}

static void test_blocks_are_counted_as_the_hub_does(void **state)
{
    (void)state;
    begin(1000, (struct journal_budget){.day = 0});
    uint64_t noon_us = 12 * US_PER_HOUR;
    assert_true(publish(noon_us, LANE_TELEMETRY, false, 4096));
    assert_int_equal(budget.used, 1);
    assert_true(publish(noon_us, LANE_TELEMETRY, false, 4097));
    assert_int_equal(budget.used, 3);
    assert_true(publish(noon_us, LANE_TELEMETRY, false, 0)); // an empty one counts, too
    assert_int_equal(budget.used, 4);
}

static void test_steps_in_their_order_and_a_new_day(void **state)
{
    (void)state;
    begin(160, (struct journal_budget){.day = 0});
    enum budget_step last = BUDGET_FREE;
    unsigned notes = 0;
    // All at one time of the day: 00:00.
    while (publish(0, LANE_TELEMETRY, false, 100)) {
        assert_true(budget.step >= last);
        last = budget.step;
        assert_int_equal(budget.step >= BUDGET_NO_BACKFILL, budget.used > 20);
        assert_int_equal(budget.step >= BUDGET_PACKED, budget.used > 40);
        assert_int_equal(publish(0, LANE_TELEMETRY, true, 100), budget.used <= 20);
        notes += budget_next_note(&budget) != NULL;
    }
    assert_int_equal(budget.used, 144); // but for the reserve
    assert_int_equal(budget.step, BUDGET_RESERVE);
    assert_int_equal(notes, 3);
    assert_int_equal(budget_age_factor(&budget), BUDGET_PACK_FACTOR);
    while (publish(0, LANE_ALERTS, false, 100)) {
    }
    assert_int_equal(budget.used, 160);
    assert_int_equal(budget.step, BUDGET_SPENT);
    assert_non_null(budget_next_note(&budget));
    // It wakes with the minutes, and at midnight all goes on.
    uint64_t now_us = 0;
    while (budget.step != BUDGET_FREE) {
        uint64_t next_us = budget_deadline_us(&budget);
        assert_true(next_us > now_us && next_us <= now_us + US_PER_MIN);
        now_us = next_us;
        budget_tick(&budget, now_us);
    }
    assert_int_equal(now_us, US_PER_DAY);
    assert_string_equal(budget_next_note(&budget), "budget: all goes on");
    assert_true(publish(now_us, LANE_TELEMETRY, true, 100));
    assert_int_equal(budget.used, 1);
}

static void test_nothing_goes_before_it_is_stored(void **state)
{
    (void)state;
    begin(1280, (struct journal_budget){.day = 0});
    assert_false(budget_may_publish(&budget, 0, LANE_ALERTS, false, 1));
    struct journal_budget kept;
    assert_true(budget_store(&budget, &kept));
    assert_int_equal(kept.day, 20000);
    budget_stored(&budget, kept);
    unsigned count = 0;
    while (budget_may_publish(&budget, 0, LANE_ALERTS, false, 1)) {
        budget_published(&budget, 0, 1);
        count++;
    }
    assert_int_equal(count, kept.used);
    // A restart takes up what was stored, so not one unit more.
    begin(1280, kept);
    assert_int_equal(budget.used, kept.used);
}

static void test_what_was_kept_counts_for_its_day_only(void **state)
{
    (void)state;
    begin(100, (struct journal_budget){.day = 20000, .used = 100});
    assert_false(publish(0, LANE_ALERTS, false, 1));
    begin(100, (struct journal_budget){.day = 19999, .used = 100});
    assert_true(publish(0, LANE_ALERTS, false, 1));
    // A clock that goes back a day gives nothing back.
    while (publish(0, LANE_ALERTS, false, 1)) {
    }
    budget_set_clock(&budget, 0, (struct wall_time){.utc_ms = midnight_ms - 1});
    assert_false(publish(0, LANE_ALERTS, false, 1));
    // Nor when it returns to the day that it came from; the next day is a new one.
    budget_set_clock(&budget, 0, (struct wall_time){.utc_ms = midnight_ms});
    assert_false(publish(0, LANE_ALERTS, false, 1));
    budget_set_clock(&budget, 0, (struct wall_time){.utc_ms = midnight_ms + 86400000});
    assert_true(publish(0, LANE_ALERTS, false, 1));
}

static void test_a_hub_out_of_quota_is_noticed_and_tried_now_and_then(void **state)
{
    (void)state;
    begin(0, (struct journal_budget){.day = 0});
    uint64_t now_us = US_PER_HOUR;
    unsigned tries = 0;
    for (; now_us < 10 * US_PER_HOUR; now_us += US_PER_S) {
        budget_online(&budget, now_us);
        budget_tick(&budget, now_us);
        if (budget_may_publish(&budget, now_us, LANE_TELEMETRY, false, 1)) {
            budget_published(&budget, now_us, 1);
            assert_true(!budget.is_refused ||
                        !budget_may_publish(&budget, now_us, LANE_TELEMETRY, false, 1));
            budget_closed(&budget, now_us);
            tries++;
        }
    }
    assert_true(budget.is_refused);
    assert_true(tries >= 9 * 80 - 10 && tries <= 9 * 80 + 10);
    assert_non_null(strstr(budget_next_note(&budget), "quota"));
    budget_online(&budget, now_us);
    budget_published(&budget, now_us, 1);
    budget_acked(&budget, now_us);
    assert_false(budget.is_refused);
    assert_string_equal(budget_next_note(&budget), "hub: takes messages again");
}

static void test_connections_that_end_otherwise_are_no_sign(void **state)
{
    (void)state;
    begin(0, (struct journal_budget){.day = 0});
    for (unsigned i = 0; i < 20; i++) {
        budget_online(&budget, i);
        budget_closed(&budget, i); // before anything was published
        budget_online(&budget, i);
        budget_published(&budget, i, 1);
        budget_acked(&budget, i);
        budget_published(&budget, i, 1);
        budget_closed(&budget, i); // after a PUBACK
    }
    assert_false(budget.is_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_budget_no_bounds),
        cmocka_unit_test(test_blocks_are_counted_as_the_hub_does),
        cmocka_unit_test(test_steps_in_their_order_and_a_new_day),
        cmocka_unit_test(test_nothing_goes_before_it_is_stored),
        cmocka_unit_test(test_what_was_kept_counts_for_its_day_only),
        cmocka_unit_test(test_a_hub_out_of_quota_is_noticed_and_tried_now_and_then),
        cmocka_unit_test(test_connections_that_end_otherwise_are_no_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
