// SPDX-License-Identifier: Apache-2.0
// Goal: what we ask is what an Azure hub expects to the byte, its refusals are understood, and
// nothing that changes something is asked twice. Method: tokens computed by another implementation
// (Python's hmac), requests and answers in the shapes of Azure's documents.
#include "apps/cloud/hub_client/hub_call.h"
#include "apps/cloud/hub_client/service_sas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY "MDEyMzQ1Njc4OWFiY2RlZg=="

static struct bytes text_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

static void test_token_equals_another_implementation(void **state)
{
    (void)state;
    struct service_key key;
    const char *problem = NULL;
    char token[SERVICE_TOKEN_SIZE];
    assert_int_equal(service_key_parse(text_of(" " KEY "\n"), &key, &problem), OK);
    assert_string_equal(key.host, "");
    assert_int_equal(
        service_token(&key, "hub.example.com", "service", 1767225600, token, sizeof(token)), OK);
    assert_string_equal(token,
                        "SharedAccessSignature "
                        "sr=hub.example.com&sig=qL7RddSKbE93HHIURN4llvGVS1su5f%2fod%2f3GP6adK1s%3d"
                        "&se=1767225600&skn=service");
    assert_int_equal(service_token(&key, "shop hub", "read/only", 1800000000, token, sizeof(token)),
                     OK);
    assert_string_equal(
        token,
        "SharedAccessSignature sr=shop%20hub&sig=KEjNu%2f1604lUjwutdxT5C8spynIqbPfbK43Mbzs%2bw5U%3d"
        "&se=1800000000&skn=read%2fonly");
    const size_t size = strlen(token) + 1;
    assert_int_equal(service_token(&key, "shop hub", "read/only", 1800000000, token, size), OK);
    assert_int_equal(service_token(&key, "shop hub", "read/only", 1800000000, token, size - 1),
                     ERR_SIZE);
}

static void test_key_files_good_and_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " \n",
        "MDEy",  // 3 bytes
        KEY "!", // not base64
        "HostName=h;SharedAccessKeyName=p",
        "HostName=h;SharedAccessKey=" KEY,
        "SharedAccessKeyName=p;SharedAccessKey=" KEY,
        "HostName=h;SharedAccessKeyName=p;SharedAccessKey=?",
        "HostName=h;DeviceId=d;SharedAccessKey=" KEY, // a device's
        "HostName=;SharedAccessKeyName=p;SharedAccessKey=" KEY,
        "Endpoint=sb://x/;SharedAccessKeyName=p;SharedAccessKey=" KEY,
    };
    struct service_key key;
    const char *problem = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(service_key_parse(text_of(bad[i]), &key, &problem), ERR_ARG);
        assert_true(strlen(problem) > 10);
        assert_null(strstr(problem, "MDEy"));
    }
    assert_int_equal(service_key_parse(text_of("SharedAccessKey=" KEY ";HostName=h.example;"
                                               "SharedAccessKeyName=service\n"),
                                       &key, &problem),
                     OK);
    assert_string_equal(key.host, "h.example");
    assert_string_equal(key.policy, "service");
    assert_int_equal(key.size, 16);
}

static void test_token_is_kept_until_it_nears_its_end(void **state)
{
    (void)state;
    const struct service_key key = {.size = 16};
    struct service_token token = {.text = ""};
    const int64_t t0 = 1800000000;
    assert_false(service_token_is_good(&token, t0));
    assert_int_equal(service_token_renew(&token, &key, "h", "p", t0), OK);
    assert_true(service_token_is_good(&token, t0));
    const int64_t last = t0 + SERVICE_TOKEN_LIFE_S - SERVICE_TOKEN_RENEW_S - 1;
    assert_true(service_token_is_good(&token, last));
    assert_false(service_token_is_good(&token, last + 1));
    assert_true(service_token_is_good(&token, t0 - 60));
    assert_false(service_token_is_good(&token, t0 - 61)); // the clock was put back
}

static void expect_request(const struct hub_call *call, const char *method, const char *url,
                           const char *body)
{
    char text[HUB_URL_SIZE];
    char out[512];
    struct writer w = writer_of(out, sizeof(out));
    assert_string_equal(hub_call_http_method(call), method);
    assert_int_equal(hub_call_url(call, "https://h:8443", text, sizeof(text)), OK);
    assert_string_equal(text, url);
    assert_int_equal(hub_call_body(call, &w), OK);
    assert_int_equal(w.size, strlen(body));
    assert_memory_equal(out, body, w.size);
}

