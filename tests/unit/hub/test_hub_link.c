// SPDX-License-Identifier: Apache-2.0
// Goal: the plugin's end of the link, message by message (docs/protocol/hub-link.md): snapshot,
// changes, requests, bounds, and what devices are told when the backend is away or behind.
#include "tests/unit/hub/link_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AWAY                                                                                       \
    "{\"errorCode\":503001,\"message\":\"ServiceUnavailable: the hub's backend is away\","         \
    "\"trackingId\":\"" BOOT "-1\",\"timestampUtc\":\"1970-01-01T00:00:05Z\"}"

static int set_up(void **state)
{
    *state = hub_bench_open(HUB_MODE_HUB, 16);
    return *state != NULL ? 0 : -1;
}

static int set_up_dps(void **state)
{
    *state = hub_bench_open(HUB_MODE_DPS, 16);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    return hub_bench_close(*state);
}

static void test_snapshot_then_changes(void **state)
{
    struct hub_bench *bench = *state;
    int a = 0;
    int b = 0;
    arrive(bench, &a, "a", true);
    assert_true(hub_bench_is_quiet(bench)); // nobody to tell
    open_link(bench);
    assert_true(hub_bench_is_quiet(bench)); // nor asked
    assert_int_equal(say(bench, "sync", text("")), HUB_OK);
    expect(bench, "l/1/hello", BOOT);
    expect(bench, "l/2/up/1/a", UP);
    arrive(bench, &b, "b", true);
    expect(bench, "l/3/up/2/b", UP);
    subscribe(bench, &a, "a", AZ_FILTER_METHODS);
    expect(bench, "l/4/subs/1/a", "1");
    subscribe(bench, &a, "a", AZ_FILTER_METHODS);
    assert_true(hub_bench_is_quiet(bench)); // nothing new
    subscribe(bench, &a, "a", AZ_FILTER_C2D_ANY);
    expect(bench, "l/5/subs/1/a", "9");
    subscribe(bench, &a, "a", "devices/a/messages/devicebound/#");
    assert_true(hub_bench_is_quiet(bench));
    hub_unsubscribe(&bench->hub, &a, text("a"), text(AZ_FILTER_C2D_ANY));
    assert_true(hub_bench_is_quiet(bench)); // the other spelling stays
    hub_unsubscribe(&bench->hub, &a, text("a"), text("devices/a/messages/devicebound/#"));
    expect(bench, "l/6/subs/1/a", "1");
    hub_disconnect(&bench->hub, &b, text("b"));
    expect(bench, "l/7/down/2/b", "ended");
    // Again, within the session: the numbers go on.
    say(bench, "sync", text(""));
    expect(bench, "l/8/hello", BOOT);
    expect(bench, "l/9/up/1/a", "{\"auth\":\"sas\",\"clean\":false,\"subscriptions\":1}");
    hub_disconnect(&bench->hub, &a, text("a"));
    expect(bench, "l/10/down/1/a", "ended");
    assert_true(hub_bench_is_quiet(bench));
    assert_int_equal(bench->connections.count, 0);
    // Another session begins at 1 again.
    close_link(bench);
    arrive(bench, &a, "a", true);
    open_link(bench);
    say(bench, "sync", text(""));
    expect(bench, "l/1/hello", BOOT);
    expect(bench, "l/2/up/3/a", UP);
    assert_true(hub_bench_is_quiet(bench));
}

static void test_takeover_and_kept_sessions(void **state)
{
    struct hub_bench *bench = *state;
    int client[3] = {0};
    open_link(bench);
    say(bench, "sync", text(""));
    expect(bench, "l/1/hello", BOOT);
    arrive(bench, &client[0], "a", false);
    expect(bench, "l/2/up/1/a", "{\"auth\":\"sas\",\"clean\":false,\"subscriptions\":0}");
    subscribe(bench, &client[0], "a", AZ_FILTER_C2D_ANY);
    expect(bench, "l/3/subs/1/a", "8");
    arrive(bench, &client[1], "a", false); // takes over, session and all
    expect(bench, "l/4/down/1/a", "taken_over");
    expect(bench, "l/5/up/2/a", "{\"auth\":\"sas\",\"clean\":false,\"subscriptions\":8}");
    hub_disconnect(&bench->hub, &client[0], text("a")); // comes late
    assert_true(hub_bench_is_quiet(bench));
    hub_disconnect(&bench->hub, &client[1], text("a"));
    expect(bench, "l/6/down/2/a", "ended");
    arrive(bench, &client[2], "a", false);
    expect(bench, "l/7/up/3/a", "{\"auth\":\"sas\",\"clean\":false,\"subscriptions\":8}");
    hub_disconnect(&bench->hub, &client[2], text("a"));
    expect(bench, "l/8/down/3/a", "ended");
    // A session alone is nobody to send to or to close.
    static const char c2d[] = "devices/a/messages/devicebound/\0";
    say(bench, "to/0/1/a", bytes_of(c2d, sizeof(c2d) - 1));
    say(bench, "to/3/1/a", bytes_of(c2d, sizeof(c2d) - 1));
    say(bench, "kick/0/a", text(""));
    assert_true(hub_bench_is_quiet(bench));
    arrive(bench, &client[0], "a", true); // a new session knows nothing
    expect(bench, "l/9/up/4/a", UP);
    hub_disconnect(&bench->hub, &client[0], text("a"));
    expect(bench, "l/10/down/4/a", "ended");
    assert_true(hub_bench_is_quiet(bench));
    assert_int_equal(bench->connections.count, 0);
}

