// SPDX-License-Identifier: Apache-2.0
// Which messages were taken: per (site, journal) the ranges of their numbers, in the store's table
// `seen`. A small cache holds the range that each journal extends, so that a message in order costs
// one comparison and, per commit, one row.
#ifndef CLOUD_STORE_SEEN_H
#define CLOUD_STORE_SEEN_H

#include "apps/cloud/store/db.h"

#include <stdbool.h>

struct message_number {
    uint64_t journal;
    uint64_t number;
};

enum { SEEN_CACHE_SIZE = 256 };

struct seen_range {
    uint32_t site;
    uint64_t journal;
    uint64_t low;
    uint64_t high;  // inclusive
    uint64_t above; // low end of the next range of the same journal; UINT64_MAX: none
    bool is_used;
    bool is_dirty; // `high` is greater than in the table
};

struct seen {
    struct seen_range cache[SEEN_CACHE_SIZE]; // by hash of (site, journal)
};

void seen_init(struct seen *seen); // also after a rollback
// Within the caller's transaction. ERR_IO, ERR_FULL.
NODISCARD enum err seen_take(struct seen *seen, struct db *db, uint32_t site,
                             struct message_number message, bool *is_new);
// Writes what the cache holds back; before the commit.
NODISCARD enum err seen_flush(struct seen *seen, struct db *db);

#endif
