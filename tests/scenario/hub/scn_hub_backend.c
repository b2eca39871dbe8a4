// SPDX-License-Identifier: Apache-2.0
// Goal: the link, twins and methods of the backend in virtual time: what is believed, acknowledged
// and asked anew, who is told what, and how calls end.
#include "hub_backend_world.h"

#include "base/assert.h"

#include <stdio.h>

static void test_link_asks_acknowledges_and_resyncs(void **state)
{
    (void)state;
    backend_connected(&w.backend, BROKER_HUB);
    drain(BROKER_HUB);
    assert_string_equal(w.lines[0], "sync||");
    // Before the hello nothing is believed.
    w.sequence[0] = 6;
    up("d", 3, false, 15);
    assert_null(sessions_find(&w.backend.sessions[BROKER_HUB], span("d")));
    text_message(BROKER_HUB, "hello", "b1");
    up("d", 3, false, 15);
    assert_non_null(sessions_find(&w.backend.sessions[BROKER_HUB], span("d")));
    backend_idle(&w.backend, BROKER_HUB);
    drain(BROKER_HUB);
    assert_string_equal(w.lines[w.line_count - 1], "ack/9||");
    w.sequence[0]++; // one is lost
    up("e", 4, false, 15);
    assert_string_equal(w.lines[w.line_count - 1], "sync||");
    assert_null(sessions_find(&w.backend.sessions[BROKER_HUB], span("e")));
    text_message(BROKER_HUB, "hello", "b1");
    assert_null(sessions_find(&w.backend.sessions[BROKER_HUB], span("d")));
    // Broken messages are counted and harmless.
    static const char *const broken[][2] = {
        {"up/x/d", "{}"},   {"up/1/d", "{"},        {"up/1/d/e", "{}"},
        {"subs/1/d", "-1"}, {"req/1/d", "no zero"}, {"up/0/d", "{}"},
        {"what/1/d", ""},   {"up/1/", "{}"},        {"up/1/d", "{\"auth\":\"key\"}"}};
    uint64_t before = w.backend.links[BROKER_HUB].bad_count;
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        text_message(BROKER_HUB, broken[i][0], broken[i][1]);
    }
    assert_int_equal(w.backend.links[BROKER_HUB].bad_count, before + COUNT_OF(broken));
    up("e", 4, false, 15);
    assert_non_null(sessions_find(&w.backend.sessions[BROKER_HUB], span("e")));
    assert_int_equal(w.backend.links[BROKER_HUB].gap_count, 1);
    for (int i = 0; i < LINK_ACK_MAX; i++) {
        text_message(BROKER_HUB, "subs/4/e", "15");
    }
    assert_true(strncmp(w.lines[w.line_count - 1], "ack/", 4) == 0);
}

static void test_twin_requests(void **state)
{
    (void)state;
    hello(BROKER_HUB, "b1");
    up("d", 3, false, 2);
    request(BROKER_HUB, "d", 3, "$iothub/twin/GET/?$rid=7", " ");
    expect_begin("to/3/0/d|$iothub/twin/res/200/?$rid=7|{\"desired\":{\"$version\":1},"
                 "\"reported\":{\"$version\":1}}");
    request(BROKER_HUB, "d", 3, "$iothub/twin/PATCH/properties/reported/?$rid=8", "{\"a\":1}");
    assert_string_equal(next_line(), "to/3/0/d|$iothub/twin/res/204/?$rid=8&$version=2|");
    request(BROKER_HUB, "d", 3, "$iothub/twin/PATCH/properties/reported/?$rid=9&$version=1", "{}");
    expect_begin("to/3/0/d|$iothub/twin/res/412/?$rid=9|{\"errorCode\":412001,\"message\":\"");
    request(BROKER_HUB, "d", 3, "$iothub/twin/PATCH/properties/reported/?$rid=a", "{\"a.b\":1}");
    expect_begin("to/3/0/d|$iothub/twin/res/400/?$rid=a|{\"errorCode\":400004,");
    // Of another connection than the one that is known, or of nobody: passed over.
    request(BROKER_HUB, "d", 2, "$iothub/twin/GET/?$rid=1", "");
    request(BROKER_HUB, "x", 3, "$iothub/twin/GET/?$rid=1", "");
    expect_none();
    assert_int_equal(w.backend.stats.unknown, 2);
}

