// SPDX-License-Identifier: Apache-2.0
// What goes into the store and what it says of itself; see store/store.h.
#ifndef CLOUD_STORE_TYPES_H
#define CLOUD_STORE_TYPES_H

#include "apps/cloud/store/chunk.h"
#include "base/bytes.h"

enum {
    STORE_FORMAT = 1,
    STORE_DEVICE_SIZE_MAX = 128,
    STORE_LOG_ROW_SIZE = 32 * 1024,
    STORE_BATCH_SAMPLES_MAX = 64 * 1024,    // the caller commits with the message that reaches it;
    STORE_MESSAGE_SAMPLES_MAX = 128 * 1024, // no message has more than this
    STORE_LOG_SAMPLES_MIN = 32 * 1024,      // samples in the log that call for a checkpoint,
    STORE_LOG_SAMPLES_PER_SERIES = 64,      // more with more series,
    STORE_LOG_SAMPLES_MAX = 1024 * 1024,    // but never more than this
    STORE_AHEAD_MAX_MS = 5 * 60 * 1000, // a stamp further ahead of the hub's clock is quarantined
    STORE_ASIDE_DEVICE_BYTES = 16 * 1024 * 1024, // set aside per device, see store_set_aside
    STORE_ASIDE_BYTES = 256 * 1024 * 1024,       // and by all
    STORE_EVENT_ROWS_MAX = 10000,                // per site; the oldest go
};

struct store_config {
    const char *path;    // of the SQLite file, made 0600
    const char *vfs;     // SQLite's default if NULL
    uint32_t site_max;   // default 256
    uint32_t series_max; // default 20,000
    // Less in tests; 0: the STORE_* of that name.
    uint32_t log_samples_min;
    int move_pages; // of SQLite's write-ahead log move into the file together; 0: 4000
    uint32_t aside_device_bytes;
    uint32_t aside_bytes;
    uint32_t flight_device_bytes; // these two: see flight.h
    uint32_t flight_bytes;
};

struct store_stats {
    uint64_t samples;     // stored since the store was opened, by kind of place
    uint64_t late;        // of these, older than the newest chunk of their series
    uint64_t undated;     // boots without a clock
    uint64_t quarantined; // stamps too far ahead
    uint64_t duplicates;  // messages
    uint64_t gaps;
    uint64_t events;
    uint64_t aside;          // messages kept as they came
    uint64_t aside_dropped;  // of these, gone for lack of room
    uint64_t flight_parts;   // of flight records
    uint64_t flight_dropped; // records and parts of them, gone for lack of room
    uint64_t commits;
    uint64_t checkpoints;
    uint64_t chunks;
    uint64_t rollbacks;
};

struct store_site {
    char device[STORE_DEVICE_SIZE_MAX + 1];
    int64_t received_ms; // of the newest message; INT64_MIN: none
    uint64_t catalogue;  // hash of the current one; 0: none
    uint32_t events;     // the writer's: rows of it; UINT32_MAX: not counted yet
    bool is_dirty;       // the writer's: received_ms is not in the file yet
};

struct store_gap {
    uint64_t boot_id; // not 0: times are ms since that boot
    int64_t from_ms;
    int64_t to_ms;
    uint64_t count;
};

struct store_event {
    const char *kind;
    uint64_t boot_id;
    int64_t at_ms;
    int64_t received_ms;
    uint32_t point; // 0: none
    struct bytes text;
};

// A message as it came: unknown, damaged, or waiting for the catalogue `wants` (0: for nothing).
struct store_aside {
    uint64_t sequence;
    struct bytes device;
    int64_t received_ms;
    uint64_t wants;
    const char *reason;
    struct bytes properties;
    struct bytes payload;
};

#endif
