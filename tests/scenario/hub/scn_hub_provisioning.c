// SPDX-License-Identifier: Apache-2.0
// Goal: DPS in virtual time: every way to register, what the registry then holds, again and again,
// and refusals with Azure's bodies.
#include "hub_backend_world.h"

#include "apps/hub/backend/allocation.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

#define REGISTER "$dps/registrations/PUT/iotdps-register/?$rid=1"
#define PRINT    "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"

static struct enrolment enrolment;

static struct enrolment *fresh(const char *id, bool is_group)
{
    memset(&enrolment, 0, sizeof(enrolment));
    snprintf(enrolment.id, sizeof(enrolment.id), "%s", id);
    enrolment.is_group = is_group;
    enrolment.is_enabled = true;
    enrolment.may_move = true;
    enrolment.keeps_data = true;
    return &enrolment;
}

static void write_enrolment(const char *if_match)
{
    if (!enrolments_write(&w.store, &enrolment, if_match, w.now.utc_ms, &w.why)) {
        fail_msg("%s", w.why.message);
    }
}

static void dps_up(const char *registration, int connection, const char *json)
{
    char rest[200];
    snprintf(rest, sizeof(rest), "up/%d/%s", connection, registration);
    text_message(BROKER_DPS, rest, json);
}

static void up_individual(const char *registration, int connection)
{
    char json[300];
    snprintf(json, sizeof(json),
             "{\"auth\":\"sas\",\"clean\":true,\"subscriptions\":16,\"enrolment\":\"individual\","
             "\"id\":\"%s\"}",
             registration);
    dps_up(registration, connection, json);
}

// Registers and asks once: the answer's body lies in the line that is given.
static const char *provision(const char *registration, int connection)
{
    char body[200];
    char topic[200];
    snprintf(body, sizeof(body), "{\"registrationId\":\"%s\",\"payload\":{\"a\":[1]}}",
             registration);
    request(BROKER_DPS, registration, connection, REGISTER, body);
    const char *line = next_line();
    const char *id = strstr(line, "\"operationId\":\"");
    if (id == NULL || strstr(line, "/res/202/?$rid=1&retry-after=3|") == NULL ||
        strstr(line, "\"status\":\"assigning\"") == NULL) {
        fail_msg("%s", line);
        return "";
    }
    id += strlen("\"operationId\":\"");
    snprintf(topic, sizeof(topic),
             "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=%.*s",
             (int)strcspn(id, "\""), id);
    request(BROKER_DPS, registration, connection, topic, "");
    return next_line();
}

static void expect_in(const char *line, const char *part)
{
    if (strstr(line, part) == NULL) {
        fail_msg("%s\nis not in %s", part, line);
    }
}

static struct device read_device(const char *id)
{
    struct device device;
    if (!registry_read(&w.store, span(id), &device, &w.why)) {
        fail_msg("%s", w.why.message);
    }
    return device;
}

