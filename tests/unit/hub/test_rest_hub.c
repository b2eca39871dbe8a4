// SPDX-License-Identifier: Apache-2.0
// Goal: the hub's REST answers in Azure's shapes, and nothing passes without its right. Method: a
// real database and HTTP over loopback; devices are told to the sessions as the link would.
#include "base/assert.h"
#include "port/api/clock.h"
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

static void test_who_may_not_pass(void **state)
{
    struct rest_client *c = *state;
    struct wall_time now;
    char token[512];
    char code[64];
    assert_true(port_wall_time(&now));
    const int64_t later = now.utc_ms / 1000 + 60;
    client_token("reader", "hub.test", later, token);
    assert_int_equal(client_ask_as(c, token, "GET", "/devices?api-version=2021-04-12"), 200);
    assert_int_equal(client_ask_as(c, token, "GET", "/twins/d?api-version=2021-04-12"), 401);
    assert_true(client_says(c, "{\"Message\":\"ErrorCode:"));
    assert_true(client_says(c, ";Unauthorized\",\"ExceptionMessage\":\"Tracking ID:"));
    client_header(c, "iothub-errorcode", code, sizeof(code));
    assert_true(strlen(code) > 0 && client_says(c, code));
    assert_int_equal(client_ask_as(c, token, "DELETE", "/devices/d?api-version=2021-04-12"), 401);
    // A policy of the hub is none of the provisioning service.
    assert_int_equal(client_ask_as(c, token, "GET", "/enrollments/d?api-version=2021-10-01"), 401);
    assert_true(client_says(c, "{\"errorCode\":401") && client_says(c, "\"trackingId\":\""));
    client_token("nobody", "hub.test", later, token);
    assert_int_equal(client_ask_as(c, token, "GET", "/devices?api-version=2021-04-12"), 401);
    client_token("owner", "other.test", later, token);
    assert_int_equal(client_ask_as(c, token, "GET", "/devices?api-version=2021-04-12"), 401);
    client_token("owner", "hub.test", now.utc_ms / 1000 - 1, token);
    assert_int_equal(client_ask_as(c, token, "GET", "/devices?api-version=2021-04-12"), 401);
    assert_int_equal(client_ask_as(c, "Bearer x", "GET", "/devices?api-version=2021-04-12"), 401);
    assert_int_equal(client_ask_as(c, "", "GET", "/devices?api-version=2021-04-12"), 401);
    client_token("owner", "hub.test", later, token);
    assert_int_equal(client_ask_as(c, token, "GET", "/devices"), 400);
    assert_true(client_says(c, "api-version"));
    assert_int_equal(client_ask_as(c, token, "GET", "/nothing"), 404);
    assert_int_equal(client_ask_as(c, token, "PATCH", "/devices/d"), 405);
    assert_int_equal(client_ask(c, "GET", "/devices", NULL, NULL), 200);
}

static void test_a_device_from_first_to_last(void **state)
{
    struct rest_client *c = *state;
    char etag[64];
    char match[128];
    assert_int_equal(client_ask(c, "PUT", "/devices/gw-1", NULL,
                                "{\"deviceId\":\"gw-1\",\"status\":\"enabled\",\"authentication\":"
                                "{\"symmetricKey\":{\"primaryKey\":\"\",\"secondaryKey\":\"\"}}}"),
                     200);
    assert_true(client_says(c, "\"deviceId\":\"gw-1\"") && client_says(c, "\"type\":\"sas\""));
    assert_true(client_says(c, "\"connectionState\":\"Disconnected\""));
    assert_false(client_says(c, "\"primaryKey\":null")); // it was made
    assert_int_equal(client_ask(c, "PUT", "/devices/gw-1", NULL, "{\"deviceId\":\"gw-1\"}"), 409);
    assert_true(client_says(c, "ErrorCode:DeviceAlreadyExists;"));
    assert_int_equal(client_ask(c, "GET", "/devices/gw-1", NULL, NULL), 200);
    client_header(c, "ETag", etag, sizeof(etag));
    assert_true(etag[0] == '"' && strlen(etag) > 4);
    const char disabled[] =
        "{\"deviceId\":\"gw-1\",\"status\":\"disabled\",\"statusReason\":\"lost\"}";
    assert_int_equal(client_ask(c, "PUT", "/devices/gw-1", "If-Match: \"AAAA\"\r\n", disabled),
                     412);
    snprintf(match, sizeof(match), "If-Match: %s\r\n", etag);
    assert_int_equal(client_ask(c, "PUT", "/devices/gw-1", match, disabled), 200);
    assert_true(client_says(c, "\"status\":\"disabled\"") &&
                client_says(c, "\"statusReason\":\"lost\""));
    assert_int_equal(client_ask(c, "PUT", "/devices/gw-1", match, disabled), 412);
    assert_int_equal(
        client_ask(c, "PUT", "/devices/gw-1", "If-Match: \"*\"\r\n", "{\"deviceId\":\"gw-1\"}"),
        200);
    assert_int_equal(client_ask(c, "DELETE", "/devices/gw-1", NULL, NULL), 412);
    assert_int_equal(client_ask(c, "DELETE", "/devices/gw-1", "If-Match: *\r\n", NULL), 204);
    assert_int_equal(c->body_size, 0);
    assert_int_equal(client_ask(c, "GET", "/devices/gw-1", NULL, NULL), 404);
    assert_true(client_says(c, "ErrorCode:DeviceNotFound;"));
}

