// SPDX-License-Identifier: Apache-2.0
// Goal: messages to devices over connections, boots of the broker and lives of the backend: at
// least once, settled after the lock, expired, purged or given up with feedback.
#include "hub_backend_world.h"

#include "base/assert.h"

#include <stdio.h>

static bool send_ack(const char *device, const char *id, enum c2d_ack ack)
{
    struct c2d_message in = {.device_id = span(device),
                             .message_id = span(id),
                             .properties = span("k=v%20w"),
                             .payload = span("body"),
                             .ack = ack};
    bool is_good = c2d_send(&w.backend.c2d, &in, w.now.utc_ms, NULL, &w.why);
    drain(BROKER_HUB);
    return is_good;
}

static bool send(const char *device, const char *id)
{
    return send_ack(device, id, C2D_ACK_FULL);
}

static unsigned long long last_token;

static void expect_message(const char *device, int connection, const char *id)
{
    char want[400];
    unsigned long long token = 0;
    const char *line = next_line();
    (void)sscanf(line, "tell/%*d/%llu/", &token);
    assert_true(token > 0);
    last_token = token;
    snprintf(
        want, sizeof(want),
        "tell/%d/%llu/%s|devices/%s/messages/devicebound/%%24.mid=%s&%%24.to=%%2Fdevices%%2F%s%%"
        "2Fmessages%%2FdeviceBound&iothub-ack=full&k=v%%20w|body",
        connection, token, device, device, id, device);
    if (strcmp(line, want) != 0) {
        fail_msg("got  %s\nwant %s", line, want);
    }
}

static void expect_feedback(const char *id, const char *status)
{
    char text[8192];
    char want[100];
    size_t size = 0;
    int64_t last = 0;
    assert_true(c2d_feedback(&w.backend.c2d, text, sizeof(text), &size, &last, &w.why));
    text[size] = '\0';
    snprintf(want, sizeof(want), "\"originalMessageId\":\"%s\",\"statusCode\":\"%s\"", id, status);
    if (strstr(text, want) == NULL) {
        fail_msg("%s not in %s", want, text);
    }
    assert_true(c2d_feedback_done(&w.backend.c2d, last, &w.why));
}

static void test_message_is_settled_after_the_lock(void **state)
{
    (void)state;
    hello(BROKER_HUB, "b1");
    assert_true(send("d", "m1"));
    up("d", 3, false, 0);
    expect_none(); // it has not subscribed
    text_message(BROKER_HUB, "subs/3/d", "8");
    expect_message("d", 3, "m1");
    pass_seconds(100); // it was not handed over: the clock does not run
    assert_int_equal(number("SELECT count(*) FROM c2d"), 1);
    hand_over_all();
    pass_seconds(59);
    assert_int_equal(number("SELECT count(*) FROM c2d WHERE state=1"), 1);
    pass_seconds(1);
    assert_int_equal(number("SELECT count(*) FROM c2d"), 0);
    expect_feedback("m1", "Success");
    expect_none();
}

static void test_messages_over_connections_and_boots(void **state)
{
    (void)state;
    hello(BROKER_HUB, "b1");
    up("d", 3, false, 8);
    up("e", 4, false, 8);
    assert_true(send("d", "m1"));
    expect_message("d", 3, "m1");
    // The connection ended meanwhile, and the plugin dropped it: sent to the next one.
    drop_all();
    pass_seconds(1);
    text_message(BROKER_HUB, "down/3/d", "lost");
    assert_int_equal(number("SELECT count(*) FROM c2d WHERE state=0"), 1);
    up("d", 5, false, 8);
    expect_message("d", 5, "m1");
    hand_over_all();
    // Now it is in the broker's session: the broker sends it again by itself.
    pass_seconds(30);
    text_message(BROKER_HUB, "down/5/d", "lost");
    pass_seconds(100);
    assert_int_equal(number("SELECT count(*) FROM c2d WHERE state=1"), 1);
    up("d", 6, false, 8);
    expect_none();
    // The backend dies and comes again in the same boot: it is still there.
    restart_backend(9);
    hello(BROKER_HUB, "b1");
    up("d", 6, false, 8);
    expect_none();
    pass_seconds(59);
    assert_int_equal(number("SELECT count(*) FROM c2d WHERE state=1"), 1);
    // The broker dies: it is sent again.
    backend_lost(&w.backend, BROKER_HUB);
    hello(BROKER_HUB, "b2");
    up("d", 1, false, 8);
    expect_message("d", 1, "m1");
    hand_over_all();
    pass_seconds(60);
    assert_int_equal(number("SELECT count(*) FROM c2d"), 0);
    expect_feedback("m1", "Success");
}

