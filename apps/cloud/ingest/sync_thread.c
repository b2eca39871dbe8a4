// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/sync_thread.h"

#include "base/time.h"
#include "port/api/clock.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define MODULE "store"

enum { RETRY_MS = 5000 };

// Until there was a commit, or until that moment; false to stop.
static bool wait_until(struct sync_thread *t, uint64_t until_us, bool has_failed)
{
    const struct timespec until = {.tv_sec = (time_t)(until_us / US_PER_S),
                                   .tv_nsec = (long)(until_us % US_PER_S * 1000)};
    pthread_mutex_lock(&t->lock);
    int code = 0;
    while (!t->must_stop && code == 0 && (has_failed || !t->is_due)) {
        code = until_us != TIME_NEVER ? pthread_cond_timedwait(&t->wake, &t->lock, &until)
                                      : pthread_cond_wait(&t->wake, &t->lock);
    }
    t->is_due = false;
    bool must_stop = t->must_stop;
    pthread_mutex_unlock(&t->lock);
    return !must_stop;
}

static void tell(enum err err, enum err said, uint64_t durable)
{
    if (err != OK && err != said) {
        log_error(MODULE, "sync", "err=%s durable=%" PRIu64, err_name(err), durable);
    } else if (err == OK && said != OK) {
        log_info(MODULE, "sync_healed", "durable=%" PRIu64, durable);
    }
}

// At most once a second; the hub may wait, so a failure is only logged. When to go on.
static uint64_t pass(struct sync_thread *t, bool is_last)
{
    const uint64_t durable = store_durable(t->sync.store);
    const uint64_t now_us = port_now_us();
    const uint64_t next_us = t->passed_at_us + FOLLOWER_PASS_MS * US_PER_MS;
    if (durable == t->passed || t->follower->cfg.folder == NULL) {
        return TIME_NEVER;
    }
    if (now_us < next_us && !is_last) {
        return next_us;
    }
    t->passed_at_us = now_us;
    const enum err err = follower_pass(t->follower);
    if (err != OK) {
        if (err != ERR_AGAIN && err != ERR_STATE) { // the follower finds out which log it is
            log_warn(MODULE, "pass", "err=%s", err_name(err));
        }
        return now_us + RETRY_MS * US_PER_MS;
    }
    t->passed = durable;
    return TIME_NEVER;
}

static void *run(void *ctx)
{
    struct sync_thread *t = ctx;
    enum err said = OK;
    uint64_t until_us = TIME_NEVER;
    bool goes_on = true;
    while (goes_on) {
        goes_on = wait_until(t, until_us, said != OK);
        const enum err err = store_sync_run(&t->sync);
        tell(err, said, store_durable(t->sync.store));
        atomic_store(&t->follower->is_unsynced, err != OK);
        said = err;
        until_us = err == OK ? pass(t, !goes_on) : port_now_us() + RETRY_MS * US_PER_MS;
    }
    return NULL;
}

enum err sync_thread_start(struct sync_thread *t, struct follower *follower)
{
    memset(t, 0, sizeof(*t));
    t->follower = follower;
    enum err err = store_sync_open(&t->sync, follower->cfg.store);
    if (err != OK) {
        return err;
    }
    t->is_due = true; // what an earlier life committed may not be on the disk yet
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&t->lock, NULL);
    t->has_thread = pthread_create(&t->thread, NULL, run, t) == 0;
    if (!t->has_thread) {
        store_sync_close(&t->sync);
        return ERR_FULL;
    }
    (void)pthread_setname_np(t->thread, "store-sync");
    return OK;
}

void sync_thread_wake(struct sync_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->is_due = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void sync_thread_stop(struct sync_thread *t)
{
    if (!t->has_thread) {
        return;
    }
    pthread_mutex_lock(&t->lock);
    t->must_stop = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    t->has_thread = false;
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    store_sync_close(&t->sync);
}
