// SPDX-License-Identifier: Apache-2.0
// Goal: a session that has ended, by whatever way, stays ended after every restart, and one that
// lives keeps its last use. Method: a real accounts file, opened again and again at times of our
// choice; each opening is a restart.
#include "apps/cloud/auth/accounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define T0    INT64_C(1700000000000)
#define HOUR  (INT64_C(3600) * 1000)
#define WORDS "correct horse battery"

struct fixture {
    char folder[64];
    struct accounts accounts;
    struct sessions sessions;
    struct login login; // of the first account
};

static void restart(struct fixture *f, int64_t now_ms)
{
    accounts_close(&f->accounts);
    sessions_init(&f->sessions);
    assert_int_equal(accounts_open(&f->accounts, f->folder, &f->sessions, now_ms), OK);
}

static void read_setup_token(const struct fixture *f, char out[SETUP_TOKEN_SIZE + 1])
{
    char path[128];
    snprintf(path, sizeof(path), "%s/setup-link", f->folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "/setup#token=%64s", out), 1);
    fclose(file);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "/tmp/test_accounts.XXXXXX");
    *state = f;
    if (mkdtemp(f->folder) == NULL) {
        return -1;
    }
    restart(f, T0);
    struct credentials owner = {.name = "owner", .password = WORDS, .address = "127.0.0.1"};
    read_setup_token(f, owner.setup_token);
    assert_int_equal(accounts_setup(&f->accounts, &owner, NULL, T0, &f->login), OK);
    sessions_add(&f->sessions, &f->login.session);
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = {"accounts.db", "accounts.db-wal", "accounts.db-shm",
                                        "setup-link"};
    struct fixture *f = *state;
    char path[128];
    accounts_close(&f->accounts);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->folder, files[i]);
        unlink(path);
    }
    rmdir(f->folder);
    free(f);
    return 0;
}

static struct session *find(struct fixture *f, int64_t now_ms)
{
    return sessions_find(&f->sessions, bytes_of(f->login.token, SESSION_TOKEN_SIZE), now_ms);
}

static void save(struct fixture *f)
{
    static struct session_change changes[SESSIONS_MAX];
    const size_t count = sessions_changes(&f->sessions, changes);
    assert_int_equal(accounts_save_sessions(&f->accounts, changes, count), OK);
    sessions_saved(&f->sessions, changes, count);
}

