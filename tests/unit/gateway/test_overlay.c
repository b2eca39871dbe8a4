// SPDX-License-Identifier: Apache-2.0
// Goal: what the twin says lies over the local file by the rules of docs/twin.md, and every mistake
// is named where it stands. Method: configurations from texts in memory, loaded as from files.
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/config_overlay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MEMORY_SIZE = 16 * 1024 * 1024 };

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define REF(name, hash)                                                                            \
    "{\"name\":\"" name "\",\"sha256\":\"" hash "\",\"url\":\"https://files.example.org/x\"}"

static const char local_text[] =
    "{ // the site's own\n"
    " \"gateway\": {\"id\": \"g\", \"name\": \"here\", \"data_dir\": \"/d\"},\n"
    " \"hub\": {\"host\": \"hub\", \"key_file\": \"/k\"},\n"
    " \"telemetry\": {\"max_age_ms\": 5000, \"sync_ms\": 700},\n"
    " \"remote\": {\"local\": [{\"path\": \"telemetry.sync_ms\"},\n"
    "   {\"path\": \"buses[one].devices[till]\"}, {\"path\": \"buses[two].baud\"}]},\n"
    " \"buses\": [\n"
    "  {\"name\": \"one\", \"port\": \"tty:/dev/a\", \"baud\": 9600, \"devices\": [\n"
    "   {\"name\": \"cold\", \"unit\": 1, \"profile\": \"p\",\n"
    "    \"limits\": [{\"point\": \"t\", \"low\": 1, \"high\": 5}]},\n"
    "   {\"name\": \"till\", \"unit\": 2, \"profile\": \"p\"}]},\n"
    "  {\"name\": \"two\", \"port\": \"tty:/dev/b\", \"devices\": [\n"
    "   {\"name\": \"far\", \"unit\": 1, \"profile\": \"p\"}]}]}\n";
static const char profile_text[] =
    "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],"
    "\"points\":[{\"name\":\"t\",\"address\":0}]}";
static const char profile_q[] =
    "{\"name\":\"q\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],"
    "\"points\":[{\"name\":\"t\",\"address\":0},{\"name\":\"u\",\"address\":1}]}";

static struct arena arena;
static struct config_report report;
static struct config config;
static const char *cached_a; // what lies in the cache by HASH_A

static enum err read_text(void *ctx, struct arena *memory, const char *path, struct bytes *out)
{
    (void)ctx;
    (void)memory;
    const char *text = strcmp(path, "local.json") == 0        ? local_text
                       : strcmp(path, "profiles/p.json") == 0 ? profile_text
                       : strcmp(path, "cache/" HASH_A) == 0   ? cached_a
                       : strcmp(path, "cache/" HASH_B) == 0   ? profile_q
                                                              : NULL;
    if (text == NULL) {
        return ERR_NOT_FOUND;
    }
    *out = bytes_of(text, strlen(text));
    return OK;
}

static enum err load(const char *desired)
{
    struct config_overlay overlay = {.text = bytes_of(desired, strlen(desired)),
                                     .cache_dir = "cache"};
    struct config_source source = {
        .path = "local.json", .files = {.read = read_text}, .overlay = &overlay};
    memset(arena.data, 0, arena.used);
    arena = arena_of(arena.data, MEMORY_SIZE);
    report = (struct config_report){
        .items = arena_take(&arena, CONFIG_FINDINGS_MAX, sizeof(*report.items))};
    return config_load(&source, &arena, &report, &config);
}

static void load_good(const char *desired)
{
    enum err err = load(desired);
    for (size_t i = 0; i < report.count && err != OK; i++) {
        char line[CONFIG_LINE_SIZE];
        report_line(&report.items[i], line, sizeof(line));
        print_message("%s\n", line);
    }
    assert_int_equal(err, OK);
}

static void expect_finding(bool is_warning, const char *key, const char *words)
{
    for (size_t i = 0; i < report.count; i++) {
        const struct config_finding *f = &report.items[i];
        if (f->is_warning == is_warning && strcmp(f->key, key) == 0 &&
            strstr(f->message, words) != NULL) {
            assert_string_equal(f->file, "desired");
            return;
        }
    }
    for (size_t i = 0; i < report.count; i++) {
        print_message("%s: %s\n", report.items[i].key, report.items[i].message);
    }
    fail_msg("no finding at %s: %s", key, words);
}

static void test_nothing_desired_is_the_file_alone(void **state)
{
    (void)state;
    load_good("{}");
    assert_int_equal(report.count, 0);
    assert_string_equal(config.gateway.name, "here");
    assert_int_equal(config.bus_count, 2);
    uint64_t hash = config.hash;
    load_good("{\"gateway\":{\"name\":\"there\"}}");
    assert_true(config.hash != hash);
}

