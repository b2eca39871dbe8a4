// SPDX-License-Identifier: Apache-2.0
// Goal: two devices never see each other's messages. Method: both are connected with every
// subscription there is, and each form of topic and filter of the dialect is tried by each of them
// with its own id, the other's, a module's, and ids that contain or look like it; every output
// is held against whom it concerns.
#include "tests/unit/hub/hub_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const IDS[] = {"a", "b", "A", "aa", "a.", "%61", "*", "?", "+", "#", "$", ""};

// @: an id.
static const char *const TOPICS[] = {
    "devices/@/messages/events/",
    "devices/@/messages/events/x=1",
    "devices/@/messages/devicebound/",
    "devices/@/messages/devicebound/%24.mid=1",
    "devices/@/modules/m/messages/events/",
    "devices/@/modules/a/messages/devicebound/",
    "devices/a/modules/@/messages/events/",
    "devices/@/messages/events",
    "devices/@",
    "/devices/@/messages/events/",
    "$iothub/twin/GET/?$rid=@",
    "$iothub/twin/PATCH/properties/reported/?$rid=@",
    "$iothub/twin/PATCH/properties/desired/?$version=1@",
    "$iothub/twin/res/200/?$rid=@",
    "$iothub/methods/POST/@/?$rid=1",
    "$iothub/methods/res/200/?$rid=@",
    "$dps/registrations/PUT/iotdps-register/?$rid=@",
    "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=@",
    "$dps/registrations/res/200/?$rid=@",
    "to/1/0/@",
    "to/2/0/@",
    "kick/1/@",
    "kick/2/@",
    "l/1/up/1/@",
    "sync",
    "ack/1",
    "$SYS/@",
    "$CONTROL/@",
};

static const char *const FILTERS[] = {
    "devices/@/messages/devicebound/#",
    "devices/@/messages/devicebound/+",
    "devices/@/messages/events/#",
    "devices/@/#",
    "devices/@/modules/m/messages/devicebound/#",
    "$iothub/twin/res/@",
    "$iothub/methods/POST/@",
    "$iothub/@",
    "$dps/registrations/res/@",
    "@",
    "l/@",
    "to/@",
    "$share/@/devices/b/messages/devicebound/#",
};

// Puts the id in place of each @.
static size_t fill(char *out, size_t size, const char *pattern, const char *id)
{
    size_t at = 0;
    for (; *pattern != '\0'; pattern++) {
        size_t length = *pattern == '@' ? strlen(id) : 1;
        assert_true(at + length < size);
        memcpy(out + at, *pattern == '@' ? id : pattern, length);
        at += length;
    }
    out[at] = '\0';
    return at;
}

struct place {
    struct hub_bench *bench;
    int clients[2]; // of a and b
    int backend;
};

static const char *const NAMES[2] = {"a", "b"};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    place->bench = hub_bench_open(HUB_MODE_HUB, 16);
    assert_non_null(place->bench);
    struct hub *hub = &place->bench->hub;
    static const char *const all[] = {AZ_FILTER_METHODS, AZ_FILTER_TWIN_ANSWER,
                                      AZ_FILTER_TWIN_DESIRED, AZ_FILTER_C2D_ANY};
    for (size_t i = 0; i < 2; i++) {
        struct hub_connect in = hub_bench_connect(place->bench, &place->clients[i], NAMES[i], 1);
        assert_int_equal(hub_connect(hub, &in).outcome, HUB_OK);
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            assert_int_equal(hub_subscribe(hub, &place->clients[i], hub_bench_text(NAMES[i]),
                                           hub_bench_text(all[k]), 1)
                                 .outcome,
                             HUB_OK);
        }
    }
    struct hub_connect link = {
        .client = &place->backend, .client_id = hub_bench_text(HUB_LINK_CLIENT), .is_local = true};
    assert_int_equal(hub_connect(hub, &link).outcome, HUB_OK);
    hub_turn_ends(hub);
    assert_int_equal(hub_bench_publish(place->bench, &place->backend, HUB_LINK_CLIENT, "sync",
                                       hub_bench_text(""))
                         .outcome,
                     HUB_OK);
    struct hub_out out;
    int count = 0;
    while (hub_next(hub, &out)) {
        count++;
    }
    *state = place;
    return count == 3 ? 0 : -1; // hello and two ups
}

