// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/accounts.h"

#include "apps/cloud/auth/accounts_private.h"
#include "base/assert.h"
#include "port/linux/log.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE "accounts"

static const char tables[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    "CREATE TABLE IF NOT EXISTS account(name TEXT PRIMARY KEY, password TEXT NOT NULL,"
    " made_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS grants(name TEXT NOT NULL REFERENCES account(name),"
    " role TEXT NOT NULL, node TEXT NOT NULL, until_ms INTEGER, PRIMARY KEY(name, node, role))"
    " WITHOUT ROWID;"
    // Sessions of the first versions carried no last use: nobody knows whether they had ended.
    "DROP TABLE IF EXISTS session;"
    "CREATE TABLE IF NOT EXISTS sessions(hash BLOB PRIMARY KEY, name TEXT NOT NULL,"
    " csrf TEXT NOT NULL, expires_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS secret(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS audit(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
    " user TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS audit_refused ON audit(id) WHERE action='" LOGIN_REFUSED "';"
    "CREATE INDEX IF NOT EXISTS audit_others ON audit(id) WHERE action<>'" LOGIN_REFUSED "';";

enum err accounts_failed(struct accounts *a, const char *what)
{
    log_error(MODULE, "sqlite", "while=\"%s\" detail=%s", what,
              log_quote(sqlite3_errmsg(a->handle)).text);
    return sqlite3_errcode(a->handle) == SQLITE_FULL ? ERR_FULL : ERR_IO;
}

enum err accounts_execute(struct accounts *a, const char *sql)
{
    return sqlite3_exec(a->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? OK
               : accounts_failed(a, "execute");
}

// Ends what "BEGIN IMMEDIATE" began; undone unless err is OK and the commit is.
enum err accounts_end_transaction(struct accounts *a, enum err err)
{
    if (err == OK) {
        err = accounts_execute(a, "COMMIT");
    }
    if (err != OK) {
        sqlite3_exec(a->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}

sqlite3_stmt *accounts_prepare(struct accounts *a, const char *sql)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(a->handle, sql, -1, &s, NULL) != SQLITE_OK) {
        (void)accounts_failed(a, sql);
    }
    return s; // binding to and stepping NULL fail cleanly
}

void accounts_bind_text(sqlite3_stmt *s, int index, const char *text)
{
    sqlite3_bind_text(s, index, text, -1, SQLITE_STATIC);
}

enum err accounts_finish(struct accounts *a, sqlite3_stmt *s, const char *what)
{
    const int code = sqlite3_step(s);
    enum err err = code == SQLITE_DONE ? OK : accounts_failed(a, what);
    sqlite3_finalize(s);
    return err;
}

void accounts_copy_column(sqlite3_stmt *s, int column, char *out, size_t capacity)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    snprintf(out, capacity, "%s", text != NULL ? (const char *)text : "");
}

bool account_name_is_good(struct bytes name)
{
    if (name.size < 1 || name.size > USER_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
              c == '_' || c == '@')) {
            return false;
        }
    }
    return true;
}

enum err accounts_load_access(struct accounts *a, const char *name, struct access *out)
{
    sqlite3_stmt *s =
        accounts_prepare(a, "SELECT role, node, until_ms FROM grants WHERE name=?1 LIMIT 8");
    accounts_bind_text(s, 1, name);
    *out = (struct access){.grant_count = 0};
    int code = SQLITE_DONE;
    while ((code = sqlite3_step(s)) == SQLITE_ROW && out->grant_count < GRANTS_MAX) {
        struct grant *grant = &out->grants[out->grant_count];
        char role[16];
        accounts_copy_column(s, 0, role, sizeof(role));
        accounts_copy_column(s, 1, grant->node, sizeof(grant->node));
        grant->until_ms =
            sqlite3_column_type(s, 2) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(s, 2);
        if (role_of(role, &grant->role)) {
            out->grant_count++;
        }
    }
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW ? OK : accounts_failed(a, "grants");
    sqlite3_finalize(s);
    return err;
}

