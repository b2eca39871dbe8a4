// SPDX-License-Identifier: Apache-2.0
// What a hub lets through: rates, and a quota of messages for each UTC day, in blocks, as Azure
// meters them. In virtual time and without any I/O: the plugin has one for what passes it, the
// backend one for the rest; each tells the other's count of the day to the other.
//
//   hub_quota_take     may this pass? Takes a token of its rate
//   hub_quota_charge   it did: its blocks are counted
#ifndef HUB_QUOTA_H
#define HUB_QUOTA_H

#include "base/bytes.h"
#include "base/err.h"
#include "port/api/cells.h"

#include <stdbool.h>

enum { HUB_QUOTA_FAULT_SIZE = 256, HUB_QUOTA_RATE_MAX = 1000000 };

enum hub_quota_kind {
    HUB_QUOTA_SENDS, // device to cloud
    HUB_QUOTA_CONNECTS,
    HUB_QUOTA_TWIN_READS,
    HUB_QUOTA_TWIN_UPDATES,
    HUB_QUOTA_METHODS,
    HUB_QUOTA_C2D,
    HUB_QUOTA_REGISTRY,
    HUB_QUOTA_QUERIES,
    HUB_QUOTA_KINDS,
};

struct hub_quota_limits {
    uint64_t messages_per_day;       // blocks; 0: no limit
    uint32_t block_size;             // bytes; 0: 4,096
    uint32_t rates[HUB_QUOTA_KINDS]; // per second or minute, see hub_quota_parse; 0: no limit
};

enum hub_quota_answer { HUB_QUOTA_PASS, HUB_QUOTA_THROTTLED, HUB_QUOTA_USED_UP };

struct hub_quota_day {
    int64_t number; // of the UTC day since 1970
    uint64_t used;  // blocks
};

struct hub_quota {
    struct hub_quota_limits limits;
    struct hub_quota_day own;           // public: set after a restart, as
    struct hub_quota_day other;         // what the other process counted
    uint64_t ready_us[HUB_QUOTA_KINDS]; // when its bucket is full again
    uint64_t throttled, refused;        // how often, since the start
};

struct hub_quota_time {
    uint64_t now_us;
    int64_t utc_ms;
};

// Reads "none", "f1", "s1" (Azure's figures for one unit) or a list such as
// "s1,messages_per_day=1000,twin_reads_per_s=5", where later words win. ERR_ARG: *fault tells what
// is wrong and what would be right.
NODISCARD enum err hub_quota_parse(const char *text, struct hub_quota_limits *out,
                                   char fault[HUB_QUOTA_FAULT_SIZE]);

void hub_quota_init(struct hub_quota *quota, const struct hub_quota_limits *limits);

enum hub_quota_answer hub_quota_take(struct hub_quota *quota, enum hub_quota_kind kind,
                                     struct hub_quota_time now);
// Whole seconds, 1 or more, until the kind's next token.
uint64_t hub_quota_wait_s(const struct hub_quota *quota, enum hub_quota_kind kind, uint64_t now_us);
// A message of that size: one block at least.
void hub_quota_charge(struct hub_quota *quota, int64_t utc_ms, size_t size);

// A small file holds the count, so that a restart does not forget it: `quota` beside the log.
#define HUB_QUOTA_CELL "quota"
// Into an initialized quota. A cell that is not there leaves it; ERR_CORRUPT, ERR_IO: it does, too.
NODISCARD enum err hub_quota_load(struct hub_quota *quota, const struct cells *cells);
NODISCARD enum err hub_quota_save(const struct hub_quota *quota, const struct cells *cells);

#endif