static void test_individual_by_key(void **state)
{
    (void)state;
    struct enrolment *e = fresh("reg-1", false);
    snprintf(e->device_id, sizeof(e->device_id), "store-7");
    snprintf(e->initial_twin, sizeof(e->initial_twin),
             "{\"tags\":{\"area\":\"n\"},\"properties\":{\"desired\":{\"x\":1}}}");
    write_enrolment(NULL);
    hello(BROKER_DPS, "b1");
    up_individual("reg-1", 1);
    const char *line = provision("reg-1", 1);
    expect_in(line, "to/1/0/reg-1|$dps/registrations/res/200/?$rid=2|");
    expect_in(line, "\"status\":\"assigned\",\"registrationState\":{\"registrationId\":\"reg-1\"");
    expect_in(line, "\"assignedHub\":\"hub.test\",\"deviceId\":\"store-7\"");
    expect_in(line, "\"substatus\":\"initialAssignment\"");
    struct device device = read_device("store-7");
    assert_memory_equal(&device.keys, &e->keys, sizeof(device.keys));
    assert_int_equal(number("SELECT count(*) FROM twin WHERE device_id='store-7' AND"
                            " desired='{\"x\":1}' AND tags='{\"area\":\"n\"}'"),
                     1);
    // Again, after the device has reported and a service has changed desired: the twin stays.
    struct twins_change change = {.body = span("{\"properties\":{\"desired\":{\"x\":2}}}")};
    assert_true(twins_update(&w.backend.twins, span("store-7"), &change, &w.why));
    expect_in(provision("reg-1", 1), "\"substatus\":\"deviceDataMigrated\"");
    assert_int_equal(number("SELECT count(*) FROM device"), 3); // with d and e
    assert_int_equal(number("SELECT count(*) FROM twin WHERE desired='{\"x\":2}'"), 1);
    // A policy of beginning anew.
    e->keeps_data = false;
    write_enrolment("*");
    expect_in(provision("reg-1", 1), "\"substatus\":\"deviceDataReset\"");
    assert_int_equal(number("SELECT count(*) FROM twin WHERE desired='{\"x\":1}'"), 1);
    // The operation outlives the backend.
    restart_backend(2);
    hello(BROKER_DPS, "b1");
    up_individual("reg-1", 1);
    expect_in(provision("reg-1", 1), "\"deviceId\":\"store-7\"");
}

static void test_group_by_key_derives(void **state)
{
    static const char up_json[] = "{\"auth\":\"sas\",\"clean\":true,\"subscriptions\":16,"
                                  "\"enrolment\":\"group\",\"id\":\"shops\"}";
    struct hub_sas_key want;
    (void)state;
    struct enrolment *e = fresh("shops", true);
    snprintf(e->initial_twin, sizeof(e->initial_twin),
             "{\"properties\":{\"desired\":{\"every\":60}}}");
    write_enrolment(NULL);
    hello(BROKER_DPS, "b1");
    dps_up("reg-2", 1, up_json);
    dps_up("reg-3", 2, up_json);
    expect_in(provision("reg-2", 1), "\"deviceId\":\"reg-2\"");
    // The first desired properties are version 1, as Azure counts; nobody is told of them.
    assert_int_equal(number("SELECT desired_version FROM twin WHERE device_id='reg-2'"), 1);
    assert_int_equal(number("SELECT reported_version FROM twin WHERE device_id='reg-2'"), 1);
    assert_int_equal(number("SELECT desired LIKE '%every%' FROM twin WHERE device_id='reg-2'"), 1);
    expect_in(provision("reg-3", 2), "\"deviceId\":\"reg-3\"");
    struct device device = read_device("reg-2");
    key_derive(&e->keys[0], span("reg-2"), &want);
    assert_memory_equal(device.keys[0].bytes, want.bytes, 32);
    struct registration r;
    assert_true(registrations_after(&w.store, span("shops"), span("reg-2"), &r, &w.why));
    assert_string_equal(r.id, "reg-3");
    assert_false(registrations_after(&w.store, span("shops"), span("reg-3"), &r, &w.why));
}

static void test_certificates(void **state)
{
    char text[THUMBPRINT_TEXT_SIZE];
    (void)state;
    struct enrolment *e = fresh("cert-1", false);
    e->attestation = ATTESTATION_X509;
    assert_int_equal(thumbprint_parse(span(PRINT), &e->thumbprints[0]), OK);
    write_enrolment(NULL);
    e = fresh("fleet", true);
    e->attestation = ATTESTATION_X509_CA;
    write_enrolment(NULL);
    hello(BROKER_DPS, "b1");
    dps_up("cert-1", 1,
           "{\"auth\":\"x509\",\"clean\":true,\"subscriptions\":16,\"thumbprint\":\"" PRINT
           "\",\"enrolment\":\"individual\",\"id\":\"cert-1\"}");
    dps_up("cert-2", 2,
           "{\"auth\":\"x509\",\"clean\":true,\"subscriptions\":16,\"thumbprint\":\"" PRINT
           "\",\"enrolment\":\"group\",\"id\":\"fleet\"}");
    static const char *const ids[] = {"cert-1", "cert-2"};
    for (int i = 0; i < 2; i++) {
        expect_in(provision(ids[i], i + 1), "\"status\":\"assigned\"");
        struct device device = read_device(ids[i]);
        assert_int_equal(device.auth, DEVICE_AUTH_SELF_SIGNED);
        assert_int_equal(device.keys[0].size, 0);
        thumbprint_text(&device.thumbprints[0], text);
        assert_string_equal(text, PRINT);
    }
}