static void test_requests_and_what_comes_back(void **state)
{
    struct hub_bench *bench = *state;
    int a = 0;
    arrive(bench, &a, "a", true);
    subscribe(bench, &a, "a", AZ_FILTER_TWIN_ANSWER);
    open_link(bench);
    say(bench, "sync", text(""));
    hub_bench_next(bench);
    hub_bench_next(bench);
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    expect(bench, "l/3/req/1/a", GET "|body");
    const char *report = "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=3";
    assert_int_equal(ask(bench, &a, report), HUB_OK);
    expect(bench, "l/4/req/1/a", "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=3|body");
    assert_int_equal(ask(bench, &a, "$iothub/methods/res/200/?$rid=x"), HUB_OK);
    expect(bench, "l/5/req/1/a", "$iothub/methods/res/200/?$rid=x|body");
    static const char *const refused[] = {"$iothub/twin/GET/",
                                          "$iothub/twin/GET/?$rid=",
                                          "$iothub/twin/res/200/?$rid=1",
                                          "$iothub/methods/POST/x/?$rid=1",
                                          "$dps/registrations/PUT/iotdps-register/?$rid=1",
                                          "$iothub/other",
                                          "l/1/hello",
                                          "sync",
                                          "to/1/0/a"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(ask(bench, &a, refused[i]), HUB_REFUSED);
        assert_true(hub_bench_is_quiet(bench));
    }
    static uint8_t big[HUB_REQUEST_SIZE_MAX + 1];
    assert_int_equal(hub_bench_publish(bench, &a, "a", GET, bytes_of(big, sizeof(big))).outcome,
                     HUB_REFUSED);
    assert_int_equal(hub_bench_publish(bench, &a, "a", GET, bytes_of(big, sizeof(big) - 1)).outcome,
                     HUB_OK);
    assert_int_equal(hub_bench_next(bench).parts[2].size, sizeof(big) - 1);

    static const char answer[] = "$iothub/twin/res/200/?$rid=7\0{}";
    assert_int_equal(say(bench, "to/1/0/a", bytes_of(answer, sizeof(answer) - 1)), HUB_OK);
    struct hub_out out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "$iothub/twin/res/200/?$rid=7", "{}"));
    assert_int_equal(out.qos, 0);
    say(bench, "to/1/1/a", bytes_of(answer, sizeof(answer) - 1));
    assert_int_equal(hub_bench_next(bench).qos, 1);
    hub_subscribe(&bench->hub, &a, text("a"), text(AZ_FILTER_TWIN_ANSWER), 0); // for less
    say(bench, "to/1/1/a", bytes_of(answer, sizeof(answer) - 1));
    assert_int_equal(hub_bench_next(bench).qos, 0);
    // Not subscribed to, another connection, nobody there.
    static const char call[] = "$iothub/methods/POST/x/?$rid=1\0";
    assert_int_equal(say(bench, "to/1/0/a", bytes_of(call, sizeof(call) - 1)), HUB_OK);
    assert_int_equal(say(bench, "to/2/0/a", bytes_of(answer, sizeof(answer) - 1)), HUB_OK);
    assert_int_equal(say(bench, "to/1/0/b", bytes_of(answer, sizeof(answer) - 1)), HUB_OK);
    assert_true(hub_bench_is_quiet(bench));
    assert_int_equal(bench->hub.link.stats.dropped, 3);
    // No words of the link.
    static const char *const wrong[] = {
        "",          "sync/",    "ack/",      "ack/01",
        "ack/x",     "to/1/2/a", "tell/1/a",  "tell/1/x/a",
        "tell/1/7/", "to/1/a",   "to/1/0/",   "to//0/a",
        "kick/a",    "kick/1/",  "l/1/hello", "ack/9223372036854775808",
        "kick/-1/a"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(say(bench, wrong[i], bytes_of(answer, sizeof(answer) - 1)), HUB_IGNORED);
    }
    assert_int_equal(say(bench, "to/1/0/a", text("$iothub/twin/res/200/?$rid=7")), HUB_IGNORED);
    static const char other[] = "devices/b/messages/devicebound/\0";
    assert_int_equal(say(bench, "to/1/1/a", bytes_of(other, sizeof(other) - 1)), HUB_IGNORED);
    static const char wild[] = "$iothub/twin/res/200/?$rid=+\0";
    assert_int_equal(say(bench, "to/1/1/a", bytes_of(wild, sizeof(wild) - 1)), HUB_IGNORED);
    assert_true(hub_bench_is_quiet(bench));

    assert_int_equal(say(bench, "kick/1/a", text("")), HUB_OK);
    out = hub_bench_next(bench);
    assert_string_equal(out.client_id, "a");
    assert_string_equal(out.close_why, "kicked by the backend");
    hub_disconnect(&bench->hub, &a, text("a"));
    expect(bench, "l/7/down/1/a", "closed");
}