static int tear_down(void **state)
{
    struct place *place = *state;
    int result = hub_bench_close(place->bench);
    free(place);
    return result;
}

static bool ends_with(struct bytes text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

static void test_what_one_publishes_goes_nowhere_as_anothers(void **state)
{
    struct place *place = *state;
    struct hub_bench *bench = place->bench;
    int stored = 0;
    int asked = 0;
    for (size_t who = 0; who < 2; who++) {
        for (size_t t = 0; t < sizeof(TOPICS) / sizeof(TOPICS[0]); t++) {
            for (size_t i = 0; i < sizeof(IDS) / sizeof(IDS[0]); i++) {
                char topic[128];
                fill(topic, sizeof(topic), TOPICS[t], IDS[i]);
                uint64_t before = bench->log.stats.stored;
                struct hub_answer answer =
                    hub_bench_publish(bench, &place->clients[who], NAMES[who], topic,
                                      hub_bench_text("devices/b/messages/devicebound/\0x"));
                struct hub_out out;
                char own[64];
                snprintf(own, sizeof(own), "devices/%s/messages/events/", NAMES[who]);
                bool is_own = strncmp(topic, own, strlen(own)) == 0;
                assert_int_equal(bench->log.stats.stored - before, is_own);
                stored += is_own;
                // All that may come of it is a request in its own name.
                char name[16];
                snprintf(name, sizeof(name), "/req/%zu/%s", who + 1, NAMES[who]);
                while (hub_next(&bench->hub, &out)) {
                    assert_int_equal(answer.outcome, HUB_OK);
                    assert_null(out.close_why);
                    assert_string_equal(out.client_id, HUB_LINK_CLIENT);
                    assert_true(ends_with(out.topic, name));
                    assert_true(strncmp(topic, "$iothub/", 8) == 0);
                    asked++;
                }
            }
        }
    }
    assert_int_equal(stored, 4); // each its own, with and without a property
    assert_true(asked > 40);     // not those with a wildcard as the request id
}

static void test_what_one_may_read_is_its_own(void **state)
{
    struct place *place = *state;
    struct hub *hub = &place->bench->hub;
    int readable = 0;
    for (size_t who = 0; who < 2; who++) {
        for (size_t t = 0; t < sizeof(TOPICS) / sizeof(TOPICS[0]); t++) {
            for (size_t i = 0; i < sizeof(IDS) / sizeof(IDS[0]); i++) {
                char topic[128];
                char inbox[64];
                fill(topic, sizeof(topic), TOPICS[t], IDS[i]);
                snprintf(inbox, sizeof(inbox), "devices/%s/messages/devicebound/", NAMES[who]);
                bool may = hub_may_receive(hub, &place->clients[who], hub_bench_text(NAMES[who]),
                                           hub_bench_text(topic));
                // $iothub names are the same for all: the hub addresses each message to one.
                bool is_own =
                    strncmp(topic, inbox, strlen(inbox)) == 0 || strncmp(topic, "$iothub/", 8) == 0;
                assert_true(is_own || !may);
                readable += may;
                // Nobody reads in another's name, or after somebody else came for it.
                assert_false(hub_may_receive(hub, &place->clients[1 - who],
                                             hub_bench_text(NAMES[who]), hub_bench_text(topic)));
            }
        }
    }
    assert_true(readable > 40);
    // Nor what it has not subscribed to.
    const char *call = "$iothub/methods/POST/x/?$rid=1";
    assert_true(
        hub_may_receive(hub, &place->clients[0], hub_bench_text("a"), hub_bench_text(call)));
    hub_unsubscribe(hub, &place->clients[0], hub_bench_text("a"),
                    hub_bench_text(AZ_FILTER_METHODS));
    assert_false(
        hub_may_receive(hub, &place->clients[0], hub_bench_text("a"), hub_bench_text(call)));
}

static void test_no_filter_reaches_further(void **state)
{
    struct place *place = *state;
    struct hub *hub = &place->bench->hub;
    for (size_t who = 0; who < 2; who++) {
        for (size_t f = 0; f < sizeof(FILTERS) / sizeof(FILTERS[0]); f++) {
            for (size_t i = 0; i < sizeof(IDS) / sizeof(IDS[0]); i++) {
                char filter[128];
                char own[64];
                fill(filter, sizeof(filter), FILTERS[f], IDS[i]);
                snprintf(own, sizeof(own), "devices/%s/messages/devicebound/#", NAMES[who]);
                bool is_good = strcmp(filter, own) == 0 || strcmp(filter, AZ_FILTER_C2D_ANY) == 0 ||
                               strcmp(filter, AZ_FILTER_METHODS) == 0 ||
                               strcmp(filter, AZ_FILTER_TWIN_ANSWER) == 0;
                struct bytes name = hub_bench_text(NAMES[who]);
                assert_int_equal(
                    hub_subscribe(hub, &place->clients[who], name, hub_bench_text(filter), 1)
                        .outcome,
                    is_good ? HUB_OK : HUB_REFUSED);
                assert_int_equal(
                    hub_subscribe(hub, &place->clients[1 - who], name, hub_bench_text(filter), 1)
                        .outcome,
                    HUB_REFUSED);
            }
        }
    }
}

// Whatever the backend says: a message reaches the connection it names, with a topic for it.
static void test_the_link_addresses_one_connection(void **state)
{
    struct place *place = *state;
    struct hub_bench *bench = place->bench;
    int reached = 0;
    for (size_t t = 0; t < sizeof(TOPICS) / sizeof(TOPICS[0]); t++) {
        for (size_t i = 0; i < sizeof(IDS) / sizeof(IDS[0]); i++) {
            for (int number = 0; number < 4; number++) {
                for (size_t k = 0; k < sizeof(IDS) / sizeof(IDS[0]); k++) {
                    char topic[64];
                    char payload[160];
                    snprintf(topic, sizeof(topic), "to/%d/1/%s", number, IDS[k]);
                    size_t size = fill(payload, sizeof(payload), TOPICS[t], IDS[i]);
                    struct hub_out out;
                    hub_bench_publish(bench, &place->backend, HUB_LINK_CLIENT, topic,
                                      bytes_of(payload, size + 1));
                    bool is_device =
                        number > 0 && number < 3 && strcmp(IDS[k], NAMES[number - 1]) == 0;
                    while (hub_next(&bench->hub, &out)) {
                        assert_true(is_device && out.close_why == NULL && out.qos == 1);
                        assert_string_equal(out.client_id, IDS[k]);
                        assert_true(bytes_equal(out.topic, bytes_of(payload, size)));
                        assert_true(strncmp(payload, "$iothub/", 8) == 0 ||
                                    (strncmp(payload, "devices/", 8) == 0 &&
                                     strncmp(payload + 8, IDS[k], strlen(IDS[k])) == 0 &&
                                     payload[8 + strlen(IDS[k])] == '/'));
                        reached++;
                    }
                }
            }
        }
    }
    assert_true(reached > 30);
}

static void test_only_the_socket_makes_a_backend(void **state)
{
    struct place *place = *state;
    struct hub_bench *bench = place->bench;
    struct hub_connect in = hub_bench_connect(bench, &place->clients[0], "/backend", 1);
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_REFUSED);
    in = hub_bench_connect(bench, &place->clients[0], "a", 1);
    in.client_id = hub_bench_text(HUB_LINK_CLIENT);
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_REFUSED);
    in = hub_bench_connect(bench, &place->clients[0], "a", 1);
    in.is_local = true; // a device has no business there, with a good token or not
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_REFUSED);
    assert_true(bench->hub.backend == &place->backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_one_publishes_goes_nowhere_as_anothers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_one_may_read_is_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_filter_reaches_further, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_link_addresses_one_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_the_socket_makes_a_backend, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
