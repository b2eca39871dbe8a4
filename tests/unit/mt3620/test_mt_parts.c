// SPDX-License-Identifier: Apache-2.0
// Goal: timers, clocks, watchdog and mailbox as the facts say, and a failure where they say
// nothing. Method: guest programs (guests/parts.c), the host as the A7.
#include "sim/mt3620/mt3620.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/unit/mt3620/rig.h"

#define LATE_TICKS 80U // of GPT4: interrupt entry and bus waits

static struct rig rig;

static void run(uint8_t which, uint64_t until_us)
{
    rig_open(&rig, "parts", which, NULL);
    rig_run(&rig, until_us);
    if (mt_failure(rig.mt) != NULL) {
        fail_msg("%s", mt_failure(rig.mt));
    }
}

static void test_gpt3_counts_from_init_to_expire(void **state)
{
    (void)state;
    run(1, 5000);
    // 100 us; 2600 x 38.46 ns; 100 us; 512 x 153.8 ns over the wrap: in ticks of 5.06 ns.
    static const uint32_t WANT[] = {19760, 19760, 19760, 15565};
    assert_int_equal(rig.result_count, 9);
    for (size_t i = 0; i < 4; i++) {
        assert_in_range(rig.results[2 * i], WANT[i], WANT[i] + LATE_TICKS);
        assert_int_equal(rig.results[2 * i + 1], 0);
    }
    rig_close(&rig);
}

static void test_gpt3_refuses_what_silicon_does_not_promise(void **state)
{
    (void)state;
    static const char *const WANT[] = {"ICLR for", "after it was stopped", "while it is enabled",
                                       "osc_cnt changed"};
    for (size_t i = 0; i < COUNT_OF(WANT); i++) {
        rig_open(&rig, "parts", (uint8_t)(20 + i), NULL);
        assert_int_equal(rig_run(&rig, 5000), MT_FAILED);
        rig_expect_failure(&rig, WANT[i]);
        rig_close(&rig);
    }
}

static void test_slow_timers_share_their_interrupt(void **state)
{
    (void)state;
    run(2, 20000);
    // GPT1 at 2.014 ms, GPT0 at 3.052, GPT1 at 4.028.
    assert_int_equal(rig.results[0], 2);
    assert_int_equal(rig.results[1], 1);
    assert_int_equal(rig.results[2], 2);
    assert_in_range(rig.results[3], 4020, 4030);
    assert_in_range(rig.results[4], 31, 33); // GPT2 after 1 ms
    rig_close(&rig);
}

static void test_gpt4_counts_bus_cycles(void **state)
{
    (void)state;
    run(3, 5000);
    assert_in_range(rig.results[0], 7, 20);
    assert_in_range(rig.results[1], 200, 2000);
    assert_in_range(rig.results[2], rig.results[1] - 10, rig.results[1] + 10);
    rig_close(&rig);
}

static void test_watchdog_resets_only_who_does_not_feed_it(void **state)
{
    (void)state;
    run(30, 2200000);
    assert_null(rig_event(&rig, MT_RESET, 0));
    assert_int_equal(rig.results[1], 0xfed);
    rig_choose(&rig, 30);
    rig_run(&rig, 3000000);
    const struct mt_event *reset = rig_event(&rig, MT_RESET, 0);
    assert_non_null(reset);
    assert_int_equal(reset->cause, MT_CAUSE_WATCHDOG);
    rig_choose(&rig, 30);
    rig_run(&rig, 3100000);
    assert_int_equal(rig.results[2], 0x8000); // the status says why
    rig_close(&rig);
}

static void test_watchdog_may_interrupt_instead(void **state)
{
    (void)state;
    run(31, 1000000);
    static const uint32_t WANT[] = {0, 1, 0x8000, GUEST_END};
    assert_int_equal(rig.result_count, COUNT_OF(WANT));
    assert_memory_equal(rig.results, WANT, sizeof WANT);
    assert_null(rig_event(&rig, MT_RESET, 0));
    rig_close(&rig);
}

static void test_watchdog_resets_by_command_and_wants_its_pauses(void **state)
{
    (void)state;
    run(32, 100000);
    assert_non_null(rig_event(&rig, MT_RESET, 0));
    rig_choose(&rig, 32);
    rig_run(&rig, 200000);
    assert_int_equal(rig.results[1], 0x4000);
    rig_close(&rig);
    rig_open(&rig, "parts", 33, NULL);
    assert_int_equal(rig_run(&rig, 100000), MT_FAILED);
    rig_expect_failure(&rig, "after the last time, it needs 100");
    rig_close(&rig);
}

