// SPDX-License-Identifier: Apache-2.0
// Goal: the box learns its hub, by key or certificate, whatever the service says meanwhile; and it
// never asks in a hurry. Method: the machine in virtual time against a scripted service.
#include "apps/gateway/north/dps.h"
#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct sas_key key = {.data = "0123456789abcdef", .size = 16};
static const struct wall_time utc = {.utc_ms = INT64_C(1790000000000)};
static struct dps dps;
static struct dps_out out;

static void begin(const char *payload, bool has_key)
{
    const struct dps_config cfg = {.id_scope = "0ne1234",
                                   .registration_id = "box-7",
                                   .key = has_key ? &key : NULL,
                                   .payload = payload,
                                   .seed = 11};
    assert_int_equal(dps_init(&dps, &cfg), OK);
}

static void expect(uint64_t now_us, enum dps_out_kind kind)
{
    assert_true(dps_next(&dps, now_us, &out));
    assert_int_equal(out.kind, kind);
}

static void expect_nothing(void)
{
    assert_false(dps_next(&dps, 0, &out));
}

static void expect_publish(uint64_t now_us, const char *topic, const char *body)
{
    char text[AZ_TOPIC_SIZE_MAX];
    struct writer w = writer_of(text, sizeof(text));
    expect(now_us, DPS_OUT_PUBLISH);
    az_topic_build(&out.topic, &w);
    put_u8(&w, 0);
    assert_false(w.failed);
    assert_string_equal(text, topic);
    assert_int_equal(out.body.size, strlen(body));
    assert_memory_equal(out.body.data, body, strlen(body));
}

static void say(uint64_t now_us, const char *topic, const char *body)
{
    dps_message(&dps, now_us, bytes_of(topic, strlen(topic)), bytes_of(body, strlen(body)));
}

static void ask(uint64_t now_us)
{
    expect(now_us, DPS_OUT_CONNECT);
    dps_connected(&dps, now_us);
    expect(now_us, DPS_OUT_SUBSCRIBE);
    assert_string_equal(out.filter, "$dps/registrations/res/#");
    dps_subscribed(&dps, now_us, 0);
}

static void expect_failure(enum dps_failure failure, const char *reason)
{
    expect(0, DPS_OUT_DISCONNECT);
    expect(0, DPS_OUT_FAILED);
    assert_int_equal(out.failure, failure);
    assert_non_null(strstr(out.reason, reason));
    assert_int_equal(dps.state, DPS_BACKING_OFF);
    expect_nothing();
}

static const char *const ASSIGNED =
    "{\"operationId\":\"4.op\",\"status\":\"assigned\",\"registrationState\":{"
    "\"registrationId\":\"box-7\",\"assignedHub\":\"hub.test\",\"deviceId\":\"box-seven\","
    "\"status\":\"assigned\",\"substatus\":\"initialAssignment\",\"etag\":\"x\",\"payload\":{\"a\":"
    "[1]}}}";

static void test_a_key_leads_to_a_hub(void **state)
{
    (void)state;
    begin("{\"model\":\"m\"}", true);
    dps_start(&dps, 0);
    expect_nothing(); // no token without a clock
    dps_set_clock(&dps, US_PER_S, utc);
    dps_start(&dps, US_PER_S);
    expect(US_PER_S, DPS_OUT_CONNECT);
    assert_string_equal(out.user, "0ne1234/registrations/box-7/api-version=2019-03-31");
    const char *begins = "SharedAccessSignature sr=0ne1234%2fregistrations%2fbox-7&sig=";
    assert_memory_equal(out.password, begins, strlen(begins));
    assert_non_null(strstr(out.password, "&se=1790003600&skn=registration"));
    dps_connected(&dps, US_PER_S);
    expect(US_PER_S, DPS_OUT_SUBSCRIBE);
    expect_nothing();
    dps_subscribed(&dps, US_PER_S, 0);
    expect_publish(US_PER_S, "$dps/registrations/PUT/iotdps-register/?$rid=1",
                   "{\"registrationId\":\"box-7\",\"payload\":{\"model\":\"m\"}}");
    say(US_PER_S, "$dps/registrations/res/202/?$rid=1&retry-after=5",
        "{\"operationId\":\"4.op\",\"status\":\"assigning\"}");
    expect_nothing();
    assert_int_equal(dps_deadline_us(&dps), 6 * US_PER_S);
    dps_tick(&dps, 6 * US_PER_S);
    const char *poll = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=4.op";
    expect_publish(6 * US_PER_S, poll, " ");
    say(7 * US_PER_S, "$dps/registrations/res/202/?$rid=2",
        "{\"operationId\":\"4.op\",\"status\":\"assigning\"}");
    assert_int_equal(dps_deadline_us(&dps), 10 * US_PER_S);
    dps_tick(&dps, 10 * US_PER_S);
    expect(10 * US_PER_S, DPS_OUT_PUBLISH);
    say(10 * US_PER_S, "$dps/registrations/res/200/?$rid=3", ASSIGNED);
    expect(10 * US_PER_S, DPS_OUT_DISCONNECT);
    expect(10 * US_PER_S, DPS_OUT_ASSIGNED);
    assert_string_equal(out.host, "hub.test");
    assert_string_equal(out.device, "box-seven");
    expect_nothing();
    assert_int_equal(dps_deadline_us(&dps), TIME_NEVER);
    dps_start(&dps, 20 * US_PER_S); // a second time, when the hub refuses
    ask(20 * US_PER_S);
    expect_publish(20 * US_PER_S, "$dps/registrations/PUT/iotdps-register/?$rid=4",
                   "{\"registrationId\":\"box-7\",\"payload\":{\"model\":\"m\"}}");
}