static void test_desired_reaches_only_who_wants_it(void **state)
{
    (void)state;
    struct twins_change change = {.body = span("{\"properties\":{\"desired\":{\"x\":1}}}"),
                                  .utc_ms = w.now.utc_ms};
    hello(BROKER_HUB, "b1");
    up("d", 3, false, SESSION_DESIRED);
    up("e", 4, false, SESSION_DESIRED);
    assert_true(twins_update(&w.backend.twins, span("d"), &change, &w.why));
    drain(BROKER_HUB);
    expect_begin("to/3/1/d|$iothub/twin/PATCH/properties/desired/?$version=2|{\"x\":1,"
                 "\"$version\":2}");
    expect_none();
    pass_seconds(2); // now it is noted as told
    restart_backend(2);
    hello(BROKER_HUB, "b1");
    up("d", 3, false, SESSION_DESIRED);
    expect_none();
    // The process dies between the commit and the publish.
    assert_true(twins_update(&w.backend.twins, span("d"), &change, &w.why));
    restart_backend(3);
    hello(BROKER_HUB, "b1");
    up("e", 4, false, SESSION_DESIRED);
    up("d", 3, false, SESSION_DESIRED);
    expect_begin("to/3/1/d|$iothub/twin/PATCH/properties/desired/?$version=3|{\"x\":1");
    expect_none();
    // The link is lost right after the publish: told again.
    backend_lost(&w.backend, BROKER_HUB);
    pass_seconds(5);
    hello(BROKER_HUB, "b1");
    up("d", 3, false, SESSION_DESIRED);
    expect_begin("to/3/1/d|$iothub/twin/PATCH/properties/desired/?$version=3|");
}

static bool call(const char *device, uint64_t connect_s, uint64_t response_s, uint64_t *handle)
{
    struct methods_request in = {.device_id = span(device),
                                 .generation = registry_generation(&w.store, span(device)),
                                 .name = span("go"),
                                 .payload = span("{\"n\":1}"),
                                 .connect_s = connect_s,
                                 .response_s = response_s};
    bool is_good = methods_call(&w.backend.methods, w.now.now_us, &in, handle, &w.why);
    drain(BROKER_HUB);
    return is_good;
}

static void answer(const char *line, const char *device, int connection, const char *body)
{
    char topic[200];
    const char *rid = strstr(line, "$rid=");
    assert_non_null(rid);
    snprintf(topic, sizeof(topic), "$iothub/methods/res/200/?%.*s", (int)strcspn(rid, "|"), rid);
    request(BROKER_HUB, device, connection, topic, body);
}

// A call waits for a device; that one is removed, and another takes its id.
static void test_a_call_to_a_former_device_never_reaches_the_next(void **state)
{
    struct methods_outcome outcome;
    struct device device = {.id = "d", .is_enabled = true};
    uint64_t waiting = 0;
    uint64_t handle = 0;
    (void)state;
    hello(BROKER_HUB, "b1");
    assert_true(call("d", 60, 30, &waiting));
    assert_true(registry_delete(&w.store, span("d"), "*", w.now.utc_ms, &w.why));
    assert_true(registry_create(&w.store, &device, w.now.utc_ms, &w.why));
    up("d", 3, false, SESSION_METHODS);
    expect_none();
    assert_true(methods_next_outcome(&w.backend.methods, &outcome));
    assert_int_equal(outcome.handle, waiting);
    assert_int_equal(outcome.verdict.code, HUB_DEVICE_NOT_FOUND);
    assert_true(call("d", 0, 30, &handle));
    assert_true(strncmp(next_line(), "to/3/0/d|$iothub/methods/POST/go/", 33) == 0);
}