static int rows(struct fixture *f)
{
    sqlite3_stmt *s = NULL;
    static const char sql[] = "SELECT count(*) FROM sessions";
    assert_int_equal(sqlite3_prepare_v2(f->accounts.handle, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const int count = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return count;
}

static void test_a_restart_is_no_use_of_a_session(void **state)
{
    struct fixture *f = *state;
    assert_non_null(find(f, T0 + 20 * HOUR));
    save(f);
    restart(f, T0 + 30 * HOUR);
    restart(f, T0 + 43 * HOUR);
    assert_non_null(find(f, T0 + 44 * HOUR - 1));
    restart(f, T0 + 43 * HOUR); // that use was not saved
    assert_null(find(f, T0 + 44 * HOUR));
}

static void test_what_idled_out_while_the_cloud_was_down_is_gone_for_good(void **state)
{
    struct fixture *f = *state;
    restart(f, T0 + SESSION_IDLE_MS);
    assert_null(find(f, T0 + SESSION_IDLE_MS));
    assert_int_equal(rows(f), 0);
    restart(f, T0 + HOUR); // the clock was set back
    assert_null(find(f, T0 + HOUR));
}

static void test_what_ended_while_running_loses_its_row(void **state)
{
    struct fixture *f = *state;
    assert_false(sessions_sweep(&f->sessions, T0 + SESSION_IDLE_MS - 1));
    assert_true(sessions_sweep(&f->sessions, T0 + SESSION_IDLE_MS));
    assert_null(find(f, T0));
    save(f);
    assert_int_equal(rows(f), 0);
    assert_false(sessions_sweep(&f->sessions, T0 + SESSION_IDLE_MS));
    restart(f, T0 + HOUR);
    assert_null(find(f, T0 + HOUR));
}

static void test_an_end_that_could_not_be_saved_is_tried_again(void **state)
{
    struct fixture *f = *state;
    sessions_end(find(f, T0));
    assert_int_equal(sqlite3_exec(f->accounts.handle, "PRAGMA query_only=1", NULL, NULL, NULL), 0);
    struct session_change changes[SESSIONS_MAX];
    assert_int_equal(sessions_changes(&f->sessions, changes), 1);
    assert_int_not_equal(accounts_save_sessions(&f->accounts, changes, 1), OK);
    assert_null(find(f, T0));
    assert_true(sessions_sweep(&f->sessions, T0));
    assert_int_equal(sqlite3_exec(f->accounts.handle, "PRAGMA query_only=0", NULL, NULL, NULL), 0);
    save(f);
    assert_int_equal(rows(f), 0);
}

static void test_the_session_that_makes_room_loses_its_row_with_the_login(void **state)
{
    struct fixture *f = *state;
    char sql[256];
    for (int i = 1; i < SESSIONS_MAX; i++) {
        snprintf(sql, sizeof(sql),
                 "INSERT INTO sessions VALUES(x'%064x', 'owner', 'c', %lld, %lld)", i,
                 (long long)(T0 + SESSION_LIFE_MS), (long long)(T0 + i));
        assert_int_equal(sqlite3_exec(f->accounts.handle, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    restart(f, T0 + HOUR);
    assert_non_null(find(f, T0 + HOUR));
    save(f); // now the one of T0 + 1 was used longest ago
    const struct credentials owner = {.name = "owner", .password = WORDS, .address = "::1"};
    struct login login;
    assert_int_equal(accounts_login(&f->accounts, &owner, NULL, T0 + HOUR, &login), OK);
    assert_true(login.has_evicted);
    assert_int_equal(login.evicted[SESSION_HASH_SIZE - 1], 1);
    assert_int_equal(rows(f), SESSIONS_MAX);
    sessions_drop(&f->sessions, login.evicted);
    sessions_add(&f->sessions, &login.session);
    for (int round = 0; round < 2; round++) {
        size_t live = 0;
        for (size_t i = 0; i < SESSIONS_MAX; i++) {
            live += f->sessions.table[i].state == SESSION_LIVE ? 1 : 0;
            assert_memory_not_equal(f->sessions.table[i].hash, login.evicted, SESSION_HASH_SIZE);
        }
        assert_int_equal(live, SESSIONS_MAX);
        assert_non_null(find(f, T0 + HOUR));
        restart(f, T0 + HOUR);
    }
}

// As after a full disk: in memory there are more than in the file, and they were used later.
static void fill_table(struct fixture *f)
{
    struct session session = f->login.session;
    for (int i = 1; i < SESSIONS_MAX; i++) {
        assert_null(sessions_victim(&f->sessions));
        session.used_ms = T0 + i;
        snprintf((char *)session.hash, sizeof(session.hash), "unstored %d", i);
        sessions_add(&f->sessions, &session);
    }
}

static void test_who_gives_way_in_a_full_table_loses_its_row_though_the_file_has_room(void **state)
{
    struct fixture *f = *state;
    const struct credentials owner = {.name = "owner", .password = WORDS, .address = "::1"};
    struct login login;
    fill_table(f);
    const struct session *victim = sessions_victim(&f->sessions);
    assert_ptr_equal(victim, find(f, T0));
    assert_int_equal(sqlite3_exec(f->accounts.handle, "PRAGMA query_only=1", NULL, NULL, NULL), 0);
    assert_int_equal(accounts_login(&f->accounts, &owner, victim->hash, T0, &login), OK);
    assert_false(login.is_stored);
    assert_int_equal(sqlite3_exec(f->accounts.handle, "PRAGMA query_only=0", NULL, NULL, NULL), 0);
    assert_int_equal(rows(f), 1); // so it must not give way
    assert_int_equal(accounts_login(&f->accounts, &owner, victim->hash, T0, &login), OK);
    assert_true(login.is_stored);
    assert_false(login.has_evicted);
    assert_int_equal(rows(f), 1);
    restart(f, T0);
    assert_null(find(f, T0));
    assert_non_null(sessions_find(&f->sessions, bytes_of(login.token, SESSION_TOKEN_SIZE), T0));
}

static void test_a_refused_login_leaves_no_session(void **state)
{
    struct fixture *f = *state;
    const struct credentials wrong = {.name = "owner", .password = "guess", .address = "::1"};
    const struct credentials nobody = {.name = "nobody", .password = WORDS, .address = "::1"};
    struct login login;
    assert_int_equal(accounts_login(&f->accounts, &wrong, NULL, T0, &login), ERR_DENIED);
    assert_int_equal(accounts_login(&f->accounts, &nobody, NULL, T0, &login), ERR_DENIED);
    assert_int_equal(rows(f), 1);
}

static void count_action(void *ctx, const struct audit_entry *entry)
{
    int *counts = ctx;
    counts[strcmp(entry->action, "login.refused") == 0 ? 1 : 0]++;
}

static void test_refused_logins_push_nothing_else_out_of_the_audit_log(void **state)
{
    struct fixture *f = *state;
    int counts[2] = {0, 0};
    assert_int_equal(sqlite3_exec(f->accounts.handle, "PRAGMA synchronous=OFF", NULL, NULL, NULL),
                     SQLITE_OK);
    const char *many = "INSERT INTO audit(at_ms, user, address, action, detail)"
                       " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                       " WHERE i < 120000) SELECT i, 'x', '::1', 'login.refused', '' FROM n";
    assert_int_equal(sqlite3_exec(f->accounts.handle, many, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(accounts_audit(&f->accounts, T0, "x", "::1", "login.refused", ""), OK);
    assert_int_equal(accounts_audit(&f->accounts, T0, "owner", "::1", "login", ""), OK);
    assert_int_equal(accounts_audit_list(&f->accounts, AUDIT_ROWS_MAX, count_action, counts), OK);
    assert_int_equal(counts[0], 3); // the account, its login, and one more
    assert_int_equal(counts[1], AUDIT_REFUSED_MAX);
}

static void run(struct fixture *f, const char *sql)
{
    assert_int_equal(sqlite3_exec(f->accounts.handle, sql, NULL, NULL, NULL), SQLITE_OK);
}

// As a disk is that takes no byte more.
static void fill(struct fixture *f)
{
    run(f, "CREATE TABLE ballast(text BLOB); PRAGMA max_page_count=1"); // as small as it is
    for (int size = 4096; size > 0; size /= 16) {
        char sql[96];
        snprintf(sql, sizeof(sql), "INSERT INTO ballast VALUES(zeroblob(%d))", size);
        while (sqlite3_exec(f->accounts.handle, sql, NULL, NULL, NULL) == SQLITE_OK) {
        }
        assert_int_equal(sqlite3_errcode(f->accounts.handle), SQLITE_FULL);
    }
    // Every table and index has room of its own in its last page.
    static const char audit[] = "INSERT INTO audit(at_ms, user, address, action, detail)"
                                " VALUES(0, '', '', 'x', '')";
    while (sqlite3_exec(f->accounts.handle, audit, NULL, NULL, NULL) == SQLITE_OK) {
    }
}

static void test_a_full_disk_refuses_wrong_passwords_and_takes_the_right_one(void **state)
{
    struct fixture *f = *state;
    const struct credentials wrong = {.name = "owner", .password = "guess", .address = "::1"};
    struct credentials right = {.name = "owner", .password = WORDS, .address = "::1"};
    struct login login;
    fill(f);
    assert_int_equal(accounts_login(&f->accounts, &wrong, NULL, T0, &login), ERR_DENIED);
    const int before = rows(f);
    assert_int_equal(accounts_login(&f->accounts, &right, NULL, T0, &login), OK);
    assert_false(login.is_stored);
    assert_false(login.has_evicted);
    assert_int_equal(rows(f), before);
    assert_int_equal(login.session.access.grant_count, 1);
    snprintf(right.new_password, sizeof(right.new_password), "another pass phrase");
    assert_int_equal(accounts_change_password(&f->accounts, &right, login.session.hash, T0),
                     ERR_FULL);
    run(f, "PRAGMA max_page_count=1000000");
    assert_int_equal(accounts_login(&f->accounts, &right, NULL, T0, &login),
                     OK); // the old one still
    assert_true(login.is_stored);
    assert_int_equal(rows(f), before + 1);
}

static void test_a_new_password_ends_the_other_sessions(void **state)
{
    struct fixture *f = *state;
    struct credentials given = {.name = "owner", .password = WORDS, .address = "::1"};
    struct login login;
    assert_int_equal(accounts_login(&f->accounts, &given, NULL, T0, &login), OK);
    assert_int_equal(rows(f), 2);
    snprintf(given.new_password, sizeof(given.new_password), "another pass phrase");
    assert_int_equal(accounts_change_password(&f->accounts, &given, login.session.hash, T0), OK);
    assert_int_equal(rows(f), 1);
    restart(f, T0);
    assert_null(find(f, T0)); // that was the other one
    assert_non_null(sessions_find(&f->sessions, bytes_of(login.token, SESSION_TOKEN_SIZE), T0));
    assert_int_equal(accounts_change_password(&f->accounts, &given, login.session.hash, T0),
                     ERR_DENIED);
    assert_int_equal(accounts_login(&f->accounts, &given, NULL, T0, &login), ERR_DENIED);
}

static void test_a_new_link_gives_a_new_password_once(void **state)
{
    struct fixture *f = *state;
    struct credentials given = {.name = "owner", .password = "another pass phrase"};
    struct login login;
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), ERR_EXISTS);
    assert_int_equal(accounts_new_setup_link(&f->accounts, T0), OK);
    assert_int_equal(accounts_new_setup_link(&f->accounts, T0), OK); // the later one is good
    restart(f, T0);
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), ERR_DENIED);
    read_setup_token(f, given.setup_token);
    snprintf(given.name, sizeof(given.name), "nobody");
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), ERR_NOT_FOUND);
    snprintf(given.name, sizeof(given.name), "owner");
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), OK);
    assert_int_equal(rows(f), 1);
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), ERR_EXISTS);
    restart(f, T0);
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), ERR_EXISTS);
    assert_int_equal(accounts_login(&f->accounts, &given, NULL, T0, &login), OK);
}

