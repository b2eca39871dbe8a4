// SPDX-License-Identifier: Apache-2.0
// Goal: messages leave once the hub lets us in, again after every loss, and until acknowledged; the
// password is renewed before it ends. Method: the machine in virtual time against a scripted hub.
#include "apps/gateway/north/uplink.h"
#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct sas_key key = {.data = "0123456789abcdef", .size = 16};
static const struct wall_time utc = {.utc_ms = INT64_C(1790000000000)};
static const struct uplink_identity me = {.host = "hub", .device = "gw", .key = &key};
static struct uplink up;

static void begin(uint64_t seed)
{
    uplink_init(&up, &(struct uplink_config){.seed = seed}, 0);
    assert_int_equal(uplink_use(&up, 0, &me), OK);
}

static void expect(uint64_t now_us, enum uplink_out_kind kind, struct uplink_out *out)
{
    assert_true(uplink_next(&up, now_us, out));
    assert_int_equal(out->kind, kind);
}

static void expect_nothing(uint64_t now_us)
{
    struct uplink_out out;
    assert_false(uplink_next(&up, now_us, &out));
}

static void give(enum journal_lane lane, uint64_t ordinal, const char *text)
{
    struct journal_message message = {
        .lane = lane,
        .ordinal = ordinal,
        .bag = {.kind = TM_MESSAGE_SAMPLES, .journal_id = 10, .number = ordinal},
        .payload = bytes_of(text, strlen(text))};
    uplink_take(&up, 0, &message);
}

// CONNACK, then SUBACK for all the filters.
static void let_in(uint64_t now_us)
{
    struct uplink_out out;
    uplink_connected(&up, now_us);
    assert_int_equal(up.state, UPLINK_SUBSCRIBING);
    expect(now_us, UPLINK_OUT_SUBSCRIBE, &out);
    assert_string_equal(out.filters[0], "$iothub/methods/POST/#");
    assert_string_equal(out.filters[1], "$iothub/twin/res/#");
    assert_string_equal(out.filters[2], "$iothub/twin/PATCH/properties/desired/#");
    assert_string_equal(out.filters[3], "devices/gw/messages/devicebound/#");
    expect_nothing(now_us);
    uplink_subscribed(&up, now_us, 0);
    assert_int_equal(up.state, UPLINK_ONLINE);
}

static void go_online(uint64_t now_us)
{
    struct uplink_out out;
    uplink_set_clock(&up, now_us, utc);
    expect(now_us, UPLINK_OUT_CONNECT, &out);
    assert_string_equal(out.user, "hub/gw/?api-version=2021-04-12");
    assert_memory_equal(out.password, "SharedAccessSignature sr=hub%2fdevices%2fgw&sig=", 48);
    assert_non_null(strstr(out.password, "&se=1790003600"));
    let_in(now_us);
}

static void test_no_password_without_a_clock(void **state)
{
    (void)state;
    begin(1);
    uplink_tick(&up, US_PER_HOUR);
    expect_nothing(US_PER_HOUR);
    assert_int_equal(uplink_deadline_us(&up), TIME_NEVER);
    go_online(US_PER_HOUR);
}

static void test_alerts_first_then_in_order(void **state)
{
    (void)state;
    begin(2);
    give(LANE_TELEMETRY, 5, "b");
    give(LANE_TELEMETRY, 4, "a");
    give(LANE_ALERTS, 9, "alert");
    expect_nothing(0);
    go_online(0);
    struct uplink_out out;
    expect(0, UPLINK_OUT_PUBLISH, &out);
    assert_memory_equal(out.payload.data, "alert", 5);
    expect(0, UPLINK_OUT_PUBLISH, &out);
    assert_memory_equal(out.payload.data, "a", 1);
    assert_string_equal(out.topic, "devices/gw/messages/events/$.ct=application%2Fjson&$.ce=utf-8"
                                   "&t=s&j=000000000000000a&n=4");
    expect(0, UPLINK_OUT_PUBLISH, &out);
    expect_nothing(0);
}

