// SPDX-License-Identifier: Apache-2.0
// The single-use link in a 0600 file that makes the first account, or gives an account a new
// password. The file holds the token; what is kept of it elsewhere is its hash.
#include "apps/cloud/auth/accounts_private.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODULE "accounts"

enum { PATH_SIZE = 600 };

void accounts_random_hex(char *out, size_t size)
{
    uint8_t raw[32];
    ASSERT(size / 2 <= sizeof(raw));
    randombytes_buf(raw, size / 2);
    sodium_bin2hex(out, size + 1, raw, size / 2);
    sodium_memzero(raw, sizeof(raw));
}

static void path_of(const struct accounts *a, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/setup-link", a->folder);
}

static enum err write_link(struct accounts *a, const char *token, const char *use)
{
    char path[PATH_SIZE];
    char text[128];
    path_of(a, path);
    const int size = snprintf(text, sizeof(text), "/setup#token=%s\n", token);
    (void)unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write(fd, text, (size_t)size) == size && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    sodium_memzero(text, sizeof(text));
    if (!is_written) {
        log_error(MODULE, "setup_link", "path=%s why=\"cannot be written\"", log_quote(path).text);
        return ERR_IO;
    }
    log_info(MODULE, "setup_link", "path=%s use=\"%s\"", log_quote(path).text, use);
    return OK;
}

static void remember(struct accounts *a, const char *token)
{
    session_hash(bytes_of(token, SETUP_TOKEN_SIZE), a->setup_hash);
    a->has_setup_link = true;
}

enum err setup_link_open(struct accounts *a)
{
    if (!a->has_account) {
        char token[SETUP_TOKEN_SIZE + 1];
        accounts_random_hex(token, SETUP_TOKEN_SIZE);
        remember(a, token);
        return write_link(a, token, "open its link once to make the first account");
    }
    sqlite3_stmt *s = accounts_prepare(a, "SELECT value FROM secret WHERE name='setup'");
    const int code = sqlite3_step(s);
    a->has_setup_link = code == SQLITE_ROW && sqlite3_column_bytes(s, 0) == SESSION_HASH_SIZE;
    if (a->has_setup_link) {
        memcpy(a->setup_hash, sqlite3_column_blob(s, 0), SESSION_HASH_SIZE);
    }
    sqlite3_finalize(s);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return accounts_failed(a, "setup link");
    }
    if (!a->has_setup_link) {
        setup_link_remove(a);
    }
    return OK;
}

bool setup_link_is(const struct accounts *a, const char *token)
{
    uint8_t hash[SESSION_HASH_SIZE];
    session_hash(bytes_of(token, strlen(token)), hash);
    return a->has_setup_link && sodium_memcmp(hash, a->setup_hash, sizeof(hash)) == 0;
}

enum err setup_link_spend(struct accounts *a)
{
    return accounts_execute(a, "DELETE FROM secret WHERE name='setup'");
}

void setup_link_remove(struct accounts *a)
{
    char path[PATH_SIZE];
    path_of(a, path);
    (void)unlink(path);
    a->has_setup_link = false;
    sodium_memzero(a->setup_hash, sizeof(a->setup_hash));
}

enum err accounts_new_setup_link(struct accounts *a, int64_t now_ms)
{
    if (!a->has_account) {
        return OK; // opening wrote one
    }
    char token[SETUP_TOKEN_SIZE + 1];
    accounts_random_hex(token, SETUP_TOKEN_SIZE);
    remember(a, token);
    enum err err = accounts_execute(a, "BEGIN IMMEDIATE");
    if (err != OK) {
        return err;
    }
    sqlite3_stmt *s = accounts_prepare(a, "INSERT OR REPLACE INTO secret VALUES('setup', ?1)");
    sqlite3_bind_blob(s, 1, a->setup_hash, sizeof(a->setup_hash), SQLITE_STATIC);
    err = accounts_finish(a, s, "setup link");
    err = err == OK ? accounts_audit(a, now_ms, "", "", "setup_link.make", "on the server") : err;
    err = accounts_end_transaction(a, err);
    if (err == OK) {
        err = write_link(a, token, "open its link once to set a new password");
    }
    sodium_memzero(token, sizeof(token));
    return err;
}

enum err accounts_list(struct accounts *a, void (*row)(void *ctx, const char *name), void *ctx)
{
    sqlite3_stmt *s = accounts_prepare(a, "SELECT name FROM account ORDER BY made_ms LIMIT 100");
    int code = SQLITE_DONE;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        row(ctx, (const char *)sqlite3_column_text(s, 0));
    }
    enum err err = code == SQLITE_DONE ? OK : accounts_failed(a, "accounts");
    sqlite3_finalize(s);
    return err;
}