static void test_a_certificate_needs_neither_password_nor_clock(void **state)
{
    (void)state;
    begin(NULL, false);
    dps_start(&dps, 0);
    expect(0, DPS_OUT_CONNECT);
    assert_null(out.password);
    dps_connected(&dps, 0);
    expect(0, DPS_OUT_SUBSCRIBE);
    dps_subscribed(&dps, 0, 0);
    expect_publish(0, "$dps/registrations/PUT/iotdps-register/?$rid=1",
                   "{\"registrationId\":\"box-7\"}");
    say(0, "$dps/registrations/res/200/?$rid=1", ASSIGNED); // at once, without any 202
    expect(0, DPS_OUT_DISCONNECT);
    expect(0, DPS_OUT_ASSIGNED);
}

// Each answer, what it means, and how long it may take until we ask again the first time.
static void test_every_refusal_is_told_and_asked_again(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *body;
        enum dps_failure failure;
        const char *reason;
        unsigned first_s;
    } cases[] = {
        {"401/?$rid=1", "{\"errorCode\":401002,\"message\":\"Unauthorized\"}", DPS_DENIED,
         "status 401, code 401002: Unauthorized", 30},
        {"404/?$rid=1", "", DPS_DENIED, "status 404", 30},
        {"400/?$rid=1", "{\"errorCode\":400207}", DPS_DENIED, "code 400207", 30},
        {"429/?$rid=1&retry-after=60", "{}", DPS_THROTTLED, "status 429", 70},
        {"429/?$rid=1&retry-after=999999", "{}", DPS_THROTTLED, "status 429", 10},
        {"500/?$rid=1", "<html>", DPS_UNWELL, "status 500", 5},
        {"503/?$rid=1", "{\"errorCode\":503001,\"message\":\"a\\nb\"}", DPS_UNWELL, "a b", 5},
        {"200/?$rid=1", "{\"status\":\"disabled\",\"registrationState\":{\"status\":\"disabled\"}}",
         DPS_DISABLED, "status 200", 60},
        {"200/?$rid=1", "{\"status\":\"unassigned\"}", DPS_UNASSIGNED, "status 200", 60},
        {"200/?$rid=1",
         "{\"status\":\"failed\",\"registrationState\":{\"errorCode\":400209,\"errorMessage\":"
         "\"Custom allocation failed\"}}",
         DPS_FAILED, "code 400209: Custom allocation failed", 60},
        {"200/?$rid=1", "{\"status\":\"assigned\"}", DPS_UNWELL, "no hub", 5},
        {"200/?$rid=1", "{\"status\":\"novel\"}", DPS_UNWELL, "no status", 5},
        {"200/?$rid=1", "[]", DPS_UNWELL, "no JSON", 5},
        {"200/?$rid=1", "{\"status\":1}", DPS_UNWELL, "no JSON", 5},
        {"202/?$rid=1", "{\"status\":\"assigning\"}", DPS_UNWELL, "no operation id", 5},
        {"202/?$rid=1", "{\"operationId\":\"a&b\",\"status\":\"assigning\"}", DPS_UNWELL,
         "no operation id", 5},
        {"200/?$rid=1",
         "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"a/b\",\"deviceId\":"
         "\"d\"}}",
         DPS_UNWELL, "no hub", 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char topic[128];
        snprintf(topic, sizeof(topic), "$dps/registrations/res/%s", cases[i].topic);
        begin(NULL, false);
        dps_start(&dps, 0);
        ask(0);
        expect(0, DPS_OUT_PUBLISH);
        say(0, topic, cases[i].body);
        expect_failure(cases[i].failure, cases[i].reason);
        uint64_t wait_us = dps_deadline_us(&dps);
        assert_true(wait_us >= cases[i].first_s * US_PER_S / 2);
        assert_true(wait_us <= cases[i].first_s * US_PER_S);
        dps_tick(&dps, wait_us);
        ask(wait_us); // and the next good answer works
        expect(wait_us, DPS_OUT_PUBLISH);
        say(wait_us, "$dps/registrations/res/200/?$rid=2", ASSIGNED);
        expect(wait_us, DPS_OUT_DISCONNECT);
        expect(wait_us, DPS_OUT_ASSIGNED);
    }
}

