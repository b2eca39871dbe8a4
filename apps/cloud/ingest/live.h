// SPDX-License-Identifier: Apache-2.0
// What changed with a commit, from the ingest thread to the loop: a ring of fixed size. A loop that
// does not keep up loses the oldest and is told so. Names no bytes of samples twice: one entry per
// series and commit.
#ifndef CLOUD_INGEST_LIVE_H
#define CLOUD_INGEST_LIVE_H

#include "apps/cloud/store/memory.h"

#include <pthread.h>

enum { LIVE_EVENTS_MAX = 8192 };

enum live_kind { LIVE_SAMPLE, LIVE_QUALITY, LIVE_SITE, LIVE_CATALOGUE };

struct live_event {
    enum live_kind kind;
    uint32_t site;
    uint32_t point;
    struct latest latest; // LIVE_SAMPLE, LIVE_QUALITY
};

struct live {
    int fd; // an eventfd, readable while there is something
    pthread_mutex_t lock;
    struct live_event *ring; // LIVE_EVENTS_MAX
    uint64_t head;           // next to write
    uint64_t tail;           // next to read
    bool is_overrun;
};

NODISCARD enum err live_init(struct live *live);
void live_deinit(struct live *live);
void live_push(struct live *live, const struct live_event *event);
// After the pushes of one commit.
void live_wake(struct live *live);
// ERR_EMPTY; ERR_FULL: some were lost, told once.
NODISCARD enum err live_next(struct live *live, struct live_event *out);
void live_clear_wake(struct live *live);

#endif
