// SPDX-License-Identifier: Apache-2.0
// Goal: a service's token opens what its policy and its resource allow and nothing else. Method:
// tokens signed by another implementation (Python's hmac, checked with openssl dgst), and a table
// of requests. Routes and versions too.
#include "apps/hub/directory/schema.h"
#include "apps/hub/rest/judge.h"
#include "apps/hub/rest/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1799999000000)

static const char host_token[] =
    "SharedAccessSignature sr=hub.example.org&sig=UDkOHBZpbsez1AQoSxdp4Gpv5%2FWm3J8HLIwj4fiJALg"
    "%3D&skn=service&se=1800000000";
static const char capitals_token[] =
    "SharedAccessSignature sr=HUB.Example.org&sig=PMsgNdLwr5i2EXQFmUtCSijUM%2BJMhTIULlOZQKZDo14"
    "%3D&skn=service&se=1800000000";
static const char devices_token[] =
    "SharedAccessSignature sr=hub.example.org%2fdevices&sig=n%2BElO4%2BirTOWs9YjqiTeeoSi737VUDk"
    "RL4rYP4lD0cY%3D&skn=service&se=1800000000";
static const char device_token[] =
    "SharedAccessSignature sr=hub.example.org%2Fdevices%2Fgw-1&sig=bIQSRmpz52lzlbZpDkSk4OEcJDBZ"
    "IIcvEop3hkR%2FNOk%3D&skn=service&se=1800000000";
static const char shorter_token[] =
    "SharedAccessSignature sr=hub.example.or&sig=3Y3GIotJBPOABfzNtMTI49LpWUQe2gVzEFDEntxBuSI%3D"
    "&skn=service&se=1800000000";
static const char half_token[] =
    "SharedAccessSignature sr=hub.example.org%2Fdev&sig=1RX5vKcPXH3CqVKN%2FfSTExYhsr0IpJYjmXXXF"
    "7ewp9U%3D&skn=service&se=1800000000";

static struct judge_policy policy_of(uint32_t rights)
{
    static const char key[] = "service-key-0123456789abcdef";
    struct judge_policy policy = {.rights = rights};
    // The secondary key opens as the primary does.
    memset(policy.keys[0].bytes, 7, 32);
    policy.keys[0].size = 32;
    memcpy(policy.keys[1].bytes, key, sizeof(key) - 1);
    policy.keys[1].size = sizeof(key) - 1;
    return policy;
}

static const char *judge_at(const char *token, const char *path, const struct judge_policy *policy,
                            int64_t utc_ms)
{
    struct hub_sas sas;
    struct http_request request;
    char head[256];
    snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\n\r\n", path);
    assert_int_equal(http_parse(bytes_of(head, strlen(head)), HTTP_BODY_SIZE_DEFAULT, &request), 0);
    const char *why = judge_parse(bytes_of(token, strlen(token)), &sas);
    return why != NULL ? why
                       : judge_request(&sas, policy, "hub.example.org", &request,
                                       HUB_RIGHT_REGISTRY_READ, utc_ms);
}

static void test_what_a_token_opens(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        const char *path;
        bool opens;
    } rows[] = {
        {host_token, "/devices/gw-1", true},
        {host_token, "/devices", true},
        {host_token, "/", true},
        {capitals_token, "/devices/gw-1", true},
        {devices_token, "/devices/gw-1", true},
        {devices_token, "/devices", true},
        {devices_token, "/twins/gw-1", false},
        {devices_token, "/", false},
        {device_token, "/devices/gw-1", true},
        {device_token, "/devices/gw-1/commands", true},
        {device_token, "/devices/gw-2", false},
        {device_token, "/devices/gw-11", false},
        {device_token, "/devices", false},
        {shorter_token, "/devices/gw-1", false},
        {half_token, "/devices/gw-1", false},
    };
    const struct judge_policy policy = policy_of(HUB_RIGHT_REGISTRY_READ);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = judge_at(rows[i].token, rows[i].path, &policy, NOW_MS);
        if ((why == NULL) != rows[i].opens) {
            fail_msg("%s %s: %s", rows[i].token, rows[i].path, why);
        }
    }
}

static void test_policy_right_and_time(void **state)
{
    (void)state;
    struct judge_policy policy = policy_of(~(uint32_t)HUB_RIGHT_REGISTRY_READ);
    assert_string_equal(judge_at(host_token, "/", &policy, NOW_MS), "the policy lacks the right");
    policy = policy_of(HUB_RIGHT_REGISTRY_READ);
    assert_string_equal(judge_at(host_token, "/", NULL, NOW_MS), "no such policy");
    assert_null(judge_at(host_token, "/", &policy, INT64_C(1799999999999)));
    assert_string_equal(judge_at(host_token, "/", &policy, INT64_C(1800000000000)),
                        "the token has expired");
    assert_string_equal(judge_at(host_token, "/", &policy, -1), "the token has expired");
    policy.keys[1].bytes[3] ^= 1;
    assert_string_equal(judge_at(host_token, "/", &policy, NOW_MS), "wrong signature");
    policy.keys[1].size = 0;
    assert_string_equal(judge_at(host_token, "/", &policy, NOW_MS), "wrong signature");
}

