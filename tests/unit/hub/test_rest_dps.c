// SPDX-License-Identifier: Apache-2.0
// Goal: the provisioning service's REST in Azure's shapes; keys are shown to who may write alone,
// and an enrolment sent back as it came loses nothing. And openapi.yaml names every route there is.
#include "apps/hub/backend/registrations.h"
#include "apps/hub/rest/c2d_headers.h"
#include "apps/hub/rest/route.h"
#include "base/assert.h"
#include "tests/unit/hub/rest_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY  "MDEyMzQ1Njc4OWFiY2RlZg=="
#define KEY2 "ZmVkY2JhOTg3NjU0MzIxMA=="

static const char *yaml_path;

// A CA certificate as JSON has it, made by openssl 3.0 for this test; it is never verified.
static const char authority[] =
    "-----BEGIN CERTIFICATE-----\\n"
    "MIIBizCCATGgAwIBAgIUOuDsmeB1uXgfho3fqJD9kAyxIYcwCgYIKoZIzj0EAwIw\\n"
    "GjEYMBYGA1UEAwwPQnVzd2FyZCB0ZXN0IENBMCAXDTI2MTEyNzE5MDkxMVoYDzIx\\n"
    "MjYxMTAzMTkwOTExWjAaMRgwFgYDVQQDDA9CdXN3YXJkIHRlc3QgQ0EwWTATBgcq\\n"
    "hkjOPQIBBggqhkjOPQMBBwNCAARBr1ur88s+INMOMtUS5zJE05xuBHs6LTAwVnon\\n"
    "04g57ycqVVK3Z/wUaJg3fm6Mlx0F3JZVHbM3oTF+37i813elo1MwUTAdBgNVHQ4E\\n"
    "FgQUM6Dpkh1uxo1GURxeIWecUOufbTswHwYDVR0jBBgwFoAUM6Dpkh1uxo1GURxe\\n"
    "IWecUOufbTswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAmKkF\\n"
    "dcSbvwob4RoOOnx4St2BXma3oDfbPejmMCS98jUCIDe66EEPnwPjPpV9PkYlnixl\\n"
    "5/VX4ht3Qn08RkNIOf4K\\n"
    "-----END CERTIFICATE-----\\n";

static void take_etag(const struct rest_client *c, char out[64])
{
    const char *at = strstr(c->body, "\"etag\":\"");
    assert_non_null(at);
    at += strlen("\"etag\":\"");
    snprintf(out, 64, "%.*s", (int)strcspn(at, "\""), at);
}

static void test_an_enrolment_from_first_to_last(void **state)
{
    struct rest_client *c = *state;
    char etag[64];
    char text[512];
    char match[96];
    assert_int_equal(
        client_ask(c, "PUT", "/enrollments/store-1", NULL,
                   "{\"registrationId\":\"store-1\",\"deviceId\":\"gw-1\",\"attestation\":{"
                   "\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":\"" KEY
                   "\",\"secondaryKey\":\"" KEY2 "\"}},\"initialTwin\":{\"tags\":{\"a\":1}}}"),
        200);
    assert_false(client_says(c, KEY));
    assert_true(client_says(c, "\"attestation\":{\"type\":\"symmetricKey\"}"));
    assert_true(client_says(c, "\"initialTwin\":{\"tags\":{\"a\":1}}"));
    assert_true(client_says(c, "\"provisioningStatus\":\"enabled\""));
    assert_true(client_says(c, "\"allocationPolicy\":\"hashed\""));
    take_etag(c, etag);
    assert_int_equal(client_ask(c, "PUT", "/enrollments/store-1", NULL,
                                "{\"registrationId\":\"store-1\",\"attestation\":{\"type\":"
                                "\"symmetricKey\"}}"),
                     409);
    assert_true(client_says(c, "{\"errorCode\":409") && client_says(c, "\"timestampUtc\":\""));
    // Sent back as it came, but disabled: the keys stay.
    snprintf(text, sizeof(text),
             "{\"registrationId\":\"store-1\",\"attestation\":{\"type\":\"symmetricKey\"},"
             "\"provisioningStatus\":\"disabled\",\"etag\":\"%s\"}",
             etag);
    assert_int_equal(client_ask(c, "PUT", "/enrollments/store-1", "If-Match: AAAA\r\n", text), 412);
    snprintf(match, sizeof(match), "If-Match: %s\r\n", etag);
    assert_int_equal(client_ask(c, "PUT", "/enrollments/store-1", match, text), 200);
    assert_true(client_says(c, "\"provisioningStatus\":\"disabled\""));
    assert_int_equal(client_ask(c, "POST", "/enrollments/store-1/attestationmechanism", NULL, NULL),
                     200);
    assert_string_equal(c->body,
                        "{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":\"" KEY
                        "\",\"secondaryKey\":\"" KEY2 "\"}}");
    assert_int_equal(client_ask(c, "GET", "/enrollments/store-1", NULL, NULL), 200);
    assert_false(client_says(c, KEY));
    assert_int_equal(client_ask(c, "DELETE", "/enrollments/store-1", match, NULL), 412);
    assert_int_equal(client_ask(c, "DELETE", "/enrollments/store-1", NULL, NULL), 204);
    assert_int_equal(client_ask(c, "GET", "/enrollments/store-1", NULL, NULL), 404);
    assert_true(client_says(c, "{\"errorCode\":404"));
}

