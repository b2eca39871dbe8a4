// SPDX-License-Identifier: Apache-2.0
// Follows the hub's log on a thread of its own, the store's only writer: large batches when behind,
// one commit at once when not. A batch that fails is undone and tried again from the store's
// position; what the hub may delete is told after the commit.
#ifndef CLOUD_INGEST_FOLLOWER_H
#define CLOUD_INGEST_FOLLOWER_H

#include "apps/cloud/ingest/ingest.h"
#include "apps/cloud/ingest/live.h"
#include "apps/hub/log_reader.h"

#include <stdatomic.h>

enum {
    FOLLOWER_BUFFER_SIZE = 1024 * 1024,
    FOLLOWER_MESSAGES_MAX = 8192, // in one batch
    FOLLOWER_PASS_MS = 1000,      // how often the hub is told, at most
    FOLLOWER_RETRY_MS = 1000,
    FOLLOWER_LOOK_MS = 10000, // looks for news at least this often
};

enum follower_state {
    FOLLOWER_WAITING, // for a log to be there
    FOLLOWER_OK,
    FOLLOWER_FAILING, // the store or the log refuses; tried again
};

struct follower_config {
    struct store *store;
    struct catalogues *catalogues;
    struct live *live; // NULL: nobody watches
    const struct storage *storage;
    const struct cells *cells;
    const char *folder; // watched by inotify; NULL: never waits (tests, benches)
};

struct follower {
    struct follower_config cfg;
    struct ingest ingest;
    struct hub_log_reader reader;
    uint8_t *buffer;
    bool is_open;
    bool must_undo; // the last rollback failed
    uint64_t last;  // sequence read last
    uint64_t passed_at_us;
    uint64_t corrupt_told;
    int inotify_fd;
    int head_watch;
    int stop_fd;
    pthread_t thread;
    bool has_thread;
    // For everybody:
    _Atomic(enum follower_state) state;
    atomic_uint_fast64_t corrupt;  // damaged places in the log
    atomic_uint_fast64_t messages; // read
    atomic_uint_fast64_t behind;   // records between the store and the head
};

NODISCARD enum err follower_init(struct follower *f, const struct follower_config *cfg);
void follower_deinit(struct follower *f);

// One batch. OK: something was committed; ERR_EMPTY: nothing to read; ERR_AGAIN: no log yet; else
// the batch was undone.
NODISCARD enum err follower_turn(struct follower *f, uint64_t now_us);
// Tells the hub how far the store is. Durable when it returns.
NODISCARD enum err follower_pass(struct follower *f);

NODISCARD enum err follower_start(struct follower *f);
void follower_stop(struct follower *f);

#endif
