// SPDX-License-Identifier: Apache-2.0
// Goal: a twin is shown without the hub's own book-keeping, a request is read strictly, a watched
// gateway is told as often as it should be, and each command is in the table before it is sent.
#include "apps/cloud/api/twin_view.h"
#include "apps/cloud/api/watch.h"
#include "apps/cloud/auth/accounts.h"
#include "apps/cloud/auth/commands.h"
#include "base/assert.h"
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct bytes text_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

static enum err view(const char *twin, char *out, size_t capacity)
{
    struct json_writer w;
    json_writer_init(&w, out, capacity - 1);
    json_begin_object(&w);
    const enum err err = twin_view_write(text_of(twin), &w);
    if (err == OK) {
        json_end_object(&w);
        out[json_writer_bytes(&w).size] = '\0';
    }
    return err;
}

static const char twin[] =
    "{\"deviceId\":\"shop\",\"etag\":\"AAAAAAAAAAc=\",\"deviceEtag\":\"x\",\"status\":\"enabled\","
    "\"connectionState\":\"Connected\",\"lastActivityTime\":\"2026-01-31T12:00:00Z\",\"version\":9,"
    "\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"telemetry\":{\"max_age_ms\":1000},"
    "\"$metadata\":{\"$lastUpdated\":\"x\"},\"$version\":7},\"reported\":{\"config\":{\"state\":"
    "\"applied\"},\"\\u0061\":[1],\"$version\":12,\"$metadata\":{}}}}";

static void test_a_twin_without_book_keeping(void **state)
{
    (void)state;
    char out[1024];
    assert_int_equal(view(twin, out, sizeof(out)), OK);
    assert_string_equal(
        out,
        "{\"etag\":\"AAAAAAAAAAc=\",\"status\":\"enabled\","
        "\"last_activity\":\"2026-01-31T12:00:00Z\",\"desired\":{\"telemetry\":{\"max_age_ms\":"
        "1000}},\"desired_version\":7,\"reported\":{\"config\":{\"state\":\"applied\"},\"a\":[1]},"
        "\"reported_version\":12,\"connected\":true}");
}

static void test_the_version_that_is_desired(void **state)
{
    (void)state;
    uint64_t version = 0;
    assert_int_equal(twin_desired_version(text_of(twin), &version), OK);
    assert_int_equal(version, 7);
    static const char *const bad[] = {
        "",
        "[]",
        "{\"properties\":[]}",
        "{\"properties\":{\"desired\":{}}}",
        "{\"properties\":{\"desired\":{\"$version\":\"7\"}}}",
        "{\"properties\":{\"reported\":{\"$version\":7}}}",
        "{\"properties\":{\"desired\":{\"$version\":",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(twin_desired_version(text_of(bad[i]), &version), ERR_CORRUPT);
    }
}

static void test_what_is_no_twin(void **state)
{
    (void)state;
    char out[1024];
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"properties\":1}",
                                      "{\"properties\":{\"desired\":{}}}",
                                      "{\"properties\":{\"desired\":{},\"reported\":{}}",
                                      "{\"properties\":{\"desired\":{},\"reported\":{}}} x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(view(bad[i], out, sizeof(out)), ERR_CORRUPT);
    }
    // Cut at every byte.
    for (size_t size = 0; size < sizeof(twin) - 1; size++) {
        char cut[sizeof(twin)];
        memcpy(cut, twin, size);
        cut[size] = '\0';
        assert_int_equal(view(cut, out, sizeof(out)), ERR_CORRUPT);
    }
}

static void test_a_fleet(void **state)
{
    (void)state;
    char out[512];
    struct json_writer w;
    json_writer_init(&w, out, sizeof(out) - 1);
    assert_int_equal(
        fleet_view_write(
            text_of("[{\"deviceId\":\"a\",\"connectionState\":\"Connected\",\"status\":"
                    "\"enabled\",\"properties\":{}},{\"deviceId\":\"b\"}]"),
            &w),
        OK);
    out[json_writer_bytes(&w).size] = '\0';
    assert_string_equal(out, "[{\"id\":\"a\",\"status\":\"enabled\",\"connected\":true},"
                             "{\"id\":\"b\",\"connected\":false}]");
    static const char *const bad[] = {
        "", "{}", "[1]", "[{}]", "[{\"deviceId\":1}]", "[{\"deviceId\":\"a\"}", "[] x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        json_writer_init(&w, out, sizeof(out));
        assert_int_equal(fleet_view_write(text_of(bad[i]), &w), ERR_CORRUPT);
    }
}

static void test_a_method_s_answer(void **state)
{
    (void)state;
    int64_t status = 0;
    struct bytes payload;
    assert_int_equal(method_answer_read(text_of("{\"status\":403,\"payload\":{\"why\":[1]}}"),
                                        &status, &payload),
                     OK);
    assert_int_equal(status, 403);
    assert_int_equal(payload.size, 11);
    assert_int_equal(method_answer_read(text_of("{\"status\":200}"), &status, &payload), OK);
    assert_memory_equal(payload.data, "null", 4);
    assert_int_equal(method_answer_read(text_of("{\"payload\":1}"), &status, &payload),
                     ERR_CORRUPT);
    assert_int_equal(method_answer_read(text_of("{\"status\":\"x\"}"), &status, &payload),
                     ERR_CORRUPT);
}

