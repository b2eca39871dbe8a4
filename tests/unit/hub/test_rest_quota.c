// SPDX-License-Identifier: Apache-2.0
// Goal: what services ask is counted and limited, by a real REST on a real database.
#include "base/assert.h"
#include "port/api/clock.h"
#include "tests/unit/hub/rest_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// What each call counts, and how each ends when its rate or the day is over.
static void test_quota_of_what_services_ask(void **state)
{
    struct rest_client *c = *state;
    static const struct {
        const char *method, *path, *body;
        uint64_t counts;
        enum hub_quota_kind kind;
    } rows[] = {
        {"GET", "/devices/a", NULL, 0, HUB_QUOTA_REGISTRY},
        {"POST", "/devices", "[{\"id\":\"a\",\"importMode\":\"update\"}]", 0, HUB_QUOTA_REGISTRY},
        {"GET", "/statistics/devices", NULL, 0, HUB_QUOTA_REGISTRY},
        {"GET", "/twins/a", NULL, 1, HUB_QUOTA_TWIN_READS},
        {"PATCH", "/twins/a", "{\"tags\":{\"k\":1}}", 1, HUB_QUOTA_TWIN_UPDATES},
        {"POST", "/devices/query", "{\"query\":\"SELECT * FROM devices\"}", 1, HUB_QUOTA_QUERIES},
        {"POST", "/devices/a/messages/devicebound", "m", 1, HUB_QUOTA_C2D},
        {"POST", "/twins/a/methods", "{\"methodName\":\"x\"}", 2, HUB_QUOTA_METHODS}, // away
        {"GET", "/twins/b", NULL, 0, HUB_QUOTA_TWIN_READS},                           // nobody
    };
    char text[64];
    assert_int_equal(client_ask(c, "PUT", "/devices/a", NULL, "{\"deviceId\":\"a\"}"), 200);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        c->quota.own.used = 0;
        const int status = client_ask(c, rows[i].method, rows[i].path, NULL, rows[i].body);
        if (status == 429 || status == 403 || c->quota.own.used != rows[i].counts) {
            fail_msg("%s: %d, counted %llu", rows[i].path, status,
                     (unsigned long long)c->quota.own.used);
        }
        c->quota.limits.rates[rows[i].kind] = 1;
        c->quota.ready_us[rows[i].kind] = port_now_us() + 120000000; // empty for long
        assert_int_equal(client_ask(c, rows[i].method, rows[i].path, NULL, rows[i].body), 429);
        client_header(c, "Retry-After", text, sizeof(text));
        assert_in_range(atoi(text), 55, 121);
        assert_true(client_says(c, "429001") || client_says(c, "ErrorCode:ThrottlingException;"));
        c->quota.limits.rates[rows[i].kind] = 0;
        c->quota.limits.messages_per_day = 1;
        struct wall_time now;
        assert_true(port_wall_time(&now));
        c->quota.other = (struct hub_quota_day){.number = now.utc_ms / 86400000, .used = 1};
        const int ended = client_ask(c, rows[i].method, rows[i].path, NULL, rows[i].body);
        assert_true((ended == 403) == (rows[i].kind != HUB_QUOTA_REGISTRY));
        if (ended == 403) {
            client_header(c, "iothub-errorcode", text, sizeof(text));
            assert_string_equal(text, "IotHubQuotaExceeded");
        }
        c->quota.limits.messages_per_day = 0;
    }
    // Who may not pass takes no token.
    c->quota.limits.rates[HUB_QUOTA_REGISTRY] = 1;
    c->quota.ready_us[HUB_QUOTA_REGISTRY] = 0;
    assert_int_equal(client_ask_as(c, "", "GET", "/devices?api-version=2021-04-12"), 401);
    assert_int_equal(c->quota.ready_us[HUB_QUOTA_REGISTRY], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_quota_of_what_services_ask, client_setup,
                                        client_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