static void test_what_hangs_or_ends_is_tried_again(void **state)
{
    (void)state;
    for (unsigned step = 0; step < 4; step++) {
        begin(NULL, false);
        dps_start(&dps, 0);
        expect(0, DPS_OUT_CONNECT);
        if (step > 0) {
            dps_connected(&dps, 0);
            expect(0, DPS_OUT_SUBSCRIBE);
        }
        if (step > 1) {
            dps_subscribed(&dps, 0, 0);
            expect(0, DPS_OUT_PUBLISH);
        }
        if (step > 2) {
            dps_lost(&dps, 0, false, "ended");
            expect_failure(DPS_UNREACHABLE, "ended");
        } else {
            dps_tick(&dps, 30 * US_PER_S);
            expect_failure(DPS_UNREACHABLE, "no answer in time");
        }
    }
    begin(NULL, false);
    dps_start(&dps, 0);
    expect(0, DPS_OUT_CONNECT);
    dps_lost(&dps, 0, true, "not authorised");
    expect_failure(DPS_DENIED, "not authorised");
    begin(NULL, false);
    dps_start(&dps, 0);
    expect(0, DPS_OUT_CONNECT);
    dps_connected(&dps, 0);
    expect(0, DPS_OUT_SUBSCRIBE);
    dps_subscribed(&dps, 0, 1);
    expect_failure(DPS_DENIED, "subscription");
}

static void test_strangers_answers_change_nothing(void **state)
{
    (void)state;
    begin(NULL, false);
    say(0, "$dps/registrations/res/200/?$rid=1", ASSIGNED);
    dps_start(&dps, 0);
    ask(0);
    say(0, "$dps/registrations/res/200/?$rid=1", ASSIGNED); // before we asked
    expect(0, DPS_OUT_PUBLISH);
    say(0, "$dps/registrations/res/200/?$rid=2", ASSIGNED);
    say(0, "$dps/registrations/res/200/?$rid=11", ASSIGNED);
    say(0, "$iothub/twin/res/200/?$rid=1", ASSIGNED);
    say(0, "", ASSIGNED);
    assert_int_equal(dps.state, DPS_ASKING);
    say(0, "$dps/registrations/res/200/?$rid=1", ASSIGNED);
    assert_int_equal(dps.state, DPS_IDLE);
}

static void test_endless_assigning_ends(void **state)
{
    (void)state;
    begin(NULL, false);
    dps_start(&dps, 0);
    ask(0);
    uint64_t now_us = 0;
    unsigned polls = 0;
    while (dps.state != DPS_BACKING_OFF) {
        char topic[64];
        expect(now_us, DPS_OUT_PUBLISH);
        snprintf(topic, sizeof(topic), "$dps/registrations/res/202/?$rid=%u&retry-after=0",
                 ++polls);
        say(now_us, topic, "{\"operationId\":\"o\",\"status\":\"assigning\"}");
        now_us = dps_deadline_us(&dps);
        dps_tick(&dps, now_us);
    }
    assert_int_equal(now_us, 600 * US_PER_S);
    assert_int_equal(polls, 300); // never faster than every 2 s
    expect_failure(DPS_UNWELL, "still assigning");
}

