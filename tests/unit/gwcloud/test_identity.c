// SPDX-License-Identifier: Apache-2.0
// Goal: the box keeps an identity that works: it asks the service when the hub says no, not when
// the hub is away, and gives up no certificate before the next one is accepted. Method: the machine
// in virtual time, told how each attempt ended; then a world of seeds that judges.
#include "apps/gateway/north/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct identity id;

static void begin(bool has_provisioning, bool is_assigned, bool has_certificate)
{
    identity_init(&id,
                  &(struct identity_config){.has_provisioning = has_provisioning,
                                            .is_assigned = is_assigned,
                                            .has_certificate = has_certificate,
                                            .seed = 5},
                  0);
}

static void expect(enum identity_out kind)
{
    enum identity_out out;
    assert_true(identity_next(&id, &out));
    assert_int_equal(out, kind);
}

static void expect_nothing(void)
{
    enum identity_out out;
    assert_false(identity_next(&id, &out));
}

static void refuse(uint64_t now_us, enum identity_slot slot)
{
    assert_int_equal(identity_attempt(&id, now_us), slot);
    identity_failed(&id, now_us, true);
}

static void lose(uint64_t now_us, enum identity_slot slot)
{
    assert_int_equal(identity_attempt(&id, now_us), slot);
    identity_failed(&id, now_us, false);
}

static void accept(uint64_t now_us, enum identity_slot slot)
{
    assert_int_equal(identity_attempt(&id, now_us), slot);
    identity_accepted(&id, now_us);
}

static void test_first_registration(void **state)
{
    (void)state;
    begin(true, false, false);
    expect(IDENTITY_OUT_PROVISION);
    expect_nothing();
    identity_not_assigned(&id, 1); // the DPS machine goes on by itself
    expect_nothing();
    identity_assigned(&id, 2);
    expect(IDENTITY_OUT_RESUME);
    accept(3, IDENTITY_PRESENT);
    expect_nothing();
}

static void test_a_hub_that_says_no_leads_to_the_service_and_one_that_is_away_does_not(void **state)
{
    (void)state;
    begin(true, true, false);
    expect(IDENTITY_OUT_RESUME);
    for (unsigned i = 0; i < 100; i++) {
        lose(i, IDENTITY_PRESENT);
    }
    expect_nothing();
    for (unsigned i = 0; i < 3; i++) {
        refuse(100, IDENTITY_PRESENT);
        lose(100, IDENTITY_PRESENT);
    }
    expect_nothing(); // each refusal is answered by another token first
    refuse(101, IDENTITY_PRESENT);
    expect(IDENTITY_OUT_PROVISION);
    identity_not_assigned(&id, 102);
    expect(IDENTITY_OUT_RESUME); // the hub may take us again
    uint64_t now_us = 103;
    for (unsigned i = 0; i < 100; i++) {
        refuse(now_us, IDENTITY_PRESENT); // not too often
    }
    expect_nothing();
    refuse(now_us + 600 * US_PER_S, IDENTITY_PRESENT);
    expect(IDENTITY_OUT_PROVISION);
}

static void test_a_hub_that_is_gone_for_hours_leads_to_the_service(void **state)
{
    (void)state;
    begin(true, true, false);
    expect(IDENTITY_OUT_RESUME);
    lose(0, IDENTITY_PRESENT);
    lose(US_PER_HOUR - 1, IDENTITY_PRESENT);
    accept(2 * US_PER_HOUR, IDENTITY_PRESENT); // it was only away
    identity_failed(&id, 2 * US_PER_HOUR, false);
    lose(3 * US_PER_HOUR, IDENTITY_PRESENT);
    expect_nothing();
    lose(5 * US_PER_HOUR + 1, IDENTITY_PRESENT);
    expect(IDENTITY_OUT_PROVISION);
    identity_not_assigned(&id, 5 * US_PER_HOUR + 2); // the service is away, too
    expect(IDENTITY_OUT_RESUME);
    unsigned asked = 0;
    for (uint64_t now_us = 6 * US_PER_HOUR; now_us < 30 * US_PER_HOUR; now_us += 30 * US_PER_S) {
        lose(now_us, IDENTITY_PRESENT);
        enum identity_out out;
        while (identity_next(&id, &out)) {
            asked += out == IDENTITY_OUT_PROVISION;
            identity_not_assigned(&id, now_us);
        }
    }
    assert_true(asked >= 4 && asked <= 12);
}

static void test_without_a_service_nobody_is_asked(void **state)
{
    (void)state;
    begin(false, true, false);
    expect(IDENTITY_OUT_RESUME);
    for (unsigned i = 0; i < 100; i++) {
        refuse(i * US_PER_HOUR, IDENTITY_PRESENT);
    }
    expect_nothing();
}