static void test_devices_that_are_refused(void **state)
{
    struct rest_client *c = *state;
    static const struct {
        const char *path;
        const char *body;
        const char *words;
    } rows[] = {
        {"/devices/a", "", "byte 0"},
        {"/devices/a", "{\"deviceId\":\"b\"}", "the one of the path"},
        {"/devices/a", "{\"deviceId\":\"a\"", "byte"},
        {"/devices/a", "{\"deviceId\":\"a\"} x", "byte"},
        {"/devices/a", "[]", "expected an object"},
        {"/devices/a", "{\"deviceId\":\"a\",\"status\":\"off\"}", "enabled or disabled"},
        {"/devices/a", "{\"deviceId\":\"a\",\"authentication\":{\"type\":\"none\"}}",
         "type is sas"},
        {"/devices/a",
         "{\"deviceId\":\"a\",\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"c2hvcnQ=\"}}}",
         "base64 of 16 to 64"},
        {"/devices/a",
         "{\"deviceId\":\"a\",\"authentication\":{\"x509Thumbprint\":{\"primaryThumbprint\":\"A\"}}"
         "}",
         "hexadecimal"},
        {"/devices/a", "{\"deviceId\":\"a\",\"capabilities\":{\"iotEdge\":true}}", "Edge"},
        {"/devices/a%2B", "{\"deviceId\":\"a+\"}", "+"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const int status = client_ask(c, "PUT", rows[i].path, NULL, rows[i].body);
        if (status != 400 || !client_says(c, rows[i].words)) {
            fail_msg("%s: %d %s", rows[i].body, status, c->body);
        }
    }
    assert_int_equal(client_ask(c, "GET", "/statistics/devices", NULL, NULL), 200);
    assert_string_equal(c->body, "{\"totalDeviceCount\":0,\"enabledDeviceCount\":0,"
                                 "\"disabledDeviceCount\":0}");
}

static void test_a_bulk_does_what_it_can_and_says_what_not(void **state)
{
    struct rest_client *c = *state;
    assert_int_equal(
        client_ask(c, "POST", "/devices", NULL,
                   "[{\"id\":\"a\",\"importMode\":\"create\"},"
                   "{\"id\":\"b\",\"importMode\":\"create\",\"status\":\"disabled\"}]"),
        200);
    assert_string_equal(c->body, "{\"isSuccessful\":true,\"errors\":[],\"warnings\":[]}");
    assert_int_equal(
        client_ask(c, "POST", "/devices", NULL,
                   "[{\"id\":\"a\",\"importMode\":\"create\"},"
                   "{\"id\":\"c\",\"importMode\":\"createOrUpdate\"},"
                   "{\"id\":\"b\",\"importMode\":\"DeleteIfMatchETag\",\"eTag\":\"x\"},"
                   "{\"id\":\"d\",\"importMode\":\"Update\"}]"),
        400);
    assert_true(client_says(c, "\"isSuccessful\":false"));
    assert_true(client_says(c, "{\"deviceId\":\"a\",\"errorCode\":\"DeviceAlreadyExists\""));
    assert_true(client_says(c, "{\"deviceId\":\"b\",\"errorCode\":\"PreconditionFailed\""));
    assert_true(client_says(c, "{\"deviceId\":\"d\",\"errorCode\":\"DeviceNotFound\""));
    // Nothing at all if the text is wrong somewhere.
    assert_int_equal(client_ask(c, "POST", "/devices", NULL,
                                "[{\"id\":\"e\",\"importMode\":\"create\"},{\"id\":7}]"),
                     400);
    assert_int_equal(client_ask(c, "POST", "/devices", NULL, "[]"), 400);
    assert_int_equal(client_ask(c, "GET", "/devices?top=2", NULL, NULL), 200);
    assert_true(client_says(c, "\"deviceId\":\"a\"") && client_says(c, "\"deviceId\":\"b\"") &&
                !client_says(c, "\"deviceId\":\"c\""));
    assert_int_equal(client_ask(c, "GET", "/devices?top=0", NULL, NULL), 400);
    assert_int_equal(client_ask(c, "GET", "/statistics/devices", NULL, NULL), 200);
    assert_true(client_says(c, "\"totalDeviceCount\":3,\"enabledDeviceCount\":2"));
    assert_int_equal(client_ask(c, "GET", "/statistics/service", NULL, NULL), 200);
    assert_string_equal(c->body, "{\"connectedDeviceCount\":0}");
}

static void test_a_bulk_of_a_hundred_and_one_more(void **state)
{
    struct rest_client *c = *state;
    static char body[16384];
    for (int count = REST_BULK_MAX; count <= REST_BULK_MAX + 1; count++) {
        size_t size = 0;
        for (int i = 0; i < count; i++) {
            size += (size_t)snprintf(body + size, sizeof(body) - size,
                                     "%c{\"id\":\"d%03d\",\"importMode\":\"createOrUpdate\"}",
                                     i == 0 ? '[' : ',', i);
        }
        snprintf(body + size, sizeof(body) - size, "]");
        assert_int_equal(client_ask(c, "POST", "/devices", NULL, body),
                         count > REST_BULK_MAX ? 400 : 200);
    }
}

static void test_twins(void **state)
{
    struct rest_client *c = *state;
    char etag[64];
    char match[128];
    make(c, "gw-1");
    assert_int_equal(client_ask(c, "GET", "/twins/gw-1", NULL, NULL), 200);
    client_header(c, "ETag", etag, sizeof(etag));
    assert_true(strlen(etag) > 4 && client_says(c, "\"properties\":{\"desired\":"));
    const char patch[] = "{\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"x\":{\"y\":true}}}}";
    assert_int_equal(client_ask(c, "PATCH", "/twins/gw-1", "If-Match: \"no\"\r\n", patch), 412);
    snprintf(match, sizeof(match), "If-Match: %s\r\n", etag);
    assert_int_equal(client_ask(c, "PATCH", "/twins/gw-1", match, patch), 200);
    assert_true(client_says(c, "\"tags\":{\"a\":1}") && client_says(c, "\"x\":{\"y\":true}"));
    assert_int_equal(client_ask(c, "PATCH", "/twins/gw-1", match, patch), 412);
    assert_int_equal(client_ask(c, "PUT", "/twins/gw-1", "If-Match: \"*\"\r\n",
                                "{\"properties\":{\"desired\":{\"z\":2}}}"),
                     200);
    assert_true(client_says(c, "\"z\":2") && !client_says(c, "\"y\":true") &&
                client_says(c, "\"tags\":{}"));
    assert_int_equal(
        client_ask(c, "PATCH", "/twins/gw-1", NULL, "{\"properties\":{\"desired\":{\"a.b\":1}}}"),
        400);
    assert_int_equal(client_ask(c, "PATCH", "/twins/gw-1", NULL, "{"), 400);
    assert_int_equal(client_ask(c, "GET", "/twins/gw-2", NULL, NULL), 404);
    assert_true(client_says(c, "ErrorCode:DeviceNotFound;"));
    assert_true(c->stirred > 0);
}

static void come(struct rest_client *c, const char *id)
{
    struct session *s = sessions_add(&c->sessions, bytes_of(id, strlen(id)));
    s->connection = 5;
    s->subscriptions = SESSION_METHODS;
    methods_changed(&c->methods, port_now_us(), bytes_of(id, strlen(id)));
}

static void test_a_method_is_answered_when_the_device_does(void **state)
{
    struct rest_client *c = *state;
    struct methods_out out;
    const char call[] =
        "{\"methodName\":\"sync\",\"responseTimeoutInSeconds\":5,\"payload\":{\"a\":1}}";
    assert_int_equal(client_ask(c, "POST", "/twins/gw-1/methods", NULL, call), 404);
    assert_true(client_says(c, "ErrorCode:DeviceNotFound;"));
    make(c, "gw-1");
    assert_int_equal(client_ask(c, "POST", "/twins/gw-1/methods", NULL, call), 404);
    assert_true(client_says(c, "{\\\"errorCode\\\":404103"));
    come(c, "gw-1");
    client_send(c, "POST", "/twins/gw-1/methods", NULL, call);
    client_turn(c);
    assert_true(methods_next(&c->methods, port_now_us(), &out));
    assert_true(bytes_equal(out.body, bytes_of("{\"a\":1}", 7)));
    assert_true(bytes_equal(out.topic.name, bytes_of("sync", 4)));
    methods_answer(&c->methods, bytes_of("gw-1", 4), out.topic.rid, 207,
                   bytes_of("{\"done\":true}", 13));
    assert_int_equal(client_wait(c), 200);
    assert_string_equal(c->body, "{\"status\":207,\"payload\":{\"done\":true}}");
    // As often as one likes: each call gives its place back.
    for (int i = 0; i < REST_CALLS_MAX + 1; i++) {
        client_send(c, "POST", "/twins/gw-1/methods", NULL, "{\"methodName\":\"again\"}");
        assert_true(methods_next(&c->methods, port_now_us(), &out));
        methods_answer(&c->methods, bytes_of("gw-1", 4), out.topic.rid, i, bytes_of("", 0));
        assert_int_equal(client_wait(c), 200);
    }
    // An answer without a payload, and one that is no JSON.
    client_send(c, "POST", "/twins/gw-1/methods", NULL, "{\"methodName\":\"sync\"}");
    assert_true(methods_next(&c->methods, port_now_us(), &out));
    methods_answer(&c->methods, bytes_of("gw-1", 4), out.topic.rid, 200, bytes_of("", 0));
    assert_int_equal(client_wait(c), 200);
    assert_string_equal(c->body, "{\"status\":200,\"payload\":null}");
    client_send(c, "POST", "/twins/gw-1/methods", NULL, "{\"methodName\":\"sync\"}");
    assert_true(methods_next(&c->methods, port_now_us(), &out));
    methods_answer(&c->methods, bytes_of("gw-1", 4), out.topic.rid, 200, bytes_of("}{", 2));
    assert_int_equal(client_wait(c), 502);
    // None in time.
    client_send(c, "POST", "/twins/gw-1/methods", NULL, call);
    assert_true(methods_next(&c->methods, port_now_us(), &out));
    methods_tick(&c->methods, port_now_us() + 6 * US_PER_S);
    assert_int_equal(client_wait(c), 504);
    assert_true(client_says(c, "{\\\"errorCode\\\":504101"));
}

static void test_who_goes_away_gives_his_calls_up(void **state)
{
    struct rest_client *c = *state;
    struct methods_out out;
    make(c, "gw-1");
    come(c, "gw-1");
    // More than there is room for at a time, each client gone before the answer.
    for (int i = 0; i < 3 * CLIENT_CALLS; i++) {
        client_send(c, "POST", "/twins/gw-1/methods", NULL, "{\"methodName\":\"m\"}");
        client_turn(c);
        assert_true(methods_next(&c->methods, port_now_us(), &out));
        rest_stop(&c->rest);
        assert_int_equal(rest_start(&c->rest,
                                    &(struct rest_config){
                                        .base = c->base,
                                        .host = "127.0.0.1",
                                        .conn_max = 8,
                                        .store = &c->store,
                                        .twins = &c->twins,
                                        .c2d = &c->c2d,
                                        .methods = &c->methods,
                                        .stirred = c->rest.cfg.stirred,
                                        .ctx = c,
                                    }),
                         OK);
        client_reconnect(c);
    }
    client_send(c, "POST", "/twins/gw-1/methods", NULL, "{\"methodName\":\"last\"}");
    assert_true(methods_next(&c->methods, port_now_us(), &out));
    assert_true(bytes_equal(out.topic.name, bytes_of("last", 4)));
    methods_answer(&c->methods, bytes_of("gw-1", 4), out.topic.rid, 1, bytes_of("1", 1));
    assert_int_equal(client_wait(c), 200);
}

static void test_method_bodies_that_are_refused(void **state)
{
    struct rest_client *c = *state;
    make(c, "gw-1");
    static const char *const rows[] = {
        "",
        "{}",
        "{\"methodName\":\"\"}",
        "{\"methodName\":7}",
        "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":4}",
        "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":301}",
        "{\"methodName\":\"m\",\"connectTimeoutInSeconds\":301}",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (client_ask(c, "POST", "/twins/gw-1/methods", NULL, rows[i]) != 400) {
            fail_msg("%s: %d %s", rows[i], c->status, c->body);
        }
    }
}