static void test_desired_wins_key_by_key(void **state)
{
    (void)state;
    load_good("{\"v\":1,\"note\":\"for people\",\"gateway\":{\"name\":\"there\"},"
              "\"telemetry\":{\"max_age_ms\":9000},\"journal\":{\"segment_size\":65536},"
              "\"buses\":[{\"name\":\"one\",\"baud\":19200}]}");
    assert_int_equal(report.count, 0);
    assert_string_equal(config.gateway.name, "there");
    assert_string_equal(config.gateway.id, "g");
    assert_int_equal(config.telemetry.max_age_ms, 9000);
    assert_int_equal(config.telemetry.sync_ms, 700);
    assert_int_equal(config.journal.segment_size, 65536);
    assert_int_equal(config.buses[0].baud, 19200);
    assert_string_equal(config.buses[0].port, "tty:/dev/a");
    assert_int_equal(config.buses[0].device_count, 2);
    assert_int_equal(config.bus_count, 2);
}

static void test_items_are_matched_by_name(void **state)
{
    (void)state;
    load_good("{\"buses\":[{\"name\":\"two\",\"devices\":["
              "{\"name\":\"new\",\"unit\":7,\"profile\":\"p\",\"remove\":false},"
              "{\"name\":\"far\",\"remove\":true}]},"
              "{\"name\":\"one\",\"devices\":[{\"name\":\"cold\",\"unit\":3,"
              "\"limits\":[{\"point\":\"t\",\"high\":8}]}]}]}");
    assert_int_equal(report.count, 0);
    assert_string_equal(config.buses[0].name, "one"); // the local order
    const struct config_device *cold = &config.buses[0].devices[0];
    assert_string_equal(cold->name, "cold");
    assert_int_equal(cold->unit, 3);
    assert_int_equal(cold->limit_count, 1);
    assert_true(cold->limits[0].low == 1 && cold->limits[0].high == 8);
    assert_int_equal(config.buses[1].device_count, 1);
    assert_string_equal(config.buses[1].devices[0].name, "new");
    assert_int_equal(config.buses[1].devices[0].unit, 7);
}

static void test_what_is_local_stays(void **state)
{
    (void)state;
    load_good(
        "{\"version\":1,\"hub\":{\"host\":\"evil\"},\"gateway\":{\"data_dir\":\"/\",\"id\":\"x\"},"
        "\"remote\":{\"enabled\":false},\"telemetry\":{\"sync_ms\":60000},"
        "\"buses\":[{\"name\":\"one\",\"port\":\"tty:/dev/c\",\"devices\":["
        "{\"name\":\"till\",\"remove\":true}]},{\"name\":\"two\",\"baud\":300}]}");
    assert_string_equal(config.hub.host, "hub");
    assert_string_equal(config.gateway.data_dir, "/d");
    assert_string_equal(config.gateway.id, "g");
    assert_true(config.remote.is_enabled);
    assert_int_equal(config.telemetry.sync_ms, 700);
    assert_string_equal(config.buses[0].port, "tty:/dev/a");
    assert_int_equal(config.buses[0].device_count, 2);
    assert_int_equal(config.buses[1].baud, 19200); // the default, as the file says nothing
    expect_finding(true, "hub", "local file alone");
    expect_finding(true, "gateway.data_dir", "local file alone");
    expect_finding(true, "gateway.id", "local file alone");
    expect_finding(true, "remote", "local file alone");
    expect_finding(true, "version", "local file alone");
    expect_finding(true, "telemetry.sync_ms", "marked local");
    expect_finding(true, "buses[0].port", "local file alone");
    expect_finding(true, "buses[0].devices[0]", "marked local");
    expect_finding(true, "buses[1].baud", "marked local");
    assert_int_equal(report.count, 9);
}

static void test_mistakes_are_named_where_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *desired, *key, *words;
    } wrong[] = {
        {"[]", "", "expected an object"},
        {"{\"v\":2}", "v", "version 1 of the layout"},
        {"{\"baud\":1}", "baud", "unknown key"},
        {"{\"remove\":true}", "remove", "unknown key"},
        {"{\"telemetry\":{\"remove\":true}}", "telemetry.remove", "unknown key"},
        {"{\"telemetry\":7}", "telemetry", "expected an object"},
        {"{\"telemetry\":{\"max_age_ms\":1}}", "telemetry.max_age_ms", "not allowed"},
        {"{\"buses\":{}}", "buses", "expected a list"},
        {"{\"buses\":[7]}", "buses[0]", "needs \"name\""},
        {"{\"buses\":[{\"baud\":300}]}", "buses[0]", "needs \"name\""},
        {"{\"buses\":[{\"name\":\"three\"}]}", "buses[0]", "local file has no bus \"three\""},
        {"{\"buses\":[{\"name\":\"one\"},{\"name\":\"one\"}]}", "buses[1]", "given twice"},
        {"{\"buses\":[{\"name\":\"one\",\"devices\":[{\"name\":\"cold\",\"remove\":1}]}]}",
         "buses[0].devices[0].remove", "true or false"},
        {"{\"buses\":[{\"name\":\"one\",\"devices\":[{\"name\":\"n\",\"profile\":\"p\"}]}]}",
         "buses[0].devices[0]", "needs \"unit\""},
        {"{\"buses\":[{\"name\":\"one\",\"remove\":true},{\"name\":\"two\",\"remove\":true}]}",
         NULL, NULL},
        {"{\"ref\":{\"name\":\"x\"}}", "ref", "needs \"sha256\""},
        {"{\"ref\":{\"name\":\"x\",\"sha256\":\"" HASH_A "\",\"url\":\"http://a/b\"}}", "ref",
         "needs \"url\""},
        {"{\"profiles\":{}}", "profiles", "expected a list"},
        {"{\"profiles\":[{}]}", "profiles[0]", "needs \"name\""},
    };
    cached_a = NULL;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(load(wrong[i].desired), ERR_CORRUPT);
        assert_true(report.error_count > 0);
        if (wrong[i].key != NULL) {
            expect_finding(false, wrong[i].key, wrong[i].words);
        }
    }
}

