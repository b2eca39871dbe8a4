// SPDX-License-Identifier: Apache-2.0
// Goal: topics of the dialect as Microsoft's documents write them are understood, and what is built
// is understood as it was meant. Method: each form as literal text, built again and compared; forms
// with a part missing are refused.
#include "azure/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void test_each_documented_form_is_parsed_and_built_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        enum az_topic_kind kind;
    } cases[] = {
        {"devices/store-1/messages/events/$.ct=application%2Fjson&a=b", AZ_EVENTS},
        {"devices/store-1/modules/m/messages/events/", AZ_EVENTS},
        {"devices/store-1/messages/devicebound/%24.mid=1&iothub-ack=full", AZ_C2D},
        {"$iothub/twin/GET/?$rid=7", AZ_TWIN_GET},
        {"$iothub/twin/PATCH/properties/reported/?$rid=a-b&$version=3", AZ_TWIN_REPORT},
        {"$iothub/twin/PATCH/properties/desired/?$version=9223372036854775807", AZ_TWIN_DESIRED},
        {"$iothub/twin/res/204/?$rid=7&$version=12", AZ_TWIN_ANSWER},
        {"$iothub/methods/POST/identify/?$rid=1f", AZ_METHOD_CALL},
        {"$iothub/methods/res/-1/?$rid=1f", AZ_METHOD_ANSWER},
        {"$dps/registrations/PUT/iotdps-register/?$rid=1", AZ_DPS_REGISTER},
        {"$dps/registrations/GET/iotdps-get-operationstatus/"
         "?$rid=2&operationId=4.d0a671905ea5b2c8.e7",
         AZ_DPS_STATUS},
        {"$dps/registrations/res/202/?$rid=1&retry-after=3", AZ_DPS_ANSWER},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct az_topic topic;
        uint8_t buffer[AZ_TOPIC_SIZE_MAX];
        struct writer out = writer_of(buffer, sizeof(buffer));
        assert_int_equal(az_topic_parse(text(cases[i].topic), &topic), OK);
        assert_int_equal(topic.kind, cases[i].kind);
        az_topic_build(&topic, &out);
        assert_false(out.failed);
        assert_int_equal(out.size, strlen(cases[i].topic));
        assert_memory_equal(buffer, cases[i].topic, out.size);
    }
}

static void test_parts_are_told(void **state)
{
    (void)state;
    struct az_topic topic;
    assert_int_equal(az_topic_parse(text("devices/d/modules/m/messages/events/a=b/"), &topic), OK);
    assert_true(bytes_equal(topic.device_id, text("d")));
    assert_true(bytes_equal(topic.module_id, text("m")));
    assert_true(bytes_equal(topic.bag, text("a=b")));
    assert_int_equal(az_topic_parse(text("$iothub/methods/POST/go/?$rid=9"), &topic), OK);
    assert_true(bytes_equal(topic.name, text("go")));
    assert_true(bytes_equal(topic.rid, text("9")));
    assert_int_equal(az_topic_parse(text("$iothub/twin/res/412/?$rid=9&more=1"), &topic), OK);
    assert_int_equal(topic.status, 412);
    assert_false(topic.has_version);
    assert_int_equal(
        az_topic_parse(text("$dps/registrations/res/202/?$rid=1&retry-after=3"), &topic), OK);
    assert_true(topic.has_retry_after);
    assert_int_equal(topic.retry_after_s, 3);
}

static void test_what_is_not_of_the_dialect_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        enum err err;
    } cases[] = {
        {"", ERR_NOT_FOUND},
        {"devices//messages/events/", ERR_NOT_FOUND},
        {"devices/a/b/messages/events/", ERR_NOT_FOUND},
        {"devices/a/messages/events", ERR_NOT_FOUND},
        {"$iothub/twin/POST/?$rid=1", ERR_NOT_FOUND},
        {"$iothub/twin/GET/", ERR_CORRUPT},
        {"$iothub/twin/GET/?$rid=", ERR_CORRUPT},
        {"$iothub/twin/GET/?%24rid=1", ERR_CORRUPT},
        {"$iothub/twin/GET/?$rid=\xc3\xa4", ERR_CORRUPT},
        {"$iothub/twin/GET/?$rid=a\x7f", ERR_CORRUPT},
        {"$iothub/methods/res/200/?$rid=1#", ERR_CORRUPT},
        {"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x", ERR_CORRUPT},
        {"$iothub/twin/PATCH/properties/desired/?$rid=1", ERR_CORRUPT},
        {"$iothub/methods/res//?$rid=1", ERR_CORRUPT},
        {"$iothub/methods/res/2147483648/?$rid=1", ERR_CORRUPT},
        {"$iothub/methods/POST//?$rid=1", ERR_CORRUPT},
        {"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2", ERR_CORRUPT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct az_topic topic;
        assert_int_equal(az_topic_parse(text(cases[i].topic), &topic), cases[i].err);
    }
}

static void test_a_topic_that_does_not_fit_fails_the_writer(void **state)
{
    (void)state;
    uint8_t buffer[64];
    struct az_topic topic = {.kind = AZ_METHOD_CALL, .name = text("go"), .rid = text("1")};
    size_t size = strlen("$iothub/methods/POST/go/?$rid=1");
    for (size_t capacity = 0; capacity <= size; capacity++) {
        struct writer out = writer_of(buffer, capacity);
        az_topic_build(&topic, &out);
        assert_int_equal(out.failed, capacity < size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_documented_form_is_parsed_and_built_the_same),
        cmocka_unit_test(test_parts_are_told),
        cmocka_unit_test(test_what_is_not_of_the_dialect_is_refused),
        cmocka_unit_test(test_a_topic_that_does_not_fit_fails_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