static void test_queries_by_pages(void **state)
{
    struct rest_client *c = *state;
    char next[300] = "";
    char headers[400];
    char path[64];
    unsigned pages = 0;
    unsigned seen = 0;
    for (int i = 0; i < 2 * REST_SCAN_SLICE + 3; i++) {
        snprintf(path, sizeof(path), "d%03d", i);
        make(c, path);
    }
    assert_int_equal(client_ask(c, "PATCH", "/twins/d100", NULL, "{\"tags\":{\"hot\":true}}"), 200);
    assert_int_equal(client_ask(c, "POST", "/devices/query", NULL,
                                "{\"query\":\"SELECT * FROM devices WHERE tags.hot = true\"}"),
                     200);
    assert_true(strncmp(c->body, "[{\"deviceId\":\"d100\"", 19) == 0);
    client_header(c, "x-ms-continuation", next, sizeof(next));
    assert_string_equal(next, "");
    do {
        snprintf(headers, sizeof(headers), "x-ms-max-item-count: 50\r\n%s%s%s",
                 next[0] != '\0' ? "x-ms-continuation: " : "", next, next[0] != '\0' ? "\r\n" : "");
        assert_int_equal(client_ask(c, "POST", "/devices/query", headers,
                                    "{\"query\":\"SELECT * FROM devices\"}"),
                         200);
        unsigned of_page = 0;
        for (const char *at = c->body; (at = strstr(at, "{\"deviceId\":")) != NULL; at++) {
            of_page++;
        }
        assert_true(of_page <= 50);
        seen += of_page;
        client_header(c, "x-ms-continuation", next, sizeof(next));
        pages++;
    } while (next[0] != '\0');
    assert_int_equal(seen, 2 * REST_SCAN_SLICE + 3);
    assert_int_equal(pages, 3);
    assert_int_equal(client_ask(c, "POST", "/devices/query", NULL,
                                "{\"query\":\"SELECT COUNT() AS n FROM devices WHERE "
                                "startswith(deviceId, 'd00')\"}"),
                     200);
    assert_string_equal(c->body, "[{\"n\":10}]");
    // A continuation of another query, or a made-up one.
    assert_int_equal(client_ask(c, "POST", "/devices/query", "x-ms-continuation: 0000000064\r\n",
                                "{\"query\":\"SELECT * FROM devices\"}"),
                     400);
    assert_int_equal(client_ask(c, "POST", "/devices/query", "x-ms-max-item-count: 0\r\n",
                                "{\"query\":\"SELECT * FROM devices\"}"),
                     400);
    assert_int_equal(client_ask(c, "POST", "/devices/query", NULL, "{\"query\":\"SELECT x\"}"),
                     400);
    assert_true(client_says(c, "ErrorCode:ArgumentInvalid;") && client_says(c, "expected * or"));
}

