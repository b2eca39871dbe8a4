// SPDX-License-Identifier: Apache-2.0
// Goal: what the plugin reads of hub.db, on a real file under a live writer: every table it asks,
// rows that break their rules, and a file that is missing, foreign, changed or replaced.
#include "apps/hub/directory/directory.h"
#include "apps/hub/directory/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <sqlite3.h>

#define KEY_1 "x'30313233343536373839616263646566'" // 0123456789abcdef
#define KEY_2 "x'66656463626139383736353433323130'"

struct bench {
    char folder[64];
    char path[80];
    sqlite3 *writer;
    struct hub_directory directory;
};

static struct bytes text(const char *string)
{
    return bytes_of(string, strlen(string));
}

static void run(struct bench *bench, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(bench->writer, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s: %s", sql, why);
    }
}

static void create(struct bench *bench)
{
    assert_int_equal(sqlite3_open(bench->path, &bench->writer), SQLITE_OK);
    assert_int_equal(chmod(bench->path, 0600), 0);
    run(bench, "PRAGMA journal_mode = WAL");
    assert_int_equal(hub_schema_create(bench->writer), OK);
}

// As whoever puts another file in its place must.
static void remove_wal(const struct bench *bench)
{
    static const char *const tails[] = {"-wal", "-shm"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s%s", bench->path, tails[i]);
        unlink(path);
    }
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    if (bench == NULL) {
        return -1;
    }
    strcpy(bench->folder, "/tmp/busward-directory-XXXXXX");
    if (mkdtemp(bench->folder) == NULL) {
        return -1;
    }
    snprintf(bench->path, sizeof(bench->path), "%s/hub.db", bench->folder);
    create(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    hub_directory_close(&bench->directory);
    sqlite3_close(bench->writer);
    static const char *const names[] = {"hub.db", "hub.db-wal", "hub.db-shm",
                                        "old.db", "old.db-wal", "old.db-shm"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", bench->folder, names[i]);
        unlink(path);
    }
    int result = rmdir(bench->folder);
    free(bench);
    return result;
}

static void test_devices_as_they_are_now(void **state)
{
    struct bench *bench = *state;
    struct hub_directory *directory = &bench->directory;
    hub_directory_open(directory, bench->path);
    assert_string_equal(hub_directory_fault(directory), "");
    struct hub_device device;
    assert_int_equal(hub_directory_device(directory, text("a"), &device), ERR_NOT_FOUND);
    assert_false(hub_directory_poll(directory));
    run(bench, "INSERT INTO device(id, key1) VALUES ('a', " KEY_1 ")");
    assert_true(hub_directory_poll(directory));
    assert_false(hub_directory_poll(directory));
    // What opens is told of, what every twin and connection writes is not.
    static const struct {
        const char *sql;
        bool opens;
    } changes[] = {
        {"UPDATE device SET connected=1, last_activity_ms=5, clean_connection='x'", false},
        {"INSERT INTO twin(device_id) VALUES ('a'); UPDATE twin SET reported='{}'", false},
        {"UPDATE device SET enabled=1, key1=" KEY_1 ", status_reason='x'", false}, // as they were
        {"UPDATE counter SET day=3, messages=77", false},
        {"UPDATE device SET enabled=0", true},
        {"UPDATE device SET enabled=1", true},
        {"UPDATE device SET key2=" KEY_1, true},
        {"UPDATE device SET key2=NULL", true},
        {"UPDATE device SET thumb1=zeroblob(32)", true},
        {"UPDATE device SET thumb2=zeroblob(20), auth=1", true},
        {"UPDATE device SET thumb1=NULL, thumb2=NULL, auth=0", true},
        {"INSERT OR REPLACE INTO policy(name, rights) VALUES ('p', 8)", true},
        {"INSERT OR REPLACE INTO policy(name, rights) VALUES ('p', 0)", true},
        {"DELETE FROM policy", true},
        {"INSERT INTO ca(name, pem) VALUES ('c', '')", true},
        {"UPDATE ca SET verified=1", true},
        {"DELETE FROM ca", true},
        {"INSERT INTO device(id) VALUES ('x')", true},
        {"DELETE FROM device WHERE id='x'", true},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        run(bench, changes[i].sql);
        if (hub_directory_poll(directory) != changes[i].opens) {
            fail_msg("%s", changes[i].sql);
        }
    }
    struct hub_quota_day day = {0};
    hub_directory_metered(directory, &day);
    assert_true(day.number == 3 && day.used == 77);
    assert_int_equal(hub_directory_device(directory, text("a"), &device), OK);
    assert_true(device.is_enabled && device.auth == HUB_AUTH_SAS);
    assert_true(device.keys[0].size == 16 && device.keys[1].size == 0);
    assert_memory_equal(device.keys[0].bytes, "0123456789abcdef", 16);
    // Letter case tells devices apart; a text that merely begins alike is another one.
    assert_int_equal(hub_directory_device(directory, text("A"), &device), ERR_NOT_FOUND);
    assert_int_equal(hub_directory_device(directory, bytes_of("a\0", 2), &device), ERR_NOT_FOUND);
    assert_int_equal(hub_directory_device(directory, text(""), &device), ERR_NOT_FOUND);
    run(bench, "UPDATE device SET enabled = 0, auth = 1, thumb1 = zeroblob(20), "
               "thumb2 = zeroblob(32), key2 = " KEY_2);
    // No poll is needed to see what is there.
    assert_int_equal(hub_directory_device(directory, text("a"), &device), OK);
    assert_true(!device.is_enabled && device.auth == HUB_AUTH_THUMBPRINT);
    assert_true(device.thumbs[0].size == 20 && device.thumbs[1].size == 32);
    assert_memory_equal(device.keys[1].bytes, "fedcba9876543210", 16);
    run(bench, "DELETE FROM device");
    assert_int_equal(hub_directory_device(directory, text("a"), &device), ERR_NOT_FOUND);
}

static void test_policies_authorities_and_names(void **state)
{
    struct bench *bench = *state;
    struct hub_directory *directory = &bench->directory;
    run(bench, "INSERT INTO meta VALUES ('host', 'hub.test'), ('dps_host', '');"
               "INSERT INTO policy VALUES ('device', " KEY_1 ", " KEY_2 ", 8, 'hub'),"
               "('owner', " KEY_1 ", NULL, 255, 'dps');"
               "INSERT INTO ca(name, pem, verified) VALUES ('c', 'C', 1), ('a', 'A', 1), "
               "('b', 'B', 0)");
    hub_directory_open(directory, bench->path);
    char host[HUB_HOST_SIZE_MAX + 1] = "old";
    assert_int_equal(hub_directory_meta(directory, "dps_host", host, sizeof(host)), ERR_NOT_FOUND);
    assert_int_equal(hub_directory_meta(directory, "id_scope", host, sizeof(host)), ERR_NOT_FOUND);
    assert_int_equal(hub_directory_meta(directory, "host", host, 8), ERR_CORRUPT);
    assert_string_equal(host, "old");
    assert_int_equal(hub_directory_meta(directory, "host", host, 9), OK);
    assert_string_equal(host, "hub.test");
    struct hub_policy policy;
    assert_int_equal(hub_directory_policy(directory, "hub", text("device"), &policy), OK);
    assert_true(policy.rights == HUB_RIGHT_DEVICE_CONNECT && policy.keys[1].size == 16);
    assert_int_equal(hub_directory_policy(directory, "hub", text("owner"), &policy), ERR_NOT_FOUND);
    assert_int_equal(hub_directory_policy(directory, "dps", text("owner"), &policy), OK);
    struct hub_authority authority;
    assert_int_equal(hub_directory_next_authority(directory, "", &authority), OK);
    assert_string_equal(authority.pem, "A");
    assert_int_equal(hub_directory_next_authority(directory, authority.name, &authority), OK);
    assert_string_equal(authority.pem, "C"); // not the one that nobody proved to hold
    assert_int_equal(hub_directory_next_authority(directory, authority.name, &authority),
                     ERR_NOT_FOUND);
}

static void test_enrolments_and_groups(void **state)
{
    struct bench *bench = *state;
    struct hub_directory *directory = &bench->directory;
    run(bench,
        "INSERT INTO enrolment(registration_id, attestation, key1) VALUES ('k', 0, " KEY_1 ");"
        "INSERT INTO enrolment(registration_id, attestation, enabled, ca2) "
        "VALUES ('c', 2, 0, 'PEM');"
        "INSERT INTO enrolment_group(group_id, attestation, key2) VALUES ('g2', 0, " KEY_2 ");"
        "INSERT INTO enrolment_group(group_id, attestation, ca1, enabled) "
        "VALUES ('g1', 1, 'PEM', 0)");
    hub_directory_open(directory, bench->path);
    struct hub_enrolment enrolment;
    assert_int_equal(hub_directory_enrolment(directory, text("k"), &enrolment), OK);
    assert_true(enrolment.is_enabled && enrolment.attestation == HUB_BY_KEY &&
                enrolment.keys[0].size == 16 && enrolment.authorities.primary[0] == '\0');
    assert_int_equal(hub_directory_enrolment(directory, text("c"), &enrolment), OK);
    assert_true(!enrolment.is_enabled && enrolment.attestation == HUB_BY_CA);
    assert_string_equal(enrolment.authorities.secondary, "PEM");
    assert_int_equal(hub_directory_enrolment(directory, text("g1"), &enrolment), ERR_NOT_FOUND);
    struct hub_group group;
    assert_int_equal(hub_directory_next_group(directory, "", &group), OK);
    assert_true(!group.is_enabled && group.attestation == HUB_BY_CA);
    assert_string_equal(group.authorities.primary, "PEM");
    assert_int_equal(hub_directory_next_group(directory, group.id, &group), OK);
    assert_true(group.is_enabled && group.attestation == HUB_BY_KEY && group.keys[1].size == 16);
    assert_string_equal(group.id, "g2");
    assert_int_equal(hub_directory_next_group(directory, group.id, &group), ERR_NOT_FOUND);
}

static void test_the_schema_refuses_what_cannot_be(void **state)
{
    struct bench *bench = *state;
    static const char *const wrong[] = {
        "INSERT INTO device(id, key1) VALUES ('a', zeroblob(15))",
        "INSERT INTO device(id, key2) VALUES ('a', zeroblob(65))",
        "INSERT INTO device(id, thumb1) VALUES ('a', zeroblob(21))",
        "INSERT INTO device(id, auth) VALUES ('a', 3)",
        "INSERT INTO device(id) VALUES (NULL)",
        "INSERT INTO policy(name, rights, scope) VALUES ('a', 1, 'all')",
        "INSERT INTO enrolment(registration_id, attestation) VALUES ('a', 3)",
        "INSERT INTO enrolment_group(group_id, attestation) VALUES ('a', 2)",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(sqlite3_exec(bench->writer, wrong[i], NULL, NULL, NULL),
                         SQLITE_CONSTRAINT);
    }
    // And the reader does not rely on it.
    struct hub_device device = {.auth = HUB_AUTH_CA};
    run(bench, "PRAGMA ignore_check_constraints = 1;"
               "INSERT INTO device(id, key1) VALUES ('a', zeroblob(15));"
               "INSERT INTO device(id, key2) VALUES ('b', zeroblob(65));"
               "INSERT INTO device(id, auth) VALUES ('c', 3);"
               "INSERT INTO device(id, thumb2) VALUES ('d', zeroblob(31))");
    hub_directory_open(&bench->directory, bench->path);
    for (const char *id = "a\0b\0c\0d\0"; *id != '\0'; id += 2) {
        assert_int_equal(hub_directory_device(&bench->directory, text(id), &device), ERR_CORRUPT);
    }
    assert_int_equal(device.auth, HUB_AUTH_CA);
}

static void copy(const char *from, const char *to)
{
    static uint8_t bytes[1 << 20];
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    size_t size = fread(bytes, 1, sizeof(bytes), in);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(to, 0600), 0);
}