static void test_published_again_until_acknowledged(void **state)
{
    (void)state;
    begin(3);
    give(LANE_TELEMETRY, 1, "one");
    give(LANE_TELEMETRY, 2, "two");
    go_online(0);
    struct uplink_out first, second;
    expect(0, UPLINK_OUT_PUBLISH, &first);
    expect(0, UPLINK_OUT_PUBLISH, &second);
    uplink_acked(&up, 1, second.token);
    uplink_acked(&up, 1, 99); // a hub may say anything
    struct uplink_out out;
    expect(1, UPLINK_OUT_ACK, &out);
    assert_int_equal(out.ordinal, 2);
    uplink_lost(&up, 2, false);
    expect_nothing(2);
    uint64_t at_us = uplink_deadline_us(&up);
    uplink_tick(&up, at_us - 1);
    expect_nothing(at_us - 1);
    uplink_tick(&up, at_us);
    expect(at_us, UPLINK_OUT_CONNECT, &out);
    let_in(at_us);
    expect(at_us, UPLINK_OUT_PUBLISH, &out);
    assert_memory_equal(out.payload.data, "one", 3);
    assert_int_equal(out.token, first.token);
    expect_nothing(at_us);
    assert_int_equal(up.stats.republished, 1);
    assert_int_equal(uplink_room(&up, LANE_TELEMETRY), UPLINK_TELEMETRY_MAX - 1);
}

static void test_back_off_grows_with_jitter_up_to_its_bound(void **state)
{
    (void)state;
    begin(4);
    struct uplink_out out;
    uint64_t now_us = 0;
    uint64_t ceiling_us = 2 * US_PER_S;
    uint64_t shortest_us = TIME_NEVER;
    uint64_t longest_us = 0;
    uplink_set_clock(&up, 0, utc);
    for (unsigned i = 0; i < 100; i++) {
        expect(now_us, UPLINK_OUT_CONNECT, &out);
        uplink_lost(&up, now_us, true);
        uint64_t wait_us = uplink_deadline_us(&up) - now_us;
        assert_true(wait_us >= 250 * US_PER_MS && wait_us <= ceiling_us);
        shortest_us = i < 10 ? shortest_us : time_min(shortest_us, wait_us);
        longest_us = wait_us > longest_us ? wait_us : longest_us;
        ceiling_us = ceiling_us * 2 < 35 * US_PER_S ? ceiling_us * 2 : 35 * US_PER_S;
        now_us += wait_us;
        uplink_tick(&up, now_us);
    }
    assert_int_equal(up.stats.refusals, 100);
    // Full jitter: as good as all of the span is used.
    assert_true(shortest_us < 3 * US_PER_S && longest_us > 32 * US_PER_S);
}

static void test_password_is_renewed_while_it_is_good(void **state)
{
    (void)state;
    begin(5);
    go_online(0);
    uint64_t at_us = uplink_deadline_us(&up);
    assert_int_equal(at_us, 2880 * US_PER_S);
    uplink_tick(&up, at_us);
    struct uplink_out out;
    expect(at_us, UPLINK_OUT_DISCONNECT, &out);
    expect(at_us, UPLINK_OUT_CONNECT, &out);
    assert_non_null(strstr(out.password, "&se=1790006480"));
}

static void test_clock_step_renews_and_drift_does_not(void **state)
{
    (void)state;
    begin(6);
    go_online(0);
    uplink_set_clock(&up, US_PER_S, (struct wall_time){.utc_ms = utc.utc_ms + 1000 + 59000});
    expect_nothing(US_PER_S);
    uplink_set_clock(&up, US_PER_S, (struct wall_time){.utc_ms = utc.utc_ms - 3600000});
    struct uplink_out out;
    expect(US_PER_S, UPLINK_OUT_DISCONNECT, &out);
    expect(US_PER_S, UPLINK_OUT_CONNECT, &out);
}

static void test_silent_hub_ends_the_connection(void **state)
{
    (void)state;
    begin(7);
    give(LANE_ALERTS, 1, "x");
    go_online(0);
    struct uplink_out out;
    expect(0, UPLINK_OUT_PUBLISH, &out);
    assert_int_equal(uplink_deadline_us(&up), 40 * US_PER_S);
    uplink_tick(&up, 40 * US_PER_S);
    expect(40 * US_PER_S, UPLINK_OUT_DISCONNECT, &out);
    assert_int_equal(up.state, UPLINK_WAITING);
}

static void test_a_filter_that_is_refused_is_a_refusal(void **state)
{
    (void)state;
    begin(8);
    give(LANE_ALERTS, 1, "x");
    struct uplink_out out;
    uplink_set_clock(&up, 0, utc);
    expect(0, UPLINK_OUT_CONNECT, &out);
    uplink_subscribed(&up, 0, 0); // an answer to what nobody asked
    assert_int_equal(up.state, UPLINK_CONNECTING);
    uplink_connected(&up, 0);
    expect(0, UPLINK_OUT_SUBSCRIBE, &out);
    uplink_subscribed(&up, 0, 4);
    assert_int_equal(up.state, UPLINK_WAITING);
    assert_int_equal(up.stats.refusals, 1);
    assert_int_equal(up.stats.connects, 0);
    expect(0, UPLINK_OUT_DISCONNECT, &out);
    expect_nothing(0);
}

