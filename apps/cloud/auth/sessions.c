// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/sessions.h"

#include "base/assert.h"

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
    size_t i = 0;
    while (i < SESSIONS_MAX && sessions->table[i].state != SESSION_FREE) {
        i++;
    }
    ASSERT(i < SESSIONS_MAX);
    struct session *place = &sessions->table[i];
    *place = *session;
    place->state = SESSION_LIVE;
    place->saved_ms = session->used_ms;
    place->serial = ++sessions->serial;
    return place;
}

const struct session *sessions_victim(const struct sessions *sessions)
{
    const struct session *victim = &sessions->table[0];
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *s = &sessions->table[i];
        if (s->state == SESSION_FREE) {
            return NULL;
        }
        const bool is_older = s->state == victim->state && s->used_ms < victim->used_ms;
        if (is_older || (s->state == SESSION_ENDED && victim->state == SESSION_LIVE)) {
            victim = s;
        }
    }
    return victim;
}

static void clear(struct session *session)
{
    sodium_memzero(session, sizeof(*session));
}

static struct session *by_hash(struct sessions *sessions, const uint8_t hash[SESSION_HASH_SIZE])
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &sessions->table[i];
        if (s->state != SESSION_FREE && sodium_memcmp(s->hash, hash, SESSION_HASH_SIZE) == 0) {
            return s;
        }
    }
    return NULL;
}

void sessions_drop(struct sessions *sessions, const uint8_t hash[SESSION_HASH_SIZE])
{
    struct session *s = by_hash(sessions, hash);
    if (s != NULL) {
        clear(s);
    }
}

static bool is_over(const struct session *s, int64_t now_ms)
{
    return now_ms >= s->expires_ms || now_ms - s->used_ms >= SESSION_IDLE_MS;
}

// NULL if it has ended, now or before.
static struct session *use(struct session *s, int64_t now_ms)
{
    if (s == NULL || s->state != SESSION_LIVE) {
        return NULL;
    }
    if (is_over(s, now_ms)) {
        sessions_end(s);
        return NULL;
    }
    s->used_ms = now_ms > s->used_ms ? now_ms : s->used_ms;
    return s;
}

struct session *sessions_find(struct sessions *sessions, struct bytes token, int64_t now_ms)
{
    if (token.size != SESSION_TOKEN_SIZE) {
        return NULL;
    }
    uint8_t hash[SESSION_HASH_SIZE];
    session_hash(token, hash);
    return use(by_hash(sessions, hash), now_ms);
}

struct session *sessions_by_serial(struct sessions *sessions, uint64_t serial, int64_t now_ms)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &sessions->table[i];
        if (s->state == SESSION_LIVE && s->serial == serial) {
            return use(s, now_ms);
        }
    }
    return NULL;
}

void sessions_end(struct session *session)
{
    session->state = SESSION_ENDED;
}

bool sessions_sweep(struct sessions *sessions, int64_t now_ms)
{
    bool has_ended = false;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &sessions->table[i];
        if (s->state == SESSION_LIVE && is_over(s, now_ms)) {
            sessions_end(s);
        }
        has_ended |= s->state == SESSION_ENDED;
    }
    return has_ended;
}

size_t sessions_changes(const struct sessions *sessions, struct session_change *out)
{
    size_t count = 0;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *s = &sessions->table[i];
        const bool has_ended = s->state == SESSION_ENDED;
        if (has_ended || (s->state == SESSION_LIVE && s->used_ms != s->saved_ms)) {
            out[count] = (struct session_change){.used_ms = s->used_ms, .is_over = has_ended};
            memcpy(out[count].hash, s->hash, sizeof(s->hash));
            count++;
        }
    }
    return count;
}

void sessions_saved(struct sessions *sessions, const struct session_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct session *s = by_hash(sessions, changes[i].hash);
        if (s != NULL && changes[i].is_over) {
            clear(s);
        } else if (s != NULL) {
            s->saved_ms = changes[i].used_ms;
        }
    }
}

bool session_csrf_is(const struct session *session, struct bytes token)
{
    return token.size == SESSION_CSRF_SIZE &&
           sodium_memcmp(session->csrf, token.data, SESSION_CSRF_SIZE) == 0;
}
