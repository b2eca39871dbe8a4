// SPDX-License-Identifier: Apache-2.0
// Goal: guessing is slowed down and forgotten in time, sessions end when they should, a role
// reaches its node and no other. Method: virtual time.
#include "apps/cloud/auth/device.h"
#include "apps/cloud/auth/sessions.h"
#include "apps/cloud/auth/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct bytes owner = {(const uint8_t *)"owner", 5};

static void test_five_failures_are_free_then_waiting_doubles(void **state)
{
    (void)state;
    static struct throttle t;
    throttle_init(&t);
    uint64_t now_us = 1000;
    for (int i = 1; i < THROTTLE_FREE_FAILURES; i++) {
        throttle_failed(&t, now_us, owner);
        assert_true(throttle_wait_us(&t, now_us, owner) == 0);
    }
    uint64_t expected_us = THROTTLE_FIRST_US;
    for (int i = 0; i < 30; i++) {
        throttle_failed(&t, now_us, owner);
        const uint64_t wait_us = throttle_wait_us(&t, now_us, owner);
        assert_true(wait_us == expected_us);
        assert_true(throttle_wait_us(&t, now_us + wait_us - 1, owner) == 1);
        now_us += wait_us;
        assert_true(throttle_wait_us(&t, now_us, owner) == 0);
        expected_us = expected_us * 2 < THROTTLE_MAX_US ? expected_us * 2 : THROTTLE_MAX_US;
    }
    assert_true(throttle_wait_us(&t, now_us, bytes_of("other", 5)) == 0);
    throttle_succeeded(&t, owner);
    throttle_failed(&t, now_us, owner);
    assert_true(throttle_wait_us(&t, now_us, owner) == 0);
}

static void test_guesses_under_way_when_the_wait_begins_make_it_no_longer(void **state)
{
    (void)state;
    static struct throttle t;
    throttle_init(&t);
    for (int i = 0; i < 200; i++) {
        throttle_failed(&t, 1000, owner);
    }
    assert_true(throttle_wait_us(&t, 1000, owner) == THROTTLE_FIRST_US);
    throttle_failed(&t, 1000 + THROTTLE_FIRST_US, owner);
    assert_true(throttle_wait_us(&t, 1000 + THROTTLE_FIRST_US, owner) == 2 * THROTTLE_FIRST_US);
}

static void test_failures_are_forgotten_after_half_an_hour(void **state)
{
    (void)state;
    static struct throttle t;
    throttle_init(&t);
    for (int i = 0; i < 5; i++) {
        throttle_failed(&t, 1, owner);
    }
    assert_true(throttle_wait_us(&t, 1, owner) > 0);
    throttle_failed(&t, 1 + THROTTLE_FORGET_US, owner);
    assert_true(throttle_wait_us(&t, 1 + THROTTLE_FORGET_US, owner) == 0);
}

// As session.c does: who has to wait is not looked at.
static bool guess(struct throttle *t, uint64_t now_us, struct bytes key)
{
    if (throttle_wait_us(t, now_us, key) > 0) {
        return false;
    }
    throttle_failed(t, now_us, key);
    return true;
}

// Fails as often as it takes to have to wait that long; when that is.
static uint64_t fail_until_blocked_for(struct throttle *t, uint64_t now_us, struct bytes key,
                                       uint64_t wait_us)
{
    while (throttle_wait_us(t, now_us, key) < wait_us) {
        now_us += throttle_wait_us(t, now_us, key);
        throttle_failed(t, now_us, key);
    }
    return now_us;
}

static void test_a_flood_of_names_does_not_free_the_one_being_guessed(void **state)
{
    (void)state;
    static struct throttle t;
    throttle_init(&t);
    uint64_t now_us = fail_until_blocked_for(&t, 1000, owner, THROTTLE_MAX_US);
    const uint64_t end_us = now_us + THROTTLE_MAX_US;
    // Names that fail once, then names and addresses that come to be blocked for a while
    // themselves.
    for (uint32_t i = 0; i < THROTTLE_KEYS * 30; i++) {
        now_us++;
        const uint32_t name = i < THROTTLE_KEYS * 10 ? i : 1000000 + i / 7;
        (void)guess(&t, now_us, bytes_of(&name, sizeof(name)));
        assert_false(guess(&t, now_us, owner));
    }
    assert_true(throttle_wait_us(&t, now_us, owner) == end_us - now_us);
    // Nor does it begin anew when the wait is over: one guess, and the longest wait again.
    now_us = end_us;
    for (uint32_t i = 0; i < THROTTLE_KEYS * 3; i++) {
        (void)guess(&t, now_us, bytes_of(&i, sizeof(i)));
    }
    assert_true(guess(&t, now_us, owner));
    assert_true(throttle_wait_us(&t, now_us, owner) == THROTTLE_MAX_US);
}

