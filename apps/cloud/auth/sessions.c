// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/sessions.h"

#include <sodium.h>
#include <string.h>

void sessions_init(struct sessions *sessions)
{
    memset(sessions, 0, sizeof(*sessions));
}

void session_hash(struct bytes token, uint8_t hash[SESSION_HASH_SIZE])
{
    crypto_generichash(hash, SESSION_HASH_SIZE, token.data, token.size, NULL, 0);
}

struct session *sessions_add(struct sessions *sessions, const struct session *session)
{
    struct session *place = &sessions->table[0];
    for (size_t i = 0; i < SESSIONS_MAX && place->is_used; i++) {
        struct session *s = &sessions->table[i];
        if (!s->is_used || s->used_ms < place->used_ms) {
            place = s;
        }
    }
    *place = *session;
    place->is_used = true;
    place->serial = ++sessions->serial;
    return place;
}

static bool is_over(const struct session *session, int64_t now_ms)
{
    return now_ms >= session->expires_ms || now_ms - session->used_ms >= SESSION_IDLE_MS;
}

struct session *sessions_find(struct sessions *sessions, struct bytes token, int64_t now_ms)
{
    if (token.size != SESSION_TOKEN_SIZE) {
        return NULL;
    }
    uint8_t hash[SESSION_HASH_SIZE];
    session_hash(token, hash);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &sessions->table[i];
        if (s->is_used && sodium_memcmp(s->hash, hash, sizeof(hash)) == 0) {
            if (is_over(s, now_ms)) {
                sessions_remove(s);
                return NULL;
            }
            s->used_ms = now_ms > s->used_ms ? now_ms : s->used_ms;
            return s;
        }
    }
    return NULL;
}

struct session *sessions_by_serial(struct sessions *sessions, uint64_t serial, int64_t now_ms)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &sessions->table[i];
        if (s->is_used && s->serial == serial) {
            return now_ms < s->expires_ms ? s : NULL;
        }
    }
    return NULL;
}

void sessions_remove(struct session *session)
{
    sodium_memzero(session, sizeof(*session));
}

bool session_csrf_is(const struct session *session, struct bytes token)
{
    return token.size == SESSION_CSRF_SIZE &&
           sodium_memcmp(session->csrf, token.data, SESSION_CSRF_SIZE) == 0;
}
