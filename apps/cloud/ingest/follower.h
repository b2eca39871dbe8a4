// SPDX-License-Identifier: Apache-2.0
// Follows the hub's log, on the ingest thread: large batches when behind, one commit at once when
// not. A batch that fails is undone and tried again from the store's position; what the hub may
// delete is told after the commit.
#ifndef CLOUD_INGEST_FOLLOWER_H
#define CLOUD_INGEST_FOLLOWER_H

#include "apps/cloud/ingest/ingest.h"
#include "apps/cloud/ingest/live.h"
#include "apps/cloud/ingest/log_folder.h"
#include "apps/hub/log_reader.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    FOLLOWER_BUFFER_SIZE = 1024 * 1024,
    FOLLOWER_MESSAGES_MAX = 8192, // in one batch
    FOLLOWER_PASS_MS = 1000,      // how often the hub is told, at most
    FOLLOWER_RETRY_MS = 1000,
    FOLLOWER_LOOK_MS = 10000, // looks for news at least this often
};

enum follower_state {
    FOLLOWER_NO_HUB,    // waits for a hub to write into the log's folder
    FOLLOWER_NO_FOLDER, // waits for that folder to be there
    FOLLOWER_OK,
    FOLLOWER_FAILING, // the store or the log refuses; tried again
    FOLLOWER_OFF,     // no log is followed
};

struct follower_config {
    struct store *store;
    struct catalogues *catalogues;
    struct live *live;         // NULL: nobody watches
    struct log_folder *folder; // watched; NULL: the two below, and it never waits (tests, benches)
    const struct storage *storage;
    const struct cells *cells;
};

struct follower {
    struct follower_config cfg;
    struct ingest ingest;
    struct hub_log_reader reader;
    uint8_t *buffer;
    bool is_open;
    bool must_undo; // the last rollback failed
    enum err said;  // why the log cannot be opened, as last logged
    uint64_t last;  // sequence read last
    uint64_t corrupt_told;
    pthread_mutex_t pass_lock; // of the next and of the log's cells, against who opens it
    bool may_pass;             // the log is the one that the store knows
    // For everybody:
    _Atomic(enum follower_state) state;
    atomic_uint_fast64_t corrupt;  // damaged places in the log
    atomic_uint_fast64_t messages; // read
    atomic_uint_fast64_t behind;   // records between the store and the head
    atomic_uint_fast64_t replaced; // times that the log was another one than the store knew
    atomic_uint_fast64_t lost;     // records, at most, that an older store never got: see log
    atomic_bool is_unsynced;       // the store's commits cannot be made durable
};

NODISCARD enum err follower_init(struct follower *f, const struct follower_config *cfg);
void follower_deinit(struct follower *f);

// Finds the log, whichever it is now, and where the store stands in it. A log that the store does
// not know is read from its beginning; messages that the store has are dropped by their numbers.
// ERR_NOT_FOUND: no folder; ERR_AGAIN: no hub; else the log or the store refuses.
NODISCARD enum err follower_open_log(struct follower *f);
// To know a record of the log again.
uint64_t follower_record_hash(const struct hub_record *record);

// One batch. OK: something was committed; ERR_EMPTY: nothing to read; ERR_NOT_FOUND, ERR_AGAIN: no
// log yet; else the batch was undone.
NODISCARD enum err follower_turn(struct follower *f);
// Tells the hub how far the store is, as far as no power cut takes it back. Durable when it
// returns. May be called on another thread. ERR_AGAIN: the log is not open; ERR_STATE: it is
// another one.
NODISCARD enum err follower_pass(struct follower *f);

#endif
