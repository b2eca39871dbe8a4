// SPDX-License-Identifier: Apache-2.0
// Goal: a backend that does not keep up: what is sent is bounded, changes wait as what is true in
// the end, requests are refused, and all goes on when it has caught up.
#include "tests/unit/hub/link_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state = hub_bench_open(HUB_MODE_HUB, 16);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    return hub_bench_close(*state);
}

static void test_backend_behind(void **state)
{
    struct hub_bench *bench = *state;
    int a = 0;
    int b = 0;
    arrive(bench, &a, "a", true);
    subscribe(bench, &a, "a", AZ_FILTER_TWIN_ANSWER);
    open_link(bench);
    say(bench, "sync", text(""));
    hub_bench_next(bench);
    hub_bench_next(bench);
    for (int i = 0; i < HUB_LINK_PER_DEVICE_MAX; i++) {
        assert_int_equal(ask(bench, &a, GET), HUB_OK);
        assert_string_equal(hub_bench_next(bench).client_id, HUB_LINK_CLIENT);
    }
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    struct hub_out out = hub_bench_next(bench);
    assert_true(strstr((const char *)out.topic.data, "$iothub/twin/res/429/?$rid=7") != NULL &&
                strstr((const char *)out.parts[0].data, "\"errorCode\":429001") != NULL);
    say(bench, "ack/1", text("")); // the hello alone
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    assert_string_equal(hub_bench_next(bench).client_id, "a");
    say(bench, "ack/3", text("")); // one request
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    assert_string_equal(hub_bench_next(bench).client_id, HUB_LINK_CLIENT);
    say(bench, "ack/99999", text("")); // not sent yet: passed over
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    assert_string_equal(hub_bench_next(bench).client_id, "a");
    // Another device is not concerned, and its place in the count is its own connection's.
    arrive(bench, &b, "b", true);
    expect(bench, "l/68/up/2/b", UP);
    arrive(bench, &a, "a", true);
    hub_bench_next(bench);
    hub_bench_next(bench);
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    assert_string_equal(hub_bench_next(bench).client_id, HUB_LINK_CLIENT);
    assert_int_equal(hub_connections_find(&bench->connections, text("a"))->waiting, 1);
    say(bench, "ack/71", text(""));
    assert_int_equal(hub_connections_find(&bench->connections, text("a"))->waiting, 0);
    assert_int_equal(bench->hub.link.bytes, 0);
}

static void acknowledge(struct hub_bench *bench, int seq)
{
    char topic[32];
    snprintf(topic, sizeof(topic), "ack/%d", seq);
    assert_int_equal(say(bench, topic, text("")), HUB_OK);
}

static void expect_numbered(struct hub_bench *bench, int seq, const char *rest, const char *payload)
{
    char topic[64];
    snprintf(topic, sizeof(topic), "l/%d/%s", seq, rest);
    expect(bench, topic, payload);
}