static void test_requests_are_read_strictly(void **state)
{
    (void)state;
    struct twin_request asked;
    const char *why = "";
    assert_int_equal(twin_request_read(text_of("{\"etag\":\"e\",\"patch\":{\"a\":null}}"), "patch",
                                       true, &asked, &why),
                     OK);
    assert_string_equal(asked.etag, "e");
    assert_int_equal(asked.object.size, 10);
    assert_int_equal(twin_request_read(text_of("{}"), "arguments", false, &asked, &why), OK);
    assert_int_equal(asked.object.size, 0);
    static const char *const bad[] = {"",
                                      "1",
                                      "{\"patch\":1}",
                                      "{\"patch\":[]}",
                                      "{\"etag\":5}",
                                      "{\"other\":{}}",
                                      "{\"patch\":{\"a\":1,\"a\":2}}",
                                      "{\"patch\":{}",
                                      "{\"patch\":{}} {}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(twin_request_read(text_of(bad[i]), "patch", true, &asked, &why), ERR_ARG);
        assert_true(strlen(why) > 10);
    }
    assert_int_equal(
        twin_request_read(text_of("{\"etag\":\"e\"}"), "arguments", false, &asked, &why), ERR_ARG);
}

static void test_a_watched_gateway_is_told_at_its_pace(void **state)
{
    (void)state;
    struct watch w;
    const uint64_t s = US_PER_S;
    assert_int_equal(watch_init(&w, 2), OK);
    assert_true(watch_is_due(&w, 0, 999 * s));
    assert_true(watch_is_due(&w, 0, 1000 * s)); // there was no room: still due
    watch_begun(&w, 0, 1000 * s);
    assert_false(watch_is_due(&w, 0, 1001 * s));
    assert_true(watch_is_due(&w, 1, 1001 * s)); // each site for itself
    watch_answered(&w, 0, 1001 * s, WATCH_TOLD);
    assert_false(watch_is_due(&w, 0, 1045 * s - 1));
    assert_true(watch_is_due(&w, 0, 1045 * s));
    watch_begun(&w, 0, 1045 * s);
    watch_answered(&w, 0, 1046 * s, WATCH_FAILED);
    assert_false(watch_is_due(&w, 0, 1046 * s));
    watch_answered(&w, 0, 1046 * s, WATCH_UNKNOWN);
    assert_false(watch_is_due(&w, 0, (1046 + WATCH_UNKNOWN_S) * s - 1));
    assert_true(watch_is_due(&w, 0, (1046 + WATCH_UNKNOWN_S) * s));
    assert_false(w.is_by_method);
    watch_answered(&w, 1, 1047 * s, WATCH_NO_ROUTE);
    assert_true(w.is_by_method);
    assert_true(watch_is_due(&w, 1, 1047 * s)); // at once, the other way
    watch_begun(&w, 1, 1047 * s);
    assert_false(watch_is_due(&w, 1, 1048 * s));
    assert_true(WATCH_EVERY_S < WATCH_FOR_S); // or it would cease in between
    watch_deinit(&w);
}

static void take_row(void *ctx, const struct command_row *row)
{
    char *out = ctx;
    const size_t used = strlen(out);
    snprintf(out + used, 1024 - used, "%s %s%s%s %s|", row->user,
             row->address != NULL ? row->address : "", row->action, row->arguments,
             row->outcome != NULL ? row->outcome : "-");
}

static void test_the_table_of_commands(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_commands.XXXXXX";
    char path[128];
    char out[1024] = "";
    static struct accounts accounts;
    static struct sessions sessions;
    struct commands commands;
    struct command_row row = {.at_ms = 5,
                              .user = "ann",
                              .address = "::1",
                              .site = "shop",
                              .action = "read",
                              .arguments = "{}"};
    int64_t first = 0;
    int64_t second = 0;
    assert_non_null(mkdtemp(folder));
    sessions_init(&sessions);
    assert_int_equal(accounts_open(&accounts, folder, &sessions, 1), OK);
    assert_int_equal(commands_open(&commands, folder), OK);
    assert_int_equal(commands_begin(&commands, &row, &first), OK);
    row.action = "restart";
    assert_int_equal(commands_begin(&commands, &row, &second), OK);
    row.site = "kiosk";
    assert_int_equal(commands_begin(&commands, &row, &second), OK);
    assert_int_equal(commands_end(&commands, first, 9, "200"), OK);
    commands_close(&commands); // as a kill would: the second never got an outcome
    assert_int_equal(commands_open(&commands, folder), OK);
    struct command_list list = {.site = "shop", .limit = 10};
    assert_int_equal(commands_list(&commands, &list, take_row, out), OK);
    assert_string_equal(out, "ann restart{} -|ann read{} 200|");
    list = (struct command_list){.site = "shop", .limit = 1, .with_address = true};
    out[0] = '\0';
    assert_int_equal(commands_list(&commands, &list, take_row, out), OK);
    assert_string_equal(out, "ann ::1restart{} -|");
    commands_close(&commands);
    accounts_close(&accounts);
    static const char *const files[] = {"accounts.db", "setup-link", "accounts.db-wal",
                                        "accounts.db-shm"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_twin_without_book_keeping),
        cmocka_unit_test(test_the_version_that_is_desired),
        cmocka_unit_test(test_what_is_no_twin),
        cmocka_unit_test(test_a_fleet),
        cmocka_unit_test(test_a_method_s_answer),
        cmocka_unit_test(test_requests_are_read_strictly),
        cmocka_unit_test(test_a_watched_gateway_is_told_at_its_pace),
        cmocka_unit_test(test_the_table_of_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
