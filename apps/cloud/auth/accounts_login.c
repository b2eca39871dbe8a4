// SPDX-License-Identifier: Apache-2.0
// Passwords: the first one, the right one, another one; and the session that follows.
#include "apps/cloud/auth/accounts_private.h"

#include "port/linux/log.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define MODULE "accounts"

// argon2id, 19 MiB, two passes.
#define ARGON_OPS 2
#define ARGON_MEM (19U * 1024 * 1024)

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");

enum err accounts_hash_password(const char *password, char out[PASSWORD_HASH_SIZE])
{
    return crypto_pwhash_str_alg(out, password, strlen(password), ARGON_OPS, ARGON_MEM,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0
               ? OK
               : ERR_FULL;
}

// One more session will fit, in the table and in the file.
static enum err make_room(struct accounts *a, const uint8_t *victim, struct login *out)
{
    enum err err = victim != NULL ? accounts_delete_session(a, victim) : OK;
    if (err != OK) {
        return err;
    }
    sqlite3_stmt *s =
        accounts_prepare(a, "SELECT hash FROM sessions WHERE (SELECT count(*) FROM sessions) >= ?1"
                            " ORDER BY used_ms LIMIT 1");
    sqlite3_bind_int64(s, 1, SESSIONS_MAX);
    const int code = sqlite3_step(s);
    out->has_evicted = code == SQLITE_ROW && sqlite3_column_bytes(s, 0) == SESSION_HASH_SIZE;
    if (out->has_evicted) {
        memcpy(out->evicted, sqlite3_column_blob(s, 0), SESSION_HASH_SIZE);
    }
    err = code == SQLITE_ROW || code == SQLITE_DONE ? OK : accounts_failed(a, "make room");
    sqlite3_finalize(s);
    return err == OK && out->has_evicted ? accounts_delete_session(a, out->evicted) : err;
}

// In a transaction.
static enum err add_session(struct accounts *a, const struct credentials *given,
                            const uint8_t *victim, int64_t now_ms, struct login *out)
{
    enum err err = make_room(a, victim, out);
    if (err != OK) {
        return err;
    }
    sqlite3_stmt *s = accounts_prepare(a, "INSERT INTO sessions VALUES(?1, ?2, ?3, ?4, ?5)");
    sqlite3_bind_blob(s, 1, out->session.hash, SESSION_HASH_SIZE, SQLITE_STATIC);
    accounts_bind_text(s, 2, out->session.user);
    accounts_bind_text(s, 3, out->session.csrf);
    sqlite3_bind_int64(s, 4, out->session.expires_ms);
    sqlite3_bind_int64(s, 5, now_ms);
    err = accounts_finish(a, s, "session");
    return err == OK ? accounts_audit(a, now_ms, given->name, given->address, "login", "") : err;
}

// A new session with what the account may do; not in the file yet.
static enum err make_session(struct accounts *a, const struct credentials *given, int64_t now_ms,
                             struct login *out)
{
    out->session = (struct session){.expires_ms = now_ms + SESSION_LIFE_MS, .used_ms = now_ms};
    accounts_random_hex(out->token, SESSION_TOKEN_SIZE);
    accounts_random_hex(out->session.csrf, SESSION_CSRF_SIZE);
    snprintf(out->session.user, sizeof(out->session.user), "%s", given->name);
    session_hash(bytes_of(out->token, SESSION_TOKEN_SIZE), out->session.hash);
    return accounts_load_access(a, given->name, &out->session.access);
}

// The row is in the file if and only if out->is_stored: a disk that is full keeps nobody out.
static enum err begin_session(struct accounts *a, const struct credentials *given,
                              const uint8_t *victim, int64_t now_ms, struct login *out)
{
    enum err err = make_session(a, given, now_ms, out);
    if (err != OK) {
        return err;
    }
    err = accounts_execute(a, "BEGIN IMMEDIATE");
    if (err == OK) {
        err = accounts_end_transaction(a, add_session(a, given, victim, now_ms, out));
    }
    out->is_stored = err == OK;
    if (err != OK) {
        out->has_evicted = false;
        log_error(MODULE, "session_not_stored", "user=%s err=%s why=\"it ends with this process\"",
                  log_quote(given->name).text, err_name(err));
    }
    return OK;
}

static enum err add_owner(struct accounts *a, const struct credentials *given, const char *hash,
                          int64_t now_ms)
{
    sqlite3_stmt *s = accounts_prepare(a, "INSERT INTO account VALUES(?1, ?2, ?3)");
    accounts_bind_text(s, 1, given->name);
    accounts_bind_text(s, 2, hash);
    sqlite3_bind_int64(s, 3, now_ms);
    enum err err = accounts_finish(a, s, "account");
    if (err == OK) {
        s = accounts_prepare(a, "INSERT INTO grants VALUES(?1, 'owner', '', NULL)");
        accounts_bind_text(s, 1, given->name);
        err = accounts_finish(a, s, "grant");
    }
    return err == OK ? accounts_audit(a, now_ms, given->name, given->address, "account.make",
                                      "first account, owner of everything, by the set-up link")
                     : err;
}

// ERR_NOT_FOUND: there is no such account. Ends its sessions but the one of that hash (NULL: all).
static enum err set_password(struct accounts *a, const char *name, const char *hash,
                             const uint8_t *but)
{
    sqlite3_stmt *s = accounts_prepare(a, "UPDATE account SET password=?2 WHERE name=?1");
    accounts_bind_text(s, 1, name);
    accounts_bind_text(s, 2, hash);
    enum err err = accounts_finish(a, s, "password");
    if (err == OK && sqlite3_changes(a->handle) == 0) {
        err = ERR_NOT_FOUND;
    }
    if (err == OK) {
        s = accounts_prepare(a, "DELETE FROM sessions WHERE name=?1 AND hash IS NOT ?2");
        accounts_bind_text(s, 1, name);
        sqlite3_bind_blob(s, 2, but, but != NULL ? SESSION_HASH_SIZE : 0, SQLITE_STATIC);
        err = accounts_finish(a, s, "end sessions");
    }
    return err;
}

// In a transaction: all that a set-up link does, and the link is spent.
static enum err use_setup_link(struct accounts *a, const struct credentials *given,
                               const char *hash, int64_t now_ms)
{
    enum err err = OK;
    if (a->has_account) {
        err = set_password(a, given->name, hash, NULL);
        err = err == OK ? accounts_audit(a, now_ms, given->name, given->address, "password.reset",
                                         "by a new set-up link")
                        : err;
    } else {
        err = add_owner(a, given, hash, now_ms);
    }
    return err == OK ? setup_link_spend(a) : err;
}

// The session is part of the transaction: a password that is committed while its session fails
// would look like nothing had changed, and the old sessions would go on in memory.
enum err accounts_setup(struct accounts *a, const struct credentials *given, const uint8_t *victim,
                        int64_t now_ms, struct login *out)
{
    char hash[PASSWORD_HASH_SIZE];
    *out = (struct login){.has_evicted = false};
    if (!a->has_setup_link) {
        return ERR_EXISTS;
    }
    if (!setup_link_is(a, given->setup_token)) {
        return ERR_DENIED;
    }
    enum err err = accounts_hash_password(given->password, hash);
    if (err == OK) {
        err = accounts_execute(a, "BEGIN IMMEDIATE");
    }
    if (err != OK) {
        return err;
    }
    err = use_setup_link(a, given, hash, now_ms);
    err = err == OK ? make_session(a, given, now_ms, out) : err;
    err = err == OK ? add_session(a, given, victim, now_ms, out) : err;
    err = accounts_end_transaction(a, err);
    if (err != OK) {
        sodium_memzero(out, sizeof(*out));
        return err;
    }
    out->is_stored = true;
    a->has_account = true;
    setup_link_remove(a);
    return OK;
}

// ERR_DENIED: it is another, or there is no such account; which takes as long.
static enum err check_password(struct accounts *a, const struct credentials *given)
{
    char hash[PASSWORD_HASH_SIZE];
    snprintf(hash, sizeof(hash), "%s", a->nobody);
    sqlite3_stmt *s = accounts_prepare(a, "SELECT password FROM account WHERE name=?1");
    accounts_bind_text(s, 1, given->name);
    const int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        accounts_copy_column(s, 0, hash, sizeof(hash));
    }
    sqlite3_finalize(s);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return accounts_failed(a, "login");
    }
    const bool is_right =
        crypto_pwhash_str_verify(hash, given->password, strlen(given->password)) == 0;
    return is_right && code == SQLITE_ROW ? OK : ERR_DENIED;
}

