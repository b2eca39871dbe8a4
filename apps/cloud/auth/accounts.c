// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/accounts.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE "accounts"

// argon2id, 19 MiB, two passes.
#define ARGON_OPS 2
#define ARGON_MEM (19U * 1024 * 1024)

#define LOGIN_REFUSED "login.refused"

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

static enum err failed(struct accounts *a, const char *what)
{
    log_error(MODULE, "sqlite", "while=\"%s\" detail=%s", what,
              log_quote(sqlite3_errmsg(a->handle)).text);
    return sqlite3_errcode(a->handle) == SQLITE_FULL ? ERR_FULL : ERR_IO;
}

static enum err execute(struct accounts *a, const char *sql)
{
    return sqlite3_exec(a->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : failed(a, "execute");
}

// Ends what "BEGIN IMMEDIATE" began; undone unless err is OK and the commit is.
static enum err end_transaction(struct accounts *a, enum err err)
{
    if (err == OK) {
        err = execute(a, "COMMIT");
    }
    if (err != OK) {
        sqlite3_exec(a->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}

static sqlite3_stmt *prepare(struct accounts *a, const char *sql)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(a->handle, sql, -1, &s, NULL) != SQLITE_OK) {
        (void)failed(a, sql);
    }
    return s; // binding to and stepping NULL fail cleanly
}

static void bind_text(sqlite3_stmt *s, int index, const char *text)
{
    sqlite3_bind_text(s, index, text, -1, SQLITE_STATIC);
}

static enum err finish(struct accounts *a, sqlite3_stmt *s, const char *what)
{
    const int code = sqlite3_step(s);
    enum err err = code == SQLITE_DONE ? OK : failed(a, what);
    sqlite3_finalize(s);
    return err;
}

static void copy_column(sqlite3_stmt *s, int column, char *out, size_t capacity)
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

static enum err load_access(struct accounts *a, const char *name, struct access *out)
{
    sqlite3_stmt *s = prepare(a, "SELECT role, node, until_ms FROM grants WHERE name=?1 LIMIT 8");
    bind_text(s, 1, name);
    *out = (struct access){.grant_count = 0};
    int code = SQLITE_DONE;
    while ((code = sqlite3_step(s)) == SQLITE_ROW && out->grant_count < GRANTS_MAX) {
        struct grant *grant = &out->grants[out->grant_count];
        char role[16];
        copy_column(s, 0, role, sizeof(role));
        copy_column(s, 1, grant->node, sizeof(grant->node));
        grant->until_ms =
            sqlite3_column_type(s, 2) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(s, 2);
        if (role_of(role, &grant->role)) {
            out->grant_count++;
        }
    }
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW ? OK : failed(a, "grants");
    sqlite3_finalize(s);
    return err;
}

// What ended while nobody looked, and what is more than the table holds.
static enum err delete_ended(struct accounts *a, int64_t now_ms)
{
    sqlite3_stmt *s =
        prepare(a, "DELETE FROM sessions WHERE expires_ms <= ?1 OR used_ms <= ?2 OR hash NOT IN"
                   " (SELECT hash FROM sessions ORDER BY used_ms DESC LIMIT ?3)");
    sqlite3_bind_int64(s, 1, now_ms);
    sqlite3_bind_int64(s, 2, now_ms - SESSION_IDLE_MS);
    sqlite3_bind_int64(s, 3, SESSIONS_MAX);
    return finish(a, s, "expire");
}

static enum err load_sessions(struct accounts *a, struct sessions *sessions, int64_t now_ms)
{
    enum err err = delete_ended(a, now_ms);
    sqlite3_stmt *s = prepare(a, "SELECT hash, name, csrf, expires_ms, used_ms FROM sessions");
    int code = SQLITE_DONE;
    while (err == OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct session session = {.expires_ms = sqlite3_column_int64(s, 3),
                                  .used_ms = sqlite3_column_int64(s, 4)};
        if (sqlite3_column_bytes(s, 0) != SESSION_HASH_SIZE) {
            continue;
        }
        memcpy(session.hash, sqlite3_column_blob(s, 0), SESSION_HASH_SIZE);
        copy_column(s, 1, session.user, sizeof(session.user));
        copy_column(s, 2, session.csrf, sizeof(session.csrf));
        err = load_access(a, session.user, &session.access);
        sessions_add(sessions, &session);
    }
    err = err == OK && code != SQLITE_DONE ? failed(a, "sessions") : err;
    sqlite3_finalize(s);
    return err;
}

static enum err load_device_key(struct accounts *a)
{
    uint8_t fresh[DEVICE_KEY_SIZE];
    randombytes_buf(fresh, sizeof(fresh));
    sqlite3_stmt *s = prepare(a, "INSERT OR IGNORE INTO secret VALUES('device', ?1)");
    sqlite3_bind_blob(s, 1, fresh, sizeof(fresh), SQLITE_STATIC);
    enum err err = finish(a, s, "device key");
    s = prepare(a, "SELECT value FROM secret WHERE name='device'");
    const int code = sqlite3_step(s);
    if (code == SQLITE_ROW && sqlite3_column_bytes(s, 0) == DEVICE_KEY_SIZE) {
        memcpy(a->device_key, sqlite3_column_blob(s, 0), DEVICE_KEY_SIZE);
    } else {
        err = err == OK ? ERR_CORRUPT : err;
    }
    sqlite3_finalize(s);
    return err;
}

static void random_hex(char *out, size_t size)
{
    uint8_t raw[32];
    ASSERT(size / 2 <= sizeof(raw));
    randombytes_buf(raw, size / 2);
    sodium_bin2hex(out, size + 1, raw, size / 2);
    sodium_memzero(raw, sizeof(raw));
}

static enum err write_setup_link(struct accounts *a)
{
    char path[600];
    char text[128];
    random_hex(a->setup_token, SETUP_TOKEN_SIZE);
    snprintf(path, sizeof(path), "%s/setup-link", a->folder);
    const int size = snprintf(text, sizeof(text), "/setup#token=%s\n", a->setup_token);
    (void)unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write(fd, text, (size_t)size) == size && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (!is_written) {
        log_error(MODULE, "setup_link", "path=%s why=\"cannot be written\"", log_quote(path).text);
        return ERR_IO;
    }
    log_info(MODULE, "setup_link", "path=%s use=\"open its link once to make the first account\"",
             log_quote(path).text);
    return OK;
}

static void remove_setup_link(struct accounts *a)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/setup-link", a->folder);
    (void)unlink(path);
    sodium_memzero(a->setup_token, sizeof(a->setup_token));
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
    enum err err = execute(a, tables);
    sqlite3_stmt *s = prepare(a, "SELECT EXISTS(SELECT 1 FROM account)");
    a->has_account = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) != 0;
    sqlite3_finalize(s);
    if (err == OK && crypto_pwhash_str_alg(a->nobody, "no password", 11, ARGON_OPS, ARGON_MEM,
                                           crypto_pwhash_ALG_ARGON2ID13) != 0) {
        err = ERR_FULL;
    }
    if (err == OK) {
        err = load_sessions(a, sessions, now_ms);
    }
    if (err == OK) {
        err = load_device_key(a);
    }
    if (err == OK && !a->has_account) {
        err = write_setup_link(a);
    } else if (err == OK) {
        remove_setup_link(a);
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

static enum err delete_session(struct accounts *a, const uint8_t hash[SESSION_HASH_SIZE])
{
    sqlite3_stmt *s = prepare(a, "DELETE FROM sessions WHERE hash=?1");
    sqlite3_bind_blob(s, 1, hash, SESSION_HASH_SIZE, SQLITE_STATIC);
    return finish(a, s, "end a session");
}

// One more session will fit.
static enum err make_room(struct accounts *a, struct login *out)
{
    sqlite3_stmt *s = prepare(a, "SELECT hash FROM sessions WHERE (SELECT count(*) FROM sessions)"
                                 " >= ?1 ORDER BY used_ms LIMIT 1");
    sqlite3_bind_int64(s, 1, SESSIONS_MAX);
    const int code = sqlite3_step(s);
    out->has_evicted = code == SQLITE_ROW && sqlite3_column_bytes(s, 0) == SESSION_HASH_SIZE;
    if (out->has_evicted) {
        memcpy(out->evicted, sqlite3_column_blob(s, 0), SESSION_HASH_SIZE);
    }
    enum err err = code == SQLITE_ROW || code == SQLITE_DONE ? OK : failed(a, "make room");
    sqlite3_finalize(s);
    return err == OK && out->has_evicted ? delete_session(a, out->evicted) : err;
}

static enum err add_session(struct accounts *a, const struct credentials *given, int64_t now_ms,
                            struct login *out)
{
    enum err err = make_room(a, out);
    if (err != OK) {
        return err;
    }
    sqlite3_stmt *s = prepare(a, "INSERT INTO sessions VALUES(?1, ?2, ?3, ?4, ?5)");
    sqlite3_bind_blob(s, 1, out->session.hash, SESSION_HASH_SIZE, SQLITE_STATIC);
    bind_text(s, 2, out->session.user);
    bind_text(s, 3, out->session.csrf);
    sqlite3_bind_int64(s, 4, out->session.expires_ms);
    sqlite3_bind_int64(s, 5, now_ms);
    err = finish(a, s, "session");
    return err == OK ? accounts_audit(a, now_ms, given->name, given->address, "login", "") : err;
}

// The row is in the file if and only if this returns OK: the table in memory mirrors it.
static enum err begin_session(struct accounts *a, const struct credentials *given, int64_t now_ms,
                              struct login *out)
{
    *out = (struct login){.session = {.expires_ms = now_ms + SESSION_LIFE_MS, .used_ms = now_ms}};
    random_hex(out->token, SESSION_TOKEN_SIZE);
    random_hex(out->session.csrf, SESSION_CSRF_SIZE);
    snprintf(out->session.user, sizeof(out->session.user), "%s", given->name);
    session_hash(bytes_of(out->token, SESSION_TOKEN_SIZE), out->session.hash);
    enum err err = load_access(a, given->name, &out->session.access);
    if (err == OK) {
        err = execute(a, "BEGIN IMMEDIATE");
    }
    return err == OK ? end_transaction(a, add_session(a, given, now_ms, out)) : err;
}

static enum err add_owner(struct accounts *a, const struct credentials *given, int64_t now_ms)
{
    char hash[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str_alg(hash, given->password, strlen(given->password), ARGON_OPS, ARGON_MEM,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return ERR_FULL;
    }
    enum err err = execute(a, "BEGIN IMMEDIATE");
    if (err != OK) {
        return err;
    }
    sqlite3_stmt *s = prepare(a, "INSERT INTO account VALUES(?1, ?2, ?3)");
    bind_text(s, 1, given->name);
    bind_text(s, 2, hash);
    sqlite3_bind_int64(s, 3, now_ms);
    err = finish(a, s, "account");
    if (err == OK) {
        s = prepare(a, "INSERT INTO grants VALUES(?1, 'owner', '', NULL)");
        bind_text(s, 1, given->name);
        err = finish(a, s, "grant");
    }
    if (err == OK) {
        err = accounts_audit(a, now_ms, given->name, given->address, "account.make",
                             "first account, owner of everything, by the set-up link");
    }
    return end_transaction(a, err);
}

enum err accounts_setup(struct accounts *a, const struct credentials *given, int64_t now_ms,
                        struct login *out)
{
    if (a->has_account) {
        return ERR_EXISTS;
    }
    if (sodium_memcmp(given->setup_token, a->setup_token, sizeof(a->setup_token)) != 0) {
        return ERR_DENIED;
    }
    enum err err = add_owner(a, given, now_ms);
    if (err != OK) {
        return err;
    }
    a->has_account = true;
    remove_setup_link(a);
    return begin_session(a, given, now_ms, out);
}

enum err accounts_login(struct accounts *a, const struct credentials *given, int64_t now_ms,
                        struct login *out)
{
    char hash[crypto_pwhash_STRBYTES];
    snprintf(hash, sizeof(hash), "%s", a->nobody);
    sqlite3_stmt *s = prepare(a, "SELECT password FROM account WHERE name=?1");
    bind_text(s, 1, given->name);
    const int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        copy_column(s, 0, hash, sizeof(hash));
    }
    sqlite3_finalize(s);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return failed(a, "login");
    }
    const bool is_right =
        crypto_pwhash_str_verify(hash, given->password, strlen(given->password)) == 0;
    if (!is_right || code != SQLITE_ROW) {
        enum err err = accounts_audit(a, now_ms, given->name, given->address, LOGIN_REFUSED, "");
        return err == OK ? ERR_DENIED : err;
    }
    return begin_session(a, given, now_ms, out);
}