static void test_a_link_whose_session_fails_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct credentials given = {.name = "owner", .password = "another pass phrase"};
    struct login login;
    assert_int_equal(accounts_new_setup_link(&f->accounts, T0), OK);
    read_setup_token(f, given.setup_token);
    run(f, "ALTER TABLE grants RENAME TO away"); // what the account may do cannot be read
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), ERR_IO);
    run(f, "ALTER TABLE away RENAME TO grants");
    run(f, "CREATE TRIGGER no BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), ERR_IO);
    run(f, "DROP TRIGGER no");
    assert_int_equal(rows(f), 1);
    assert_int_equal(accounts_login(&f->accounts, &given, NULL, T0, &login), ERR_DENIED);
    restart(f, T0);
    assert_non_null(find(f, T0));
    assert_int_equal(accounts_setup(&f->accounts, &given, NULL, T0, &login), OK);
    assert_true(login.is_stored);
    assert_int_equal(rows(f), 1);
    assert_int_equal(accounts_login(&f->accounts, &given, NULL, T0, &login), OK);
}

static void test_known_browsers_are_known_after_a_restart(void **state)
{
    struct fixture *f = *state;
    char cookie[DEVICE_COOKIE_SIZE + 1];
    uint8_t nonce[DEVICE_NONCE_SIZE];
    const struct bytes name = bytes_of("owner", 5);
    device_cookie_make(f->accounts.device_key, name, cookie);
    restart(f, T0);
    assert_true(device_cookie_check(f->accounts.device_key, name,
                                    bytes_of(cookie, DEVICE_COOKIE_SIZE), nonce));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_restart_is_no_use_of_a_session, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_what_idled_out_while_the_cloud_was_down_is_gone_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_ended_while_running_loses_its_row, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_end_that_could_not_be_saved_is_tried_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_the_session_that_makes_room_loses_its_row_with_the_login, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_who_gives_way_in_a_full_table_loses_its_row_though_the_file_has_room, setup,
            teardown),
        cmocka_unit_test_setup_teardown(test_a_refused_login_leaves_no_session, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_logins_push_nothing_else_out_of_the_audit_log,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_full_disk_refuses_wrong_passwords_and_takes_the_right_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_password_ends_the_other_sessions, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_new_link_gives_a_new_password_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_link_whose_session_fails_changes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_known_browsers_are_known_after_a_restart, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
