// SPDX-License-Identifier: Apache-2.0
// Goal: user names, topics, property bags and log records in all their documented forms, and a
// clear no to every other.
#include "apps/hub/log_record.h"
#include "apps/hub/topic.h"
#include "apps/hub/user_name.h"
#include "azure/property_bag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text(const char *string)
{
    return bytes_of(string, strlen(string));
}

static void assert_text(struct bytes got, const char *expected)
{
    assert_true(bytes_equal(got, text(expected)));
}

static void test_user_names(void **state)
{
    (void)state;
    static const struct {
        const char *in, *device, *module, *query;
    } good[] = {
        {"h/d/?api-version=1", "d", "", "api-version=1"},
        {"h/d/api-version=1", "d", "", "api-version=1"},
        {"h/d", "d", "", ""},
        {"h/d/", "d", "", ""},
        {"h/d/m/?api-version=1&a=%2F/b", "d", "m", "api-version=1&a=%2F/b"},
        {"h/d/m", "d", "m", ""},
        {"h/d?x/?api", "d?x", "", "api"},
        {"h/-.%_*?!(),:=@$'", "-.%_*?!(),:=@$'", "", ""},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct hub_user_name name;
        const char *why = NULL;
        assert_int_equal(hub_user_name_parse(text(good[i].in), &name, &why), OK);
        assert_text(name.host, "h");
        assert_text(name.device_id, good[i].device);
        assert_text(name.module_id, good[i].module);
        assert_text(name.query, good[i].query);
    }
    static const char *const bad[] = {"",      "h",     "/d",      "h/",      "h//",   "h/d+",
                                      "h/d#/", "h/d d", "h/d/m/x", "h/d/m+/", "h/d\"", "h/d\x7f"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hub_user_name name;
        const char *why = NULL;
        assert_int_equal(hub_user_name_parse(text(bad[i]), &name, &why), ERR_ARG);
        assert_non_null(why);
    }
}

static void test_ids_at_their_limits(void **state)
{
    (void)state;
    char id[HUB_ID_SIZE_MAX + 2];
    memset(id, 'x', sizeof(id));
    assert_null(hub_id_fault(bytes_of(id, HUB_ID_SIZE_MAX)));
    assert_non_null(hub_id_fault(bytes_of(id, HUB_ID_SIZE_MAX + 1)));
    assert_non_null(hub_id_fault(bytes_of("a\0b", 3)));
    assert_non_null(strstr(hub_id_fault(text("a+b")), "+ or #"));
}

static void test_topics(void **state)
{
    (void)state;
    struct hub_events_topic topic;
    assert_int_equal(hub_events_topic_parse(text("devices/a/messages/events/"), &topic), OK);
    assert_text(topic.device_id, "a");
    assert_text(topic.properties, "");
    assert_int_equal(
        hub_events_topic_parse(text("devices/a/modules/m/messages/events/$.on=o&x=1/"), &topic),
        OK);
    assert_text(topic.module_id, "m");
    assert_text(topic.properties, "$.on=o&x=1");
    static const char *const bad[] = {
        "",
        "devices/a/messages/events",
        "devices//messages/events/",
        "devices/a/b/messages/events/",
        "Devices/a/messages/events/",
        "devices/a/messages/devicebound/",
        "devices/a/modules//messages/events/",
        "$iothub/twin/GET/?$rid=1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(hub_events_topic_parse(text(bad[i]), &topic), ERR_NOT_FOUND);
    }
    struct bytes me = text("a");
    assert_true(hub_may_subscribe(me, text("devices/a/messages/devicebound/#")));
    assert_true(hub_may_subscribe(me, text("devices/+/messages/devicebound/#")));
    assert_true(hub_may_subscribe(me, text("$iothub/methods/POST/#")));
    assert_false(hub_may_subscribe(me, text("devices/b/messages/devicebound/#")));
    assert_false(hub_may_subscribe(me, text("devices/a/messages/devicebound/")));
    assert_false(hub_may_subscribe(me, text("devices/a/messages/events/#")));
    assert_false(hub_may_subscribe(me, text("devices/#")));
    assert_false(hub_may_subscribe(me, text("#")));
    assert_false(hub_may_subscribe(me, text("$iothub/#")));
    assert_true(hub_may_receive(me, text("devices/a/messages/devicebound/x=1")));
    assert_false(hub_may_receive(me, text("devices/b/messages/devicebound/x=1")));
    assert_false(hub_may_receive(me, text("devices/a/messages/events/")));
}

static void test_property_bags(void **state)
{
    (void)state;
    uint8_t scratch[64];
    struct az_property property;
    struct bytes bag = text("%24.mid=a%20b%26&&flag&empty=&$.ct=application%2fjson&=v");
    struct bytes rest = bag;
    static const struct {
        const char *key, *value;
        bool has_value;
    } expected[] = {{"$.mid", "a b&", true},
                    {"flag", "", false},
                    {"empty", "", true},
                    {"$.ct", "application/json", true},
                    {"", "v", true}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(az_bag_next(&rest, scratch, sizeof(scratch), &property), OK);
        assert_text(property.key, expected[i].key);
        assert_text(property.value, expected[i].value);
        assert_true(property.has_value == expected[i].has_value);
    }
    assert_int_equal(az_bag_next(&rest, scratch, sizeof(scratch), &property), ERR_EMPTY);
    assert_int_equal(az_bag_find(bag, "$.ct", scratch, sizeof(scratch), &property), OK);
    assert_text(property.value, "application/json");
    assert_int_equal(az_bag_find(bag, "none", scratch, sizeof(scratch), &property), ERR_NOT_FOUND);
    assert_int_equal(az_bag_find(bag, "$.mid", scratch, 8, &property), ERR_SIZE);
    static const char *const bad[] = {"a=%", "a=%2", "%zz=1", "a=%2g", "a=1&%"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(az_bag_find(text(bad[i]), "none", scratch, 64, &property), ERR_CORRUPT);
    }
}

static void test_log_records_pair_and_break(void **state)
{
    (void)state;
    struct hub_record record = {
        .received_utc_ms = 1800000000123,
        .is_retained = true,
        .is_will = true,
        .device_id = text("device"),
        .module_id = text("m"),
        .properties = text("a=b"),
        .payload = text("payload"),
    };
    uint8_t bytes[128];
    struct writer w = writer_of(bytes, sizeof(bytes));
    assert_int_equal(hub_record_encode_head(&record, &w), OK);
    put_bytes(&w, record.payload);
    struct hub_record out;
    assert_int_equal(hub_record_decode(writer_bytes(&w), &out), OK);
    assert_true(out.received_utc_ms == record.received_utc_ms && out.is_retained && out.is_will);
    assert_text(out.device_id, "device");
    assert_text(out.module_id, "m");
    assert_text(out.properties, "a=b");
    assert_text(out.payload, "payload");
    size_t head = w.size - record.payload.size;
    for (size_t size = 0; size < head; size++) {
        assert_int_equal(hub_record_decode(bytes_of(bytes, size), &out), ERR_CORRUPT);
    }
    bytes[0] = 2;
    assert_int_equal(hub_record_decode(writer_bytes(&w), &out), ERR_UNSUPPORTED);
    w = writer_of(bytes, head - 1);
    assert_int_equal(hub_record_encode_head(&record, &w), ERR_SIZE);
    record.device_id = text("");
    w = writer_of(bytes, sizeof(bytes));
    assert_int_equal(hub_record_encode_head(&record, &w), ERR_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_names),
        cmocka_unit_test(test_ids_at_their_limits),
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_property_bags),
        cmocka_unit_test(test_log_records_pair_and_break),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