static void test_allocation(void **state)
{
    (void)state;
    struct enrolment *e = fresh("shops", true);
    e->allocation = ALLOCATION_CUSTOM;
    snprintf(e->table, sizeof(e->table), "%s",
             "[{\"match\":\"north-*\",\"hub\":\"other.test\",\"payload\":{\"z\":1}},"
             "{\"match\":\"south-?\",\"initialTwin\":{\"properties\":{\"desired\":{\"s\":1}}}}]");
    write_enrolment(NULL);
    hello(BROKER_DPS, "b1");
    static const char up_json[] = "{\"auth\":\"sas\",\"clean\":true,\"subscriptions\":16,"
                                  "\"enrolment\":\"group\",\"id\":\"shops\"}";
    static const char *const ids[] = {"north-12", "south-1", "south-12"};
    for (int i = 0; i < 3; i++) {
        dps_up(ids[i], i + 1, up_json);
    }
    const char *line = provision("north-12", 1);
    expect_in(line, "\"assignedHub\":\"other.test\"");
    expect_in(line, "\"payload\":{\"z\":1}");
    assert_int_equal(number("SELECT count(*) FROM device WHERE id='north-12'"), 0);
    expect_in(provision("south-1", 2), "\"assignedHub\":\"hub.test\"");
    assert_int_equal(number("SELECT count(*) FROM twin WHERE desired='{\"s\":1}'"), 1);
    line = provision("south-12", 3);
    expect_in(line, "\"status\":\"failed\"");
    expect_in(line, "no row of the allocation table fits");
    assert_int_equal(number("SELECT count(*) FROM device WHERE id='south-12'"), 0);
    // Moved by a new table, and kept where it is by the policy.
    snprintf(e->table, sizeof(e->table), "[{\"match\":\"*\",\"hub\":\"hub.test\"}]");
    e->may_move = false;
    write_enrolment("*");
    line = provision("north-12", 1);
    expect_in(line, "\"assignedHub\":\"other.test\"");
    expect_in(line, "\"substatus\":\"reprovisionedToInitialAssignment\"");
    e->may_move = true;
    write_enrolment("*");
    expect_in(provision("north-12", 1), "\"assignedHub\":\"hub.test\"");
    (void)read_device("north-12");
    expect_in(provision("south-12", 3), "\"status\":\"assigned\"");
}