static void test_backend_away(void **state)
{
    struct hub_bench *bench = *state;
    int a = 0;
    arrive(bench, &a, "a", true);
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    assert_true(hub_bench_is_quiet(bench)); // it listens to no answers
    subscribe(bench, &a, "a", AZ_FILTER_TWIN_ANSWER);
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    struct hub_out out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "$iothub/twin/res/503/?$rid=7", AWAY));
    assert_int_equal(ask(bench, &a, "$iothub/methods/res/200/?$rid=x"), HUB_OK);
    assert_true(hub_bench_is_quiet(bench));
    open_link(bench); // there, but it has not asked for anything yet
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "$iothub/twin/res/503/?$rid=7", AWAY));
    // Telemetry does not mind.
    assert_int_equal(ask(bench, &a, "devices/a/messages/events/"), HUB_OK);
    assert_int_equal(bench->log.stats.stored, 1);
    assert_int_equal(bench->hub.link.stats.refused_away, 4);
}

static void test_told_what_was_handed_over(void **state)
{
    struct hub_bench *bench = *state;
    static const char c2d[] = "devices/a/messages/devicebound/%24.mid=1\0x";
    const struct bytes message = bytes_of(c2d, sizeof(c2d) - 1);
    int a = 0;
    open_link(bench);
    say(bench, "sync", text(""));
    expect(bench, "l/1/hello", BOOT);
    arrive(bench, &a, "a", false);
    drain(bench);
    assert_int_equal(say(bench, "tell/1/7/a", message), HUB_OK);
    assert_true(hub_bench_is_quiet(bench)); // not subscribed: dropped
    subscribe(bench, &a, "a", AZ_FILTER_C2D_ANY);
    expect(bench, "l/3/subs/1/a", "8");
    assert_int_equal(say(bench, "tell/1/8/a", message), HUB_OK);
    struct hub_out out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "devices/a/messages/devicebound/%24.mid=1", "x"));
    assert_int_equal(out.qos, 1);
    expect(bench, "l/4/took/1/a", "8");
    // Handed over, and then the connection ends: said in that order, also when there was no room.
    for (int i = 5; i <= HUB_LINK_WINDOW; i++) {
        hub_unsubscribe(&bench->hub, &a, text("a"), text(AZ_FILTER_C2D_ANY));
        drain(bench);
        subscribe(bench, &a, "a", AZ_FILTER_C2D_ANY);
        drain(bench);
    }
    assert_int_equal(say(bench, "tell/1/9/a", message), HUB_OK);
    out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "devices/a/messages/devicebound/%24.mid=1", "x"));
    assert_true(hub_bench_is_quiet(bench));
    hub_disconnect(&bench->hub, &a, text("a"));
    assert_int_equal(say(bench, "tell/1/10/a", message), HUB_OK); // too late
    assert_true(hub_bench_is_quiet(bench));
    assert_int_equal(say(bench, "ack/768", text("")), HUB_OK);
    expect(bench, "l/769/took/1/a", "9");
    expect(bench, "l/770/down/1/a", "ended");
    assert_true(hub_bench_is_quiet(bench));
}