static void test_requests(void **state)
{
    (void)state;
    static char payload[] = "{\"a\":1}";
    static char query[] = "SELECT * FROM devices WHERE deviceId = \"x\"";
    struct hub_call call = {.verb = HUB_TWIN, .device = "shop-1"};
    expect_request(&call, "GET", "https://h:8443/twins/shop-1?api-version=2021-04-12", "");
    call = (struct hub_call){.verb = HUB_TWIN_PATCH,
                             .device = "a#b?c/d%",
                             .body = payload,
                             .body_size = sizeof(payload) - 1};
    expect_request(&call, "PATCH", "https://h:8443/twins/a%23b%3Fc%2Fd%25?api-version=2021-04-12",
                   payload);
    call = (struct hub_call){.verb = HUB_METHOD,
                             .device = "d",
                             .method = "read",
                             .timeout_s = 30,
                             .body = payload,
                             .body_size = sizeof(payload) - 1};
    expect_request(&call, "POST", "https://h:8443/twins/d/methods?api-version=2021-04-12",
                   "{\"methodName\":\"read\",\"responseTimeoutInSeconds\":30,"
                   "\"connectTimeoutInSeconds\":0,\"payload\":{\"a\":1}}");
    assert_int_equal(hub_call_timeout_s(&call), 45);
    call.body_size = 0;
    expect_request(&call, "POST", "https://h:8443/twins/d/methods?api-version=2021-04-12",
                   "{\"methodName\":\"read\",\"responseTimeoutInSeconds\":30,"
                   "\"connectTimeoutInSeconds\":0,\"payload\":null}");
    call = (struct hub_call){.verb = HUB_QUERY, .body = query, .body_size = sizeof(query) - 1};
    expect_request(&call, "POST", "https://h:8443/devices/query?api-version=2021-04-12",
                   "{\"query\":\"SELECT * FROM devices WHERE deviceId = \\\"x\\\"\"}");
    call = (struct hub_call){
        .verb = HUB_MESSAGE, .device = "d", .body = payload, .body_size = sizeof(payload) - 1};
    expect_request(&call, "POST",
                   "https://h:8443/devices/d/messages/devicebound?api-version=2021-04-12", payload);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    char url[64];
    char body[32];
    struct hub_call call = {.verb = HUB_METHOD, .device = "d", .method = "read"};
    struct writer w = writer_of(body, sizeof(body));
    assert_int_equal(hub_call_url(&call, "https://h", url, sizeof(url)), OK);
    assert_int_equal(hub_call_url(&call, "https://h", url, strlen(url)), ERR_SIZE);
    assert_int_equal(hub_call_body(&call, &w), ERR_SIZE);
}

static void expect_refusal(int status, const char *header, const char *body, const char *code,
                           const char *message)
{
    struct hub_call call = {.verb = HUB_METHOD};
    const struct hub_reply reply = {
        .status = status, .body = text_of(body), .error_code = header, .retry_after = ""};
    hub_call_read(&call, &reply);
    assert_int_equal(call.outcome, status == 429 || status == 503 ? HUB_BUSY : HUB_REFUSED);
    assert_string_equal(call.code, code);
    assert_non_null(strstr(call.message, message));
}

static void test_refusals_are_understood(void **state)
{
    (void)state;
    expect_refusal(404, "DeviceNotFound",
                   "{\"Message\":\"ErrorCode:DeviceNotFound;no such device\","
                   "\"ExceptionMessage\":\"Tracking ID:1\"}",
                   "DeviceNotFound", "no such device");
    expect_refusal(412, "",
                   "{\"Message\":\"ErrorCode:PreconditionFailed;Precondition failed\","
                   "\"ExceptionMessage\":\"\"}",
                   "PreconditionFailed", "Precondition");
    // A method's refusal carries JSON in a text.
    expect_refusal(404, "",
                   "{\"Message\":\"{\\\"errorCode\\\":404103,\\\"trackingId\\\":\\\"x\\\","
                   "\\\"message\\\":\\\"not online\\\"}\",\"ExceptionMessage\":\"\"}",
                   "DeviceNotOnline", "not online");
    expect_refusal(504, "", "{\"errorCode\":504101,\"message\":\"late\"}", "GatewayTimeout",
                   "late");
    expect_refusal(429, "", "<html>slow down</html>", "", "429");
    expect_refusal(500, "", "", "", "500");
    expect_refusal(400, "", "{\"Message\":17,\"errorCode\":\"x\"}", "", "400");
    expect_refusal(400, "", "{\"Message\":\"{{{{\"}", "", "400");
}

