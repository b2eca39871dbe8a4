// SPDX-License-Identifier: Apache-2.0
// Goal: the hub without a broker: connect, publish, take over, leave a will, fall out of the
// directory, fill up and heal, on the virtual disk.
#include "apps/hub/log_cells.h"
#include "tests/unit/hub/hub_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text(const char *string)
{
    return hub_bench_text(string);
}

static int set_up(void **state)
{
    *state = hub_bench_open(HUB_MODE_HUB, 16);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    return hub_bench_close(*state);
}

static struct hub_answer connect_as(struct hub_bench *bench, const void *client, const char *id,
                                    uint64_t now_s)
{
    struct hub_connect in = hub_bench_connect(bench, client, id, now_s);
    return hub_connect(&bench->hub, &in);
}

static struct hub_answer publish(struct hub_bench *bench, const void *client, const char *topic,
                                 struct bytes payload)
{
    return hub_bench_publish(bench, client, "a", topic, payload);
}

static void leave(struct hub_bench *bench, const void *client)
{
    hub_disconnect(&bench->hub, client, text("a"));
}

static void test_stores_what_a_device_publishes(void **state)
{
    struct hub_bench *bench = *state;
    int client = 0;
    assert_int_equal(connect_as(bench, &client, "a", 999).outcome, HUB_OK);
    struct hub_answer answer =
        publish(bench, &client, "devices/a/messages/events/k=v", text("body"));
    assert_true(answer.outcome == HUB_OK && answer.sequence == 1);
    struct hub_log_reader_config cfg = {
        .storage = &bench->storage,
        .cells = &bench->cells,
        .buffer = bench->buffer,
        .buffer_size = sizeof(bench->buffer),
        .consumer = "cloud",
    };
    struct hub_log_reader reader;
    struct hub_log_message message;
    assert_int_equal(hub_log_reader_open(&reader, &cfg), OK);
    assert_false(reader.was_registered);
    assert_int_equal(hub_log_reader_begin(&reader, 0, 0), OK);
    assert_int_equal(hub_log_reader_next(&reader, &message), OK);
    assert_true(message.sequence == 1 && message.record.received_utc_ms == 5000);
    assert_true(bytes_equal(message.record.device_id, text("a")));
    assert_true(bytes_equal(message.record.properties, text("k=v")));
    assert_true(bytes_equal(message.record.payload, text("body")));
    assert_int_equal(hub_log_reader_next(&reader, &message), ERR_EMPTY);
    assert_int_equal(hub_log_reader_pass(&reader, 1), OK);
    assert_int_equal(hub_log_tick(&bench->log), OK);
    assert_true(bench->log.consumer_count == 1 && bench->log.passed_min == 1);
    // A consumer whose store fell back behind what it had passed reads again what is still there.
    assert_int_equal(hub_log_reader_open(&reader, &cfg), OK);
    assert_true(reader.was_registered && reader.registered == 1);
    assert_int_equal(hub_log_reader_begin(&reader, 0, 0), OK);
    assert_int_equal(hub_log_tick(&bench->log), OK);
    assert_true(bench->log.passed_min == 0); // and until then it stays there
    assert_int_equal(hub_log_reader_find(&reader, 1, &message), OK);
    assert_true(message.record.received_utc_ms == 5000);
    assert_int_equal(hub_log_reader_find(&reader, 2, &message), ERR_NOT_FOUND);
    assert_int_equal(hub_log_reader_find(&reader, 0, &message), ERR_NOT_FOUND);
    assert_int_equal(hub_log_reader_next(&reader, &message), OK);
    assert_int_equal(hub_log_reader_next(&reader, &message), ERR_EMPTY);
    // The folder is another one's all at once.
    assert_int_equal(hub_head_publish(&bench->cells, 0), OK);
    assert_int_equal(hub_log_reader_next(&reader, &message), ERR_STATE);
    assert_int_equal(bench->cells.ops->remove(bench->cells.ctx, HUB_LOG_HEAD), OK);
    assert_int_equal(hub_log_reader_next(&reader, &message), ERR_STATE);
}

