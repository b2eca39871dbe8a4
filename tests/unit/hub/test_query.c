// SPDX-License-Identifier: Apache-2.0
// Goal: the query language says of one device what Azure's would, and whatever is outside the
// subset gets words. Method: tables over one device.
#include "apps/hub/rest/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

static struct query_row row(void)
{
    return (struct query_row){
        .device_id = text_of("store-0042"),
        .etag = text_of("AAAAAAAAAAE="),
        .status = text_of("enabled"),
        .connection_state = text_of("Disconnected"),
        .last_activity = text_of("2026-11-27T18:42:00.0000000Z"),
        .authentication_type = text_of("sas"),
        .version = 7,
        .tags = text_of("{\"site\":{\"city\":\"K\\u00f6ln\",\"floor\":3},\"new\":true,\"x\":null}"),
        .desired = text_of("{\"interval_s\":60,\"list\":[1]}"),
        .reported = text_of("{\"fw\":\"1.10\",\"t\":-2.5e0,\"it's\":1}"),
    };
}

// Whether "SELECT * FROM devices WHERE <condition>" takes the device; -1: refused.
static int ask(const char *condition, char why[QUERY_WHY_SIZE])
{
    static struct query query;
    static char text[2 * QUERY_SIZE_MAX];
    snprintf(text, sizeof(text), "SELECT * FROM devices WHERE %s", condition);
    const struct query_row device = row();
    return query_parse(text_of(text), &query, why) != OK ? -1 : query_matches(&query, &device);
}

static void test_conditions(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        int matches;
    } rows[] = {
        {"deviceId = 'store-0042'", 1},
        {"deviceId='store-0043'", 0},
        {"deviceId != \"store-0043\"", 1},
        {"DEVICEID = 'store-0042'", -1},
        {"deviceId IN ['a', 'store-0042']", 1},
        {"deviceId in ['a', 1, null]", 0},
        {"deviceId not in ['a']", 1},
        {"deviceId NOT IN ['a','store-0042']", 0},
        {"status = 'enabled' AND connectionState = 'Disconnected'", 1},
        {"status = 'enabled' and connectionState = 'Connected'", 0},
        {"status = 'disabled' OR connectionState = 'Disconnected'", 1},
        {"NOT status = 'disabled'", 1},
        {"NOT (status = 'enabled' OR version > 100)", 0},
        // AND binds closer than OR.
        {"status = 'enabled' OR version > 100 AND version > 100", 1},
        {"(status = 'enabled' OR version > 100) AND version > 100", 0},
        {"version = 7", 1},
        {"7 = version", 1},
        {"version < 7", 0},
        {"version <= 7", 1},
        {"version > 7", 0},
        {"version >= 7", 1},
        {"version <> 7", 0},
        {"version > -1", 1},
        {"lastActivityTime < '2026-11-28'", 1},
        {"lastActivityTime > '2026-11-28'", 0},
        {"authenticationType = 'sas'", 1},
        {"etag = 'AAAAAAAAAAE='", 1},
        {"tags.site.city = 'K\\u00f6ln'", 1},
        {"tags.site.city = 'K\xc3\xb6ln'", 1},
        {"tags.site.floor >= 3 AND tags.new = true", 1},
        {"tags.new != true", 0},
        {"tags.new > false", 0},
        {"tags.x = null", 1},
        {"tags.x != null", 0},
        {"properties.desired.interval_s = 60.0", 1},
        {"properties.desired.interval_s = 6e1", 1},
        {"properties.reported.fw = '1.10'", 1},
        {"properties.reported.fw < '1.9'", 1},
        {"properties.reported.t = -2.5", 1},
        {"STARTSWITH(deviceId, 'store-')", 1},
        {"startswith(deviceId, 'Store-')", 0},
        {"startswith(version, 'Store-')", 0},
        {"is_defined(tags.site)", 1},
        {"is_defined(tags.site.city)", 1},
        {"IS_DEFINED(tags.site.street)", 0},
        {"NOT is_defined(tags.site.street)", 1},
        {"is_defined(statusReason)", 0},
        // What is not there, or of another type, is unknown both ways.
        {"tags.site.street = 'a'", 0},
        {"NOT tags.site.street = 'a'", 0},
        {"tags.site.street != 'a'", 0},
        {"tags.site.floor = '3'", 0},
        {"NOT tags.site.floor = '3'", 0},
        {"tags.site = 'a' OR version = 7", 1},
        {"version = 7 OR tags.site = 'a'", 1},
        {"tags.site = 'a' AND version = 8", 0},
        {"NOT (tags.site = 'a' AND version = 8)", 1},
        {"NOT (version = 8 AND tags.site = 'a')", 1},
        {"NOT (tags.site = 'a' AND version = 7)", 0},
        {"NOT (tags.site = 'a' OR version = 8)", 0},
        {"tags.no IN ['a']", 0},
        {"tags.no NOT IN ['a']", 0},
        {"tags.site.city.deeper = 1", 0},
        {"properties.desired.list = 1", 0},
        {"'it\\'s' = 'it\\'s'", 1},
        {"'a\"b\\\\' = \"a\\\"b\\\\\"", 1},
    };
    char why[QUERY_WHY_SIZE];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int got = ask(rows[i].condition, why);
        if (got != rows[i].matches) {
            fail_msg("%s: %d, expected %d (%s)", rows[i].condition, got, rows[i].matches, why);
        }
    }
}