static bool again(struct hub_call call, bool was_sent, uint32_t *wait_ms)
{
    call.was_sent = was_sent;
    return hub_call_retry(&call, 12345, wait_ms);
}

static void test_nothing_that_changes_is_asked_twice(void **state)
{
    (void)state;
    uint32_t ms = 0;
    struct hub_call call = {.verb = HUB_METHOD, .outcome = HUB_UNREACHABLE, .tries = 1};
    assert_false(again(call, true, &ms)); // the hub may have called the device
    assert_true(again(call, false, &ms));
    call.verb = HUB_TWIN_PATCH;
    assert_false(again(call, true, &ms));
    call.verb = HUB_TWIN;
    assert_true(again(call, true, &ms));
    call = (struct hub_call){.verb = HUB_METHOD, .outcome = HUB_REFUSED, .status = 504, .tries = 1};
    assert_false(again(call, true, &ms));
    call.verb = HUB_QUERY;
    assert_true(again(call, true, &ms));
    call.status = 404;
    assert_false(again(call, true, &ms));
    call.outcome = HUB_DONE;
    assert_false(again(call, true, &ms));
    call = (struct hub_call){.verb = HUB_MESSAGE, .outcome = HUB_BUSY, .tries = 1};
    assert_false(again(call, true, &ms));
}

static void test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(void **state)
{
    (void)state;
    uint32_t ms = 0;
    struct hub_call call = {.verb = HUB_QUERY,
                            .outcome = HUB_MISFIT,
                            .is_too_large = true,
                            .tries = 1,
                            .item_max = 500};
    unsigned times = 0;
    for (uint32_t before = call.item_max; hub_call_retry(&call, 1, &ms); before = call.item_max) {
        assert_true(call.item_max < before && call.item_max >= 1);
        call.tries++; // as the client counts
        times++;
    }
    assert_int_equal(call.item_max, 1); // one twin that is too large is a misfit
    assert_in_range(times, 3, 8);
    call.verb = HUB_TWIN;
    call.item_max = 0;
    assert_false(hub_call_retry(&call, 1, &ms));
}

static void test_a_command_that_waited_too_long_is_not_begun(void **state)
{
    (void)state;
    struct hub_call call = {.verb = HUB_METHOD, .give_up_us = 25000000};
    uint32_t ms = 0;
    assert_false(hub_call_is_late(&call, 25000000));
    assert_true(hub_call_is_late(&call, 25000001));
    hub_call_set_late(&call);
    assert_int_equal(call.outcome, HUB_BUSY); // it was not sent: whoever asked may ask again
    assert_non_null(strstr(call.message, "25 s"));
    call.tries = HUB_TRIES_MAX;
    assert_false(again(call, false, &ms));
}

static void test_waits_grow_and_follow_the_hub(void **state)
{
    (void)state;
    uint32_t ms = 0;
    struct hub_call call = {.verb = HUB_METHOD, .outcome = HUB_BUSY, .status = 429};
    for (call.tries = 1; call.tries < HUB_TRIES_MAX; call.tries++) {
        const uint32_t most = 500U << call.tries;
        for (uint32_t random = 0; random < 5000; random += 7) {
            assert_true(hub_call_retry(&call, random, &ms));
            assert_in_range(ms, most / 2, most);
        }
    }
    assert_false(again(call, true, &ms)); // HUB_TRIES_MAX
    call.tries = 1;
    call.retry_after_s = 3;
    assert_true(again(call, true, &ms));
    assert_in_range(ms, 3000, 3499);
    call.retry_after_s = 60; // nobody waits so long before a page
    assert_false(again(call, true, &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_equals_another_implementation),
        cmocka_unit_test(test_key_files_good_and_bad),
        cmocka_unit_test(test_token_is_kept_until_it_nears_its_end),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_refusals_are_understood),
        cmocka_unit_test(test_nothing_that_changes_is_asked_twice),
        cmocka_unit_test(test_a_page_that_is_too_large_is_asked_for_in_smaller_ones),
        cmocka_unit_test(test_a_command_that_waited_too_long_is_not_begun),
        cmocka_unit_test(test_waits_grow_and_follow_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