static void test_expiry_takeover_and_foreign_clients(void **state)
{
    struct hub_bench *bench = *state;
    int old = 0;
    int fresh = 0;
    const char *topic = "devices/a/messages/events/";
    assert_int_equal(connect_as(bench, &old, "a", 1000).outcome, HUB_REFUSED); // expired
    assert_int_equal(connect_as(bench, &old, "c", 1).outcome, HUB_REFUSED);
    assert_int_equal(publish(bench, &old, topic, text("")).outcome, HUB_REFUSED);
    assert_int_equal(connect_as(bench, &old, "a", 1).outcome, HUB_OK);
    assert_int_equal(connect_as(bench, &fresh, "a", 1).outcome, HUB_OK);
    assert_int_equal(publish(bench, &old, topic, text("")).outcome, HUB_REFUSED);
    leave(bench, &old); // comes after the new login
    assert_int_equal(publish(bench, &fresh, topic, text("")).outcome, HUB_OK);
    assert_int_equal(publish(bench, &fresh, "devices/b/messages/events/", text("")).outcome,
                     HUB_REFUSED);
    hub_tick(&bench->hub, 999, false);
    assert_true(hub_bench_is_quiet(bench));
    hub_tick(&bench->hub, 1000, false);
    assert_string_equal(hub_bench_next(bench).close_why, "token expired");
    assert_true(hub_bench_is_quiet(bench));
    assert_int_equal(publish(bench, &fresh, topic, text("")).outcome, HUB_REFUSED);
    leave(bench, &fresh);
    assert_int_equal(publish(bench, &fresh, topic, text("")).outcome, HUB_REFUSED);
}

static struct hub_answer leave_will(struct hub_bench *bench, const void *client)
{
    struct hub_publish in = {
        .client = client,
        .client_id = text("a"),
        .topic = text("devices/a/messages/events/"),
        .payload = text("gone"),
        .utc_ms = 5000,
    };
    assert_true(hub_is_will(&bench->hub, client));
    return hub_store_will(&bench->hub, &in);
}

static void test_quota_of_what_devices_send(void **state)
{
    struct hub_bench *bench = *state;
    static struct hub_quota quota;
    const struct hub_quota_limits limits = {.messages_per_day = 4,
                                            .rates = {[HUB_QUOTA_CONNECTS] = 1}};
    int client = 0;
    static uint8_t big[4096];
    hub_quota_init(&quota, &limits);
    bench->hub.cfg.quota = &quota;
    for (int i = 0; i < 10; i++) { // a stranger takes nobody's token
        assert_int_equal(connect_as(bench, &client, "a", 999).outcome, HUB_OK);
        assert_int_equal(connect_as(bench, &client, "a", 1001).outcome, HUB_REFUSED);
    }
    struct hub_answer answer = connect_as(bench, &client, "a", 999);
    assert_int_equal(answer.outcome, HUB_FAILED);
    assert_non_null(strstr(answer.why, "429001"));
    const char *topic = "devices/a/messages/events/%24.ct=abcdef&k=v";
    // Body, values of system properties, names and values of the others: 4,096 bytes to the byte.
    struct bytes exact = bytes_of(big, sizeof(big) - 8);
    assert_int_equal(hub_bench_publish(bench, &client, "a", topic, exact).outcome, HUB_OK);
    assert_int_equal(quota.own.used, 1);
    exact.size++;
    assert_int_equal(hub_bench_publish(bench, &client, "a", topic, exact).outcome, HUB_OK);
    assert_int_equal(quota.own.used, 3);
    // Requests are the backend's to count.
    assert_int_equal(
        hub_bench_publish(bench, &client, "a", "$iothub/twin/GET/?$rid=1", text("")).outcome,
        HUB_OK);
    assert_int_equal(quota.own.used, 3);
    quota.other.used = 1;
    answer = hub_bench_publish(bench, &client, "a", topic, text("x"));
    assert_int_equal(answer.outcome, HUB_FAILED);
    assert_non_null(strstr(answer.why, "403002"));
    leave(bench, &client);
    assert_int_equal(leave_will(bench, &client).outcome, HUB_FAILED);
    assert_int_equal(bench->log.stats.stored, 2);
    assert_int_equal(quota.own.used, 3);
}