static void test_a_group_by_its_authority(void **state)
{
    struct rest_client *c = *state;
    static char text[4096];
    snprintf(text, sizeof(text),
             "{\"enrollmentGroupId\":\"stores\",\"attestation\":{\"type\":\"x509\",\"x509\":{"
             "\"signingCertificates\":{\"primary\":{\"certificate\":\"%s\"}}}},"
             "\"allocationPolicy\":\"custom\",\"customAllocationDefinition\":{\"table\":["
             "{\"match\":\"store-*\",\"hub\":\"hub.test\"}]},"
             "\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":true}}",
             authority);
    if (client_ask(c, "PUT", "/enrollmentGroups/stores", NULL, text) != 200) {
        fail_msg("%s", c->body);
    }
    assert_true(client_says(c, "\"subjectName\":\"CN=Busward test CA\""));
    assert_true(client_says(c, "\"signingCertificates\":{\"primary\":{\"info\":{"));
    assert_true(client_says(c, "\"version\":3") && client_says(c, "\"sha256Thumbprint\":\""));
    assert_true(client_says(c, "\"table\":[{\"match\":\"store-*\",\"hub\":\"hub.test\"}]"));
    assert_true(client_says(c, "\"updateHubAssignment\":false"));
    // Whoever may enrol by any authority of the hub must be named.
    assert_int_equal(client_ask(c, "PUT", "/enrollmentGroups/open", NULL,
                                "{\"enrollmentGroupId\":\"open\",\"attestation\":{\"type\":"
                                "\"x509\",\"x509\":{}}}"),
                     400);
    assert_int_equal(client_ask(c, "PUT", "/enrollmentGroups/open", NULL,
                                "{\"enrollmentGroupId\":\"open\",\"attestation\":{\"type\":"
                                "\"x509\",\"x509\":{\"caReferences\":{\"primary\":\"none\"}}}}"),
                     400);
    assert_true(client_says(c, "no verified authority"));
    // The authority stays when the group comes back without it.
    assert_int_equal(client_ask(c, "PUT", "/enrollmentGroups/stores", "If-Match: *\r\n",
                                "{\"enrollmentGroupId\":\"stores\",\"attestation\":{\"type\":"
                                "\"x509\"},\"iotHubs\":[\"a.test\",\"b.test\"]}"),
                     200);
    assert_true(client_says(c, "CN=Busward test CA") &&
                client_says(c, "\"iotHubs\":[\"a.test\",\"b.test\"]"));
    assert_int_equal(
        client_ask(c, "POST", "/enrollmentgroups/stores/attestationmechanism", NULL, NULL), 200);
    assert_true(client_says(c, "\"type\":\"x509\""));
}

