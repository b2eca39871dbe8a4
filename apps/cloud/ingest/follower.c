// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/follower.h"

#include "base/assert.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define MODULE "follower"

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

enum err follower_init(struct follower *f, const struct follower_config *cfg)
{
    memset(f, 0, sizeof(*f));
    f->cfg = *cfg;
    f->inotify_fd = -1;
    f->head_watch = -1;
    f->stop_fd = -1;
    f->buffer = malloc(FOLLOWER_BUFFER_SIZE);
    enum err err = ingest_init(&f->ingest, cfg->store, cfg->catalogues);
    if (err == OK && f->buffer == NULL) {
        err = ERR_FULL;
    }
    if (err == OK && cfg->folder != NULL) {
        f->stop_fd = eventfd(0, EFD_CLOEXEC);
        f->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        err = f->stop_fd >= 0 && f->inotify_fd >= 0 ? OK : ERR_IO;
    }
    return err == OK ? catalogues_load(cfg->catalogues) : err;
}

void follower_deinit(struct follower *f)
{
    ingest_deinit(&f->ingest);
    free(f->buffer);
    if (f->inotify_fd >= 0) {
        close(f->inotify_fd);
    }
    if (f->stop_fd >= 0) {
        close(f->stop_fd);
    }
}

static void count_corrupt(struct follower *f)
{
    const uint64_t met = f->reader.corrupt_count - f->corrupt_told;
    f->corrupt_told = f->reader.corrupt_count;
    atomic_fetch_add(&f->corrupt, met > 0 ? met : 1);
    log_error(MODULE, "corrupt", "segment=%016" PRIx64 " offset=%" PRIu64 " after=%" PRIu64,
              f->reader.records.corrupt_segment, f->reader.records.corrupt_offset, f->last);
}

// Reads messages into the batch until it is full or all is read. ERR_EMPTY: nothing was there.
static enum err fill(struct follower *f)
{
    struct store *store = f->cfg.store;
    struct hub_log_message message;
    int count = 0;
    enum err err = OK;
    err = ingest_look(&f->ingest);
    if (err == OK && f->ingest.must_resume) {
        err = store_begin(store);
        err = err == OK ? ingest_resume(&f->ingest) : err;
        count++;
    }
    while (err == OK && count < FOLLOWER_MESSAGES_MAX &&
           f->ingest.batch_samples < STORE_BATCH_SAMPLES_MAX) {
        err = hub_log_reader_next(&f->reader, &message);
        if (err == ERR_CORRUPT) {
            count_corrupt(f);
            err = OK;
            continue;
        }
        if (err == OK && !store->in_batch) {
            err = store_begin(store);
        }
        if (err == OK) {
            err = ingest_message(&f->ingest, message.sequence, &message.record);
        }
        if (err == OK) {
            store_note_record(store, follower_record_hash(&message.record));
            f->last = message.sequence;
            atomic_fetch_add(&f->messages, 1);
            count++;
        }
    }
    if (err == ERR_STATE) { // another log is there now
        f->is_open = false;
        err = ERR_EMPTY;
    }
    return err == ERR_EMPTY && count > 0 ? OK : err;
}

static void tell(struct follower *f)
{
    struct store *store = f->cfg.store;
    struct live *live = f->cfg.live;
    if (live == NULL) {
        return;
    }
    for (uint32_t site = 0; site < store->sites_used; site++) {
        if ((f->ingest.changed[site] & INGEST_CATALOGUE) != 0) {
            live_push(live, &(struct live_event){.kind = LIVE_CATALOGUE, .site = site});
        }
    }
    for (uint32_t i = 0; i < store->dirty.count; i++) {
        const struct series *series = &store->series[store->dirty.items[i]];
        const bool is_good = entry_quality(&series->latest.entry) == 0;
        live_push(live, &(struct live_event){.kind = is_good ? LIVE_SAMPLE : LIVE_QUALITY,
                                             .site = series->site,
                                             .point = series->point,
                                             .latest = series->latest});
    }
    for (uint32_t site = 0; site < store->sites_used; site++) {
        if ((f->ingest.changed[site] & INGEST_RECEIVED) != 0) {
            live_push(live, &(struct live_event){.kind = LIVE_SITE, .site = site});
        }
    }
    live_wake(live);
}

enum err follower_pass(struct follower *f)
{
    return f->is_open && f->reader.passed < f->cfg.store->position
               ? hub_log_reader_pass(&f->reader, f->cfg.store->position)
               : OK;
}

static enum err undo(struct follower *f, enum err why)
{
    log_error(MODULE, "undone", "position=%" PRIu64 " err=%s", f->cfg.store->position,
              err_name(why));
    atomic_store(&f->state, FOLLOWER_FAILING);
    f->is_open = false;
    ingest_undone(&f->ingest);
    enum err err = store_rollback(f->cfg.store);
    if (err == OK) {
        err = catalogues_load(f->cfg.catalogues);
    }
    f->must_undo = err != OK;
    return err == OK ? why : err;
}