static void test_back_off_grows_to_its_bound(void **state)
{
    (void)state;
    begin(NULL, false);
    dps_start(&dps, 0);
    uint64_t now_us = 0;
    uint64_t ceiling_us = 30 * US_PER_S;
    for (unsigned i = 0; i < 12; i++) {
        expect(now_us, DPS_OUT_CONNECT);
        dps_lost(&dps, now_us, true, "no");
        expect_failure(DPS_DENIED, "no");
        uint64_t wait_us = dps_deadline_us(&dps) - now_us;
        assert_true(wait_us >= ceiling_us / 2 && wait_us <= ceiling_us);
        ceiling_us = ceiling_us * 2 < 1800 * US_PER_S ? ceiling_us * 2 : 1800 * US_PER_S;
        now_us += wait_us;
        dps_tick(&dps, now_us);
    }
}

// A service that says anything for an hour, then is well: each box knows its hub within the hour
// that the longest back-off takes, and none asked more than a sane box does.
static void test_seeds(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"status\":\"disabled\"}",
        "{\"operationId\":\"o\",\"status\":\"assigning\"}",
        "{\"errorCode\":429001}",
        "",
        "[1",
        "{\"status\":\"unassigned\"}",
    };
    static const unsigned statuses[] = {200, 202, 429, 500, 401, 200};
    for (uint64_t seed = 1; seed <= 500; seed++) {
        uint64_t random = seed;
        const struct dps_config cfg = {.id_scope = "s", .registration_id = "r", .seed = seed};
        assert_int_equal(dps_init(&dps, &cfg), OK);
        uint64_t now_us = 0;
        unsigned connects = 0;
        bool is_assigned = false;
        dps_start(&dps, 0);
        while (!is_assigned) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            unsigned dice = (unsigned)(random >> 40);
            bool is_well = now_us >= US_PER_HOUR;
            bool has_asked = false;
            while (dps_next(&dps, now_us, &out)) {
                connects += out.kind == DPS_OUT_CONNECT;
                has_asked = has_asked || out.kind == DPS_OUT_PUBLISH;
                is_assigned = is_assigned || out.kind == DPS_OUT_ASSIGNED;
            }
            char topic[64];
            if (!is_well && dice % 8 == 0) {
                dps_lost(&dps, now_us, dice % 16 == 0, "ended");
            } else if (!is_well && dice % 8 == 1) {
                now_us = time_min(dps_deadline_us(&dps), now_us + US_PER_MIN); // it hangs
                dps_tick(&dps, now_us);
            } else if (dps.state == DPS_CONNECTING) {
                dps_connected(&dps, now_us);
            } else if (dps.state == DPS_SUBSCRIBING) {
                dps_subscribed(&dps, now_us, 0);
            } else if (dps.state == DPS_ASKING && has_asked) {
                unsigned i = dice / 8 % COUNT_OF(bodies);
                snprintf(topic, sizeof(topic), "$dps/registrations/res/%u/?$rid=%u",
                         is_well ? 200 : statuses[i], dps.rid);
                say(now_us, topic, is_well ? ASSIGNED : bodies[i]);
            } else {
                now_us = time_min(dps_deadline_us(&dps), now_us + US_PER_MIN);
                dps_tick(&dps, now_us);
            }
            if (now_us > 3 * US_PER_HOUR || connects > 400) {
                printf("seed=%llu now_us=%llu connects=%u\n", (unsigned long long)seed,
                       (unsigned long long)now_us, connects);
            }
            assert_true(now_us <= 3 * US_PER_HOUR && connects <= 400);
        }
    }
}

static void test_names_and_payloads_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct dps_config cfg = {.id_scope = "", .registration_id = "r"};
    assert_int_equal(dps_init(&dps, &cfg), ERR_ARG);
    cfg.id_scope = "s";
    cfg.registration_id = "a/b";
    assert_int_equal(dps_init(&dps, &cfg), ERR_ARG);
    cfg.registration_id = "r";
    cfg.payload = "{\"a\":";
    assert_int_equal(dps_init(&dps, &cfg), ERR_ARG);
    cfg.payload = "{} {}";
    assert_int_equal(dps_init(&dps, &cfg), ERR_ARG);
    cfg.payload = "{}";
    assert_int_equal(dps_init(&dps, &cfg), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_leads_to_a_hub),
        cmocka_unit_test(test_a_certificate_needs_neither_password_nor_clock),
        cmocka_unit_test(test_every_refusal_is_told_and_asked_again),
        cmocka_unit_test(test_what_hangs_or_ends_is_tried_again),
        cmocka_unit_test(test_strangers_answers_change_nothing),
        cmocka_unit_test(test_endless_assigning_ends),
        cmocka_unit_test(test_back_off_grows_to_its_bound),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_names_and_payloads_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
