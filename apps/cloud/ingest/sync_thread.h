// SPDX-License-Identifier: Apache-2.0
// Beside the ingest thread: syncs the store's commits, whatever was committed meanwhile with one
// sync, and tells the hub how far the store is. A disk that takes its time holds up nobody else.
#ifndef CLOUD_SYNC_THREAD_H
#define CLOUD_SYNC_THREAD_H

#include "apps/cloud/ingest/follower.h"
#include "apps/cloud/store/store_sync.h"

struct sync_thread {
    struct follower *follower;
    struct store_sync sync;
    // Private:
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_due, must_stop;
    uint64_t passed_at_us;
    uint64_t passed; // durable position that the hub was told last
    pthread_t thread;
    bool has_thread;
};

NODISCARD enum err sync_thread_start(struct sync_thread *t, struct follower *follower);
// There was a commit.
void sync_thread_wake(struct sync_thread *t);
// Syncs and tells what is left.
void sync_thread_stop(struct sync_thread *t);

#endif
