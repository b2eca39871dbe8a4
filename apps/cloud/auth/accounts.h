// SPDX-License-Identifier: Apache-2.0
// Accounts, grants, sessions and the audit log in a SQLite file of their own, so that neither
// argon2 nor a slow disk here ever holds up samples. After accounts_open all functions belong to
// the one worker thread; they block.
#ifndef CLOUD_AUTH_ACCOUNTS_H
#define CLOUD_AUTH_ACCOUNTS_H

#include "apps/cloud/auth/device.h"
#include "apps/cloud/auth/sessions.h"
#include "base/err.h"

#include <sqlite3.h>
#include <stddef.h>

enum {
    PASSWORD_SIZE_MIN = 12,
    PASSWORD_SIZE_MAX = 256,
    SETUP_TOKEN_SIZE = 64, // hex
    AUDIT_ROWS_MAX = 100000,
    AUDIT_REFUSED_MAX = 10000, // refused logins, apart: strangers make them
    AUDIT_TEXT_MAX = 256,
};

struct accounts {
    sqlite3 *handle;
    char folder[512];
    bool has_account;                      // as of opening and accounts_setup
    bool has_setup_link;                   // without an account, or made for a new password
    uint8_t setup_hash[SESSION_HASH_SIZE]; // of its token
    char nobody[128];                      // a hash to verify when the name is unknown
    uint8_t device_key[DEVICE_KEY_SIZE];   // the same after every restart; read by all
};

// Opens DATA/accounts.db; without any account makes a new DATA/setup-link (0600) and logs its path.
// Sessions that still live by their last use go into *sessions; the others are deleted.
NODISCARD enum err accounts_open(struct accounts *accounts, const char *folder,
                                 struct sessions *sessions, int64_t now_ms);
void accounts_close(struct accounts *accounts);

// a-z 0-9 . - _ @, up to USER_NAME_MAX.
bool account_name_is_good(struct bytes name);

struct credentials {
    char name[USER_NAME_MAX + 1];
    char password[PASSWORD_SIZE_MAX + 1];
    char new_password[PASSWORD_SIZE_MAX + 1]; // accounts_change_password
    char setup_token[SETUP_TOKEN_SIZE + 1];   // accounts_setup
    char address[64];
};

struct login {
    struct session session;             // to be added to the table
    char token[SESSION_TOKEN_SIZE + 1]; // for the cookie
    bool is_stored; // else, as on a full disk, it lives in memory alone and ends with the process
    // The session that made room in the file, the one used longest ago; to be dropped, as is the
    // victim, once this one is stored.
    bool has_evicted;
    uint8_t evicted[SESSION_HASH_SIZE];
};

// Makes the first account, owner of everything, and logs it in; or, by a link made later, sets the
// password of an account, whose sessions all end, and logs it in; all or nothing, so that OK means
// a stored session. ERR_EXISTS: there is no link; ERR_DENIED: wrong token; ERR_NOT_FOUND: no such
// account. victim: the hash of the session that gives way in a full table, whose row goes as the
// new one comes; NULL: none has to.
NODISCARD enum err accounts_setup(struct accounts *accounts, const struct credentials *given,
                                  const uint8_t *victim, int64_t now_ms, struct login *out);
// ERR_DENIED: name or password is wrong, whether or not that could be written down; takes as long
// for an unknown name.
NODISCARD enum err accounts_login(struct accounts *accounts, const struct credentials *given,
                                  const uint8_t *victim, int64_t now_ms, struct login *out);
// The account's sessions end, but for the one of that hash. ERR_DENIED: the old one is wrong.
NODISCARD enum err accounts_change_password(struct accounts *accounts,
                                            const struct credentials *given,
                                            const uint8_t session[SESSION_HASH_SIZE],
                                            int64_t now_ms);
// For who can log in no more: a new DATA/setup-link that lets an account have a new password.
NODISCARD enum err accounts_new_setup_link(struct accounts *accounts, int64_t now_ms);
// The names, oldest first, a hundred at most.
NODISCARD enum err accounts_list(struct accounts *accounts,
                                 void (*row)(void *ctx, const char *name), void *ctx);
// Deletes the rows of sessions that are over and notes when the others were used, all or nothing.
// What had ended stays ended after any restart once this returned OK.
NODISCARD enum err accounts_save_sessions(struct accounts *accounts,
                                          const struct session_change *changes, size_t count);

NODISCARD enum err accounts_audit(struct accounts *accounts, int64_t now_ms, const char *user,
                                  const char *address, const char *action, const char *detail);
struct audit_entry {
    int64_t id;
    int64_t at_ms;
    const char *user;
    const char *address;
    const char *action;
    const char *detail;
};
NODISCARD enum err accounts_audit_list(struct accounts *accounts, uint32_t limit,
                                       void (*row)(void *ctx, const struct audit_entry *entry),
                                       void *ctx);

#endif
