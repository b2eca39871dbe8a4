// SPDX-License-Identifier: Apache-2.0
// Goal: whoever guesses, from few addresses or from many, holds up neither known browsers nor, as
// far as he can be told from them, strangers. Method: virtual time; a worker that looks at one
// attempt after the other.
#include "apps/cloud/auth/attempt.h"
#include "apps/cloud/auth/login_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct bytes owner = {(const uint8_t *)"owner", 5};

#define SCRIPT "192.0.2.66"
#define PHONE  "198.51.100.7"

static struct attempt stranger(const char *address)
{
    return attempt_of_stranger(owner, address);
}

// True if it was looked at; the password was wrong.
static bool guess(struct throttle *t, uint64_t now_us, struct attempt attempt)
{
    if (attempt_wait_us(t, now_us, &attempt) > 0) {
        return false;
    }
    attempt_begin(t, now_us, &attempt);
    attempt_failed(t, now_us, &attempt);
    return true;
}

// Guesses every second, for so long; how many were looked at.
static unsigned guess_for(struct throttle *t, uint64_t *now_us, uint64_t span_us, const char *from)
{
    unsigned count = 0;
    const uint64_t end_us = *now_us + span_us;
    for (; *now_us < end_us; *now_us += US_PER_S) {
        count += guess(t, *now_us, stranger(from)) ? 1 : 0;
    }
    return count;
}

static void test_a_script_at_one_address_keeps_no_new_browser_out(void **state)
{
    (void)state;
    static struct throttle t;
    throttle_init(&t);
    uint64_t now_us = US_PER_S;
    assert_in_range(guess_for(&t, &now_us, 2 * US_PER_HOUR, SCRIPT), 10, 22);
    unsigned looked_at = 0;
    for (int i = 0; i < 1000; i++) { // whenever the phone comes
        looked_at += guess_for(&t, &now_us, 31 * US_PER_S, SCRIPT);
        struct attempt phone = stranger(PHONE);
        assert_true(attempt_wait_us(&t, now_us, &phone) == 0);
        attempt_begin(&t, now_us, &phone);
        attempt_succeeded(&t, &phone);
    }
    // Nor does the script begin anew each time: one guess in a quarter of an hour.
    assert_in_range(looked_at, 20, 60);
}

static void test_what_is_let_through_is_a_share_whoever_asks(void **state)
{
    (void)state;
    static struct throttle t;
    char address[40];
    throttle_init(&t);
    uint64_t now_us = US_PER_S;
    (void)guess_for(&t, &now_us, US_PER_HOUR, SCRIPT);
    unsigned count = 0;
    const uint64_t end_us = now_us + US_PER_HOUR;
    for (uint32_t i = 0; now_us < end_us; i++, now_us += US_PER_S / 10) {
        snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        count += guess(&t, now_us, stranger(address)) ? 1 : 0;
    }
    assert_in_range(count, 118, 128); // two a minute, and those when a long wait is over
    struct attempt phone = stranger(PHONE);
    assert_true(attempt_wait_us(&t, now_us, &phone) <= THROTTLE_SPARE_US);
}

static void test_a_known_browser_and_a_change_count_for_themselves(void **state)
{
    (void)state;
    static struct throttle t;
    static const uint8_t nonce[2][16] = {{1}, {2}};
    throttle_init(&t);
    uint64_t now_us = US_PER_S;
    (void)guess_for(&t, &now_us, US_PER_HOUR, SCRIPT);
    const struct attempt known = attempt_of_device(bytes_of(nonce[0], 16));
    const struct attempt other = attempt_of_device(bytes_of(nonce[1], 16));
    const struct attempt change = attempt_of_change(owner);
    for (int i = 0; i < THROTTLE_FREE_FAILURES; i++) {
        assert_true(guess(&t, now_us, known));
    }
    assert_false(guess(&t, now_us, known));
    assert_true(attempt_wait_us(&t, now_us, &other) == 0);
    assert_true(attempt_wait_us(&t, now_us, &change) == 0);
}