// Changes beyond the window wait as what is true in the end, and nothing is told out of order.
static void test_changes_wait_for_room(void **state)
{
    struct hub_bench *bench = *state;
    int a = 0;
    int b = 0;
    open_link(bench);
    say(bench, "sync", text(""));
    hub_bench_next(bench);
    arrive(bench, &a, "a", false);
    hub_bench_next(bench);
    subscribe(bench, &a, "a", AZ_FILTER_TWIN_ANSWER);
    hub_bench_next(bench);
    for (int i = 4; i <= HUB_LINK_WINDOW; i++) { // fills the window
        if (i % 2 == 0) {
            subscribe(bench, &a, "a", AZ_FILTER_TWIN_DESIRED);
        } else {
            hub_unsubscribe(&bench->hub, &a, text("a"), text(AZ_FILTER_TWIN_DESIRED));
        }
        assert_int_equal(drain(bench), 1);
    }
    subscribe(bench, &a, "a", AZ_FILTER_METHODS);
    arrive(bench, &b, "b", true);
    hub_disconnect(&bench->hub, &b, text("b")); // never seen
    arrive(bench, &b, "b", false);
    assert_int_equal(drain(bench), 0);
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    struct hub_out out = hub_bench_next(bench);
    assert_string_equal(out.client_id, "a"); // 429
    acknowledge(bench, HUB_LINK_WINDOW - 1);
    expect_numbered(bench, HUB_LINK_WINDOW + 1, "subs/1/a", "7");
    expect_numbered(bench, HUB_LINK_WINDOW + 2, "up/3/b", UP); // and it had begun anew meanwhile
    assert_true(hub_bench_is_quiet(bench));
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    expect_numbered(bench, HUB_LINK_WINDOW + 3, "req/1/a", GET "|body");
    // A snapshot that does not fit comes piece by piece, hello first.
    for (int i = HUB_LINK_WINDOW + 4; i < 2 * HUB_LINK_WINDOW; i++) {
        if (i % 2 == 0) {
            hub_unsubscribe(&bench->hub, &a, text("a"), text(AZ_FILTER_TWIN_DESIRED));
        } else {
            subscribe(bench, &a, "a", AZ_FILTER_TWIN_DESIRED);
        }
        assert_int_equal(drain(bench), 1);
    }
    hub_disconnect(&bench->hub, &b, text("b")); // its `down` waits, in vain
    say(bench, "sync", text(""));
    assert_int_equal(drain(bench), 0);
    acknowledge(bench, HUB_LINK_WINDOW);
    expect_numbered(bench, 2 * HUB_LINK_WINDOW, "hello", BOOT);
    assert_true(hub_bench_is_quiet(bench));
    acknowledge(bench, HUB_LINK_WINDOW + 1);
    expect_numbered(bench, 2 * HUB_LINK_WINDOW + 1, "up/1/a",
                    "{\"auth\":\"sas\",\"clean\":false,\"subscriptions\":7}");
    acknowledge(bench, 2 * HUB_LINK_WINDOW + 1);
    assert_true(hub_bench_is_quiet(bench));
}

static void test_bytes_are_bounded(void **state)
{
    struct hub_bench *bench = *state;
    static uint8_t big[HUB_REQUEST_SIZE_MAX];
    int clients[16];
    open_link(bench);
    say(bench, "sync", text(""));
    drain(bench);
    size_t sent = 0;
    for (int i = 0; i < 8; i++) {
        char sql[128];
        char id[16];
        snprintf(id, sizeof(id), "x%d", i);
        snprintf(sql, sizeof(sql), "INSERT INTO device(id, key1) VALUES ('%s', %s)", id,
                 HUB_BENCH_KEY_SQL);
        hub_bench_run(bench, sql);
        arrive(bench, &clients[i], id, true);
        drain(bench);
        for (int k = 0; k < HUB_LINK_PER_DEVICE_MAX; k++) {
            hub_bench_publish(bench, &clients[i], id, GET, bytes_of(big, sizeof(big)));
            sent += drain(bench) > 0 ? sizeof(big) : 0;
        }
    }
    assert_true(sent < HUB_LINK_BYTES_MAX && sent > HUB_LINK_BYTES_MAX / 10 * 9);
    assert_true(bench->hub.link.stats.refused_behind > 0);
    // What is left holds a request, but not the announcement of who asks: it waits for that.
    say(bench, "ack/40", text("")); // makes room for some
    drain(bench);
    int b = 0;
    const size_t bare = HUB_OUT_TEXT_SIZE + strlen(GET) + 1; // what a request counts without body
    size_t left = HUB_LINK_BYTES_MAX - bench->hub.link.bytes;
    while (left > 1500) {
        size_t body = left > 2 * sizeof(big)   ? sizeof(big)
                      : left > sizeof(big) / 2 ? left / 2
                                               : left - 1500 - bare;
        assert_int_equal(
            hub_bench_publish(bench, &clients[7], "x7", GET, bytes_of(big, body)).outcome, HUB_OK);
        assert_int_equal(drain(bench), 1);
        left = HUB_LINK_BYTES_MAX - bench->hub.link.bytes;
    }
    assert_int_equal(left, 1500); // more than a request counts, less than is kept for a change
    arrive(bench, &b, "b", true);
    assert_int_equal(drain(bench), 0);
    uint64_t refused = bench->hub.link.stats.refused_behind;
    assert_int_equal(hub_bench_publish(bench, &b, "b", GET, text("")).outcome, HUB_OK);
    assert_int_equal(drain(bench), 0);
    assert_int_equal(bench->hub.link.stats.refused_behind, refused + 1);
    acknowledge(bench, (int)bench->hub.link.sent);
    assert_int_equal(drain(bench), 1);
    assert_int_equal(hub_bench_publish(bench, &b, "b", GET, text("")).outcome, HUB_OK);
    assert_int_equal(drain(bench), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_backend_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes_wait_for_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_are_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