static void test_a_will_is_the_last_word_of_an_ended_connection(void **state)
{
    struct hub_bench *bench = *state;
    int first = 0;
    int second = 0;
    assert_int_equal(connect_as(bench, &first, "a", 999).outcome, HUB_OK);
    assert_false(hub_is_will(&bench->hub, &first)); // lives
    assert_int_equal(connect_as(bench, &second, "a", 999).outcome, HUB_OK);
    assert_false(hub_is_will(&bench->hub, &second));
    assert_int_equal(leave_will(bench, &first).outcome, HUB_OK); // taken over
    assert_false(hub_is_will(&bench->hub, &first));              // once
    leave(bench, &first);
    assert_false(hub_is_will(&bench->hub, &first));
    leave(bench, &second);
    assert_int_equal(leave_will(bench, &second).outcome, HUB_OK);
    assert_false(hub_is_will(&bench->hub, &second));
    // Neither who was refused nor the next one at the same address has one.
    assert_int_equal(connect_as(bench, &first, "a", 1001).outcome, HUB_REFUSED);
    leave(bench, &first);
    assert_false(hub_is_will(&bench->hub, &first));
    assert_int_equal(connect_as(bench, &first, "a", 999).outcome, HUB_OK);
    leave(bench, &first);
    assert_int_equal(connect_as(bench, &first, "a", 1001).outcome, HUB_REFUSED);
    assert_false(hub_is_will(&bench->hub, &first));
    // A disabled device has nothing to leave.
    assert_int_equal(connect_as(bench, &first, "a", 999).outcome, HUB_OK);
    leave(bench, &first);
    hub_bench_run(bench, "UPDATE device SET enabled = 0 WHERE id = 'a'");
    assert_int_equal(leave_will(bench, &first).outcome, HUB_REFUSED);
    assert_int_equal(bench->log.stats.stored, 2);
}

static const char *close_why(struct hub_bench *bench)
{
    hub_tick(&bench->hub, 1, hub_directory_poll(&bench->directory));
    struct hub_out out;
    return hub_next(&bench->hub, &out) ? out.close_why : NULL;
}

static void test_who_changes_in_the_directory_is_closed(void **state)
{
    struct hub_bench *bench = *state;
    int client[2] = {0};
    const char *topic = "devices/a/messages/events/";
    assert_int_equal(connect_as(bench, &client[0], "b", 1).outcome, HUB_OK);
    assert_int_equal(connect_as(bench, &client[1], "a", 1).outcome, HUB_OK);
    hub_bench_run(bench, "UPDATE device SET status_reason = 'x'; INSERT INTO device(id) VALUES "
                         "('c')");
    assert_null(close_why(bench)); // nothing that concerns them
    hub_bench_run(bench, "UPDATE device SET key2 = key1, key1 = NULL");
    assert_null(close_why(bench)); // the key is still one of the two
    assert_int_equal(publish(bench, &client[1], topic, text("")).outcome, HUB_OK);
    hub_bench_run(bench, "UPDATE device SET enabled = 0 WHERE id = 'a'");
    assert_string_equal(close_why(bench), "device disabled");
    assert_int_equal(publish(bench, &client[1], topic, text("")).outcome, HUB_REFUSED);
    assert_int_equal(
        hub_subscribe(&bench->hub, &client[1], text("a"), text("$iothub/twin/res/#"), 1).outcome,
        HUB_REFUSED);
    assert_int_equal(connect_as(bench, &client[1], "a", 1).outcome, HUB_REFUSED);
    leave(bench, &client[1]);
    hub_bench_run(bench, "UPDATE device SET enabled = 1, key2 = zeroblob(16)");
    assert_string_equal(close_why(bench), "credential changed"); // b
    hub_disconnect(&bench->hub, &client[0], text("b"));
    hub_bench_run(bench, "UPDATE device SET key1 = " HUB_BENCH_KEY_SQL);
    assert_int_equal(connect_as(bench, &client[0], "b", 1).outcome, HUB_OK);
    assert_null(close_why(bench));
    hub_bench_run(bench, "DELETE FROM device WHERE id = 'b'");
    assert_string_equal(close_why(bench), "device removed");
}

static void make_anew(struct hub_bench *bench)
{
    hub_bench_run(bench, "DELETE FROM device WHERE id = 'b'; INSERT INTO device(id, key1,"
                         " generation) VALUES ('b', " HUB_BENCH_KEY_SQL ", 'second')");
}

static struct hub_answer keep(struct hub_bench *bench, const void *client)
{
    struct hub_connect in = hub_bench_connect(bench, client, "b", 1);
    in.is_clean = false;
    return hub_connect(&bench->hub, &in);
}

// The broker asks within the CONNECT whether what it kept may go to the client.
static bool may_have(struct hub_bench *bench, const void *client)
{
    return hub_may_receive(&bench->hub, client, text("b"),
                           text("devices/b/messages/devicebound/x"));
}