static enum err cannot_open(struct follower *f, enum err err)
{
    if (f->cfg.store->in_batch) {
        return undo(f, err);
    }
    const bool is_folder_missing = err == ERR_NOT_FOUND;
    const bool does_wait = err == ERR_AGAIN || is_folder_missing;
    const char *folder = f->cfg.folder != NULL ? f->cfg.folder->path : "";
    if (err != f->said && does_wait) {
        log_warn(MODULE, "waits", "folder=%s why=\"%s\"", log_quote(folder).text,
                 is_folder_missing ? "there is no such folder: is --hub-log right?"
                                   : "no hub has written there yet: is --hub-log right?");
    } else if (err != f->said) {
        log_error(MODULE, "open", "folder=%s err=%s", log_quote(folder).text, err_name(err));
    }
    f->said = err;
    atomic_store(&f->state, is_folder_missing ? FOLLOWER_NO_FOLDER
                            : does_wait       ? FOLLOWER_NO_HUB
                                              : FOLLOWER_FAILING);
    return err;
}

enum err follower_turn(struct follower *f, uint64_t now_us)
{
    if (f->must_undo) {
        return undo(f, ERR_IO);
    }
    enum err err = f->is_open ? OK : follower_open_log(f);
    if (err != OK) {
        return cannot_open(f, err);
    }
    ingest_begin(&f->ingest);
    err = fill(f);
    if (err == OK) {
        err = store_commit(f->cfg.store, f->last);
    }
    if (err == ERR_EMPTY) {
        f->is_open = f->is_open && (f->cfg.folder == NULL || log_folder_is_current(f->cfg.folder));
        atomic_store(&f->state, FOLLOWER_OK);
        atomic_store(&f->behind, 0);
        return err;
    }
    if (err != OK) {
        return undo(f, err);
    }
    tell(f);
    atomic_store(&f->state, FOLLOWER_OK);
    atomic_store(&f->behind, f->reader.synced > f->last ? f->reader.synced - f->last : 0);
    if (now_us - f->passed_at_us >= FOLLOWER_PASS_MS * US_PER_MS) {
        f->passed_at_us = now_us;
        err = follower_pass(f);
        if (err != OK) {
            log_warn(MODULE, "pass", "err=%s", err_name(err));
        }
    }
    return OK;
}

static void watch(struct follower *f)
{
    char path[4096];
    const char *folder = f->cfg.folder->path;
    const int size = snprintf(path, sizeof(path), "%s/%s", folder, HUB_LOG_HEAD);
    if (size < (int)sizeof(path)) {
        f->head_watch =
            inotify_add_watch(f->inotify_fd, path, IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE_SELF);
    }
    if (f->head_watch < 0) {
        (void)inotify_add_watch(f->inotify_fd, folder,
                                IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD);
    }
}

// Until the head changes, the time is over or it is to stop; true to stop.
static bool wait(struct follower *f, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = f->stop_fd, .events = POLLIN},
                           {.fd = f->inotify_fd, .events = POLLIN}};
    (void)poll(fds, COUNT_OF(fds), timeout_ms);
    if ((fds[1].revents & POLLIN) != 0) {
        char events[4096];
        while (read(f->inotify_fd, events, sizeof(events)) > 0) {
        }
    }
    return (fds[0].revents & POLLIN) != 0;
}

// Tells the hub, at most once a second; the hub may wait, so a failure is only logged.
static void pass_now_and_then(struct follower *f)
{
    const uint64_t now_us = clock_us();
    if (now_us - f->passed_at_us < FOLLOWER_PASS_MS * US_PER_MS) {
        return;
    }
    f->passed_at_us = now_us;
    const enum err err = follower_pass(f);
    if (err != OK) {
        log_warn(MODULE, "pass", "err=%s", err_name(err));
    }
}

static int pause_ms(const struct follower *f, enum err err)
{
    if (err == OK) {
        return 0;
    }
    if (err != ERR_EMPTY || !f->is_open) {
        return FOLLOWER_RETRY_MS;
    }
    return f->reader.passed < f->cfg.store->position ? FOLLOWER_PASS_MS : FOLLOWER_LOOK_MS;
}

static void *run(void *ctx)
{
    struct follower *f = ctx;
    bool must_stop = false;
    while (!must_stop) {
        if (f->head_watch < 0) {
            watch(f);
        }
        const bool was_open = f->is_open;
        const enum err err = follower_turn(f, clock_us());
        if (was_open && !f->is_open && f->head_watch >= 0) { // what comes next may be another file
            (void)inotify_rm_watch(f->inotify_fd, f->head_watch);
            f->head_watch = -1;
        }
        must_stop = wait(f, pause_ms(f, err));
        if (err == ERR_EMPTY) {
            pass_now_and_then(f);
        }
    }
    f->passed_at_us = 0;
    pass_now_and_then(f);
    return NULL;
}

enum err follower_start(struct follower *f)
{
    ASSERT(f->cfg.folder != NULL);
    f->has_thread = pthread_create(&f->thread, NULL, run, f) == 0;
    if (f->has_thread) {
        (void)pthread_setname_np(f->thread, "ingest");
    }
    return f->has_thread ? OK : ERR_FULL;
}

void follower_stop(struct follower *f)
{
    if (f->has_thread) {
        (void)eventfd_write(f->stop_fd, 1);
        pthread_join(f->thread, NULL);
        f->has_thread = false;
    }
}