// What is refused stays so whether or not it can be written down; the log says what failed.
static void audit_refusal(struct accounts *a, const struct credentials *given, const char *action,
                          int64_t now_ms)
{
    if (accounts_audit(a, now_ms, given->name, given->address, action, "") != OK) {
        log_error(MODULE, "refusal_not_audited", "action=%s user=%s address=%s", action,
                  log_quote(given->name).text, given->address);
    }
}

enum err accounts_login(struct accounts *a, const struct credentials *given, const uint8_t *victim,
                        int64_t now_ms, struct login *out)
{
    *out = (struct login){.has_evicted = false};
    enum err err = check_password(a, given);
    if (err == ERR_DENIED) {
        audit_refusal(a, given, LOGIN_REFUSED, now_ms);
    }
    return err == OK ? begin_session(a, given, victim, now_ms, out) : err;
}

enum err accounts_change_password(struct accounts *a, const struct credentials *given,
                                  const uint8_t session[SESSION_HASH_SIZE], int64_t now_ms)
{
    char hash[PASSWORD_HASH_SIZE];
    enum err err = check_password(a, given);
    if (err == ERR_DENIED) {
        audit_refusal(a, given, "password.refused", now_ms);
    }
    if (err == OK) {
        err = accounts_hash_password(given->new_password, hash);
    }
    if (err == OK) {
        err = accounts_execute(a, "BEGIN IMMEDIATE");
    }
    if (err != OK) {
        return err;
    }
    err = set_password(a, given->name, hash, session);
    err = err == OK ? accounts_audit(a, now_ms, given->name, given->address, "password.change",
                                     "ends the other sessions")
                    : err;
    return accounts_end_transaction(a, err);
}