static const char *const c2d_filter = "devices/b/messages/devicebound/#";

static void test_a_device_made_anew_inherits_no_message_of_the_session(void **state)
{
    struct hub_bench *bench = *state;
    int client[4] = {0};
    assert_int_equal(keep(bench, &client[0]).outcome, HUB_OK);
    assert_int_equal(hub_subscribe(&bench->hub, &client[0], text("b"), text(c2d_filter), 1).outcome,
                     HUB_OK);
    hub_disconnect(&bench->hub, &client[0], text("b"));
    hub_turn_ends(&bench->hub);
    // The same device has what its session kept.
    assert_int_equal(keep(bench, &client[1]).outcome, HUB_OK);
    assert_true(may_have(bench, &client[1]));
    hub_disconnect(&bench->hub, &client[1], text("b"));
    hub_turn_ends(&bench->hub);
    // The next one has not, whether the hub saw that there was none in between or not; but the
    // broker told it of a session, and so its subscriptions are.
    make_anew(bench);
    assert_null(close_why(bench));
    assert_int_equal(keep(bench, &client[2]).outcome, HUB_OK);
    assert_false(may_have(bench, &client[2]));
    hub_turn_ends(&bench->hub);
    assert_true(may_have(bench, &client[2]));
    hub_disconnect(&bench->hub, &client[2], text("b"));
    hub_bench_run(bench, "DELETE FROM device WHERE id = 'b'");
    assert_null(close_why(bench));
    make_anew(bench);
    assert_int_equal(keep(bench, &client[3]).outcome, HUB_OK);
    assert_false(may_have(bench, &client[3]));
}

static void test_the_former_device_is_closed_and_hears_nothing_of_the_next(void **state)
{
    struct hub_bench *bench = *state;
    int client[2] = {0};
    int backend = 0;
    struct hub_out out;
    const struct hub_connect link = {
        .client = &backend, .client_id = text(HUB_LINK_CLIENT), .is_local = true};
    assert_int_equal(hub_connect(&bench->hub, &link).outcome, HUB_OK);
    assert_int_equal(keep(bench, &client[0]).outcome, HUB_OK);
    assert_int_equal(hub_subscribe(&bench->hub, &client[0], text("b"), text(c2d_filter), 1).outcome,
                     HUB_OK);
    static const char message[] = "devices/b/messages/devicebound/\0secret";
    const struct hub_publish to = {.client = &backend,
                                   .client_id = text(HUB_LINK_CLIENT),
                                   .topic = text("tell/1/7/b"),
                                   .payload = bytes_of(message, sizeof(message) - 1)};
    assert_int_equal(hub_publish(&bench->hub, &to).outcome, HUB_OK);
    assert_true(hub_next(&bench->hub, &out) && strcmp(out.client_id, "b") == 0);
    assert_int_equal(bench->hub.link.took_count, 1);
    make_anew(bench);
    // What the broker was just given finds its client by the id alone: the next one comes later.
    assert_int_equal(keep(bench, &client[1]).outcome, HUB_FAILED);
    // The backend speaks to the new one and names the connection of the old one.
    assert_int_equal(hub_publish(&bench->hub, &to).outcome, HUB_OK);
    assert_false(hub_next(&bench->hub, &out));
    assert_int_equal(bench->hub.link.took_count, 1);
    hub_turn_ends(&bench->hub);
    assert_int_equal(keep(bench, &client[1]).outcome, HUB_OK);
    assert_false(may_have(bench, &client[1]));
    assert_false(hub_is_will(&bench->hub, NULL));
    // Nor is the will of the old one a message of the new one.
    hub_disconnect(&bench->hub, &client[0], text("b"));
    const struct hub_publish will = {.client = &client[0],
                                     .client_id = text("b"),
                                     .topic = text("devices/b/messages/events/"),
                                     .payload = text("will"),
                                     .utc_ms = 5000};
    assert_int_equal(hub_store_will(&bench->hub, &will).outcome, HUB_REFUSED);
    hub_bench_run(bench, "UPDATE device SET generation = 'third' WHERE id = 'b'");
    assert_int_equal(keep(bench, &client[1]).outcome, HUB_OK);
    hub_bench_run(bench, "DELETE FROM device WHERE id = 'b'; INSERT INTO device(id, key1,"
                         " generation) VALUES ('b', " HUB_BENCH_KEY_SQL ", 'fourth')");
    assert_string_equal(close_why(bench), "device removed and made anew");
}

