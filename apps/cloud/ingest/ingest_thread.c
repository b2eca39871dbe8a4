// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/ingest_thread.h"

#include "base/assert.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define MODULE "ingest"

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

static void watch(struct ingest_thread *t)
{
    char path[4096];
    const char *folder = t->follower->cfg.folder->path;
    const int size = snprintf(path, sizeof(path), "%s/%s", folder, HUB_LOG_HEAD);
    if (size < (int)sizeof(path)) {
        t->head_watch =
            inotify_add_watch(t->inotify_fd, path, IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE_SELF);
    }
    if (t->head_watch < 0) {
        (void)inotify_add_watch(t->inotify_fd, folder,
                                IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD);
    }
}

// Until there is news, the time is over or it is to stop; true to stop.
static bool wait(struct ingest_thread *t, int timeout_ms)
{
    struct pollfd fds[] = {
        {.fd = t->stop_fd, .events = POLLIN},
        {.fd = t->inotify_fd, .events = POLLIN},
        {.fd = t->kafka != NULL ? kafka_source_fd(t->kafka) : -1, .events = POLLIN}};
    (void)poll(fds, COUNT_OF(fds), timeout_ms);
    if ((fds[1].revents & POLLIN) != 0) {
        char events[4096];
        while (read(t->inotify_fd, events, sizeof(events)) > 0) {
        }
    }
    return (fds[0].revents & POLLIN) != 0;
}

// One batch of the log; returns how long there is nothing to do for it.
static int turn_log(struct ingest_thread *t)
{
    struct follower *f = t->follower;
    // Of two who share the store, what one could not undo must not become part of the other's
    // batch.
    if (f->cfg.folder == NULL || (t->kafka != NULL && t->kafka->must_undo)) {
        return FOLLOWER_LOOK_MS;
    }
    if (t->head_watch < 0) {
        watch(t);
    }
    const bool was_open = f->is_open;
    const enum err err = follower_turn(f);
    if (was_open && !f->is_open && t->head_watch >= 0) { // what comes next may be another file
        (void)inotify_rm_watch(t->inotify_fd, t->head_watch);
        t->head_watch = -1;
    }
    if (err == OK) {
        return 0;
    }
    if (err != ERR_EMPTY || !f->is_open) {
        return FOLLOWER_RETRY_MS;
    }
    return FOLLOWER_LOOK_MS;
}

static int turn_kafka(struct ingest_thread *t)
{
    if (t->kafka == NULL || t->follower->must_undo) {
        return FOLLOWER_LOOK_MS;
    }
    const enum err err = kafka_source_turn(t->kafka, clock_us());
    return err == OK ? 0 : KAFKA_LOOK_MS;
}

static void *run(void *ctx)
{
    struct ingest_thread *t = ctx;
    bool must_stop = false;
    while (!must_stop) {
        const int log_ms = turn_log(t);
        const int kafka_ms = turn_kafka(t);
        if (log_ms == 0 || kafka_ms == 0) {
            sync_thread_wake(&t->sync);
        }
        must_stop = wait(t, log_ms < kafka_ms ? log_ms : kafka_ms);
    }
    sync_thread_stop(&t->sync);
    return NULL;
}

enum err ingest_thread_start(struct ingest_thread *t, struct follower *follower,
                             struct kafka_source *kafka)
{
    *t = (struct ingest_thread){.follower = follower, .kafka = kafka, .head_watch = -1};
    if (follower->cfg.folder == NULL) {
        atomic_store(&follower->state, FOLLOWER_OFF);
    }
    enum err err = sync_thread_start(&t->sync, follower);
    if (err != OK) {
        return err;
    }
    t->stop_fd = eventfd(0, EFD_CLOEXEC);
    t->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    t->has_thread =
        t->stop_fd >= 0 && t->inotify_fd >= 0 && pthread_create(&t->thread, NULL, run, t) == 0;
    if (!t->has_thread) {
        sync_thread_stop(&t->sync);
        return ERR_FULL;
    }
    (void)pthread_setname_np(t->thread, "ingest");
    return OK;
}

void ingest_thread_stop(struct ingest_thread *t)
{
    if (!t->has_thread) {
        return;
    }
    (void)eventfd_write(t->stop_fd, 1);
    pthread_join(t->thread, NULL);
    t->has_thread = false;
    close(t->stop_fd);
    close(t->inotify_fd);
}