static void fill(uint8_t *data, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(seed * 31 + i * 7);
    }
}

static void test_messages_wrap_around_the_rings(void **state)
{
    (void)state;
    run(4, 2000);
    assert_int_equal(rig.results[0], 4032);
    assert_int_equal(rig.results[1], 4032);
    uint8_t sent[MT_MESSAGE_MAX];
    uint8_t got[MT_MESSAGE_MAX];
    size_t size = 0;
    for (unsigned i = 0; i < 600; i++) {
        size_t want = i * 37 % (MT_MESSAGE_MAX + 1);
        fill(sent, want, i);
        assert_int_equal(mt_send(rig.mt, bytes_of(sent, want)), OK);
        rig.event_count = 0;
        rig_run(&rig, mt_now_u(rig.mt) / MT_U_PER_US + 500);
        assert_null(mt_failure(rig.mt));
        assert_non_null(rig_event(&rig, MT_MESSAGE, 0));
        assert_int_equal(mt_receive(rig.mt, got, sizeof got, &size), OK);
        assert_int_equal(size, want);
        for (size_t n = 0; n < size; n++) {
            assert_int_equal(got[n], (uint8_t)~sent[n]);
        }
        assert_int_equal(mt_receive(rig.mt, got, sizeof got, &size), ERR_AGAIN);
    }
    rig_close(&rig);
}

static void test_the_host_may_interrupt_between_any_two_blocks(void **state)
{
    (void)state;
    run(4, 2000);
    uint8_t got[MT_MESSAGE_MAX];
    size_t size = 0;
    unsigned sent = 0;
    unsigned received = 0;
    for (unsigned i = 0; i < 4000; i++) {
        sent += i % 7 == 0 && mt_send(rig.mt, bytes_of("abc", 3)) == OK; // as many as fit
        struct mt_event event;
        (void)mt_run(rig.mt, mt_now_u(rig.mt) + 1); // one block
        while (mt_next(rig.mt, &event)) {
        }
        if (mt_failure(rig.mt) != NULL) {
            fail_msg("%s", mt_failure(rig.mt));
        }
        received += i % 5 == 0 && mt_receive(rig.mt, got, sizeof got, &size) == OK;
    }
    assert_in_range(received, 20, sent);
    rig_close(&rig);
}

static void test_the_ring_fills_up_and_drains(void **state)
{
    (void)state;
    rig_open(&rig, "parts", 0, NULL); // a guest that never reads
    rig_run(&rig, 2000);
    uint8_t data[MT_MESSAGE_MAX] = {0};
    unsigned sent = 0;
    while (mt_send(rig.mt, bytes_of(data, 1000)) == OK) {
        sent++;
    }
    assert_int_equal(sent, 3); // 4032 / 1024, and never all of it
    assert_int_equal(mt_send(rig.mt, bytes_of(data, 100)), OK);
    mt_partner_restart(rig.mt);
    assert_int_equal(mt_send(rig.mt, bytes_of(data, 1000)), OK);
    rig_close(&rig);
}

static void test_what_the_core_breaks_is_told(void **state)
{
    (void)state;
    run(5, 2000);
    uint8_t got[MT_MESSAGE_MAX];
    size_t size = 0;
    assert_int_equal(mt_receive(rig.mt, got, sizeof got, &size), ERR_CORRUPT);
    assert_int_equal(mt_receive(rig.mt, got, sizeof got, &size), ERR_AGAIN);
    rig_close(&rig);
    rig_open(&rig, "parts", 6, NULL);
    assert_int_equal(rig_run(&rig, 2000), MT_FAILED);
    rig_expect_failure(&rig, "popped while it was empty");
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpt3_counts_from_init_to_expire),
        cmocka_unit_test(test_gpt3_refuses_what_silicon_does_not_promise),
        cmocka_unit_test(test_slow_timers_share_their_interrupt),
        cmocka_unit_test(test_gpt4_counts_bus_cycles),
        cmocka_unit_test(test_watchdog_resets_only_who_does_not_feed_it),
        cmocka_unit_test(test_watchdog_may_interrupt_instead),
        cmocka_unit_test(test_watchdog_resets_by_command_and_wants_its_pauses),
        cmocka_unit_test(test_messages_wrap_around_the_rings),
        cmocka_unit_test(test_the_host_may_interrupt_between_any_two_blocks),
        cmocka_unit_test(test_the_ring_fills_up_and_drains),
        cmocka_unit_test(test_what_the_core_breaks_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
