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
    json_reader_init(&r, bytes_of(c->body, c->body_size), NULL);
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

#define REST_TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REST_TEST(test_bodies_of_the_wrong_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
