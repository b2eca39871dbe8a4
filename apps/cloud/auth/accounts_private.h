// SPDX-License-Identifier: Apache-2.0
// What the files of the accounts share; ours alone.
#ifndef CLOUD_ACCOUNTS_PRIVATE_H
#define CLOUD_ACCOUNTS_PRIVATE_H

#include "apps/cloud/auth/accounts.h"

#define LOGIN_REFUSED "login.refused"

// Logs what SQLite says. ERR_FULL: the disk is; else ERR_IO.
enum err accounts_failed(struct accounts *accounts, const char *what);
enum err accounts_execute(struct accounts *accounts, const char *sql);
// Ends what "BEGIN IMMEDIATE" began; undone unless err is OK and the commit is.
enum err accounts_end_transaction(struct accounts *accounts, enum err err);
// NULL if it is wrong: binding to and stepping that fail cleanly.
sqlite3_stmt *accounts_prepare(struct accounts *accounts, const char *sql);
void accounts_bind_text(sqlite3_stmt *s, int index, const char *text);
void accounts_copy_column(sqlite3_stmt *s, int column, char *out, size_t capacity);
// Runs a statement that gives no rows, and ends it.
enum err accounts_finish(struct accounts *accounts, sqlite3_stmt *s, const char *what);

enum err accounts_load_access(struct accounts *accounts, const char *name, struct access *out);
enum err accounts_delete_session(struct accounts *accounts, const uint8_t hash[SESSION_HASH_SIZE]);

enum { PASSWORD_HASH_SIZE = 128 };
// ERR_FULL: there is not enough memory.
enum err accounts_hash_password(const char *password, char out[PASSWORD_HASH_SIZE]);
// Random, size hex digits and the end.
void accounts_random_hex(char *out, size_t size);

// At opening: without an account a new link; with one, whether a link for a new password waits.
enum err setup_link_open(struct accounts *accounts);
bool setup_link_is(const struct accounts *accounts, const char *token);
// In a transaction: the link is good no more.
enum err setup_link_spend(struct accounts *accounts);
// When it is committed.
void setup_link_remove(struct accounts *accounts);

#endif