// Whoever asked and was not answered when the backend went is told to ask again.
static void test_requests_under_way_when_the_backend_goes(void **state)
{
    struct hub_bench *bench = *state;
    int a = 0;
    int b = 0;
    open_link(bench);
    say(bench, "sync", text(""));
    arrive(bench, &a, "a", true);
    arrive(bench, &b, "b", true);
    subscribe(bench, &a, "a", AZ_FILTER_TWIN_ANSWER);
    drain(bench);
    static const char *const topics[] = {GET, "$iothub/methods/res/200/?$rid=x",
                                         "$iothub/twin/PATCH/properties/reported/?$rid=8"};
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        assert_int_equal(ask(bench, &a, topics[i]), HUB_OK);
        assert_int_equal(drain(bench), 1);
    }
    hub_bench_publish(bench, &b, "b", GET, text("")); // b listens to no answers
    assert_int_equal(drain(bench), 1);
    char ack[40];
    snprintf(ack, sizeof(ack), "ack/%u", (unsigned)bench->hub.link.sent - 3);
    say(bench, ack, text("")); // the GET was answered
    close_link(bench);
    struct hub_out out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "$iothub/twin/res/503/?$rid=8", AWAY));
    assert_true(hub_bench_is_quiet(bench));
    // The same when another backend takes the link over, and when the device is another by then.
    open_link(bench);
    say(bench, "sync", text(""));
    drain(bench);
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    expect(bench, "l/4/req/1/a", GET "|body");
    open_link(bench);
    out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "$iothub/twin/res/503/?$rid=7", AWAY));
    say(bench, "sync", text(""));
    expect(bench, "l/1/hello", BOOT);
    drain(bench);
    assert_int_equal(ask(bench, &a, GET), HUB_OK);
    expect(bench, "l/4/req/1/a", GET "|body");
    int again = 0;
    arrive(bench, &again, "a", false);
    subscribe(bench, &again, "a", AZ_FILTER_TWIN_ANSWER);
    drain(bench);
    close_link(bench);
    assert_true(hub_bench_is_quiet(bench));
    assert_int_equal(ask(bench, &again, GET), HUB_OK); // as ever
    out = hub_bench_next(bench);
    assert_non_null(strstr((const char *)out.topic.data, "/503/"));
}

static void test_messages_of_the_day_are_told(void **state)
{
    struct hub_bench *bench = *state;
    static struct hub_quota quota;
    const struct hub_quota_limits limits = {.messages_per_day = 9};
    int a = 0;
    hub_quota_init(&quota, &limits);
    bench->hub.cfg.quota = &quota;
    arrive(bench, &a, "a", true);
    assert_int_equal(ask(bench, &a, "devices/a/messages/events/"), HUB_OK);
    open_link(bench);
    say(bench, "sync", text(""));
    assert_int_equal(drain(bench), 2);
    hub_tick(&bench->hub, 5, false);
    expect(bench, "l/3/metered", "0 1");
    hub_tick(&bench->hub, 6, false);
    assert_true(hub_bench_is_quiet(bench));
    say(bench, "sync", text("")); // to whoever begins
    assert_int_equal(drain(bench), 3);
    assert_int_equal(ask(bench, &a, "devices/a/messages/events/"), HUB_OK);
    hub_tick(&bench->hub, 7, false);
    expect(bench, "l/7/metered", "0 2");
    quota.limits.messages_per_day = 0; // nobody needs to know
    assert_int_equal(ask(bench, &a, "devices/a/messages/events/"), HUB_OK);
    hub_tick(&bench->hub, 8, false);
    assert_true(hub_bench_is_quiet(bench));
}

