// SPDX-License-Identifier: Apache-2.0
// Who is logged in. A session's token is 256 random bits known to the browser alone; here lives
// only its hash. A fixed table, mirrored in the accounts' file: a session that ended keeps its
// place until its row is gone, so that no restart can revive it.
//
//   FREE -> LIVE (sessions_add) -> ENDED (idle, old, log-out) -> FREE (its row is deleted)
#ifndef CLOUD_AUTH_SESSIONS_H
#define CLOUD_AUTH_SESSIONS_H

#include "apps/cloud/auth/access.h"

enum {
    SESSIONS_MAX = 512,
    SESSION_HASH_SIZE = 32,
    SESSION_TOKEN_SIZE = 64, // hex
    SESSION_CSRF_SIZE = 32,  // hex
    USER_NAME_MAX = 64,
};

#define SESSION_LIFE_MS (INT64_C(7) * 24 * 3600 * 1000) // at most, from the login
#define SESSION_IDLE_MS (INT64_C(24) * 3600 * 1000)     // without a request or a stream

enum session_state { SESSION_FREE, SESSION_LIVE, SESSION_ENDED };

struct session {
    enum session_state state;
    uint8_t hash[SESSION_HASH_SIZE];
    char csrf[SESSION_CSRF_SIZE + 1];
    char user[USER_NAME_MAX + 1];
    struct access access;
    int64_t expires_ms;
    int64_t used_ms;
    int64_t saved_ms; // used_ms as it stands in the file
    uint64_t serial;  // never the same twice; for what outlives a turn of the loop
};

struct sessions {
    struct session table[SESSIONS_MAX];
    uint64_t serial;
};

// What the file does not know yet of one session.
struct session_change {
    uint8_t hash[SESSION_HASH_SIZE];
    int64_t used_ms;
    bool is_over;
};

void sessions_init(struct sessions *sessions);
// The hash under which a token is known. Any token, also a wrong one.
void session_hash(struct bytes token, uint8_t hash[SESSION_HASH_SIZE]);
// The copy in the table, used at used_ms; its serial is set. There is room: nobody gives way here
// whose row would stay.
struct session *sessions_add(struct sessions *sessions, const struct session *session);
// NULL: there is room for one more. Else who is to give way: one that has ended, or the one used
// longest ago. Its row is deleted first (accounts_login), then it is dropped.
const struct session *sessions_victim(const struct sessions *sessions);
// The session of that hash, whose row is gone. Fine if there is none.
void sessions_drop(struct sessions *sessions, const uint8_t hash[SESSION_HASH_SIZE]);
// NULL: no such session, or its time is over. Marks it as used.
struct session *sessions_find(struct sessions *sessions, struct bytes token, int64_t now_ms);
// NULL when that session has ended. Marks it as used.
struct session *sessions_by_serial(struct sessions *sessions, uint64_t serial, int64_t now_ms);
// It is over at once; its row is still to be deleted.
void sessions_end(struct session *session);
// Ends what is over by the clock; whether any ended session still has its row.
bool sessions_sweep(struct sessions *sessions, int64_t now_ms);
// All that the file is to be told, into out[SESSIONS_MAX]; returns how many.
size_t sessions_changes(const struct sessions *sessions, struct session_change *out);
// The file has been told.
void sessions_saved(struct sessions *sessions, const struct session_change *changes, size_t count);
// In constant time.
bool session_csrf_is(const struct session *session, struct bytes token);

#endif
