// SPDX-License-Identifier: Apache-2.0
// Goal: the store and the registry on a real file: what is granted survives, what is refused leaves
// nothing behind, foreign databases are left alone.
#include "apps/hub/backend/c2d_rows.h"
#include "apps/hub/backend/import.h"
#include "store_bench.h"

#include <sys/stat.h>

static int open_bench(void **state)
{
    static struct store_bench bench;
    bench_open(&bench);
    *state = &bench;
    return 0;
}

static int close_bench(void **state)
{
    bench_close(*state);
    return 0;
}

static void test_device_lives_from_create_to_delete(void **state)
{
    struct store_bench *b = *state;
    struct device read;
    struct device device = bench_device(b, "store-1");
    assert_int_equal(device.keys[0].size, 32); // generated
    assert_memory_not_equal(device.keys[0].bytes, device.keys[1].bytes, 32);
    bench_reopen(b);
    assert_true(registry_read(&b->store, span("store-1"), &read, &b->why));
    assert_memory_equal(&read.keys, &device.keys, sizeof(read.keys));
    assert_string_equal(read.etag, device.etag);
    assert_string_equal(read.generation, device.generation);
    assert_int_equal(read.created_ms, 1000);

    struct device again = {.id = "store-1", .is_enabled = true};
    assert_false(registry_create(&b->store, &again, 1, &b->why));
    assert_int_equal(b->why.code, HUB_DEVICE_EXISTS);

    struct device change = {.id = "store-1", .status_reason = "stolen"};
    assert_false(registry_update(&b->store, &change, NULL, 2000, &b->why));
    assert_int_equal(b->why.code, HUB_PRECONDITION_FAILED);
    assert_false(registry_update(&b->store, &change, "\"other\"", 2000, &b->why));
    char if_match[STORE_ETAG_SIZE + 2];
    snprintf(if_match, sizeof(if_match), "\"%s\"", device.etag);
    assert_true(registry_update(&b->store, &change, if_match, 2000, &b->why));
    assert_memory_equal(&change.keys, &device.keys, sizeof(change.keys)); // not named: kept
    assert_int_equal(change.status_updated_ms, 2000);
    assert_string_not_equal(change.etag, device.etag);
    assert_string_equal(change.generation, device.generation);

    assert_false(registry_delete(&b->store, span("store-1"), if_match, 3000, &b->why));
    assert_true(registry_delete(&b->store, span("store-1"), "*", 3000, &b->why));
    assert_int_equal(bench_number(b, "SELECT (SELECT count(*) FROM twin) + (SELECT count(*) FROM"
                                     " device)"),
                     0);
    assert_false(registry_read(&b->store, span("store-1"), &read, &b->why));
    assert_int_equal(b->why.code, HUB_DEVICE_NOT_FOUND);
    bench_device(b, "store-1");
    assert_true(registry_read(&b->store, span("store-1"), &read, &b->why));
    assert_string_not_equal(read.generation, device.generation);
}

static void test_wrong_devices_are_refused_with_words(void **state)
{
    struct store_bench *b = *state;
    static const struct {
        struct device device;
        const char *words;
    } rows[] = {
        {{.id = "a+b"}, "+ or #"},
        {{.id = "a#"}, "+ or #"},
        {{.id = ""}, "empty"},
        {{.id = "a b"}, "outside"},
        {{.id = "x", .keys = {{.size = 15}}}, "16 to 64"},
        {{.id = "x", .auth = DEVICE_AUTH_SELF_SIGNED}, "thumbprint"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct device device = rows[i].device;
        assert_false(registry_create(&b->store, &device, 1, &b->why));
        assert_int_equal(b->why.code, HUB_ARGUMENT_INVALID);
        assert_non_null(strstr(b->why.message, rows[i].words));
    }
    struct device good = {.id = "x",
                          .auth = DEVICE_AUTH_SELF_SIGNED,
                          .thumbprints = {{.size = 20}},
                          .keys = {{.size = 16}}};
    assert_true(registry_create(&b->store, &good, 1, &b->why));
    assert_int_equal(good.keys[0].size, 0); // it has no use for keys
}

static void test_list_pages_in_order(void **state)
{
    struct store_bench *b = *state;
    static const char *const ids[] = {"B", "a", "a-1", "b"}; // bytewise
    struct device page[3];
    size_t count = 0;
    for (size_t i = 4; i > 0; i--) {
        bench_device(b, ids[i - 1]);
    }
    assert_true(registry_list(&b->store, span(""), page, 3, &count, &b->why));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(page[i].id, ids[i]);
    }
    assert_true(registry_list(&b->store, span("a-1"), page, 3, &count, &b->why));
    assert_int_equal(count, 1);
    assert_string_equal(page[0].id, "b");
}