static enum err save_use(struct accounts *a, const struct session_change *change)
{
    sqlite3_stmt *s = prepare(a, "UPDATE sessions SET used_ms=?2 WHERE hash=?1");
    sqlite3_bind_blob(s, 1, change->hash, SESSION_HASH_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, change->used_ms);
    return finish(a, s, "note the last use");
}

enum err accounts_save_sessions(struct accounts *a, const struct session_change *changes,
                                size_t count)
{
    enum err err = execute(a, "BEGIN IMMEDIATE");
    if (err != OK) {
        return err;
    }
    for (size_t i = 0; err == OK && i < count; i++) {
        err = changes[i].is_over ? delete_session(a, changes[i].hash) : save_use(a, &changes[i]);
    }
    return end_transaction(a, err);
}

enum err accounts_audit(struct accounts *a, int64_t now_ms, const char *user, const char *address,
                        const char *action, const char *detail)
{
    sqlite3_stmt *s = prepare(a, "INSERT INTO audit(at_ms, user, address, action, detail)"
                                 " VALUES(?1, ?2, ?3, ?4, ?5)");
    sqlite3_bind_int64(s, 1, now_ms);
    bind_text(s, 2, user);
    bind_text(s, 3, address);
    bind_text(s, 4, action);
    bind_text(s, 5, detail);
    enum err err = finish(a, s, "audit");
    if (err != OK) {
        return err;
    }
    // Who keeps guessing must not push out what the others did.
    const bool is_refused = strcmp(action, LOGIN_REFUSED) == 0;
    s = prepare(a, is_refused ? "DELETE FROM audit WHERE action='" LOGIN_REFUSED "' AND id <="
                                " (SELECT id FROM audit WHERE action='" LOGIN_REFUSED "'"
                                " ORDER BY id DESC LIMIT 1 OFFSET ?1)"
                              : "DELETE FROM audit WHERE action<>'" LOGIN_REFUSED "' AND id <="
                                " (SELECT id FROM audit WHERE action<>'" LOGIN_REFUSED "'"
                                " ORDER BY id DESC LIMIT 1 OFFSET ?1)");
    sqlite3_bind_int64(s, 1, is_refused ? AUDIT_REFUSED_MAX : AUDIT_ROWS_MAX);
    return finish(a, s, "audit");
}

enum err accounts_audit_list(struct accounts *a, uint32_t limit,
                             void (*row)(void *ctx, const struct audit_entry *entry), void *ctx)
{
    sqlite3_stmt *s = prepare(a, "SELECT id, at_ms, user, address, action, detail FROM audit"
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
    enum err err = code == SQLITE_DONE ? OK : failed(a, "audit list");
    sqlite3_finalize(s);
    return err;
}