static void test_messages_to_a_device(void **state)
{
    struct rest_client *c = *state;
    static char large[C2D_SIZE_MAX + 2];
    make(c, "gw-1");
    const char *send = "/devices/gw-1/messages/devicebound";
    assert_int_equal(client_ask(c, "POST", send,
                                "iothub-app-Kind: a&b\r\niothub-messageid: m1\r\n"
                                "iothub-correlationid: c 1\r\niothub-ack: full\r\n",
                                "{\"nudge\":\"watch\"}"),
                     204);
    struct session *s = sessions_add(&c->sessions, bytes_of("gw-1", 4));
    s->connection = 9;
    s->subscriptions = SESSION_C2D;
    c2d_up(&c->c2d, port_now_us(), 1800000000000, bytes_of("gw-1", 4), false);
    c2d_subscribed(&c->c2d, bytes_of("gw-1", 4));
    struct c2d_out out;
    struct wall_time now;
    assert_true(port_wall_time(&now));
    assert_true(c2d_next(&c->c2d, now.utc_ms, &out));
    assert_true(bytes_equal(out.payload, bytes_of("{\"nudge\":\"watch\"}", 17)));
    char bag[512];
    snprintf(bag, sizeof(bag), "%.*s", (int)out.bag.size, (const char *)out.bag.data);
    assert_non_null(strstr(bag, "Kind=a%26b"));
    assert_non_null(strstr(bag, "%24.mid=m1"));
    assert_non_null(strstr(bag, "%24.cid=c%201"));
    assert_int_equal(client_ask(c, "DELETE", "/devices/gw-1/commands", NULL, NULL), 200);
    assert_true(client_says(c, "\"totalMessagesPurged\":"));
    static const char *const wrong[] = {"iothub-ack: perhaps\r\n", "iothub-expiry: soon\r\n",
                                        "iothub-app-: x\r\n", "iothub-colour: x\r\n",
                                        "iothub-expiry: 2020-01-01T00:00:00Z\r\n"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (client_ask(c, "POST", send, wrong[i], "x") != 400) {
            fail_msg("%s: %d %s", wrong[i], c->status, c->body);
        }
    }
    memset(large, 'x', C2D_SIZE_MAX + 1);
    assert_int_equal(client_ask(c, "POST", send, NULL, large), 413);
    large[C2D_SIZE_MAX] = '\0';
    assert_int_equal(client_ask(c, "POST", send, NULL, large), 204);
    assert_int_equal(client_ask(c, "POST", "/devices/gw-2/messages/devicebound", NULL, "x"), 404);
}