static void test_enrolments_that_are_refused(void **state)
{
    struct rest_client *c = *state;
    static const struct {
        const char *body;
        const char *words;
    } rows[] = {
        {"{\"registrationId\":\"a\"}", "attestation is missing"},
        {"{\"registrationId\":\"b\",\"attestation\":{\"type\":\"symmetricKey\"}}", "of the path"},
        {"{\"registrationId\":\"a\",\"attestation\":{\"type\":\"tpm\"}}", "TPMs"},
        {"{\"registrationId\":\"a\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{"
         "\"primaryKey\":\"x\"}}}",
         "base64"},
        {"{\"registrationId\":\"a\",\"attestation\":{\"type\":\"x509\",\"x509\":{"
         "\"clientCertificates\":{\"primary\":{\"certificate\":\"AAAA\"}}}}}",
         "a certificate is PEM"},
        {"{\"registrationId\":\"a\",\"attestation\":{\"type\":\"symmetricKey\"},"
         "\"allocationPolicy\":\"custom\",\"customAllocationDefinition\":{\"webhookUrl\":"
         "\"https://x\"}}",
         "by table"},
        {"{\"registrationId\":\"a\",\"attestation\":{\"type\":\"symmetricKey\"},"
         "\"allocationPolicy\":\"best\"}",
         "hashed"},
        {"{\"registrationId\":\"a\",\"attestation\":{\"type\":\"symmetricKey\"},"
         "\"provisioningStatus\":\"on\"}",
         "enabled or disabled"},
        {"{\"registrationId\":\"a\",\"attestation\":{\"type\":\"symmetricKey\"},"
         "\"iotHubs\":[\"a b\"]}",
         "host names"},
        {"{\"registrationId\":\"a\"", "byte"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const int status = client_ask(c, "PUT", "/enrollments/a", NULL, rows[i].body);
        if (status != 400 || !client_says(c, rows[i].words)) {
            fail_msg("%s: %d %s", rows[i].body, status, c->body);
        }
    }
}

#define SMALL(id)                                                                                  \
    "{\"registrationId\":\"" id "\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{" \
    "\"primaryKey\":\"" KEY "\",\"secondaryKey\":\"" KEY2 "\"}}}"

static void test_bulks_and_pages(void **state)
{
    struct rest_client *c = *state;
    char next[300];
    char header[400];
    assert_int_equal(client_ask(c, "POST", "/enrollments", NULL,
                                "{\"mode\":\"create\",\"enrollments\":[" SMALL("a") "," SMALL(
                                    "b") "," SMALL("c") "]}"),
                     200);
    assert_string_equal(c->body, "{\"isSuccessful\":true,\"errors\":[]}");
    assert_int_equal(
        client_ask(c, "POST", "/enrollments", NULL,
                   "{\"mode\":\"create\",\"enrollments\":[" SMALL("c") "," SMALL("d") "]}"),
        400);
    assert_true(client_says(c, "\"registrationId\":\"c\",\"errorCode\":409"));
    assert_int_equal(client_ask(c, "POST", "/enrollments", NULL,
                                "{\"mode\":\"delete\",\"enrollments\":[{\"registrationId\":\"b\"}]"
                                "}"),
                     200);
    assert_int_equal(
        client_ask(c, "POST", "/enrollments", NULL, "{\"mode\":\"x\",\"enrollments\":[]}"), 400);
    assert_int_equal(
        client_ask(c, "POST", "/enrollments", NULL, "{\"mode\":\"create\",\"enrollments\":[]}"),
        400);
    const char *all = "{\"query\":\"SELECT * FROM enrollments\"}";
    assert_int_equal(client_ask(c, "POST", "/enrollments/query", "x-ms-max-item-count: 2\r\n", all),
                     200);
    assert_true(client_says(c, "\"a\"") && client_says(c, "\"c\"") && !client_says(c, "\"d\""));
    assert_false(client_says(c, KEY));
    client_header(c, "x-ms-continuation", next, sizeof(next));
    snprintf(header, sizeof(header), "x-ms-continuation: %s\r\n", next);
    assert_int_equal(client_ask(c, "POST", "/enrollments/query", header, all), 200);
    assert_true(client_says(c, "\"d\"") && !client_says(c, "\"registrationId\":\"a\""));
    client_header(c, "x-ms-continuation", next, sizeof(next));
    assert_string_equal(next, "");
    assert_int_equal(client_ask(c, "POST", "/enrollments/query", NULL,
                                "{\"query\":\"SELECT * FROM enrollments WHERE x = 1\"}"),
                     400);
    assert_int_equal(client_ask(c, "POST", "/enrollmentGroups/query", NULL,
                                "{\"query\":\"select * from enrollmentGroups\"}"),
                     200);
    assert_string_equal(c->body, "[]");
}

static void test_registrations(void **state)
{
    struct rest_client *c = *state;
    struct verdict why;
    static struct registration registration = {.id = "store-7",
                                               .group = "stores",
                                               .device_id = "store-7",
                                               .hub = "hub.test",
                                               .status = REGISTRATION_ASSIGNED};
    assert_int_equal(client_ask(c, "GET", "/registrations/store-7", NULL, NULL), 404);
    assert_true(registrations_write(&c->store, &registration, 1800000000000, &why));
    assert_int_equal(client_ask(c, "GET", "/registrations/store-7", NULL, NULL), 200);
    assert_true(client_says(c, "\"assignedHub\":\"hub.test\"") &&
                client_says(c, "\"status\":\"assigned\""));
    assert_int_equal(client_ask(c, "POST", "/registrations/stores/query", NULL, "{\"query\":\"\"}"),
                     200);
    assert_true(client_says(c, "\"registrationId\":\"store-7\""));
    assert_int_equal(client_ask(c, "POST", "/registrations/other/query", NULL, "{}"), 200);
    assert_string_equal(c->body, "[]");
    assert_int_equal(client_ask(c, "DELETE", "/registrations/store-7", "If-Match: x\r\n", NULL),
                     412);
    assert_int_equal(client_ask(c, "DELETE", "/registrations/store-7", NULL, NULL), 204);
    assert_int_equal(client_ask(c, "GET", "/registrations/store-7", NULL, NULL), 404);
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t utc_ms; // -1: none
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-27T18:42:00Z", 1795804920000},
        {"2024-02-29T23:59:59.9Z", 1709251199900},
        {"2000-03-01T00:00:00.0019999Z", 951868800001},
        {"2026-11-27T18:42:00", -1},
        {"2026-11-27 18:42:00Z", -1},
        {"2026-11-27T18:42:00+01:00", -1},
        {"2026-00-27T18:42:00Z", -1},
        {"2026-13-27T18:42:00Z", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"2026-11-27T24:00:00Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t utc_ms = -1;
        const bool is_good = c2d_time_parse(bytes_of(rows[i].text, strlen(rows[i].text)), &utc_ms);
        if (is_good != (rows[i].utc_ms >= 0) || (is_good && utc_ms != rows[i].utc_ms)) {
            fail_msg("%s: %lld", rows[i].text, (long long)utc_ms);
        }
    }
}

// Every path with its methods of openapi.yaml routes, and no route is missing there.
static void test_openapi_names_every_route(void **state)
{
    (void)state;
    static const char *const methods[] = {"get", "put", "post", "patch", "delete"};
    bool is_named[ROUTE_REGISTRATIONS_QUERY + 1] = {false};
    char line[1024];
    char path[256] = "";
    FILE *file = fopen(yaml_path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL && strncmp(line, "components:", 11) != 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "  /", 3) == 0) {
            snprintf(path, sizeof(path), "%.*s", (int)strcspn(line + 2, ":"), line + 2);
        }
        for (size_t i = 0; i < COUNT_OF(methods); i++) {
            char wanted[16];
            char head[512];
            struct http_request request;
            struct routed routed;
            snprintf(wanted, sizeof(wanted), "    %s:", methods[i]);
            if (strcmp(line, wanted) != 0) {
                continue;
            }
            const int size =
                snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\n\r\n", methods[i], path);
            for (char *at = head; *at != ' '; at++) {
                *at = (char)(*at - 'a' + 'A');
            }
            for (char *at = head; *at != '\0'; at++) {
                *at = *at == '{' || *at == '}' ? '_' : *at;
            }
            assert_int_equal(
                http_parse(bytes_of(head, (size_t)size), HTTP_BODY_SIZE_DEFAULT, &request), 0);
            route_request(&request, &routed);
            if (routed.route == ROUTE_NONE || is_named[routed.route]) {
                fail_msg("%s", head);
            }
            is_named[routed.route] = true;
        }
    }
    fclose(file);
    for (size_t i = ROUTE_NONE + 1; i < COUNT_OF(is_named); i++) {
        if (!is_named[i]) {
            fail_msg("route %zu is not in openapi.yaml", i);
        }
    }
}

#define REST_TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        REST_TEST(test_an_enrolment_from_first_to_last),
        REST_TEST(test_a_group_by_its_authority),
        REST_TEST(test_enrolments_that_are_refused),
        REST_TEST(test_bulks_and_pages),
        REST_TEST(test_registrations),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_openapi_names_every_route),
    };
    yaml_path = argc > 1 ? argv[1] : "apps/hub/openapi.yaml";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