static void test_a_good_connection_that_ends_is_no_refusal(void **state)
{
    (void)state;
    begin(true, true, false);
    expect(IDENTITY_OUT_RESUME);
    for (unsigned i = 0; i < 10; i++) {
        accept(i, IDENTITY_PRESENT);
        identity_failed(&id, i, true);
    }
    expect_nothing();
}

static void test_next_certificate_is_adopted_once_accepted(void **state)
{
    (void)state;
    begin(false, true, true);
    expect(IDENTITY_OUT_RESUME);
    accept(0, IDENTITY_PRESENT);
    identity_set_next(&id, 5, 77);
    assert_int_equal(identity_deadline_us(&id), 5);
    identity_tick(&id, 5);
    expect(IDENTITY_OUT_RECONNECT);
    accept(6, IDENTITY_NEXT);
    expect(IDENTITY_OUT_ADOPT);
    assert_int_equal(identity_deadline_us(&id), TIME_NEVER);
    // On a read-only place the files cannot be moved: it is preferred all the same.
    lose(7, IDENTITY_NEXT);
    accept(8, IDENTITY_PRESENT);
    accept(9, IDENTITY_NEXT);
    identity_failed(&id, 9, false); // a connection that was good
    accept(9, IDENTITY_NEXT);
    expect_nothing();
    identity_set_next(&id, 10, 0); // moved
    lose(10, IDENTITY_PRESENT);
}

static void test_next_certificate_that_is_refused_leaves_the_present_one(void **state)
{
    (void)state;
    begin(false, true, true);
    expect(IDENTITY_OUT_RESUME);
    identity_set_next(&id, 0, 77);
    refuse(1, IDENTITY_NEXT);
    accept(2, IDENTITY_PRESENT);
    expect_nothing();
    assert_int_equal(identity_deadline_us(&id), 1 + 6 * US_PER_HOUR);
    identity_tick(&id, 1 + 6 * US_PER_HOUR - 1);
    expect_nothing();
    identity_tick(&id, 1 + 6 * US_PER_HOUR);
    expect(IDENTITY_OUT_RECONNECT);
    refuse(2 + 6 * US_PER_HOUR, IDENTITY_NEXT);
    accept(2 + 6 * US_PER_HOUR, IDENTITY_PRESENT);
    identity_set_next(&id, 3 + 6 * US_PER_HOUR, 78); // somebody has put another one there
    identity_tick(&id, 3 + 6 * US_PER_HOUR);
    expect(IDENTITY_OUT_RECONNECT);
    accept(4 + 6 * US_PER_HOUR, IDENTITY_NEXT);
    expect(IDENTITY_OUT_ADOPT);
}

static void test_next_certificate_that_comes_while_connecting_is_tried_at_once(void **state)
{
    (void)state;
    begin(false, true, true);
    expect(IDENTITY_OUT_RESUME);
    assert_int_equal(identity_attempt(&id, 0), IDENTITY_PRESENT);
    identity_set_next(&id, 1, 77);
    identity_accepted(&id, 2);
    identity_tick(&id, 2);
    expect(IDENTITY_OUT_RECONNECT);
}

static void test_network_down_both_are_tried_in_turn(void **state)
{
    (void)state;
    begin(false, true, true);
    expect(IDENTITY_OUT_RESUME);
    identity_set_next(&id, 0, 77);
    for (unsigned i = 0; i < 10; i++) {
        lose(i, i % 2 == 0 ? IDENTITY_NEXT : IDENTITY_PRESENT);
    }
    accept(10, IDENTITY_NEXT);
    expect(IDENTITY_OUT_ADOPT);
}

static void test_the_service_learns_of_the_next_certificate_before_the_hub(void **state)
{
    (void)state;
    begin(true, true, true);
    expect(IDENTITY_OUT_RESUME);
    accept(0, IDENTITY_PRESENT);
    identity_set_next(&id, 1, 77);
    identity_tick(&id, 1);
    expect(IDENTITY_OUT_RECONNECT);
    refuse(2, IDENTITY_NEXT); // the hub knows the thumbprint of the present one only
    expect(IDENTITY_OUT_PROVISION);
    assert_int_equal(identity_attempt(&id, 3), IDENTITY_NEXT);
    identity_assigned(&id, 4);
    expect(IDENTITY_OUT_RESUME);
    accept(5, IDENTITY_NEXT);
    expect(IDENTITY_OUT_ADOPT);
    expect_nothing();
}

