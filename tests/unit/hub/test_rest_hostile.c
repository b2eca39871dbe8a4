// SPDX-License-Identifier: Apache-2.0
// Goal: a service that may ask cannot break the hub by what it asks. Method: a real database and
// HTTP over loopback; every route with bodies of the wrong shape, and requests bent on purpose. A
// hub that fell would end this test.
#include "base/assert.h"
#include "tests/unit/hub/rest_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void make(struct rest_client *c, const char *id)
{
    char path[256];
    char body[256];
    snprintf(path, sizeof(path), "/devices/%s", id);
    snprintf(body, sizeof(body), "{\"deviceId\":\"%s\"}", id);
    assert_int_equal(client_ask(c, "PUT", path, NULL, body), 200);
}

// An error body that a JSON parser takes, whatever stood in the request.
static void assert_whole_json(const struct rest_client *c)
{
    struct json_reader r;
    json_reader_init(&r, bytes_of(c->body, c->body_size),
                     &(struct json_options){.depth_max = JSON_DEPTH_MAX});
    assert_true(json_skip(&r) && json_end(&r));
}

static void test_bodies_of_the_wrong_shape(void **state)
{
    struct rest_client *c = *state;
    static const struct {
        const char *method, *path;
    } routes[] = {
        {"PUT", "/devices/gw-1"},
        {"POST", "/devices"},
        {"POST", "/devices/query"},
        {"PATCH", "/twins/gw-1"},
        {"PUT", "/twins/gw-1"},
        {"POST", "/twins/gw-1/methods"},
        {"PUT", "/enrollments/gw-1"},
        {"POST", "/enrollments"},
        {"POST", "/enrollments/query"},
        {"PUT", "/enrollmentGroups/g"},
        {"POST", "/enrollmentGroups/query"},
    };
    static const char *const bodies[] = {
        "",     "5",         "[]",     "[5]",       "[[]]", "\"x\"",          "true",
        "null", "{",         "[",      "{\"a\"",    "{}x",  "\xff",           "{\"a\":\"\xff\"}",
        "[{}]", "{\"a\":5}", "[null]", "{\"\":{}}", "-",    "{\"query\":[]}", "{\"mode\":{}}",
    };
    make(c, "gw-1");
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        for (size_t k = 0; k < COUNT_OF(bodies); k++) {
            int status =
                client_ask(c, routes[i].method, routes[i].path, "If-Match: *\r\n", bodies[k]);
            bool is_taken = status == 200 && strcmp(routes[i].path, "/twins/gw-1") == 0;
            if (!is_taken && (status < 400 || status >= 500)) {
                fail_msg("%s %s with %s: %d", routes[i].method, routes[i].path, bodies[k], status);
            }
            assert_whole_json(c);
        }
    }
    assert_int_equal(client_ask(c, "GET", "/devices/gw-1", NULL, NULL), 200);
}

static void assert_refused(struct rest_client *c, const char *path, const char *headers,
                           const char *body)
{
    if (client_ask(c, "POST", path, headers, body) != 400) {
        fail_msg("%s %s: %d %s", path, headers != NULL ? headers : body, c->status, c->body);
    }
    assert_whole_json(c);
}

// What a device is to believe of the hub alone cannot come out of a header, and what cannot stand
// in a topic is refused at once instead of getting lost on its way.
static void test_messages_with_forged_properties(void **state)
{
    struct rest_client *c = *state;
    static const char send[] = "/devices/gw-1/messages/devicebound";
    static const char *const wrong[] = {
        "iothub-app-$.mid: forged\r\n",
        "iothub-app-$.to: /devices/other\r\n",
        "iothub-app-iothub-ack: full\r\n",
        "iothub-app-IoTHub-Ack: full\r\n",
        "iothub-app-a: 1\r\niothub-app-a: 2\r\n",
        "iothub-messageid: m1\r\niothub-messageid: m2\r\n",
        "iothub-correlationid: 1\r\nIoTHub-CorrelationId: 2\r\n",
        "iothub-messageid: \xc3\xa4\r\n",
        "iothub-messageid: \xff\r\n",
        "iothub-app-a: \xff\r\n",
        "iothub-app-a: b\tc\r\n",
    };
    make(c, "gw-1");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_refused(c, send, wrong[i], "x");
    }
    assert_int_equal(client_ask(c, "GET", "/devices/gw-1", NULL, NULL), 200);
    assert_true(client_says(c, "\"cloudToDeviceMessageCount\":0"));
    assert_int_equal(client_ask(c, "POST", send,
                                "iothub-app-a&b=%0d%0a: c&d=%26\r\niothub-messageid: a:b=c&\r\n",
                                "x"),
                     204);
}

