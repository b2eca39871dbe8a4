// SPDX-License-Identifier: Apache-2.0
// Who is connected now, as the link told. A table from a device's id to its connection; memory is
// given at the start.
#ifndef HUB_BACKEND_SESSIONS_H
#define HUB_BACKEND_SESSIONS_H

#include "apps/hub/backend/ids.h"

#include <stdbool.h>

enum sessions_subscription {
    SESSION_METHODS = 1,
    SESSION_TWIN_ANSWERS = 2,
    SESSION_DESIRED = 4,
    SESSION_C2D = 8,
    SESSION_DPS = 16,
};

struct session {
    char id[ID_SIZE];
    uint64_t connection; // never used twice within a boot of the broker; 0: slot is free
    uint32_t subscriptions;
    bool is_x509;
    bool is_c2d_due;              // c2d.c: its queue is to be looked at
    struct thumbprint thumbprint; // of its certificate
    bool is_group;                // DPS: authenticated by an enrolment group
    char enrolment[ID_SIZE];      // DPS: its name, or the registration id
    int64_t activity_ms;          // utc
};

struct sessions {
    struct session *slots; // the caller's
    size_t capacity;       // a power of two
    size_t count;
};

void sessions_init(struct sessions *sessions, struct session *slots, size_t capacity);
// NULL: not connected.
struct session *sessions_find(const struct sessions *sessions, struct bytes id);
// The slot for this id, new or as it is. NULL: three quarters are taken, or the id is too long.
struct session *sessions_add(struct sessions *sessions, struct bytes id);
void sessions_remove(struct sessions *sessions, struct bytes id);
void sessions_clear(struct sessions *sessions);
// Walks all; *position begins at 0. NULL: no more.
const struct session *sessions_next(const struct sessions *sessions, size_t *position);

#endif
