// SPDX-License-Identifier: Apache-2.0
// The store: samples, catalogues, gaps and events of all sites in one SQLite file, and in memory
// what is not yet in chunks. One thread writes, any number read through store/query.h. Layout and
// the reasons for it: docs/design/store.md.
//
//   store_open -> { store_begin, store_take_message, store_add_*, ..., store_commit }* ->
//   store_close
//
// A batch is one transaction: samples, the position in the hub's log and the numbers of the
// messages seen are in the file together or not at all, and what a power cut takes back it takes
// back whole (store_sync.h). Until the commit no reader sees any of it.
// After an error of any store function in a batch call store_rollback: memory is then what the file
// says.
#ifndef CLOUD_STORE_H
#define CLOUD_STORE_H

#include "apps/cloud/store/db.h"
#include "apps/cloud/store/memory.h"
#include "apps/cloud/store/seen.h"
#include "apps/cloud/store/store_types.h"
#include "base/bytes.h"
#include "base/err.h"

#include <pthread.h>
#include <sqlite3.h>

struct store {
    struct store_config cfg;
    struct store_stats stats; // of the writing thread; readers copy it under the lock at commits
    uint64_t position;        // last sequence of the hub's log that is in the store
    uint64_t record_hash;     // of that record, to know its log again; 0: unknown

    // Readers hold the lock for a copy; the writer holds it to publish a commit.
    pthread_mutex_t lock;
    uint64_t commit_no;    // of the newest published commit
    uint64_t durable;      // position that no power cut takes back (store_sync.h)
    uint64_t rewinds;      // times that the position went back: another log
    int log_pages;         // of SQLite's write-ahead log
    bool has_lost;         // the writer's own move of it failed
    uint32_t site_count;   // published
    uint32_t series_count; // published
    struct store_stats published;
    struct store_site *sites; // site_max
    struct series *series;    // series_max
    struct series_map map;    // of those in the batch too; the writer alone looks without the lock
    struct block_pool blocks;

    // The writing thread's own.
    struct db db;
    struct seen seen;
    struct dirty_list dirty; // series with samples in this batch
    uint32_t sites_used;
    uint32_t series_used;
    uint64_t log_samples; // in the log, this batch included
    uint64_t log_next;    // id of the next log row
    uint64_t batch_record_hash;
    bool in_batch;
    bool in_checkpoint;
    int64_t last_at_ms; // delta state of the log row being filled
    struct writer log_row;
    uint8_t *log_bytes;    // STORE_LOG_ROW_SIZE
    struct entry *scratch; // for sorting one series
    size_t scratch_capacity;
};

// Opens or makes the file. ERR_UNSUPPORTED: a newer format; ERR_CORRUPT; ERR_IO; ERR_FULL.
NODISCARD enum err store_open(struct store *store, const struct store_config *cfg);
void store_close(struct store *store);
// Up to where the source of the messages may forget them.
uint64_t store_durable(struct store *store);

NODISCARD enum err store_begin(struct store *store);

// The site of a device, made if new. ERR_FULL: site_max.
NODISCARD enum err store_site(struct store *store, struct bytes device, uint32_t *site);
void store_site_received(struct store *store, uint32_t site, int64_t received_ms);

// *is_new: whether this message of the site was never taken before; then it is marked as taken.
NODISCARD enum err store_take_message(struct store *store, uint32_t site, struct message_number n,
                                      bool *is_new);

// ERR_FULL: series_max.
NODISCARD enum err store_series(struct store *store, uint32_t site, uint32_t point,
                                uint32_t *series);
NODISCARD enum err store_add(struct store *store, uint32_t series, const struct entry *entry,
                             int64_t received_ms);
// The id of a text, made if new.
NODISCARD enum err store_text(struct store *store, struct bytes text, int64_t *id);

// Samples that have no place on the time line: of a boot without a clock (boot_id not 0, time in ms
// since that boot), or too far ahead (boot_id 0).
NODISCARD enum err store_add_apart(struct store *store, uint32_t series, uint64_t boot_id,
                                   const struct entry *entry, int64_t received_ms);

NODISCARD enum err store_add_gap(struct store *store, uint32_t site, const struct store_gap *gap);

NODISCARD enum err store_add_event(struct store *store, uint32_t site,
                                   const struct store_event *event);

// A device that has too much set aside loses its own oldest, unusable ones before those that wait;
// when all have too much together, the one that holds most does. So nobody loses by another's
// doing. What is dropped is counted and logged.
NODISCARD enum err store_set_aside(struct store *store, const struct store_aside *message);
// The next (device, catalogue) that messages wait for, after the one given, which begins empty; in
// no batch, too. ERR_NOT_FOUND: no more.
struct store_waiting {
    char device[STORE_DEVICE_SIZE_MAX + 1];
    uint64_t wants;
};
NODISCARD enum err store_next_waiting(struct store *store, struct store_waiting *next);
// The oldest message of a device that waits for this catalogue, copied into payload[capacity], and
// taken away. ERR_NOT_FOUND: none.
NODISCARD enum err store_take_aside(struct store *store, struct bytes device, uint64_t wants,
                                    struct writer *payload, int64_t *received_ms);

// One part of a catalogue as it came; a part that is there already is left as it is.
NODISCARD enum err store_add_catalogue_part(struct store *store, uint32_t site, uint64_t hash,
                                            uint32_t first, struct bytes body);
// Part by part, ascending; `first` is the index of its first point. ERR_NOT_FOUND: no such part.
NODISCARD enum err store_catalogue_part(struct store *store, uint32_t site, uint64_t hash,
                                        uint32_t first, struct writer *body);
NODISCARD enum err store_set_catalogue(struct store *store, uint32_t site, uint64_t hash);

// Where to go on in a partition of a source other than the hub's log, which has `position`.
// ERR_NOT_FOUND: nothing of it is in the store. Set in a batch, durable with it.
struct store_offset {
    int64_t next;
    uint64_t record; // hash of the one before, to know the source again; 0: not known
};
NODISCARD enum err store_find_offset(struct store *store, struct bytes source, int32_t part,
                                     struct store_offset *out);
NODISCARD enum err store_set_offset(struct store *store, struct bytes source, int32_t part,
                                    struct store_offset offset);

// Of the last record that is in the batch; without it the hash stays as it was.
void store_note_record(struct store *store, uint64_t hash);
// Durable when it returns OK; `position` is the last record of the hub's log that is in it.
NODISCARD enum err store_commit(struct store *store, uint64_t position);
// Undoes the batch and reads memory anew from the file; also after a failed commit.
NODISCARD enum err store_rollback(struct store *store);

// What the batch just committed changed, until the next store_begin: dirty.items[0 .. count).

#endif