static size_t enter(struct login_queue *q, enum login_kind kind, uint64_t source, size_t *displaced)
{
    return login_queue_enter(q, kind, source, 0, displaced);
}

static void test_strangers_take_no_place_of_the_known(void **state)
{
    (void)state;
    static struct login_queue q;
    size_t displaced = 0;
    login_queue_init(&q, LOGIN_STRANGERS_MAX);
    for (uint64_t i = 0; i < LOGIN_STRANGERS_MAX; i++) {
        assert_int_not_equal(enter(&q, LOGIN_STRANGER, 1000 + i, &displaced), LOGIN_NO_PLACE);
    }
    assert_int_equal(enter(&q, LOGIN_STRANGER, 1, &displaced), LOGIN_NO_PLACE);
    assert_int_equal(displaced, LOGIN_NO_PLACE);
    for (uint64_t i = 0; i < LOGIN_KNOWN_MAX; i++) {
        assert_in_range(enter(&q, LOGIN_KNOWN, i, &displaced), 0, LOGIN_KNOWN_MAX - 1);
    }
    assert_int_equal(enter(&q, LOGIN_KNOWN, 99, &displaced), LOGIN_NO_PLACE);
    // They take turns, the known first.
    for (int i = 0; i < 2 * LOGIN_KNOWN_MAX; i++) {
        const size_t place = login_queue_next(&q);
        assert_int_equal(place < LOGIN_KNOWN_MAX, i % 2 == 0);
        assert_false(login_queue_is_waiting(&q, place));
        login_queue_leave(&q, place);
    }
}

static void test_a_flood_from_one_source_makes_room_and_waits_longest(void **state)
{
    (void)state;
    static struct login_queue q;
    size_t displaced = 0;
    login_queue_init(&q, 16);
    for (int i = 0; i < 16; i++) {
        assert_int_not_equal(enter(&q, LOGIN_STRANGER, 66, &displaced), LOGIN_NO_PLACE);
    }
    assert_int_equal(enter(&q, LOGIN_STRANGER, 66, &displaced), LOGIN_NO_PLACE);
    const size_t running = login_queue_next(&q);
    const size_t place = enter(&q, LOGIN_STRANGER, 7, &displaced);
    assert_int_equal(place, displaced); // the flood's last
    assert_int_not_equal(place, running);
    assert_true(login_queue_is_waiting(&q, place));
    login_queue_leave(&q, running);
    assert_int_not_equal(enter(&q, LOGIN_STRANGER, 66, &displaced), LOGIN_NO_PLACE);
    assert_int_equal(login_queue_next(&q), place);
}

static void test_who_failed_comes_later_but_comes(void **state)
{
    (void)state;
    static struct login_queue q;
    size_t displaced = 0;
    login_queue_init(&q, LOGIN_STRANGERS_MAX);
    const size_t failed = login_queue_enter(&q, LOGIN_STRANGER, 66, 4, &displaced);
    unsigned before = 0;
    for (uint64_t i = 0; i < 1000; i++) { // newcomers without end
        (void)enter(&q, LOGIN_STRANGER, 1000 + i, &displaced);
        const size_t next = login_queue_next(&q);
        login_queue_leave(&q, next);
        if (next == failed) {
            break;
        }
        before++;
    }
    assert_in_range(before, 4 * LOGIN_PER_TURN - LOGIN_PER_TURN, 4 * LOGIN_PER_TURN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_script_at_one_address_keeps_no_new_browser_out),
        cmocka_unit_test(test_what_is_let_through_is_a_share_whoever_asks),
        cmocka_unit_test(test_a_known_browser_and_a_change_count_for_themselves),
        cmocka_unit_test(test_strangers_take_no_place_of_the_known),
        cmocka_unit_test(test_a_flood_from_one_source_makes_room_and_waits_longest),
        cmocka_unit_test(test_who_failed_comes_later_but_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