static void test_no_answer_to_the_filters_is_a_loss(void **state)
{
    (void)state;
    begin(9);
    struct uplink_out out;
    uplink_set_clock(&up, 0, utc);
    expect(0, UPLINK_OUT_CONNECT, &out);
    uplink_connected(&up, US_PER_S);
    assert_int_equal(uplink_deadline_us(&up), 21 * US_PER_S);
    uplink_tick(&up, 21 * US_PER_S);
    assert_int_equal(up.state, UPLINK_WAITING);
    assert_int_equal(up.stats.losses, 1);
    expect(31 * US_PER_S, UPLINK_OUT_DISCONNECT, &out);
    expect_nothing(31 * US_PER_S); // the filters of the attempt that is over are not sent
}

static void test_names_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    char name[SAS_NAME_SIZE_MAX + 1];
    memset(name, 'a', sizeof(name));
    name[SAS_NAME_SIZE_MAX] = 0;
    begin(10);
    struct uplink_identity id = {.host = name, .device = "d", .key = &key};
    assert_int_equal(uplink_use(&up, 0, &id), ERR_ARG);
    id.host = "";
    assert_int_equal(uplink_use(&up, 0, &id), ERR_ARG);
    go_online(0); // as before
}

static void expect_life(uint64_t now_us, uint64_t life_s)
{
    struct uplink_out out;
    char text[32];
    expect(now_us, UPLINK_OUT_CONNECT, &out);
    snprintf(text, sizeof(text), "&se=%llu",
             (unsigned long long)((uint64_t)utc.utc_ms / 1000 + now_us / US_PER_S + life_s));
    assert_non_null(strstr(out.password, text));
}

// A hub whose clock is more than an hour ahead of ours finds every plain token too old.
static void test_a_clock_that_differs_gets_another_token(void **state)
{
    (void)state;
    begin(11);
    uplink_set_clock(&up, 0, utc);
    static const uint64_t lives_s[] = {3600, 3600, 93600, 601, 3600, 3600, 93600};
    uint64_t now_us = 0;
    for (size_t i = 0; i < COUNT_OF(lives_s); i++) {
        expect_life(now_us, lives_s[i]);
        if (i + 1 < COUNT_OF(lives_s)) {
            uplink_lost(&up, now_us, true);
            now_us = uplink_deadline_us(&up);
            uplink_tick(&up, now_us);
        }
    }
    let_in(now_us);
    assert_int_equal(up.stats.odd_lives, 1);
    // The hub's clock may differ for long: the next token is like the one that it took, as often.
    uint64_t renew_us = uplink_deadline_us(&up);
    assert_int_equal(renew_us, now_us + 2880 * US_PER_S);
    uplink_tick(&up, renew_us);
    struct uplink_out out;
    expect(renew_us, UPLINK_OUT_DISCONNECT, &out);
    expect_life(renew_us, 93600);
    let_in(renew_us);
    // Until somebody sets our clock.
    uint64_t set_us = renew_us + US_PER_S;
    int64_t utc_ms = utc.utc_ms + (int64_t)(set_us / US_PER_MS) + 7200000;
    uplink_set_clock(&up, set_us, (struct wall_time){.utc_ms = utc_ms});
    expect(set_us, UPLINK_OUT_DISCONNECT, &out);
    expect(set_us, UPLINK_OUT_CONNECT, &out);
    char text[32];
    snprintf(text, sizeof(text), "&se=%lld", (long long)utc_ms / 1000 + 3600);
    assert_non_null(strstr(out.password, text));
}

static void test_losses_do_not_change_the_token(void **state)
{
    (void)state;
    begin(12);
    uplink_set_clock(&up, 0, utc);
    uint64_t now_us = 0;
    for (unsigned i = 0; i < 6; i++) {
        expect_life(now_us, 3600);
        uplink_lost(&up, now_us, false);
        now_us = uplink_deadline_us(&up);
        uplink_tick(&up, now_us);
    }
}

static void test_a_certificate_needs_neither_password_nor_clock_nor_renewal(void **state)
{
    (void)state;
    uplink_init(&up, &(struct uplink_config){.seed = 13}, 0);
    expect_nothing(0);
    const struct uplink_identity id = {.host = "hub", .device = "gw"};
    assert_int_equal(uplink_use(&up, 5, &id), OK);
    struct uplink_out out;
    expect(5, UPLINK_OUT_CONNECT, &out);
    assert_null(out.password);
    let_in(5);
    assert_int_equal(uplink_deadline_us(&up), TIME_NEVER);
    uplink_set_clock(&up, 6, utc);
    uplink_set_clock(&up, 7, (struct wall_time){.utc_ms = utc.utc_ms + 86400000});
    expect_nothing(7);
    uplink_reconnect(&up, 8);
    expect(8, UPLINK_OUT_DISCONNECT, &out);
    expect(8, UPLINK_OUT_CONNECT, &out);
}

