// SPDX-License-Identifier: Apache-2.0
// The hub's end of docs/protocol/hub-log.md: stores a message durably before it is acknowledged,
// and deletes what every consumer has passed.
#ifndef HUB_LOG_WRITER_H
#define HUB_LOG_WRITER_H

#include "apps/hub/log_record.h"
#include "port/api/cells.h"
#include "seglog/seglog.h"

enum { HUB_LOG_BYTES_MIN = 4 << 20, HUB_LOG_SEGMENT_SIZE_MAX = 16 << 20 };

struct hub_log_config {
    const struct storage *storage; // borrowed
    const struct cells *cells;     // borrowed
    uint8_t *buffer;               // caller's, for opening only; 64 KiB or more
    size_t buffer_size;
    uint64_t bytes_max; // of all segments, at least HUB_LOG_BYTES_MIN; 0: 1 GiB
};

struct hub_log_stats {
    uint64_t stored;
    uint64_t refused_full;  // neither stored nor acknowledged: limit or disk full
    uint64_t refused_error; // the same, for other failures
    uint64_t head_errors;   // stored, but consumers were told late
};

struct hub_log {
    // Public to read:
    struct sl_recovery found; // at opening
    struct hub_log_stats stats;
    uint32_t consumer_count; // as last seen
    uint64_t passed_min;     // by all consumers; 0 without any
    bool is_full;            // the last message was refused for lack of room
    // Private:
    struct hub_log_config cfg;
    struct seglog records;
    uint64_t head; // last published
    uint8_t record_head[HUB_RECORD_HEAD_SIZE_MAX];
};

// Recovers, and publishes the head. ERR_IO, ERR_FULL, ERR_UNSUPPORTED: not opened.
NODISCARD enum err hub_log_open(struct hub_log *log, const struct hub_log_config *cfg);

// OK: durable, may be acknowledged. Else nothing is stored and nobody may be told that it was:
// ERR_FULL (limit or disk; heals by itself), ERR_SIZE, ERR_IO.
NODISCARD enum err hub_log_store(struct hub_log *log, const struct hub_record *record,
                                 uint64_t *sequence);

// About once a second: reads the consumers' marks, deletes, publishes a head that is late. Errors
// of the marks or of deleting; nothing is lost by them. ERR_SIZE: more than 16 consumers: nothing
// is deleted.
NODISCARD enum err hub_log_tick(struct hub_log *log);

#endif