static void test_the_link_of_dps(void **state)
{
    struct hub_bench *bench = *state;
    int a = 0;
    const char *put = "$dps/registrations/PUT/iotdps-register/?$rid=1";
    const char *poll = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=o";
    hub_bench_run(bench, "INSERT INTO enrolment(registration_id, attestation, key2) VALUES "
                         "('a', 0, " HUB_BENCH_KEY_SQL ")");
    arrive(bench, &a, "a", true);
    assert_int_equal(
        hub_subscribe(&bench->hub, &a, text("a"), text(AZ_FILTER_TWIN_ANSWER), 1).outcome,
        HUB_REFUSED);
    subscribe(bench, &a, "a", AZ_FILTER_DPS);
    assert_int_equal(ask(bench, &a, put), HUB_OK);
    struct hub_out out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "$dps/registrations/res/503/?$rid=1&retry-after=5", AWAY));
    open_link(bench);
    say(bench, "sync", text(""));
    expect(bench, "l/1/hello", BOOT);
    expect(bench, "l/2/up/1/a",
           "{\"auth\":\"sas\",\"clean\":true,\"subscriptions\":16,\"enrolment\":\"individual\","
           "\"id\":\"a\"}");
    assert_int_equal(ask(bench, &a, put), HUB_OK);
    expect(bench, "l/3/req/1/a", "$dps/registrations/PUT/iotdps-register/?$rid=1|body");
    assert_int_equal(ask(bench, &a, poll), HUB_OK);
    expect(bench, "l/4/req/1/a",
           "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=o|body");
    static const char *const refused[] = {GET, "devices/a/messages/events/",
                                          "$dps/registrations/res/200/?$rid=1",
                                          ("$dps/registrations/GET/iotdps-get-operationstatus/"
                                           "?$rid=2")};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(ask(bench, &a, refused[i]), HUB_REFUSED);
    }
    static uint8_t big[HUB_DPS_REQUEST_SIZE_MAX + 1];
    assert_int_equal(hub_bench_publish(bench, &a, "a", put, bytes_of(big, sizeof(big))).outcome,
                     HUB_REFUSED);
    static const char answer[] = "$dps/registrations/res/202/?$rid=1&retry-after=3\0{}";
    assert_int_equal(say(bench, "to/1/0/a", bytes_of(answer, sizeof(answer) - 1)), HUB_OK);
    out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, "a", "$dps/registrations/res/202/?$rid=1&retry-after=3", "{}"));
    static const char foreign[] = "$iothub/twin/res/200/?$rid=1\0{}";
    assert_int_equal(say(bench, "to/1/0/a", bytes_of(foreign, sizeof(foreign) - 1)), HUB_IGNORED);
}

static void come_and_go(struct hub_bench *bench, const char *id)
{
    int client = 0;
    arrive(bench, &client, id, false);
    hub_disconnect(&bench->hub, &client, text(id));
}

// More devices than the table holds, one after the other: none may stay in it for ever.
static void test_sessions_of_dps_are_not_kept(void **state)
{
    struct hub_bench *bench = *state;
    char id[16];
    int a = 0;
    hub_bench_run(bench, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20)"
                         " INSERT INTO enrolment(registration_id, attestation, key2) SELECT 'd' || "
                         "i, 0, " HUB_BENCH_KEY_SQL " FROM n");
    for (int i = 1; i <= 20; i++) {
        snprintf(id, sizeof(id), "d%d", i);
        come_and_go(bench, id);
    }
    assert_int_equal(bench->connections.count, 0);
    arrive(bench, &a, "d1", false);
    // The broker says "session present" to this one, so that it need not subscribe.
    struct bytes answer = text("$dps/registrations/res/200/?$rid=1");
    // But nothing that waited there for an earlier one goes out to it.
    assert_false(hub_may_receive(&bench->hub, &a, text("d1"), answer));
    hub_turn_ends(&bench->hub);
    assert_true(hub_may_receive(&bench->hub, &a, text("d1"), answer));
    hub_disconnect(&bench->hub, &a, text("d1"));
    arrive(bench, &a, "d1", true);
    assert_false(hub_may_receive(&bench->hub, &a, text("d1"), answer));
}

static void test_sessions_of_removed_devices_make_room(void **state)
{
    struct hub_bench *bench = *state;
    char id[16];
    int b = 0;
    hub_bench_run(bench,
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 16)"
                  " INSERT INTO device(id, key1) SELECT 'd' || i, " HUB_BENCH_KEY_SQL " FROM n");
    for (int i = 1; i <= 16; i++) {
        snprintf(id, sizeof(id), "d%d", i);
        come_and_go(bench, id);
    }
    struct hub_connect in = hub_bench_connect(bench, &b, "b", 1);
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_REFUSED); // all have a session
    hub_directory_poll(&bench->directory);
    hub_bench_run(bench, "DELETE FROM device WHERE id IN ('d3', 'd4')");
    hub_tick(&bench->hub, 1, hub_directory_poll(&bench->directory));
    assert_int_equal(bench->connections.count, 14);
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_OK);
    assert_int_equal(bench->connections.count, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_snapshot_then_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_takeover_and_kept_sessions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_requests_and_what_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backend_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_told_what_was_handed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_requests_under_way_when_the_backend_goes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_messages_of_the_day_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_link_of_dps, set_up_dps, tear_down),
        cmocka_unit_test_setup_teardown(test_sessions_of_dps_are_not_kept, set_up_dps, tear_down),
        cmocka_unit_test_setup_teardown(test_sessions_of_removed_devices_make_room, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