static void test_held_until_there_is_an_identity(void **state)
{
    (void)state;
    begin(14);
    give(LANE_ALERTS, 1, "x");
    go_online(0);
    uplink_hold(&up, 1);
    struct uplink_out out;
    expect(1, UPLINK_OUT_DISCONNECT, &out);
    expect_nothing(1);
    uplink_set_clock(&up, 2, utc);
    uplink_connected(&up, 2); // of the connection that is over
    uplink_tick(&up, US_PER_HOUR);
    expect_nothing(US_PER_HOUR);
    const struct uplink_identity other = {.host = "hub2", .device = "gw", .key = &key};
    assert_int_equal(uplink_use(&up, US_PER_HOUR, &other), OK);
    expect(US_PER_HOUR, UPLINK_OUT_CONNECT, &out);
    assert_string_equal(out.user, "hub2/gw/?api-version=2021-04-12");
    let_in(US_PER_HOUR);
    expect(US_PER_HOUR, UPLINK_OUT_PUBLISH, &out);
    // And another identity while connected ends that connection.
    assert_int_equal(uplink_use(&up, US_PER_HOUR, &me), OK);
    expect(US_PER_HOUR, UPLINK_OUT_DISCONNECT, &out);
    expect(US_PER_HOUR, UPLINK_OUT_CONNECT, &out);
    assert_string_equal(out.user, "hub/gw/?api-version=2021-04-12");
}

// One connection: CONNACK, one message published. Returns when.
static uint64_t publish_one(uint64_t now_us)
{
    struct uplink_out out;
    uplink_tick(&up, now_us);
    while (uplink_next(&up, now_us, &out)) {
    }
    uplink_connected(&up, now_us);
    expect(now_us, UPLINK_OUT_SUBSCRIBE, &out);
    uplink_subscribed(&up, now_us, 0);
    expect(now_us, UPLINK_OUT_PUBLISH, &out);
    return now_us;
}

static void test_only_a_hub_that_closes_looks_out_of_quota(void **state)
{
    (void)state;
    static struct budget budget;
    budget_init(&budget, &(struct budget_config){.units_per_day = 0},
                (struct journal_budget){.day = 0});
    uplink_init(&up, &(struct uplink_config){.seed = 9, .budget = &budget}, 0);
    assert_int_equal(uplink_use(&up, 0, &me), OK);
    give(LANE_TELEMETRY, 1, "one");
    uplink_set_clock(&up, 0, utc);
    uint64_t now_us = 0;
    for (unsigned i = 0; i < 10; i++) {
        now_us = publish_one(now_us);
        now_us = uplink_deadline_us(&up); // nobody answers
        uplink_tick(&up, now_us);
        assert_int_equal(up.state, UPLINK_WAITING);
        now_us = uplink_deadline_us(&up);
    }
    assert_false(budget.is_refused);
    for (unsigned i = 0; i < BUDGET_CLOSES_MAX; i++) {
        now_us = publish_one(now_us);
        uplink_lost(&up, now_us, false); // at the message
        now_us = uplink_deadline_us(&up);
    }
    assert_true(budget.is_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_password_without_a_clock),
        cmocka_unit_test(test_alerts_first_then_in_order),
        cmocka_unit_test(test_published_again_until_acknowledged),
        cmocka_unit_test(test_back_off_grows_with_jitter_up_to_its_bound),
        cmocka_unit_test(test_password_is_renewed_while_it_is_good),
        cmocka_unit_test(test_clock_step_renews_and_drift_does_not),
        cmocka_unit_test(test_silent_hub_ends_the_connection),
        cmocka_unit_test(test_only_a_hub_that_closes_looks_out_of_quota),
        cmocka_unit_test(test_a_filter_that_is_refused_is_a_refusal),
        cmocka_unit_test(test_no_answer_to_the_filters_is_a_loss),
        cmocka_unit_test(test_names_that_do_not_fit_are_refused),
        cmocka_unit_test(test_a_clock_that_differs_gets_another_token),
        cmocka_unit_test(test_losses_do_not_change_the_token),
        cmocka_unit_test(test_a_certificate_needs_neither_password_nor_clock_nor_renewal),
        cmocka_unit_test(test_held_until_there_is_an_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