static void test_feedback_is_taken_away_by_its_token(void **state)
{
    struct rest_client *c = *state;
    char token[64];
    char path[128];
    make(c, "gw-1");
    assert_int_equal(client_ask(c, "GET", "/messages/serviceBound/feedback", NULL, NULL), 204);
    assert_int_equal(client_ask(c, "POST", "/devices/gw-1/messages/devicebound",
                                "iothub-messageid: m1\r\niothub-ack: full\r\n", "x"),
                     204);
    assert_int_equal(client_ask(c, "DELETE", "/devices/gw-1/commands", NULL, NULL), 200);
    assert_true(client_says(c, "\"totalMessagesPurged\":1"));
    assert_int_equal(client_ask(c, "GET", "/messages/serviceBound/feedback", NULL, NULL), 200);
    assert_true(client_says(c, "\"originalMessageId\":\"m1\"") && client_says(c, "Purged"));
    client_header(c, "ETag", token, sizeof(token));
    token[strlen(token) - 1] = '\0';
    snprintf(path, sizeof(path), "/messages/serviceBound/feedback/%s", token + 1);
    assert_int_equal(client_ask(c, "DELETE", "/messages/serviceBound/feedback/x", NULL, NULL), 400);
    assert_int_equal(client_ask(c, "DELETE", path, NULL, NULL), 204);
    assert_int_equal(client_ask(c, "GET", "/messages/serviceBound/feedback", NULL, NULL), 204);
}

#define REST_TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REST_TEST(test_who_may_not_pass),
        REST_TEST(test_a_device_from_first_to_last),
        REST_TEST(test_devices_that_are_refused),
        REST_TEST(test_a_bulk_does_what_it_can_and_says_what_not),
        REST_TEST(test_a_bulk_of_a_hundred_and_one_more),
        REST_TEST(test_twins),
        REST_TEST(test_a_method_is_answered_when_the_device_does),
        REST_TEST(test_who_goes_away_gives_his_calls_up),
        REST_TEST(test_method_bodies_that_are_refused),
        REST_TEST(test_queries_by_pages),
        REST_TEST(test_messages_to_a_device),
        REST_TEST(test_feedback_is_taken_away_by_its_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
