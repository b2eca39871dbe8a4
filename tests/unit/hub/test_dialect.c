// SPDX-License-Identifier: Apache-2.0
// Goal: user names, filters, property bags and log records in all their documented forms, and a
// clear no to every other.
#include "apps/hub/filter.h"
#include "apps/hub/log_record.h"
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

static void test_user_names_of_dps(void **state)
{
    (void)state;
    struct hub_dps_user_name name;
    const char *why = NULL;
    static const char *const good[] = {
        "s/registrations/r-1.a_b:c/api-version=2019-03-31&ClientVersion=a%2Fb/c",
        "s/registrations/r-1.a_b:c/?api-version=2019-03-31"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(hub_dps_user_name_parse(text(good[i]), &name, &why), OK);
        assert_text(name.scope, "s");
        assert_text(name.registration_id, "r-1.a_b:c");
    }
    static const char *const bad[] = {
        "",
        "s",
        "s/registrations/",
        "s/registrations/r",
        "s/registrations/r/",
        "s/registration/r/api-version=1",
        "/registrations/r/api-version=1",
        "s/registrations//api-version=1",
        "s/registrations/r+/api-version=1",
        "s/registrations/r r/api-version=1",
        "s/registrations/r/x/api-version=1",
        "s/r/?api-version=1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why = NULL;
        assert_int_equal(hub_dps_user_name_parse(text(bad[i]), &name, &why), ERR_ARG);
        assert_non_null(why);
    }
    char id[HUB_ID_SIZE_MAX + 1];
    memset(id, 'x', sizeof(id));
    assert_null(hub_registration_id_fault(bytes_of(id, HUB_ID_SIZE_MAX)));
    assert_non_null(hub_registration_id_fault(bytes_of(id, HUB_ID_SIZE_MAX + 1)));
    assert_non_null(hub_registration_id_fault(bytes_of("a\0", 2)));
}

static void test_filters(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        unsigned hub, dps;
    } cases[] = {
        {"devices/a/messages/devicebound/#", HUB_FILTER_C2D, 0},
        {"devices/+/messages/devicebound/#", HUB_FILTER_C2D_ANY, 0},
        {"$iothub/methods/POST/#", HUB_FILTER_METHODS, 0},
        {"$iothub/twin/res/#", HUB_FILTER_TWIN_ANSWER, 0},
        {"$iothub/twin/PATCH/properties/desired/#", HUB_FILTER_DESIRED, 0},
        {"$dps/registrations/res/#", 0, HUB_FILTER_DPS},
        {"devices/b/messages/devicebound/#", 0, 0},
        {"devices/aa/messages/devicebound/#", 0, 0},
        {"devices/a/messages/devicebound/", 0, 0},
        {"devices/a/messages/devicebound/x/#", 0, 0},
        {"devices/a/messages/events/#", 0, 0},
        {"devices/a/modules/m/messages/devicebound/#", 0, 0},
        {"devices/#", 0, 0},
        {"#", 0, 0},
        {"+/+/+", 0, 0},
        {"", 0, 0},
        {"$iothub/#", 0, 0},
        {"$iothub/twin/res/+", 0, 0},
        {"$dps/#", 0, 0},
        {"$SYS/#", 0, 0},
        {"l/#", 0, 0},
        {"to/#", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes filter = text(cases[i].filter);
        assert_int_equal(hub_filter_bit(HUB_MODE_HUB, text("a"), filter), cases[i].hub);
        assert_int_equal(hub_filter_bit(HUB_MODE_DPS, text("a"), filter), cases[i].dps);
    }
    assert_int_equal(hub_filter_mask(HUB_FILTER_C2D_ANY | HUB_FILTER_METHODS),
                     HUB_FILTER_C2D | HUB_FILTER_METHODS);
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
        cmocka_unit_test(test_user_names),        cmocka_unit_test(test_ids_at_their_limits),
        cmocka_unit_test(test_user_names_of_dps), cmocka_unit_test(test_filters),
        cmocka_unit_test(test_property_bags),     cmocka_unit_test(test_log_records_pair_and_break),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