// What ended while nobody looked, and what is more than the table holds.
static enum err delete_ended(struct accounts *a, int64_t now_ms)
{
    sqlite3_stmt *s = accounts_prepare(
        a, "DELETE FROM sessions WHERE expires_ms <= ?1 OR used_ms <= ?2 OR hash NOT IN"
           " (SELECT hash FROM sessions ORDER BY used_ms DESC LIMIT ?3)");
    sqlite3_bind_int64(s, 1, now_ms);
    sqlite3_bind_int64(s, 2, now_ms - SESSION_IDLE_MS);
    sqlite3_bind_int64(s, 3, SESSIONS_MAX);
    return accounts_finish(a, s, "expire");
}

static enum err load_sessions(struct accounts *a, struct sessions *sessions, int64_t now_ms)
{
    enum err err = delete_ended(a, now_ms);
    sqlite3_stmt *s =
        accounts_prepare(a, "SELECT hash, name, csrf, expires_ms, used_ms FROM sessions"
                            " ORDER BY used_ms DESC LIMIT ?1");
    sqlite3_bind_int64(s, 1, SESSIONS_MAX);
    int code = SQLITE_DONE;
    while (err == OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct session session = {.expires_ms = sqlite3_column_int64(s, 3),
                                  .used_ms = sqlite3_column_int64(s, 4)};
        if (sqlite3_column_bytes(s, 0) != SESSION_HASH_SIZE) {
            continue;
        }
        memcpy(session.hash, sqlite3_column_blob(s, 0), SESSION_HASH_SIZE);
        accounts_copy_column(s, 1, session.user, sizeof(session.user));
        accounts_copy_column(s, 2, session.csrf, sizeof(session.csrf));
        err = accounts_load_access(a, session.user, &session.access);
        sessions_add(sessions, &session);
    }
    err = err == OK && code != SQLITE_DONE ? accounts_failed(a, "sessions") : err;
    sqlite3_finalize(s);
    return err;
}

static enum err load_device_key(struct accounts *a)
{
    uint8_t fresh[DEVICE_KEY_SIZE];
    randombytes_buf(fresh, sizeof(fresh));
    sqlite3_stmt *s = accounts_prepare(a, "INSERT OR IGNORE INTO secret VALUES('device', ?1)");
    sqlite3_bind_blob(s, 1, fresh, sizeof(fresh), SQLITE_STATIC);
    enum err err = accounts_finish(a, s, "device key");
    s = accounts_prepare(a, "SELECT value FROM secret WHERE name='device'");
    const int code = sqlite3_step(s);
    if (code == SQLITE_ROW && sqlite3_column_bytes(s, 0) == DEVICE_KEY_SIZE) {
        memcpy(a->device_key, sqlite3_column_blob(s, 0), DEVICE_KEY_SIZE);
    } else {
        err = err == OK ? ERR_CORRUPT : err;
    }
    sqlite3_finalize(s);
    return err;
}

enum err accounts_open(struct accounts *a, const char *folder, struct sessions *sessions,
                       int64_t now_ms)
{
    *a = (struct accounts){.handle = NULL};
    char path[600];
    if (strlen(folder) >= sizeof(a->folder)) {
        return ERR_ARG;
    }
    snprintf(a->folder, sizeof(a->folder), "%s", folder);
    snprintf(path, sizeof(path), "%s/accounts.db", folder);
    if (sodium_init() < 0 ||
        sqlite3_open_v2(path, &a->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
                        NULL) != SQLITE_OK) {
        log_error(MODULE, "open", "path=%s", log_quote(path).text);
        accounts_close(a);
        return ERR_IO;
    }
    sqlite3_busy_timeout(a->handle, 5000);
    enum err err = accounts_execute(a, tables);
    sqlite3_stmt *s = accounts_prepare(a, "SELECT EXISTS(SELECT 1 FROM account)");
    a->has_account = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) != 0;
    sqlite3_finalize(s);
    if (err == OK) {
        err = accounts_hash_password("no password", a->nobody);
    }
    if (err == OK) {
        err = load_sessions(a, sessions, now_ms);
    }
    if (err == OK) {
        err = load_device_key(a);
    }
    if (err == OK) {
        err = setup_link_open(a);
    }
    if (err != OK) {
        accounts_close(a);
    }
    return err;
}