static void test_hashed_is_steady_and_even(void **state)
{
    struct allocation chosen;
    size_t first = 0;
    char id[24];
    (void)state;
    struct enrolment *e = fresh("g", true);
    snprintf(e->hubs, sizeof(e->hubs), "a.test  b.test");
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "device-%d", i);
        assert_true(allocation_choose(e, span(id), "own", &chosen, &w.why));
        bool is_first = strcmp(chosen.hub, "a.test") == 0;
        assert_true(is_first || strcmp(chosen.hub, "b.test") == 0);
        first += is_first ? 1 : 0;
        assert_true(allocation_choose(e, span(id), "own", &chosen, &w.why));
        assert_int_equal(strcmp(chosen.hub, "a.test") == 0, is_first);
    }
    assert_true(first > 400 && first < 600);
    e->allocation = ALLOCATION_STATIC;
    assert_true(allocation_choose(e, span("x"), "own", &chosen, &w.why));
    assert_string_equal(chosen.hub, "a.test");
    e->hubs[0] = '\0';
    assert_true(allocation_choose(e, span("x"), "own", &chosen, &w.why));
    assert_string_equal(chosen.hub, "own");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *body, *words;
    } rows[] = {
        {"", "body, line 1 column 1"},
        {"{\"registrationId\":\"reg-2\"}", "not the one that connected"},
        {"{}", "not the one that connected"},
        {"{\"registrationId\":7}", "expected a string"},
    };
    (void)state;
    (void)fresh("reg-1", false);
    write_enrolment(NULL);
    hello(BROKER_DPS, "b1");
    up_individual("reg-1", 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        request(BROKER_DPS, "reg-1", 1, REGISTER, rows[i].body);
        const char *line = next_line();
        expect_in(line, "/res/400/?$rid=1|{\"errorCode\":400004,\"trackingId\":\"");
        expect_in(line, rows[i].words);
    }
    request(BROKER_DPS, "reg-1", 1,
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=x", "");
    expect_in(next_line(), "/res/404/?$rid=2|{\"errorCode\":404204,");
    enrolment.is_enabled = false;
    write_enrolment("*");
    expect_in(provision("reg-1", 1), "\"status\":\"disabled\"");
    assert_int_equal(number("SELECT count(*) FROM device WHERE id='reg-1'"), 0);
    enrolment.is_enabled = true;
    write_enrolment("*");
    expect_in(provision("reg-1", 1), "\"status\":\"assigned\"");
    assert_true(enrolments_delete(&w.store, span("reg-1"), false, "*", &w.why));
    request(BROKER_DPS, "reg-1", 1, REGISTER, "{\"registrationId\":\"reg-1\"}");
    expect_in(next_line(), "/res/401/?$rid=1|{\"errorCode\":401002,");
}

static void test_enrolments_are_checked(void **state)
{
    (void)state;
    struct enrolment *e = fresh("reg.", false);
    assert_false(enrolments_write(&w.store, e, NULL, 1, &w.why));
    e = fresh("reg-1", false);
    e->attestation = ATTESTATION_X509;
    assert_false(enrolments_write(&w.store, e, NULL, 1, &w.why));
    expect_in(w.why.message, "certificate");
    e = fresh("reg-1", false);
    snprintf(e->initial_twin, sizeof(e->initial_twin), "{\n\"tags\":}");
    assert_false(enrolments_write(&w.store, e, NULL, 1, &w.why));
    expect_in(w.why.message, "initialTwin, line 2 column 8");
    e = fresh("reg-1", false);
    e->allocation = ALLOCATION_CUSTOM;
    snprintf(e->table, sizeof(e->table), "[{\"hub\":\"x\"}]");
    assert_false(enrolments_write(&w.store, e, NULL, 1, &w.why));
    expect_in(w.why.message, "allocation table, line 1 column 2: a row needs a match");
    e = fresh("reg-1", false);
    assert_false(enrolments_write(&w.store, e, "*", 1, &w.why));
    assert_int_equal(w.why.code, HUB_NOT_FOUND);
    write_enrolment(NULL);
    struct hub_sas_key key = e->keys[0];
    assert_int_equal(key.size, 32);
    assert_false(enrolments_write(&w.store, e, NULL, 1, &w.why));
    assert_int_equal(w.why.code, HUB_CONFLICT);
    assert_false(enrolments_write(&w.store, e, "\"AAAA\"", 1, &w.why));
    assert_int_equal(w.why.code, HUB_PRECONDITION_FAILED);
    static struct enrolment read;
    assert_true(enrolments_after(&w.store, span(""), false, &read, &w.why));
    assert_memory_equal(&read, e, sizeof(read));
    assert_false(enrolments_after(&w.store, span("reg-1"), false, &read, &w.why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_individual_by_key, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_group_by_key_derives, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_certificates, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_allocation, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_hashed_is_steady_and_even, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_refusals, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_enrolments_are_checked, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