static void test_when_all_are_blocked_the_one_blocked_longest_stays(void **state)
{
    (void)state;
    static struct throttle t;
    throttle_init(&t);
    uint64_t now_us = fail_until_blocked_for(&t, 1000, owner, 8 * THROTTLE_FIRST_US);
    for (uint32_t i = 0; i < THROTTLE_KEYS * 2; i++) {
        const struct bytes name = bytes_of(&i, sizeof(i));
        for (int k = 0; k < THROTTLE_FREE_FAILURES; k++) {
            throttle_failed(&t, now_us, name);
        }
        assert_true(throttle_wait_us(&t, now_us, name) > 0);
        now_us++;
    }
    assert_true(throttle_wait_us(&t, now_us, owner) > 0);
}

static void test_an_address_counts_as_its_network_if_it_is_of_ipv6(void **state)
{
    (void)state;
    static const struct {
        const char *one;
        const char *other;
        bool is_same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct throttle_address a = throttle_address_of(rows[i].one);
        const struct throttle_address b = throttle_address_of(rows[i].other);
        assert_true(a.size > 0 && b.size > 0);
        assert_int_equal(bytes_equal(bytes_of(a.bytes, a.size), bytes_of(b.bytes, b.size)),
                         rows[i].is_same);
    }
    assert_int_equal(throttle_address_of("").size, 0);
}

static void test_a_device_cookie_is_good_for_its_account_and_as_it_was_made_only(void **state)
{
    (void)state;
    static const uint8_t key[DEVICE_KEY_SIZE] = {1};
    static const uint8_t other_key[DEVICE_KEY_SIZE] = {2};
    char cookie[2][DEVICE_COOKIE_SIZE + 1];
    uint8_t nonce[2][DEVICE_NONCE_SIZE];
    for (int i = 0; i < 2; i++) {
        device_cookie_make(key, owner, cookie[i]);
        assert_true(
            device_cookie_check(key, owner, bytes_of(cookie[i], DEVICE_COOKIE_SIZE), nonce[i]));
    }
    assert_memory_not_equal(nonce[0], nonce[1], DEVICE_NONCE_SIZE);
    const struct bytes good = bytes_of(cookie[0], DEVICE_COOKIE_SIZE);
    assert_false(device_cookie_check(other_key, owner, good, nonce[0]));
    assert_false(device_cookie_check(key, bytes_of("owne", 4), good, nonce[0]));
    assert_false(device_cookie_check(key, bytes_of("owner2", 6), good, nonce[0]));
    assert_false(device_cookie_check(key, owner, bytes_of(NULL, 0), nonce[0]));
    assert_false(device_cookie_check(key, owner, bytes_of(good.data, good.size - 1), nonce[0]));
    for (size_t i = 0; i < DEVICE_COOKIE_SIZE; i++) {
        const char before = cookie[0][i];
        cookie[0][i] = before == 'a' ? 'b' : 'a';
        assert_false(device_cookie_check(key, owner, good, nonce[0]));
        cookie[0][i] = before;
    }
    assert_true(device_cookie_check(key, owner, good, nonce[0]));
}

static struct session session_for(const char *token, int64_t now_ms)
{
    struct session s = {.expires_ms = now_ms + SESSION_LIFE_MS, .used_ms = now_ms};
    session_hash(bytes_of(token, strlen(token)), s.hash);
    memset(s.csrf, 'c', SESSION_CSRF_SIZE);
    return s;
}

