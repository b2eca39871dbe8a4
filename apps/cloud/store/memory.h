// SPDX-License-Identifier: Apache-2.0
// What the store holds in memory: per series its latest sample and a list of samples that are not
// yet in chunks, in blocks from one pool; and the map from (site, point) to series.
#ifndef CLOUD_STORE_MEMORY_H
#define CLOUD_STORE_MEMORY_H

#include "apps/cloud/store/entry.h"
#include "base/err.h"

#include <stddef.h>

enum { BLOCK_ENTRIES = 31 };

struct block {
    struct block *next;
    uint64_t unused; // keeps a block at 512 bytes
    struct entry entries[BLOCK_ENTRIES];
};

// Memory is reserved at start and touched when used.
struct block_pool {
    struct block *all;
    size_t capacity;
    size_t fresh;       // blocks never used yet begin here
    struct block *free; // used before
};

struct entry_list {
    struct block *first;
    struct block *last;
    uint32_t count;
};

struct latest {
    struct entry entry;  // the newest by its own time
    int64_t good_at_ms;  // of the newest good one; INT64_MIN: never
    int64_t received_ms; // of `entry`; INT64_MIN: no sample yet
};

struct series {
    uint32_t site;
    uint32_t point;
    // Published under the store's lock:
    struct latest latest;
    struct entry_list open; // not in chunks; the first open_count are committed
    uint32_t open_count;
    struct entry_list opened; // what `open` will be once the checkpoint under way is committed
    int64_t chunk_end_ms;     // t1 of the newest chunk; INT64_MIN: none
    int64_t span_max_ms;      // of its longest chunk
    // The writer's own:
    struct latest next; // `latest` after this batch
    bool is_dirty;
    bool is_sorted;        // `open` ascends in time
    uint32_t tail_count;   // of `open`, what the row in `tail` holds
    int64_t open_end_ms;   // greatest time in `open`
    int64_t chunk_next_ms; // chunk_end_ms and span_max_ms after the checkpoint under way
    int64_t span_next_ms;
};

NODISCARD enum err block_pool_init(struct block_pool *pool, size_t capacity);
void block_pool_deinit(struct block_pool *pool);
void block_pool_reset(struct block_pool *pool); // all blocks are free again

// ERR_FULL: the pool is empty.
NODISCARD enum err entry_list_add(struct entry_list *list, struct block_pool *pool,
                                  const struct entry *e);
void entry_list_clear(struct entry_list *list, struct block_pool *pool);
// Copies `count` from the block on; may run beside entry_list_add when those were there before.
void entry_list_copy(const struct block *first, size_t count, struct entry *out);

// (site, point) -> series index.
struct series_map {
    struct series_slot {
        uint64_t key; // site and point; UINT64_MAX: free
        uint32_t series;
    } * slots;
    size_t mask;
};

NODISCARD enum err series_map_init(struct series_map *map, uint32_t series_max);
void series_map_deinit(struct series_map *map);
void series_map_reset(struct series_map *map);
bool series_map_find(const struct series_map *map, uint32_t site, uint32_t point, uint32_t *series);
void series_map_add(struct series_map *map, uint32_t site, uint32_t point, uint32_t series);

struct dirty_list {
    uint32_t *items; // series_max
    uint32_t count;
};

#endif
