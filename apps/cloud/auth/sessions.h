// SPDX-License-Identifier: Apache-2.0
// Who is logged in. A session's token is 256 random bits known to the browser alone; here lives
// only its hash. A fixed table: when it is full, the session used longest ago makes room.
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
#define SESSION_IDLE_MS (INT64_C(24) * 3600 * 1000)     // without a request

struct session {
    bool is_used;
    uint8_t hash[SESSION_HASH_SIZE];
    char csrf[SESSION_CSRF_SIZE + 1];
    char user[USER_NAME_MAX + 1];
    struct access access;
    int64_t expires_ms;
    int64_t used_ms;
    uint64_t serial; // never the same twice; for what outlives a turn of the loop
};

struct sessions {
    struct session table[SESSIONS_MAX];
    uint64_t serial;
};

void sessions_init(struct sessions *sessions);
// The hash under which a token is known. Any token, also a wrong one.
void session_hash(struct bytes token, uint8_t hash[SESSION_HASH_SIZE]);
// The copy in the table; session->serial is set.
struct session *sessions_add(struct sessions *sessions, const struct session *session);
// NULL: no such session, or its time is over. Marks it as used.
struct session *sessions_find(struct sessions *sessions, struct bytes token, int64_t now_ms);
// NULL when that session has ended.
struct session *sessions_by_serial(struct sessions *sessions, uint64_t serial, int64_t now_ms);
void sessions_remove(struct session *session);
// In constant time.
bool session_csrf_is(const struct session *session, struct bytes token);

#endif