static const char token[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void test_a_session_ends_when_idle_and_when_old(void **state)
{
    (void)state;
    static struct sessions sessions;
    const struct bytes good = bytes_of(token, SESSION_TOKEN_SIZE);
    sessions_init(&sessions);
    struct session s = session_for(token, 1000);
    sessions_add(&sessions, &s);
    assert_null(sessions_find(&sessions, bytes_of(token, SESSION_TOKEN_SIZE - 1), 1000));
    assert_null(sessions_find(&sessions, bytes_of(token + 1, SESSION_TOKEN_SIZE), 1000));
    int64_t now_ms = 1000;
    while (now_ms + SESSION_IDLE_MS - 1 < s.expires_ms) {
        now_ms += SESSION_IDLE_MS - 1;
        assert_non_null(sessions_find(&sessions, good, now_ms));
    }
    assert_null(sessions_find(&sessions, good, s.expires_ms));
    assert_null(sessions_find(&sessions, good, now_ms)); // gone for good
    sessions_drop(&sessions, s.hash);

    struct session *idle = sessions_add(&sessions, &s);
    const uint64_t serial = idle->serial;
    assert_non_null(sessions_by_serial(&sessions, serial, 1000 + SESSION_IDLE_MS - 1)); // a stream
    assert_non_null(sessions_find(&sessions, good, 1000 + SESSION_IDLE_MS));
    assert_null(sessions_by_serial(&sessions, serial, 1000 + 2 * SESSION_IDLE_MS));
    assert_null(sessions_by_serial(&sessions, serial, 1000));
    assert_null(sessions_find(&sessions, good, 1000)); // though its row is not deleted yet
}

static void test_in_a_full_table_the_ended_give_way_then_the_one_used_longest_ago(void **state)
{
    (void)state;
    static struct sessions sessions;
    char name[SESSION_TOKEN_SIZE + 1];
    sessions_init(&sessions);
    for (int i = 0; i < SESSIONS_MAX; i++) {
        assert_null(sessions_victim(&sessions));
        snprintf(name, sizeof(name), "%064d", i);
        struct session s = session_for(name, 1000 + (i + 7) % SESSIONS_MAX);
        sessions_add(&sessions, &s);
    }
    assert_int_equal(sessions_victim(&sessions)->used_ms, 1000);
    struct session *newest = &sessions.table[SESSIONS_MAX - 8];
    assert_int_equal(newest->used_ms, 1000 + SESSIONS_MAX - 1);
    sessions_end(newest);
    assert_ptr_equal(sessions_victim(&sessions), newest);
    sessions_end(&sessions.table[0]);
    assert_ptr_equal(sessions_victim(&sessions), &sessions.table[0]);
    sessions_drop(&sessions, newest->hash);
    assert_null(sessions_victim(&sessions));
    struct session s = session_for(token, 5000);
    assert_ptr_equal(sessions_add(&sessions, &s), newest);
}

static void test_the_csrf_token_must_match_whole(void **state)
{
    (void)state;
    struct session s = session_for(token, 0);
    char given[SESSION_CSRF_SIZE + 1] = "";
    memset(given, 'c', SESSION_CSRF_SIZE);
    assert_true(session_csrf_is(&s, bytes_of(given, SESSION_CSRF_SIZE)));
    assert_false(session_csrf_is(&s, bytes_of(given, SESSION_CSRF_SIZE - 1)));
    assert_false(session_csrf_is(&s, bytes_of(NULL, 0)));
    given[31] = 'd';
    assert_false(session_csrf_is(&s, bytes_of(given, SESSION_CSRF_SIZE)));
}

static void test_a_role_reaches_its_node_until_its_time(void **state)
{
    (void)state;
    const struct access shop = {
        .grants = {{.role = ROLE_OPERATOR, .node = "shop", .until_ms = 100}}, .grant_count = 1};
    const struct access all = {.grants = {{.role = ROLE_OWNER, .node = "", .until_ms = INT64_MAX}},
                               .grant_count = 1};
    const struct bytes here = bytes_of("shop", 4);
    const struct bytes there = bytes_of("shop2", 5);
    assert_true(access_allows(&shop, CAN_SEE, here, 99));
    assert_true(access_allows(&shop, CAN_ACKNOWLEDGE, here, 99));
    assert_false(access_allows(&shop, CAN_CONFIGURE, here, 99));
    assert_false(access_allows(&shop, CAN_SEE, there, 99));
    assert_false(access_allows(&shop, CAN_SEE, here, 100));
    assert_true(access_allows(&shop, CAN_SEE, bytes_of(NULL, 0), 99));
    assert_false(access_allows(&shop, CAN_ACKNOWLEDGE, bytes_of(NULL, 0), 99));
    for (unsigned c = 0; c < CAPABILITY_COUNT; c++) {
        assert_true(access_allows(&all, (enum capability)c, there, 99));
        assert_true(access_allows(&all, (enum capability)c, bytes_of(NULL, 0), 99));
        assert_false(
            access_allows(&(struct access){.grant_count = 0}, (enum capability)c, here, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_five_failures_are_free_then_waiting_doubles),
        cmocka_unit_test(test_guesses_under_way_when_the_wait_begins_make_it_no_longer),
        cmocka_unit_test(test_failures_are_forgotten_after_half_an_hour),
        cmocka_unit_test(test_a_flood_of_names_does_not_free_the_one_being_guessed),
        cmocka_unit_test(test_when_all_are_blocked_the_one_blocked_longest_stays),
        cmocka_unit_test(test_an_address_counts_as_its_network_if_it_is_of_ipv6),
        cmocka_unit_test(test_a_device_cookie_is_good_for_its_account_and_as_it_was_made_only),
        cmocka_unit_test(test_a_session_ends_when_idle_and_when_old),
        cmocka_unit_test(test_in_a_full_table_the_ended_give_way_then_the_one_used_longest_ago),
        cmocka_unit_test(test_the_csrf_token_must_match_whole),
        cmocka_unit_test(test_a_role_reaches_its_node_until_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