static void test_the_service_refuses_the_next_certificate(void **state)
{
    (void)state;
    begin(true, true, true);
    expect(IDENTITY_OUT_RESUME);
    identity_set_next(&id, 0, 77);
    refuse(1, IDENTITY_NEXT);
    expect(IDENTITY_OUT_PROVISION);
    assert_int_equal(identity_attempt(&id, 2), IDENTITY_NEXT);
    identity_not_assigned(&id, 3);
    expect(IDENTITY_OUT_RESUME);
    accept(4, IDENTITY_PRESENT);
    expect_nothing();
}

// The world: hub and service know certificates; the network fails at times; a next certificate
// appears that is good or not. Whatever comes first, in the end the box is online with one that the
// hub knows, and no good pair was replaced by a bad one.
static void test_seeds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        uint64_t random = seed;
#define DICE(n)                                                                                    \
    (random = random * UINT64_C(6364136223846793005) + 1442695040888963407u,                       \
     (unsigned)(random >> 40) % (n))
        bool has_service = DICE(2);
        bool is_next_good = DICE(2);
        bool hub_knows[2] = {true, is_next_good && !has_service};
        bool is_adopted = false;
        bool is_online = false;
        begin(has_service, DICE(2) || !has_service, true);
        uint64_t now_us = 0;
        unsigned next_at = DICE(50);
        enum identity_state phase = id.state;
        unsigned last_online = 0;
        for (unsigned turn = 0; turn < 400; turn++) {
            now_us += US_PER_MIN * (1 + DICE(20));
            if (turn == next_at) {
                identity_set_next(&id, now_us, 9);
            }
            identity_tick(&id, now_us);
            enum identity_out out;
            while (identity_next(&id, &out)) {
                is_online = is_online && out == IDENTITY_OUT_ADOPT;
                if (out == IDENTITY_OUT_ADOPT) {
                    assert_true(is_next_good);
                    is_adopted = true;
                    hub_knows[0] = true;
                    identity_set_next(&id, now_us, 0);
                } else if (out != IDENTITY_OUT_RECONNECT) {
                    phase = out == IDENTITY_OUT_PROVISION ? IDENTITY_PROVISIONING : IDENTITY_USING;
                }
            }
            assert_int_equal(phase, id.state);
            bool is_down = turn < 200 && DICE(3) == 0;
            last_online = is_online ? turn : last_online;
            if (is_online) {
                if (is_down) {
                    identity_failed(&id, now_us, false);
                    is_online = false;
                }
                continue;
            }
            enum identity_slot slot = identity_attempt(&id, now_us);
            assert_true(slot == IDENTITY_PRESENT || (!is_adopted && turn >= next_at));
            if (phase == IDENTITY_PROVISIONING) {
                bool is_taken = !is_down && (slot == IDENTITY_PRESENT || is_next_good);
                if (is_taken) { // the hub is told of this one alone
                    hub_knows[slot] = true;
                    hub_knows[1 - slot] = is_adopted;
                    identity_assigned(&id, now_us);
                } else {
                    identity_not_assigned(&id, now_us);
                }
            } else if (!is_down && hub_knows[slot]) {
                identity_accepted(&id, now_us);
                is_online = true;
            } else {
                identity_failed(&id, now_us, !is_down);
            }
        }
        // A bad pair is tried again every six hours, which costs three attempts.
        if (last_online < 390 || is_adopted != is_next_good) {
            printf("seed=%llu online=%u adopted=%d good=%d\n", (unsigned long long)seed,
                   last_online, is_adopted, is_next_good);
        }
        assert_true(last_online >= 390);
        assert_int_equal(is_adopted, is_next_good);
#undef DICE
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_registration),
        cmocka_unit_test(
            test_a_hub_that_says_no_leads_to_the_service_and_one_that_is_away_does_not),
        cmocka_unit_test(test_a_hub_that_is_gone_for_hours_leads_to_the_service),
        cmocka_unit_test(test_without_a_service_nobody_is_asked),
        cmocka_unit_test(test_a_good_connection_that_ends_is_no_refusal),
        cmocka_unit_test(test_next_certificate_is_adopted_once_accepted),
        cmocka_unit_test(test_next_certificate_that_is_refused_leaves_the_present_one),
        cmocka_unit_test(test_next_certificate_that_comes_while_connecting_is_tried_at_once),
        cmocka_unit_test(test_network_down_both_are_tried_in_turn),
        cmocka_unit_test(test_the_service_learns_of_the_next_certificate_before_the_hub),
        cmocka_unit_test(test_the_service_refuses_the_next_certificate),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
