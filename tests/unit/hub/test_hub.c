// SPDX-License-Identifier: Apache-2.0
// Goal: the whole hub without a broker: connect, publish, take over, change identities, fill up and
// heal, on the virtual disk; and devices.json with every mistake named.
#include "apps/hub/hub.h"
#include "apps/hub/log_cells.h"
#include "apps/hub/log_reader.h"
#include "port/api/hmac.h"
#include "sim/cells.h"
#include "sim/storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_A "MDEyMzQ1Njc4OWFiY2RlZg==" // 0123456789abcdef
#define DEVICES                                                                                    \
    "{\"hub\": \"h.org\", \"devices\": [{\"id\": \"b\", \"keys\": [\"" KEY_A                       \
    "\"]}, {\"id\": \"a\", \"keys\": [\"" KEY_A "\"]}]}"

struct bench {
    struct sim_medium medium;
    struct storage storage;
    struct cells cells;
    struct hub_log log;
    struct hub hub;
    struct hub_identities sets[2];
    uint8_t buffer[HUB_LOG_READER_BUFFER_MIN];
};

static struct bytes text(const char *string)
{
    return bytes_of(string, strlen(string));
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    if (bench == NULL) {
        return -1;
    }
    sim_medium_init(&bench->medium, 1);
    bench->storage = sim_storage(&bench->medium);
    bench->cells = sim_cells(&bench->medium);
    struct hub_log_config cfg = {
        .storage = &bench->storage,
        .cells = &bench->cells,
        .buffer = bench->buffer,
        .buffer_size = sizeof(bench->buffer),
        .bytes_max = HUB_LOG_BYTES_MIN,
    };
    struct hub_fault fault;
    bench->hub = (struct hub){.log = &bench->log, .identities = &bench->sets[0]};
    *state = bench;
    return hub_identities_parse(text(DEVICES), &bench->sets[0], &fault) == OK &&
                   hub_log_open(&bench->log, &cfg) == OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    sim_medium_deinit(&bench->medium);
    free(bench);
    return 0;
}

// A token for device `id`, good until `expiry`; signed here, since vectors have a fixed expiry.
static struct bytes token(const char *id, unsigned expiry, char *out, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char signed_text[128];
    snprintf(signed_text, sizeof(signed_text), "h.org%%2Fdevices%%2F%s\n%u", id, expiry);
    uint8_t digest[HMAC_SHA256_SIZE + 1] = {0};
    hmac_sha256(text("0123456789abcdef"), text(signed_text), digest);
    char signature[3 * 44 + 1];
    size_t at = 0;
    for (size_t i = 0; i < 43; i++) {
        unsigned bits = (unsigned)digest[i * 6 / 8] << 8 | digest[i * 6 / 8 + 1];
        char c = digits[bits >> (10 - i * 6 % 8) & 63];
        at += (size_t)snprintf(signature + at, sizeof(signature) - at, c == '+' ? "%%2B" : "%c", c);
    }
    snprintf(out, size, "SharedAccessSignature sr=h.org%%2Fdevices%%2F%s&sig=%s%%3D&se=%u", id,
             signature, expiry);
    return text(out);
}

static struct hub_answer connect_as(struct bench *bench, const void *client, const char *id,
                                    uint64_t now_s)
{
    char user[64];
    char password[256];
    snprintf(user, sizeof(user), "h.org/%s/?api-version=2021-04-12", id);
    struct hub_connect in = {
        .client = client,
        .client_id = text(id),
        .user_name = text(user),
        .password = token(id, 1000, password, sizeof(password)),
        .utc_s = now_s,
    };
    return hub_connect(&bench->hub, &in);
}

static struct hub_answer publish(struct bench *bench, const void *client, const char *topic,
                                 struct bytes payload)
{
    struct hub_publish in = {
        .client = client,
        .client_id = text("a"),
        .topic = text(topic),
        .payload = payload,
        .utc_ms = 5000,
    };
    return hub_publish(&bench->hub, &in);
}

static void test_stores_what_a_device_publishes(void **state)
{
    struct bench *bench = *state;
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
    assert_int_equal(hub_log_reader_begin(&reader, 0), OK);
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
    assert_int_equal(hub_log_reader_begin(&reader, 0), OK);
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
    struct bench *bench = *state;
    int old = 0;
    int fresh = 0;
    const char *topic = "devices/a/messages/events/";
    assert_int_equal(connect_as(bench, &old, "a", 1000).outcome, HUB_REFUSED); // expired
    assert_int_equal(connect_as(bench, &old, "c", 1).outcome, HUB_REFUSED);
    assert_int_equal(publish(bench, &old, topic, text("")).outcome, HUB_REFUSED);
    assert_int_equal(connect_as(bench, &old, "a", 1).outcome, HUB_OK);
    assert_int_equal(connect_as(bench, &fresh, "a", 1).outcome, HUB_OK);
    assert_int_equal(publish(bench, &old, topic, text("")).outcome, HUB_REFUSED);
    hub_disconnect(&bench->hub, &old, text("a")); // comes after the new login
    assert_int_equal(publish(bench, &fresh, topic, text("")).outcome, HUB_OK);
    assert_int_equal(publish(bench, &fresh, "devices/b/messages/events/", text("")).outcome,
                     HUB_REFUSED);
    size_t position = 0;
    assert_null(hub_next_to_close(&bench->hub, 999, &position));
    position = 0;
    assert_non_null(hub_next_to_close(&bench->hub, 1000, &position));
    assert_null(hub_next_to_close(&bench->hub, 1000, &position));
    hub_disconnect(&bench->hub, &fresh, text("a"));
    assert_int_equal(publish(bench, &fresh, topic, text("")).outcome, HUB_REFUSED);
}