static void test_transactions_nest(void **state)
{
    struct store_bench *b = *state;
    assert_int_equal(store_begin(&b->store), OK);
    bench_device(b, "kept");
    assert_int_equal(store_begin(&b->store), OK);
    bench_device(b, "undone");
    assert_int_equal(store_end(&b->store, false), OK);
    assert_int_equal(store_end(&b->store, true), OK);
    bench_reopen(b);
    assert_int_equal(bench_number(b, "SELECT count(*) FROM device"), 1);
    assert_int_equal(bench_number(b, "SELECT count(*) FROM device WHERE id='kept'"), 1);
}

static void test_foreign_databases_are_left_alone(void **state)
{
    struct store_bench *b = *state;
    struct store other;
    sqlite3_exec(b->store.handle, "PRAGMA user_version=7", NULL, NULL, NULL);
    assert_int_equal(store_open(&other, b->folder), ERR_UNSUPPORTED);
    assert_int_equal(bench_number(b, "PRAGMA user_version"), 7);
    sqlite3_exec(b->store.handle, "PRAGMA user_version=0", NULL, NULL, NULL); // not empty
    assert_int_equal(store_open(&other, b->folder), ERR_UNSUPPORTED);
    sqlite3_exec(b->store.handle, "PRAGMA user_version=2", NULL, NULL, NULL);
    assert_int_equal(chmod(b->store.path, 0640), 0);
    assert_int_equal(store_open(&other, b->folder), ERR_DENIED);
    assert_int_equal(chmod(b->store.path, 0600), 0);
    assert_int_equal(store_open(&other, b->folder), OK);
    store_close(&other);
}

// A database of version 1 is what the first statements make.
static void test_earlier_version_is_upgraded(void **state)
{
    struct store_bench *b = *state;
    struct store other;
    bench_device(b, "kept");
    assert_int_equal(sqlite3_exec(b->store.handle,
                                  "DROP TRIGGER device_new; DROP TRIGGER device_opens;"
                                  "DROP TRIGGER device_gone; DROP TRIGGER policy_opens;"
                                  "DROP TRIGGER policy_new; DROP TRIGGER policy_gone;"
                                  "DROP TRIGGER ca_opens; DROP TRIGGER ca_new;"
                                  "DROP TRIGGER ca_gone; DROP TABLE counter;"
                                  "PRAGMA user_version=1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(store_open(&other, b->folder), OK);
    store_close(&other);
    assert_int_equal(bench_number(b, "PRAGMA user_version"), 2);
    assert_int_equal(bench_number(b, "SELECT authentication FROM counter"), 0);
    bench_device(b, "new");
    assert_int_equal(bench_number(b, "SELECT authentication FROM counter"), 1);
    assert_int_equal(bench_number(b, "SELECT count(*) FROM device"), 2);
}

static void test_hub_has_room_for_so_many(void **state)
{
    struct store_bench *b = *state;
    char sql[128];
    snprintf(sql, sizeof(sql), "INSERT INTO device(rowid, id) VALUES (%d, 'last')",
             REGISTRY_DEVICES_MAX);
    assert_int_equal(sqlite3_exec(b->store.handle, sql, NULL, NULL, NULL), SQLITE_OK);
    bench_device(b, "still"); // the number of a row says nothing yet: there are two
    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT %d)"
             " INSERT INTO device(rowid, id) SELECT i, 'n'||i FROM n",
             REGISTRY_DEVICES_MAX - 2);
    assert_int_equal(sqlite3_exec(b->store.handle, sql, NULL, NULL, NULL), SQLITE_OK);
    struct device more = {.id = "more", .is_enabled = true};
    assert_false(registry_create(&b->store, &more, 1, &b->why));
    assert_int_equal(b->why.code, HUB_TOO_MANY_DEVICES);
}