// The machine went down under a writer: what was committed stands in the log beside the file, and
// the plugin may be the first to look.
static void test_what_a_power_cut_left(void **state)
{
    struct bench *bench = *state;
    char from[96];
    char to[2][96];
    run(bench, "INSERT INTO device(id) VALUES ('a')");
    snprintf(from, sizeof(from), "%s-wal", bench->path);
    snprintf(to[0], sizeof(to[0]), "%s/old.db", bench->folder);
    snprintf(to[1], sizeof(to[1]), "%s/old.db-wal", bench->folder);
    copy(bench->path, to[0]);
    copy(from, to[1]);
    hub_directory_open(&bench->directory, to[0]);
    assert_string_equal(hub_directory_fault(&bench->directory), "");
    struct hub_device device;
    assert_int_equal(hub_directory_device(&bench->directory, text("a"), &device), OK);
}

static void test_a_file_that_comes_changes_and_goes(void **state)
{
    struct bench *bench = *state;
    struct hub_directory *directory = &bench->directory;
    struct hub_device device;
    char old[96];
    snprintf(old, sizeof(old), "%s/old.db", bench->folder);
    run(bench, "INSERT INTO device(id) VALUES ('a')");
    sqlite3_close(bench->writer);
    assert_int_equal(rename(bench->path, old), 0);
    hub_directory_open(directory, bench->path);
    assert_non_null(strstr(hub_directory_fault(directory), "not there"));
    assert_int_equal(hub_directory_device(directory, text("a"), &device), ERR_STATE);
    assert_false(hub_directory_poll(directory));
    create(bench); // another one, empty
    assert_true(hub_directory_poll(directory));
    assert_int_equal(hub_directory_device(directory, text("a"), &device), ERR_NOT_FOUND);
    sqlite3_close(bench->writer);
    remove_wal(bench);
    assert_int_equal(rename(old, bench->path), 0); // restored while it is open
    assert_true(hub_directory_poll(directory));
    assert_int_equal(hub_directory_device(directory, text("a"), &device), OK);
    // Nobody writes: a reader alone can open it, too.
    hub_directory_close(directory);
    assert_int_equal(hub_directory_device(directory, text("a"), &device), ERR_STATE);
    hub_directory_open(directory, bench->path);
    assert_int_equal(hub_directory_device(directory, text("a"), &device), OK);
    assert_int_equal(sqlite3_open(bench->path, &bench->writer), SQLITE_OK);
    hub_directory_close(directory);
    run(bench, "PRAGMA user_version = 3");
    hub_directory_open(directory, bench->path);
    assert_non_null(strstr(hub_directory_fault(directory), "version"));
    run(bench, "PRAGMA user_version = 2");
    assert_true(hub_directory_poll(directory));
    assert_int_equal(hub_directory_device(directory, text("a"), &device), OK);
    hub_directory_close(directory);
    assert_int_equal(chmod(bench->path, 0640), 0);
    hub_directory_open(directory, bench->path);
    assert_non_null(strstr(hub_directory_fault(directory), "0600"));
    FILE *file = fopen(old, "w");
    assert_non_null(file);
    for (int i = 0; i < 2000; i++) {
        fputs("no database ", file);
    }
    fclose(file);
    assert_int_equal(chmod(old, 0600), 0);
    hub_directory_open(directory, old);
    assert_non_null(strstr(hub_directory_fault(directory), "no SQLite database"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_devices_as_they_are_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_policies_authorities_and_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_enrolments_and_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_schema_refuses_what_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_a_power_cut_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_comes_changes_and_goes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
