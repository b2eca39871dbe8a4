// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/live.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum err live_init(struct live *live)
{
    *live = (struct live){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    live->ring = calloc(LIVE_EVENTS_MAX, sizeof(live->ring[0]));
    return live->fd >= 0 && live->ring != NULL && pthread_mutex_init(&live->lock, NULL) == 0
               ? OK
               : ERR_FULL;
}

void live_deinit(struct live *live)
{
    if (live->ring != NULL) {
        close(live->fd);
        free(live->ring);
        pthread_mutex_destroy(&live->lock);
    }
    *live = (struct live){.fd = -1};
}

void live_push(struct live *live, const struct live_event *event)
{
    pthread_mutex_lock(&live->lock);
    if (live->head - live->tail == LIVE_EVENTS_MAX) {
        live->tail++;
        live->is_overrun = true;
    }
    live->ring[live->head++ % LIVE_EVENTS_MAX] = *event;
    pthread_mutex_unlock(&live->lock);
}

void live_wake(struct live *live)
{
    (void)eventfd_write(live->fd, 1);
}

void live_clear_wake(struct live *live)
{
    eventfd_t count = 0;
    (void)eventfd_read(live->fd, &count);
}

enum err live_next(struct live *live, struct live_event *out)
{
    enum err err = OK;
    pthread_mutex_lock(&live->lock);
    if (live->is_overrun) {
        live->is_overrun = false;
        err = ERR_FULL;
    } else if (live->head == live->tail) {
        err = ERR_EMPTY;
    } else {
        *out = live->ring[live->tail++ % LIVE_EVENTS_MAX];
    }
    pthread_mutex_unlock(&live->lock);
    return err;
}