static void test_policy(void **state)
{
    struct store_bench *b = *state;
    struct policy policy = {.name = "owner", .rights = 7};
    struct policy read;
    assert_true(registry_set_policy(&b->store, &policy, &b->why));
    assert_true(registry_read_policy(&b->store, span("owner"), false, &read, &b->why));
    assert_memory_equal(&read, &policy, sizeof(read));
    assert_false(registry_read_policy(&b->store, span("owner"), true, &read, &b->why));
    assert_int_equal(b->why.code, HUB_UNAUTHORIZED);
}

static void test_import_is_all_or_nothing(void **state)
{
    struct store_bench *b = *state;
    struct import_result result;
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"{\"hub\":\"h\",\n \"devices\":[{\"id\":\"a\",\"keys\":[\"MDEyMzQ1Njc4OWFiY2RlZg==\"]},\n"
         "  {\"id\":\"b\",\"keys\":[\"AA==\"]}]}",
         "line 3 column 21: a key is base64"},
        {"{\"devices\":[]}", "hub, the host name"},
        {"{\"hub\":\"h\",\"devices\":[{\"id\":\"a\"}]}", "needs an id and a key"},
        {"{\"hub\":\"h\",\"devices\":[{\"id\":\"a+\",\"keys\":[\"MDEyMzQ1Njc4OWFiY2RlZg==\"]}]}",
         "+ or #"},
        {"{\"hub\":\"h\",\"x\":1}", "unknown key"},
        {"", "line 1 column 1"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(import_devices(&b->store, span(wrong[i].text), 5, &result, &b->why));
        if (strstr(b->why.message, wrong[i].words) == NULL) {
            fail_msg("%s", b->why.message);
        }
        assert_int_equal(bench_number(b, "SELECT count(*) FROM device"), 0);
    }
    static const char good[] =
        "{\"hub\": \"h\", // comment\n\"devices\": [{\"id\": \"a\", \"keys\":"
        " [\"MDEyMzQ1Njc4OWFiY2RlZg==\"], \"enabled\": false}]}";
    assert_true(import_devices(&b->store, span(good), 5, &result, &b->why));
    assert_int_equal(result.added, 1);
    assert_true(import_devices(&b->store, span(good), 6, &result, &b->why));
    assert_int_equal(result.changed, 1);
    struct device read;
    char host[64];
    assert_true(registry_read(&b->store, span("a"), &read, &b->why));
    assert_false(read.is_enabled);
    assert_int_equal(store_meta(&b->store, "host", host, sizeof(host)), OK);
    assert_string_equal(host, "h");
}

static void test_texts_of_keys_and_thumbprints(void **state)
{
    struct hub_sas_key key = {0};
    struct thumbprint print;
    char text[THUMBPRINT_TEXT_SIZE];
    char base64[KEY_TEXT_SIZE];
    (void)state;
    // [RFC 4231, test case 1]: key 20 x 0b, "Hi There".
    struct hub_sas_key group = {.size = 20};
    memset(group.bytes, 0x0b, 20);
    key_derive(&group, span("Hi There"), &key);
    key_text(&key, base64);
    assert_string_equal(base64, "sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c=");
    assert_int_equal(key_parse(span(base64), &group), OK);
    assert_memory_equal(group.bytes, key.bytes, 32);
    assert_int_equal(key_parse(span("AAAA"), &key), ERR_SIZE);
    assert_int_equal(key_parse(span("!"), &key), ERR_CORRUPT);

    assert_int_equal(thumbprint_parse(span("aa:BB:00 11 22334455667788990011223344556677"), &print),
                     OK);
    assert_int_equal(print.size, 20);
    thumbprint_text(&print, text);
    assert_string_equal(text, "AABB001122334455667788990011223344556677");
    assert_int_equal(thumbprint_parse(span("aabb"), &print), ERR_CORRUPT);
    assert_int_equal(thumbprint_parse(span("aabb001122334455667788990011223344556677a"), &print),
                     ERR_CORRUPT);
    assert_null(registration_id_fault(span("Ab-1._:x")));
    assert_non_null(registration_id_fault(span("a.")));
    assert_non_null(registration_id_fault(span("a/b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_device_lives_from_create_to_delete, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_wrong_devices_are_refused_with_words, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_list_pages_in_order, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_transactions_nest, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_foreign_databases_are_left_alone, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_policy, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_earlier_version_is_upgraded, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_hub_has_room_for_so_many, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_import_is_all_or_nothing, open_bench, close_bench),
        cmocka_unit_test(test_texts_of_keys_and_thumbprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