static void test_references_and_profiles(void **state)
{
    (void)state;
    const char *use_q = "\"buses\":[{\"name\":\"two\",\"devices\":[{\"name\":\"far\","
                        "\"profile\":\"q\"}]}]";
    char desired[2048];
    // A profile in the document, and one by reference.
    snprintf(desired, sizeof(desired), "{\"profiles\":[%s],%s}", profile_q, use_q);
    load_good(desired);
    assert_int_equal(config.buses[1].devices[0].profile->point_count, 2);
    snprintf(desired, sizeof(desired), "{\"profiles\":[{\"ref\":" REF("q", HASH_B) "}],%s}", use_q);
    load_good(desired);
    assert_int_equal(config.buses[1].devices[0].profile->point_count, 2);
    // A whole configuration by reference; what stands beside it goes over it.
    cached_a = "{\"v\":1,\"gateway\":{\"name\":\"base\"},\"telemetry\":{\"max_age_ms\":100},"
               "\"profiles\":[{\"ref\":" REF("q", HASH_B) "}]}";
    snprintf(desired, sizeof(desired),
             "{\"ref\":" REF("all", HASH_A) ",\"gateway\":{\"name\":\"top\"},%s}", use_q);
    load_good(desired);
    assert_string_equal(config.gateway.name, "top");
    assert_int_equal(config.telemetry.max_age_ms, 100);
    assert_int_equal(config.buses[1].devices[0].profile->point_count, 2);
    cached_a = "{\"ref\":" REF("more", HASH_B) "}";
    assert_int_equal(load(desired), ERR_CORRUPT); // one level of it
    cached_a = NULL;
    assert_int_equal(load(desired), ERR_CORRUPT); // not fetched
    snprintf(desired, sizeof(desired), "{\"profiles\":[{\"ref\":" REF("q", HASH_A) "}],%s}", use_q);
    assert_int_equal(load(desired), ERR_CORRUPT);
    expect_finding(false, "profiles[0].ref", "not fetched");
}

static void test_every_reference_is_listed(void **state)
{
    (void)state;
    static const char desired[] = "{\"ref\":" REF("all", HASH_A) ",\"profiles\":[{\"ref\":" REF(
        "q", HASH_B) "},{\"name\":\"inline\"},{\"ref\":" REF("r", HASH_A) "}]}";
    struct config_overlay overlay = {.text = bytes_of(desired, strlen(desired)),
                                     .cache_dir = "cache"};
    struct config_source source = {
        .path = "local.json", .files = {.read = read_text}, .overlay = &overlay};
    struct config_layers layers;
    struct config_ref refs[CONFIG_REFS_MAX];
    size_t count = 0;
    uint64_t hash = 0;
    cached_a = NULL;
    config_overlay_open(&source, &arena, &report, &hash, &layers);
    assert_true(layers.is_missing);
    assert_int_equal(config_overlay_refs(&report, &layers, refs, CONFIG_REFS_MAX, &count), OK);
    assert_int_equal(count, 3);
    assert_string_equal(refs[0].name, "all");
    assert_string_equal(refs[1].name, "q");
    assert_string_equal(refs[2].name, "r");
    cached_a = "{\"profiles\":[{\"ref\":" REF("deep", HASH_B) "}]}";
    config_overlay_open(&source, &arena, &report, &hash, &layers);
    assert_false(layers.is_missing);
    assert_int_equal(config_overlay_refs(&report, &layers, refs, CONFIG_REFS_MAX, &count), OK);
    assert_int_equal(count, 4);
    assert_string_equal(refs[0].name, "deep");
    assert_int_equal(config_overlay_refs(&report, &layers, refs, 3, &count), ERR_FULL);
}

static int open_memory(void **state)
{
    (void)state;
    arena = arena_of(calloc(1, MEMORY_SIZE), MEMORY_SIZE);
    return arena.data == NULL ? -1 : 0;
}

static int close_memory(void **state)
{
    (void)state;
    free(arena.data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_desired_is_the_file_alone),
        cmocka_unit_test(test_desired_wins_key_by_key),
        cmocka_unit_test(test_items_are_matched_by_name),
        cmocka_unit_test(test_what_is_local_stays),
        cmocka_unit_test(test_mistakes_are_named_where_they_stand),
        cmocka_unit_test(test_references_and_profiles),
        cmocka_unit_test(test_every_reference_is_listed),
    };
    return cmocka_run_group_tests(tests, open_memory, close_memory);
}