static struct hub_answer leave_will(struct bench *bench, const void *client)
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

static void test_a_will_is_the_last_word_of_an_ended_connection(void **state)
{
    struct bench *bench = *state;
    int first = 0;
    int second = 0;
    assert_int_equal(connect_as(bench, &first, "a", 999).outcome, HUB_OK);
    assert_false(hub_is_will(&bench->hub, &first)); // lives
    assert_int_equal(connect_as(bench, &second, "a", 999).outcome, HUB_OK);
    assert_false(hub_is_will(&bench->hub, &second));
    assert_int_equal(leave_will(bench, &first).outcome, HUB_OK); // taken over
    assert_false(hub_is_will(&bench->hub, &first));              // once
    hub_disconnect(&bench->hub, &first, text("a"));
    assert_false(hub_is_will(&bench->hub, &first));
    hub_disconnect(&bench->hub, &second, text("a"));
    assert_int_equal(leave_will(bench, &second).outcome, HUB_OK);
    assert_false(hub_is_will(&bench->hub, &second));
    // Neither who was refused nor the next one at the same address has one.
    assert_int_equal(connect_as(bench, &first, "a", 1001).outcome, HUB_REFUSED);
    hub_disconnect(&bench->hub, &first, text("a"));
    assert_false(hub_is_will(&bench->hub, &first));
    assert_int_equal(connect_as(bench, &first, "a", 999).outcome, HUB_OK);
    hub_disconnect(&bench->hub, &first, text("a"));
    assert_int_equal(connect_as(bench, &first, "a", 1001).outcome, HUB_REFUSED);
    assert_false(hub_is_will(&bench->hub, &first));
    // A disabled device has nothing to leave.
    assert_int_equal(connect_as(bench, &first, "a", 999).outcome, HUB_OK);
    hub_disconnect(&bench->hub, &first, text("a"));
    hub_identities_find(bench->hub.identities, text("a"))->is_enabled = false;
    assert_int_equal(leave_will(bench, &first).outcome, HUB_REFUSED);
    assert_int_equal(bench->log.stats.stored, 2);
}

static void test_identities_are_exchanged_under_live_connections(void **state)
{
    struct bench *bench = *state;
    int client[2] = {0};
    assert_int_equal(connect_as(bench, &client[0], "a", 1).outcome, HUB_OK);
    assert_int_equal(connect_as(bench, &client[1], "b", 1).outcome, HUB_OK);
    struct hub_fault fault;
    assert_int_equal(
        hub_identities_parse(
            text("{\"hub\":\"h.org\",\"devices\":[{\"id\":\"a\",\"keys\":[\"" KEY_A "\"]}]}"),
            &bench->sets[1], &fault),
        OK);
    assert_true(hub_set_identities(&bench->hub, &bench->sets[1]) == &bench->sets[0]);
    assert_true(hub_knows(&bench->hub, &client[0], text("a")));
    assert_false(hub_knows(&bench->hub, &client[1], text("b")));
    size_t position = 0;
    const struct hub_identity *gone = hub_next_to_close(&bench->hub, 1, &position);
    assert_non_null(gone);
    assert_string_equal(gone->id, "b");
}

static void test_sizes_at_their_limits(void **state)
{
    struct bench *bench = *state;
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
    struct bench *bench = *state;
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

static void test_mistakes_in_devices_json_are_named(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *in, *why;
    } cases[] = {
        {"", ""},
        {"{\"hub\": \"h\", \"devices\": [{\"id\": \"a+b\", \"keys\": []}]}", "+ or #"},
        {"{\"hub\": \"h\", \"devices\": [{\"id\": \"a\", \"keys\": [\"eA==\"]}]}", "16 to 64"},
        {"{\"hub\": \"h\", \"devices\": [{\"id\": \"a\", \"keys\": [\"!\"]}]}", "16 to 64"},
        {"{\"hub\": \"h\", \"devices\": [{\"id\": \"a\"}]}", "an id and a key"},
        {"{\"hub\": \"h\", \"devices\": [{\"name\": 1}]}", "unknown key"},
        {"{\"devices\": []}", "hub"},
        {"{\"hub\": \"h\", \"colour\": 1}", "unknown key"},
        {"{\"hub\": \"h\", \"devices\": [{\"id\": \"a\", \"keys\": [\"" KEY_A
         "\"]}, {\"id\": \"a\", \"keys\": [\"" KEY_A "\"]}]}",
         "twice"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hub_fault fault = {0};
        assert_int_equal(hub_identities_parse(text(cases[i].in), &bench->sets[1], &fault),
                         ERR_CORRUPT);
        assert_non_null(strstr(fault.message, cases[i].why));
        assert_null(strstr(fault.message, KEY_A));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stores_what_a_device_publishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expiry_takeover_and_foreign_clients, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_will_is_the_last_word_of_an_ended_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_identities_are_exchanged_under_live_connections,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes_at_their_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk_fails_and_heals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mistakes_in_devices_json_are_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