static void test_method_names_that_no_topic_may_hold(void **state)
{
    struct rest_client *c = *state;
    static const char *const bodies[] = {
        "{\"methodName\":\"\xc3\xa4\"}",
        "{\"methodName\":\"a\\u00e4\"}",
        "{\"methodName\":\"a/b\"}",
        "{\"methodName\":\"a\\u0000b\"}",
        "{\"methodName\":\"a\\r\\nb\"}",
        "{\"methodName\":\"#\"}",
        "{\"methodName\":\"a\",\"payload\":[1}",
        "{\"methodName\":\"a\",\"payload\":\"\xff\"}",
    };
    make(c, "gw-1");
    struct session *s = sessions_add(&c->sessions, bytes_of("gw-1", 4));
    s->connection = 9;
    s->subscriptions = SESSION_METHODS;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        assert_refused(c, "/twins/gw-1/methods", NULL, bodies[i]);
    }
}

static void test_forged_continuations(void **state)
{
    struct rest_client *c = *state;
    static const char body[] = "{\"query\":\"SELECT * FROM devices\"}";
    char next[300];
    char headers[700];
    make(c, "gw-1");
    make(c, "gw-2");
    assert_int_equal(client_ask(c, "POST", "/devices/query", "x-ms-max-item-count: 1\r\n", body),
                     200);
    client_header(c, "x-ms-continuation", next, sizeof(next));
    assert_true(strlen(next) > 8);
    static const char *const tails[] = {"0", "00", "0a", "zz", "6", "' OR 1", "\xff\xff"};
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        snprintf(headers, sizeof(headers), "x-ms-continuation: %s%s\r\n", next, tails[i]);
        assert_refused(c, "/devices/query", headers, body);
        snprintf(headers, sizeof(headers), "x-ms-continuation: %s\r\n", tails[i]);
        assert_refused(c, "/devices/query", headers, body);
    }
    snprintf(headers, sizeof(headers), "x-ms-continuation: %.8s%0260d\r\n", next, 61);
    assert_refused(c, "/devices/query", headers, body);
    // Of two nobody can say which counts.
    snprintf(headers, sizeof(headers), "x-ms-continuation: %s\r\nx-ms-continuation: %s\r\n", next,
             next);
    assert_refused(c, "/devices/query", headers, body);
    snprintf(headers, sizeof(headers), "x-ms-continuation: %s\r\n", next);
    assert_int_equal(client_ask(c, "POST", "/devices/query", headers, body), 200);
    assert_true(client_says(c, "gw-2") && !client_says(c, "gw-1"));
}

// Twins of thousands of keys and a query of many parts: each device is a turn of its own, so that
// everybody else is served in between, and none is left out.
static void test_a_query_that_is_much_work(void **state)
{
    struct rest_client *c = *state;
    static char body[REST_BODY_SIZE_MAX];
    char id[16];
    size_t size = 0;
    for (int i = 0; i < 2000; i++) {
        size += (size_t)snprintf(body + size, sizeof(body) - size, "%s\"k%x\":1",
                                 i == 0 ? "{" : ",", (unsigned)i);
    }
    snprintf(body + size, sizeof(body) - size, "}");
    for (int i = 0; i < 3; i++) {
        uint64_t version = 0;
        struct verdict why;
        snprintf(id, sizeof(id), "gw-%d", i);
        make(c, id);
        const struct twins_patch patch = {.body = bytes_of(body, strlen(body)), .utc_ms = 1};
        assert_true(twins_report(&c->twins, bytes_of(id, strlen(id)), &patch, &version, &why));
    }
    size = (size_t)snprintf(body, sizeof(body),
                            "{\"query\":\"SELECT * FROM devices WHERE "
                            "properties.reported.k0=1");
    for (int i = 0; i < 30; i++) {
        size +=
            (size_t)snprintf(body + size, sizeof(body) - size, " AND properties.reported.k7cf=1");
    }
    snprintf(body + size, sizeof(body) - size, "\"}");
    assert_int_equal(client_ask(c, "POST", "/devices/query", NULL, body), 200);
    assert_int_equal(c->rest.slice_count, 3);
    assert_true(client_says(c, "gw-0") && client_says(c, "gw-1") && client_says(c, "gw-2"));
}

static void test_what_is_not_there(void **state)
{
    struct rest_client *c = *state;
    assert_int_equal(client_ask(c, "DELETE", "/devices/none/commands", NULL, NULL), 404);
    assert_whole_json(c);
    assert_int_equal(client_ask(c, "GET", "/devices/%ff%fe", NULL, NULL), 404);
    assert_whole_json(c);
    assert_int_equal(client_ask(c, "GET", "/twins/%27%20OR%201", NULL, NULL), 404);
    assert_whole_json(c);
}