static void test_methods(void **state)
{
    struct methods_outcome outcome;
    uint64_t handle = 0;
    uint64_t second = 0;
    (void)state;
    hello(BROKER_HUB, "b1");
    assert_false(call("d", 0, 0, &handle));
    assert_int_equal(w.why.code, HUB_DEVICE_NOT_ONLINE);
    up("d", 3, false, SESSION_TWIN_ANSWERS); // there, but not subscribed
    assert_false(call("d", 0, 0, &handle));
    assert_false(call("d", 0, 4, &handle));
    assert_int_equal(w.why.code, HUB_ARGUMENT_INVALID);
    assert_true(call("d", 10, 5, &handle));
    expect_none();
    pass_seconds(9);
    text_message(BROKER_HUB, "subs/3/d", "1");
    const char *line = next_line();
    assert_true(strncmp(line, "to/3/0/d|$iothub/methods/POST/go/?$rid=", 39) == 0);
    assert_non_null(strstr(line, "|{\"n\":1}"));
    up("e", 4, false, SESSION_METHODS);
    answer(line, "e", 4, "{}"); // not its call
    assert_false(methods_next_outcome(&w.backend.methods, &outcome));
    answer(line, "d", 3, "{\"r\":2}");
    assert_true(methods_next_outcome(&w.backend.methods, &outcome));
    assert_int_equal(outcome.handle, handle);
    assert_int_equal(outcome.status, 200);
    assert_true(bytes_equal(outcome.payload, span("{\"r\":2}")));
    answer(line, "d", 3, "{}"); // twice: nobody waits any more
    assert_false(methods_next_outcome(&w.backend.methods, &outcome));

    assert_true(call("d", 0, 5, &handle));
    next_line();
    pass_seconds(4);
    assert_false(methods_next_outcome(&w.backend.methods, &outcome));
    pass_seconds(1);
    assert_true(methods_next_outcome(&w.backend.methods, &outcome));
    assert_int_equal(outcome.verdict.code, HUB_GATEWAY_TIMEOUT);

    text_message(BROKER_HUB, "down/3/d", "lost");
    assert_true(call("d", 5, 5, &handle));
    pass_seconds(5);
    assert_true(methods_next_outcome(&w.backend.methods, &outcome));
    assert_int_equal(outcome.verdict.code, HUB_DEVICE_NOT_ONLINE);

    for (int i = 0; i < METHODS_PER_DEVICE_MAX; i++) {
        assert_true(call("e", 0, 30, &handle));
    }
    assert_false(call("e", 0, 30, &second));
    assert_int_equal(w.why.code, HUB_TOO_MANY_CALLS);
    methods_give_up(&w.backend.methods, handle);
    assert_true(call("e", 0, 30, &second));
    line = next_line();
    answer(line, "e", 4, "not json");
    assert_true(methods_next_outcome(&w.backend.methods, &outcome));
    assert_int_equal(outcome.verdict.code, HUB_FORMAT_ERROR);
}

static void test_connection_state_is_stored(void **state)
{
    struct device device;
    (void)state;
    hello(BROKER_HUB, "b1");
    up("d", 3, false, 0);
    pass_seconds(2);
    assert_true(registry_read(&w.store, span("d"), &device, &w.why));
    assert_true(device.is_connected);
    text_message(BROKER_HUB, "down/3/d", "left");
    pass_seconds(2);
    assert_true(registry_read(&w.store, span("d"), &device, &w.why));
    assert_false(device.is_connected);
    assert_int_equal(device.last_activity_ms, 1800000002000);
    up("d", 4, false, 0);
    pass_seconds(2);
    hello(BROKER_HUB, "b2");
    assert_true(registry_read(&w.store, span("d"), &device, &w.why));
    assert_false(device.is_connected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_link_asks_acknowledges_and_resyncs, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_twin_requests, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_desired_reaches_only_who_wants_it, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_methods, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_call_to_a_former_device_never_reaches_the_next,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(test_connection_state_is_stored, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