void accounts_close(struct accounts *a)
{
    sqlite3_close(a->handle);
    a->handle = NULL;
}

enum err accounts_delete_session(struct accounts *a, const uint8_t hash[SESSION_HASH_SIZE])
{
    sqlite3_stmt *s = accounts_prepare(a, "DELETE FROM sessions WHERE hash=?1");
    sqlite3_bind_blob(s, 1, hash, SESSION_HASH_SIZE, SQLITE_STATIC);
    return accounts_finish(a, s, "end a session");
}

static enum err save_use(struct accounts *a, const struct session_change *change)
{
    sqlite3_stmt *s = accounts_prepare(a, "UPDATE sessions SET used_ms=?2 WHERE hash=?1");
    sqlite3_bind_blob(s, 1, change->hash, SESSION_HASH_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, change->used_ms);
    return accounts_finish(a, s, "note the last use");
}

enum err accounts_save_sessions(struct accounts *a, const struct session_change *changes,
                                size_t count)
{
    enum err err = accounts_execute(a, "BEGIN IMMEDIATE");
    if (err != OK) {
        return err;
    }
    for (size_t i = 0; err == OK && i < count; i++) {
        err = changes[i].is_over ? accounts_delete_session(a, changes[i].hash)
                                 : save_use(a, &changes[i]);
    }
    return accounts_end_transaction(a, err);
}

enum err accounts_audit(struct accounts *a, int64_t now_ms, const char *user, const char *address,
                        const char *action, const char *detail)
{
    sqlite3_stmt *s = accounts_prepare(a, "INSERT INTO audit(at_ms, user, address, action, detail)"
                                          " VALUES(?1, ?2, ?3, ?4, ?5)");
    sqlite3_bind_int64(s, 1, now_ms);
    accounts_bind_text(s, 2, user);
    accounts_bind_text(s, 3, address);
    accounts_bind_text(s, 4, action);
    accounts_bind_text(s, 5, detail);
    enum err err = accounts_finish(a, s, "audit");
    if (err != OK) {
        return err;
    }
    // Who keeps guessing must not push out what the others did.
    const bool is_refused = strcmp(action, LOGIN_REFUSED) == 0;
    s = accounts_prepare(a, is_refused
                                ? "DELETE FROM audit WHERE action='" LOGIN_REFUSED "' AND id <="
                                  " (SELECT id FROM audit WHERE action='" LOGIN_REFUSED "'"
                                  " ORDER BY id DESC LIMIT 1 OFFSET ?1)"
                                : "DELETE FROM audit WHERE action<>'" LOGIN_REFUSED "' AND id <="
                                  " (SELECT id FROM audit WHERE action<>'" LOGIN_REFUSED "'"
                                  " ORDER BY id DESC LIMIT 1 OFFSET ?1)");
    sqlite3_bind_int64(s, 1, is_refused ? AUDIT_REFUSED_MAX : AUDIT_ROWS_MAX);
    return accounts_finish(a, s, "audit");
}

enum err accounts_audit_list(struct accounts *a, uint32_t limit,
                             void (*row)(void *ctx, const struct audit_entry *entry), void *ctx)
{
    sqlite3_stmt *s =
        accounts_prepare(a, "SELECT id, at_ms, user, address, action, detail FROM audit"
                            " ORDER BY id DESC LIMIT ?1");
    sqlite3_bind_int64(s, 1, limit);
    int code = SQLITE_DONE;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        const struct audit_entry entry = {
            .id = sqlite3_column_int64(s, 0),
            .at_ms = sqlite3_column_int64(s, 1),
            .user = (const char *)sqlite3_column_text(s, 2),
            .address = (const char *)sqlite3_column_text(s, 3),
            .action = (const char *)sqlite3_column_text(s, 4),
            .detail = (const char *)sqlite3_column_text(s, 5),
        };
        row(ctx, &entry);
    }
    enum err err = code == SQLITE_DONE ? OK : accounts_failed(a, "audit list");
    sqlite3_finalize(s);
    return err;
}