static void test_any_changed_character_closes(void **state)
{
    (void)state;
    const struct judge_policy policy = policy_of(HUB_RIGHT_REGISTRY_READ);
    char token[sizeof(host_token)];
    unsigned refused = 0;
    // The policy's name is no part of what is signed: whose keys are asked follows from it.
    const size_t name_at = (size_t)(strstr(host_token, "skn=") - host_token) + 4;
    for (size_t i = 0; i < sizeof(host_token) - 1; i++) {
        if (i >= name_at && i < name_at + strlen("service")) {
            continue;
        }
        memcpy(token, host_token, sizeof(token));
        token[i] = token[i] == 'x' ? 'y' : 'x';
        refused += judge_at(token, "/", &policy, NOW_MS) != NULL ? 1 : 0;
    }
    assert_int_equal(refused, sizeof(host_token) - 1 - strlen("service"));
}

static void test_tokens_that_are_none(void **state)
{
    (void)state;
    struct hub_sas sas;
    static const char *const rows[] = {
        "",
        "Bearer abc",
        "Basic YTpi",
        "SharedAccessSignature ",
        "SharedAccessSignature sr=h&sig=a&se=1",
        "SharedAccessSignature sr=h&sig=a&skn=s",
        "SharedAccessSignature sr=h&sig=a&skn=&se=1",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_non_null(judge_parse(bytes_of(rows[i], strlen(rows[i])), &sas));
    }
}

static void route_line(const char *line, struct routed *routed, struct http_request *request)
{
    static char head[256];
    snprintf(head, sizeof(head), "%s HTTP/1.1\r\n\r\n", line);
    assert_int_equal(http_parse(bytes_of(head, strlen(head)), HTTP_BODY_SIZE_DEFAULT, request), 0);
    route_request(request, routed);
}

static void test_routes(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum route route;
        const char *id;
    } rows[] = {
        {"PUT /devices/a%20b", ROUTE_DEVICE_PUT, "a b"},
        {"GET /devices/", ROUTE_DEVICES_LIST, ""},
        {"GET /devices?top=3", ROUTE_DEVICES_LIST, ""},
        {"POST /devices/query", ROUTE_DEVICES_QUERY, ""},
        {"GET /devices/query", ROUTE_DEVICE_GET, "query"},
        {"DELETE /devices/d/commands", ROUTE_C2D_PURGE, "d"},
        {"POST /devices/d/messages/deviceBound", ROUTE_C2D_SEND, "d"},
        {"POST /enrollmentgroups/g/attestationmechanism", ROUTE_GROUP_SECRET, "g"},
        {"POST /enrollmentGroups/query", ROUTE_GROUPS_QUERY, ""},
        {"POST /enrollments/", ROUTE_ENROLMENTS_BULK, ""},
        {"POST /registrations/g/query", ROUTE_REGISTRATIONS_QUERY, "g"},
        {"PATCH /devices/d", ROUTE_NONE, ""},
        {"GET /devices/d/modules", ROUTE_NONE, ""},
        {"GET /", ROUTE_NONE, ""},
    };
    struct routed routed;
    struct http_request request;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        route_line(rows[i].line, &routed, &request);
        if (routed.route != rows[i].route ||
            !bytes_equal(routed.id, bytes_of(rows[i].id, strlen(rows[i].id)))) {
            fail_msg("%s: route %d", rows[i].line, routed.route);
        }
        assert_true(routed.route == ROUTE_NONE || routed.right != 0);
    }
    route_line("PATCH /devices/d", &routed, &request);
    assert_true(routed.is_known);
    route_line("GET /nothing", &routed, &request);
    assert_false(routed.is_known);
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool is_good;
    } rows[] = {
        {"GET /devices?api-version=2021-04-12", true},
        {"GET /devices?top=1&api-version=2020-05-31-preview", true},
        {"GET /devices", false},
        {"GET /devices?api-version=", false},
        {"GET /devices?api-version=2021-04-1", false},
        {"GET /devices?api-version=2021-04-12-beta", false},
        {"GET /devices?api-version=2021-04-12&api-version=2021-04-12", false},
    };
    struct routed routed;
    struct http_request request;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        route_line(rows[i].line, &routed, &request);
        assert_int_equal(route_version_fault(&request) == NULL, rows[i].is_good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_token_opens),
        cmocka_unit_test(test_policy_right_and_time),
        cmocka_unit_test(test_any_changed_character_closes),
        cmocka_unit_test(test_tokens_that_are_none),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