static const struct {
    const char *method, *path, *body;
} GOOD[] = {
    {"PUT", "/devices/gw-1",
     "{\"deviceId\":\"gw-1\",\"status\":\"disabled\",\"authentication\":{\"type\":\"sas\","
     "\"symmetricKey\":{"
     "\"primaryKey\":\"AAAAAAAAAAAAAAAAAAAAAA==\"},\"x509Thumbprint\":{\"primaryThumbprint\":null}}"
     "}"},
    {"POST", "/devices",
     "[{\"id\":\"x\",\"importMode\":\"create\"},{\"id\":\"gw-1\",\"importMode\":\"update\"}]"},
    {"POST", "/devices/query",
     "{\"query\":\"SELECT * FROM devices WHERE tags.a IN ['x',1] AND NOT (tags.b >= -1.5e3)\"}"},
    {"PATCH", "/twins/gw-1",
     "{\"tags\":{\"a\":[1,{\"c\":null}]},\"properties\":{\"desired\":{\"x\":{\"y\":-1e1},\"w\":"
     "null}}}"},
    {"PUT", "/twins/gw-1", "{\"tags\":null,\"properties\":{\"desired\":{\"x\":{\"x\":true}}}}"},
    {"POST", "/twins/gw-1/methods", "{\"methodName\":\"m\",\"payload\":{\"a\":[[[]]]}}"},
    {"PUT", "/enrollments/gw-1",
     "{\"registrationId\":\"gw-1\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{}},"
     "\"initialTwin\":{\"tags\":{}},\"allocationPolicy\":\"custom\",\"customAllocationDefinition\":"
     "{"
     "\"table\":[{\"match\":\"g*\",\"hub\":\"h\",\"payload\":{}}]},\"iotHubs\":[\"a\",\"b\"]}"},
    {"PUT", "/enrollmentGroups/g",
     "{\"enrollmentGroupId\":\"g\",\"attestation\":{\"type\":\"x509\",\"x509\":{"
     "\"signingCertificates\":{"
     "\"primary\":{\"certificate\":\"x\"}},\"caReferences\":{\"primary\":\"r\"}}}}"},
    {"POST", "/enrollments",
     "{\"mode\":\"create\",\"enrollments\":[{\"registrationId\":\"e\",\"attestation\":{\"type\":"
     "\"symmetricKey\"}}]}"},
    {"POST", "/enrollments/query", "{\"query\":\"SELECT * FROM enrollments\"}"},
    {"GET", "/twins/gw-1", ""},
    {"GET", "/enrollments/gw-1", ""},
};

static uint32_t next_random(uint32_t *seed, size_t below)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (*seed >> 8) % (uint32_t)below;
}

// Cuts something out, puts something in.
static void damage(uint32_t *seed, char body[1024])
{
    static const char *const bits[] = {"{",    "}",     "[",       "]",     "\"",     ",", ":",
                                       "null", "5",     "-",       "1e999", "true",   "$", "\\",
                                       "\xff", "\"\"",  "{}",      "[]",    "\"a\":", "(", ")",
                                       "'",    " NOT ", "\\u0000", ""};
    char out[1024];
    size_t size = strlen(body);
    size_t at = next_random(seed, size + 1);
    size_t cut = next_random(seed, next_random(seed, 3) == 0 ? size - at + 1 : 4);
    cut = cut < size - at ? cut : size - at;
    snprintf(out, sizeof(out), "%.*s%s%s", (int)at, body, bits[next_random(seed, COUNT_OF(bits))],
             body + at + cut);
    memcpy(body, out, sizeof(out));
}

static void test_damaged_bodies(void **state)
{
    struct rest_client *c = *state;
    uint32_t seed = 1;
    unsigned taken = 0;
    char body[1024];
    make(c, "gw-1");
    for (int i = 0; i < 3000; i++) {
        size_t which = next_random(&seed, COUNT_OF(GOOD));
        snprintf(body, sizeof(body), "%s", GOOD[which].body);
        for (uint32_t edits = next_random(&seed, 4); edits > 0; edits--) {
            damage(&seed, body);
        }
        const char *match = next_random(&seed, 2) == 0 ? "If-Match: *\r\n" : NULL;
        int status = client_ask(c, GOOD[which].method, GOOD[which].path, match, body);
        if (status >= 500) {
            fail_msg("%d: %s %s: %d %s", i, GOOD[which].path, body, status, c->body);
        }
        assert_whole_json(c);
        taken += status == 200 ? 1 : 0;
    }
    assert_true(taken > 500); // it is not the first byte that decides all
}

#define REST_TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REST_TEST(test_bodies_of_the_wrong_shape),
        REST_TEST(test_damaged_bodies),
        REST_TEST(test_messages_with_forged_properties),
        REST_TEST(test_method_names_that_no_topic_may_hold),
        REST_TEST(test_forged_continuations),
        REST_TEST(test_a_query_that_is_much_work),
        REST_TEST(test_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
