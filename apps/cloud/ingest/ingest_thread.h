// SPDX-License-Identifier: Apache-2.0
// The store's one writer: a thread that gives the hub's log and Kafka a batch each in turn, and
// sleeps until one of them has news.
#ifndef CLOUD_INGEST_THREAD_H
#define CLOUD_INGEST_THREAD_H

#include "apps/cloud/ingest/follower.h"
#include "apps/cloud/ingest/kafka_source.h"
#include "apps/cloud/ingest/sync_thread.h"

struct ingest_thread {
    struct follower *follower;
    struct kafka_source *kafka; // NULL: none
    // Private:
    struct sync_thread sync;
    int inotify_fd;
    int head_watch;
    int stop_fd;
    pthread_t thread;
    bool has_thread;
};

// follower->cfg.folder NULL: no log is followed, its state is FOLLOWER_OFF.
NODISCARD enum err ingest_thread_start(struct ingest_thread *t, struct follower *follower,
                                       struct kafka_source *kafka);
void ingest_thread_stop(struct ingest_thread *t);

#endif
