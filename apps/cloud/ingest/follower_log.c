// SPDX-License-Identifier: Apache-2.0
// Which log this is and where to go on in it. Store and log may be restored from backups of
// different age, or begin anew, each without the other: nothing of that may pass in silence.
#include "apps/cloud/ingest/follower.h"
#include "base/assert.h"
#include "base/crc.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MODULE "follower"

// The bag holds the message's number in its journal, so no two messages share one.
uint64_t follower_record_hash(const struct hub_record *record)
{
    uint8_t received[8];
    struct writer w = writer_of(received, sizeof(received));
    put_u64le(&w, (uint64_t)record->received_utc_ms);
    uint64_t hash = hash64(HASH64_START, writer_bytes(&w));
    hash = hash64(hash, record->device_id);
    hash = hash64(hash, record->properties);
    return hash != 0 ? hash : 1;
}

// NULL: it is the log that the store knows, as far as anybody can tell; else why not.
static const char *why_unknown(struct follower *f)
{
    const struct store *store = f->cfg.store;
    struct hub_log_message message;
    if (store->position == 0) {
        return NULL;
    }
    if (f->reader.synced < store->position) {
        return "it ends before the store's position";
    }
    if (!f->reader.was_registered) {
        return "the store is not registered in it";
    }
    if (store->record_hash != 0 &&
        hub_log_reader_find(&f->reader, store->position, &message) == OK &&
        follower_record_hash(&message.record) != store->record_hash) {
        return "it holds another record at the store's position";
    }
    return NULL;
}

// An event for every site, committed with the position to go on from.
static enum err tell_sites(struct follower *f, const char *kind, const char *text,
                           uint64_t position)
{
    struct store *store = f->cfg.store;
    enum err err = store_begin(store);
    if (err == OK) {
        err = ingest_tell_sites(&f->ingest, kind, text);
    }
    if (err == OK) {
        if (position != store->position) {
            store_note_record(store, 0);
        }
        err = store_commit(store, position);
    }
    return err;
}

static enum err begin_anew(struct follower *f, const char *why)
{
    const uint64_t position = f->cfg.store->position;
    log_error(MODULE, "log_is_new",
              "position=%" PRIu64 " first=%" PRIu64 " head=%" PRIu64
              " why=\"%s\" does=\"reads all of it, what is stored already is dropped\"",
              position, f->reader.first, f->reader.synced, why);
    enum err err = tell_sites(f, "hub_log_new",
                              "The hub's log is another one than before. Messages that only the "
                              "former one held are missing.",
                              0);
    if (err == OK) {
        atomic_fetch_add(&f->replaced, 1);
    }
    return err;
}

// The hub deleted what had been passed once, and this store, of an earlier day, never got it.
static enum err tell_loss(struct follower *f)
{
    const uint64_t position = f->cfg.store->position;
    const uint64_t passed = f->reader.registered;
    const uint64_t end = f->reader.first <= passed ? f->reader.first - 1 : passed;
    const uint64_t lost = end > position ? end - position : 0;
    char text[160];
    log_error(MODULE, "store_is_older",
              "position=%" PRIu64 " passed=%" PRIu64 " first=%" PRIu64 " lost_max=%" PRIu64
              " does=\"reads again what the log still holds\"",
              position, passed, f->reader.first, lost);
    if (lost == 0) {
        return OK;
    }
    snprintf(text, sizeof(text),
             "The store was put back to an earlier day: up to %" PRIu64 " messages that came since "
             "are gone from the hub's log.",
             lost);
    enum err err = tell_sites(f, "store_older", text, position);
    if (err == OK) {
        atomic_fetch_add(&f->lost, lost);
    }
    return err;
}

static enum err open_reader(struct follower *f)
{
    struct log_folder *folder = f->cfg.folder;
    enum err err = folder != NULL ? log_folder_open(folder) : OK;
    if (err != OK) {
        return err;
    }
    const struct hub_log_reader_config cfg = {
        .storage = folder != NULL ? &folder->storage.storage : f->cfg.storage,
        .cells = folder != NULL ? &folder->cells.cells : f->cfg.cells,
        .buffer = f->buffer,
        .buffer_size = FOLLOWER_BUFFER_SIZE,
        .consumer = "cloud",
    };
    return hub_log_reader_open(&f->reader, &cfg);
}

static enum err open_log(struct follower *f)
{
    const struct store *store = f->cfg.store;
    enum err err = open_reader(f);
    if (err != OK) {
        return err;
    }
    const char *why = why_unknown(f);
    if (why != NULL) {
        err = begin_anew(f, why);
    } else if (f->reader.registered > store->position) {
        err = tell_loss(f);
    }
    if (err == OK) {
        err = hub_log_reader_begin(&f->reader, store->position, store_durable(f->cfg.store));
    }
    if (err == OK) {
        f->is_open = true;
        f->said = OK;
        f->last = store->position;
        f->corrupt_told = f->reader.corrupt_count;
        log_info(MODULE, "open", "position=%" PRIu64 " head=%" PRIu64, store->position,
                 f->reader.synced);
    }
    return err;
}

enum err follower_open_log(struct follower *f)
{
    pthread_mutex_lock(&f->pass_lock);
    f->may_pass = false;
    enum err err = open_log(f);
    f->may_pass = err == OK;
    pthread_mutex_unlock(&f->pass_lock);
    return err;
}