static void test_word_of_another_connection_settles_nothing(void **state)
{
    char text[24];
    (void)state;
    hello(BROKER_HUB, "b1");
    up("d", 3, false, 8);
    up("e", 4, false, 8);
    assert_true(send("d", "m1"));
    expect_message("d", 3, "m1");
    snprintf(text, sizeof(text), "%llu", last_token);
    text_message(BROKER_HUB, "took/2/d", text);
    text_message(BROKER_HUB, "took/4/d", text);
    text_message(BROKER_HUB, "took/4/e", text);
    text_message(BROKER_HUB, "took/3/d", "999999");
    text_message(BROKER_HUB, "took/3/d", "x");
    assert_int_equal(number("SELECT count(*) FROM c2d WHERE state=0"), 1);
    text_message(BROKER_HUB, "took/3/d", text);
    assert_int_equal(number("SELECT count(*) FROM c2d WHERE state=1"), 1);
}

static void test_message_on_its_way_to_who_unsubscribes(void **state)
{
    (void)state;
    hello(BROKER_HUB, "b1");
    up("d", 3, false, 8);
    assert_true(send("d", "m1"));
    expect_message("d", 3, "m1");
    text_message(BROKER_HUB, "subs/3/d", "0"); // the plugin drops it
    drop_all();
    assert_int_equal(number("SELECT count(*) FROM c2d WHERE state=0"), 1);
    text_message(BROKER_HUB, "subs/3/d", "8");
    expect_message("d", 3, "m1");
}

static void test_queue_limits_expiry_and_purge(void **state)
{
    char id[16];
    (void)state;
    hello(BROKER_HUB, "b1");
    for (int i = 0; i < C2D_QUEUE_MAX; i++) {
        snprintf(id, sizeof(id), "m%02d", i);
        assert_true(send("d", id));
    }
    assert_false(send("d", "more"));
    assert_int_equal(w.why.code, HUB_QUEUE_FULL);
    assert_false(send("nobody", "m"));
    assert_int_equal(w.why.code, HUB_DEVICE_NOT_FOUND);
    assert_true(send("e", "other"));
    up("d", 3, false, 8);
    for (int i = 0; i < C2D_UNSETTLED_MAX; i++) { // in order, and not more at a time
        snprintf(id, sizeof(id), "m%02d", i);
        expect_message("d", 3, id);
    }
    expect_none();
    hand_over_all();
    pass_seconds(60);
    expect_message("d", 3, "m10");
    hand_over_all();
    text_message(BROKER_HUB, "down/3/d", "lost");
    pass_seconds(3700); // an hour is over
    assert_int_equal(number("SELECT count(*) FROM c2d WHERE device_id='e'"), 0);
    assert_int_equal(number("SELECT count(*) FROM feedback WHERE status='Expired'"), 31);
    assert_int_equal(number("SELECT count(*) FROM c2d"), 10); // those with the broker
    uint32_t count = 0;
    assert_true(c2d_purge(&w.backend.c2d, span("d"), w.now.utc_ms, &count, &w.why));
    assert_int_equal(count, 10);
    assert_int_equal(number("SELECT count(*) FROM feedback WHERE status='Purged'"), 10);
}

static void test_clean_session_empties_the_queue_once(void **state)
{
    (void)state;
    hello(BROKER_HUB, "b1");
    assert_true(send("d", "old"));
    up("d", 3, true, 0);
    assert_int_equal(number("SELECT count(*) FROM c2d"), 0);
    expect_feedback("old", "Purged");
    assert_true(send("d", "new"));
    // The same connection, told again by a snapshot and to another life of the backend.
    restart_backend(5);
    hello(BROKER_HUB, "b1");
    up("d", 3, true, 8);
    expect_message("d", 3, "new");
    text_message(BROKER_HUB, "down/3/d", "left");
    up("d", 4, true, 8); // another connection
    expect_none();
    assert_int_equal(number("SELECT count(*) FROM c2d"), 0);
}

static void test_message_that_never_arrives_is_given_up(void **state)
{
    char boot[16];
    (void)state;
    assert_true(send("d", "m"));
    for (int i = 0; i < C2D_DELIVERIES_MAX; i++) {
        snprintf(boot, sizeof(boot), "b%d", i);
        hello(BROKER_HUB, boot);
        up("d", 1, false, 8);
        expect_message("d", 1, "m");
        hand_over_all();
        backend_lost(&w.backend, BROKER_HUB);
    }
    hello(BROKER_HUB, "last");
    up("d", 1, false, 8);
    expect_none();
    expect_feedback("m", "DeliveryCountExceeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_message_is_settled_after_the_lock, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_messages_over_connections_and_boots, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_word_of_another_connection_settles_nothing, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_message_on_its_way_to_who_unsubscribes, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_queue_limits_expiry_and_purge, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_clean_session_empties_the_queue_once, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_message_that_never_arrives_is_given_up, open_world,
                                        close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