static void test_more_devices_than_fit(void **state)
{
    struct hub_bench *bench = *state;
    char ids[17][16];
    for (int i = 0; i < 17; i++) {
        char sql[128];
        snprintf(ids[i], sizeof(ids[i]), "d%d", i);
        snprintf(sql, sizeof(sql), "INSERT INTO device(id, key1) VALUES ('%s', %s)", ids[i],
                 HUB_BENCH_KEY_SQL);
        hub_bench_run(bench, sql);
        struct hub_connect in = hub_bench_connect(bench, &ids[i], ids[i], 1);
        in.is_clean = i != 0;
        assert_int_equal(hub_connect(&bench->hub, &in).outcome, i < 16 ? HUB_OK : HUB_REFUSED);
    }
    // A kept session holds its place, another does not.
    hub_disconnect(&bench->hub, &ids[0], text("d0"));
    assert_int_equal(connect_as(bench, &ids[16], "d16", 1).outcome, HUB_REFUSED);
    hub_disconnect(&bench->hub, &ids[1], text("d1"));
    assert_int_equal(connect_as(bench, &ids[16], "d16", 1).outcome, HUB_OK);
    assert_int_equal(connect_as(bench, &ids[0], "d0", 1).outcome, HUB_OK);
    assert_int_equal(bench->connections.count, 16);
}

static void test_sizes_at_their_limits(void **state)
{
    struct hub_bench *bench = *state;
    int client = 0;
    static uint8_t body[HUB_PAYLOAD_SIZE_MAX + 1];
    const char *plain = "devices/a/messages/events/";
    const char *system =
        "devices/a/messages/events/$.mid=12"; // its value counts, its name does not
    const char *own = "devices/a/messages/events/x=12";
    assert_int_equal(connect_as(bench, &client, "a", 1).outcome, HUB_OK);
    static const struct {
        size_t over;
        int kind;
        enum hub_outcome outcome;
    } cases[] = {{0, 0, HUB_OK},      {1, 0, HUB_REFUSED}, {0, 1, HUB_REFUSED},
                 {0, 2, HUB_REFUSED}, {2, 1, HUB_OK},      {3, 2, HUB_OK}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *topic = cases[i].kind == 0 ? plain : cases[i].kind == 1 ? system : own;
        size_t size = cases[i].kind == 0 ? HUB_PAYLOAD_SIZE_MAX + cases[i].over
                                         : HUB_PAYLOAD_SIZE_MAX - cases[i].over;
        assert_int_equal(publish(bench, &client, topic, bytes_of(body, size)).outcome,
                         cases[i].outcome);
    }
}

static void test_full_disk_fails_and_heals(void **state)
{
    struct hub_bench *bench = *state;
    int client = 0;
    static uint8_t body[100000];
    const char *topic = "devices/a/messages/events/";
    assert_int_equal(connect_as(bench, &client, "a", 1).outcome, HUB_OK);
    assert_int_equal(publish(bench, &client, topic, bytes_of(body, 10)).outcome, HUB_OK);
    bench->medium.capacity = 1000;
    struct hub_answer answer = publish(bench, &client, topic, bytes_of(body, sizeof(body)));
    assert_true(answer.outcome == HUB_FAILED && answer.err == ERR_FULL && bench->log.is_full);
    bench->medium.capacity = 0;
    bench->medium.error_at_step = bench->medium.steps + 2; // the sync after the cut and the append
    uint64_t stored = 1;
    for (int i = 0; i < 5; i++) {
        answer = publish(bench, &client, topic, bytes_of(body, sizeof(body)));
        stored += answer.outcome == HUB_OK;
        assert_true(answer.outcome == HUB_OK || answer.err == ERR_IO);
    }
    assert_true(stored >= 5 && bench->log.stats.stored == stored && !bench->log.is_full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stores_what_a_device_publishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expiry_takeover_and_foreign_clients, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_quota_of_what_devices_send, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_will_is_the_last_word_of_an_ended_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_who_changes_in_the_directory_is_closed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_device_made_anew_inherits_no_message_of_the_session,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_the_former_device_is_closed_and_hears_nothing_of_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_devices_than_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes_at_their_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk_fails_and_heals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