static void test_what_is_outside_gets_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words; // part of why
    } rows[] = {
        {"", "expected SELECT at the end"},
        {"DELETE FROM devices", "expected SELECT at character 1, where 'DELETE' stands"},
        {"SELECT deviceId FROM devices", "expected * or COUNT at character 8"},
        {"SELECT COUNT FROM devices", "expected ( behind COUNT"},
        {"SELECT COUNT(*) FROM devices", "expected ) behind COUNT("},
        {"SELECT COUNT() AS FROM.x FROM devices", "behind AS"},
        {"SELECT * devices", "expected FROM at character 10"},
        {"SELECT * FROM devices.modules", "expected devices"},
        {"SELECT * FROM devices.jobs", "expected devices"},
        {"SELECT * FROM devices GROUP BY status", "expected WHERE at character 23"},
        {"SELECT * FROM devices WHERE", "at the end"},
        {"SELECT * FROM devices WHERE status", "expected =, !=, <, <=, >, >= or IN at the end"},
        {"SELECT * FROM devices WHERE status = ", "at the end"},
        {"SELECT * FROM devices WHERE status == 'a'", "expected a text"},
        {"SELECT * FROM devices WHERE status = 'a", "never closed"},
        {"SELECT * FROM devices WHERE status = 'a\\n'", "escape"},
        {"SELECT * FROM devices WHERE status = 'a\x80'", "wrong character"},
        {"SELECT * FROM devices WHERE status = '\\ud800'", "escape"},
        {"SELECT * FROM devices WHERE status = 'a' 'b'", "expected AND, OR or the end"},
        {"SELECT * FROM devices WHERE (status = 'a'", "expected AND, OR or )"},
        {"SELECT * FROM devices WHERE status = 1.2.3", "a number that is none"},
        {"SELECT * FROM devices WHERE status IN 'a'", "expected [ behind IN"},
        {"SELECT * FROM devices WHERE status IN []", "expected a text"},
        {"SELECT * FROM devices WHERE status IN [status]", "expected a text"},
        {"SELECT * FROM devices WHERE status IN ['a'", "expected , or ]"},
        {"SELECT * FROM devices WHERE status NOT 'a'", "expected IN"},
        {"SELECT * FROM devices WHERE tags..a = 1", "empty name"},
        {"SELECT * FROM devices WHERE tags. = 1", "empty name"},
        {"SELECT * FROM devices WHERE properties = 1", "expected tags.*"},
        {"SELECT * FROM devices WHERE properties.other.a = 1", "expected tags.*"},
        {"SELECT * FROM devices WHERE deviceId.a = 1", "expected tags.*"},
        {"SELECT * FROM devices WHERE is_defined('tags.a')", "expected a property"},
        {"SELECT * FROM devices WHERE is_number(tags.a)", "expected tags.*"},
        {"SELECT * FROM devices; DROP", "expected WHERE"},
        {"SELECT * FROM devices WHERE tags.a.b.c.d.e.f.g.h.i.j.k.l = 1", "more than 12"},
    };
    static struct query query;
    char why[QUERY_WHY_SIZE];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const enum err err = query_parse(text_of(rows[i].text), &query, why);
        if (err != ERR_ARG || strstr(why, rows[i].words) == NULL) {
            fail_msg("%s: %d %s", rows[i].text, err, why);
        }
    }
}

static void test_count_and_its_name(void **state)
{
    (void)state;
    static struct query query;
    char why[QUERY_WHY_SIZE];
    assert_int_equal(
        query_parse(text_of("select count() as total from devices where version=7"), &query, why),
        OK);
    assert_int_equal(query.select, QUERY_COUNT);
    assert_string_equal(query.count_name, "total");
    const struct query_row device = row();
    assert_true(query_matches(&query, &device));
    assert_int_equal(query_parse(text_of("SELECT COUNT() FROM devices"), &query, why), OK);
    assert_string_equal(query.count_name, "");
    assert_true(query_matches(&query, &device));
    assert_int_equal(query_parse(text_of("SELECT * FROM devices"), &query, why), OK);
    assert_int_equal(query.select, QUERY_DEVICES);
    assert_true(query_matches(&query, &device));
}

static void repeat(char *out, const char *what, unsigned count)
{
    out[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        strcat(out, what);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static char text[2 * QUERY_SIZE_MAX];
    static struct query query;
    char why[QUERY_WHY_SIZE];
    repeat(text, "NOT ", QUERY_DEPTH_MAX - 1);
    strcat(text, "version = 7");
    assert_int_equal(ask(text, why), 0); // an odd number of NOTs
    repeat(text, "NOT ", QUERY_DEPTH_MAX);
    strcat(text, "version = 7");
    assert_int_equal(ask(text, why), -1);
    assert_non_null(strstr(why, "nested too deeply"));
    // Each comparison takes three nodes and each AND one; the first is never used.
    repeat(text, "version=7 AND ", QUERY_NODES_MAX / 4 - 1);
    strcat(text, "version=7");
    assert_int_equal(ask(text, why), 1);
    repeat(text, "version=7 AND ", QUERY_NODES_MAX / 4);
    strcat(text, "version=7");
    assert_int_equal(ask(text, why), -1);
    assert_non_null(strstr(why, "too many parts"));
    memset(text, ' ', sizeof(text));
    memcpy(text, "SELECT * FROM devices", 21);
    assert_int_equal(query_parse(bytes_of(text, QUERY_SIZE_MAX), &query, why), OK);
    assert_int_equal(query_parse(bytes_of(text, QUERY_SIZE_MAX + 1), &query, why), ERR_SIZE);
    assert_non_null(strstr(why, "4096 at most"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_what_is_outside_gets_words),
        cmocka_unit_test(test_count_and_its_name),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
