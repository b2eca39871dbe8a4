// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/follower.h"

#include "base/assert.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "follower"

enum err follower_init(struct follower *f, const struct follower_config *cfg)
{
    memset(f, 0, sizeof(*f));
    f->cfg = *cfg;
    pthread_mutex_init(&f->pass_lock, NULL);
    f->buffer = malloc(FOLLOWER_BUFFER_SIZE);
    enum err err = ingest_init(&f->ingest, cfg->store, cfg->catalogues);
    if (err == OK && f->buffer == NULL) {
        err = ERR_FULL;
    }
    return err == OK ? catalogues_load(cfg->catalogues) : err;
}

void follower_deinit(struct follower *f)
{
    ingest_deinit(&f->ingest);
    free(f->buffer);
    pthread_mutex_destroy(&f->pass_lock);
}

static void count_corrupt(struct follower *f)
{
    const uint64_t met = f->reader.corrupt_count - f->corrupt_told;
    f->corrupt_told = f->reader.corrupt_count;
    atomic_fetch_add(&f->corrupt, met > 0 ? met : 1);
    log_error(MODULE, "corrupt", "segment=%016" PRIx64 " offset=%" PRIu64 " after=%" PRIu64,
              f->reader.records.corrupt_segment, f->reader.records.corrupt_offset, f->last);
}

// Until it is opened again nothing is passed: it may be another one.
static void leave_log(struct follower *f)
{
    f->is_open = false;
    pthread_mutex_lock(&f->pass_lock);
    f->may_pass = false;
    pthread_mutex_unlock(&f->pass_lock);
}

// Reads messages into the batch until it is full or all is read. ERR_EMPTY: nothing was there.
static enum err fill(struct follower *f)
{
    struct store *store = f->cfg.store;
    struct hub_log_message message;
    int count = 0;
    bool has_resumed = false;
    enum err err = ingest_again(&f->ingest, &has_resumed);
    count += has_resumed ? 1 : 0;
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
        leave_log(f);
        err = ERR_EMPTY;
    }
    return err == ERR_EMPTY && count > 0 ? OK : err;
}

enum err follower_pass(struct follower *f)
{
    enum err err = ERR_AGAIN;
    pthread_mutex_lock(&f->pass_lock);
    // What the store may lose to a power cut must stay in the log.
    const uint64_t durable = store_durable(f->cfg.store);
    if (f->may_pass) {
        err = hub_log_reader_pass(&f->reader, durable);
    }
    pthread_mutex_unlock(&f->pass_lock);
    return err;
}

static enum err undo(struct follower *f, enum err why)
{
    log_error(MODULE, "undone", "position=%" PRIu64 " err=%s", f->cfg.store->position,
              err_name(why));
    atomic_store(&f->state, FOLLOWER_FAILING);
    leave_log(f);
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

enum err follower_turn(struct follower *f)
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
        if (f->is_open && f->cfg.folder != NULL && !log_folder_is_current(f->cfg.folder)) {
            leave_log(f);
        }
        atomic_store(&f->state, FOLLOWER_OK);
        atomic_store(&f->behind, 0);
        return err;
    }
    if (err != OK) {
        return undo(f, err);
    }
    ingest_tell(&f->ingest, f->cfg.live);
    atomic_store(&f->state, FOLLOWER_OK);
    atomic_store(&f->behind, f->reader.synced > f->last ? f->reader.synced - f->last : 0);
    return OK;
}
