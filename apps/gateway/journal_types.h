// SPDX-License-Identifier: Apache-2.0
// The journal's types; apps/gateway/journal.h has the functions.
#ifndef GATEWAY_JOURNAL_TYPES_H
#define GATEWAY_JOURNAL_TYPES_H

#include "base/time.h"
#include "seglog/seglog.h"
#include "telemetry/telemetry.h"

enum journal_lane {
    LANE_ALERTS = 0, // events; last to go when the journal is full
    LANE_TELEMETRY = 1,
    LANE_COUNT = 2,
};

enum {
    JOURNAL_PAYLOAD_SIZE_MAX = 4096,
    JOURNAL_NOTICES_MAX = 8,
    JOURNAL_ACK_RANGES_MAX = 32, // acknowledged messages beyond the first that is not
    JOURNAL_BOOTS_MAX = 8,       // boots whose samples are not sealed yet
};

struct journal_relay {
    uint32_t key;      // stable name of the sensor, chosen by the caller
    uint32_t sequence; // its sequence register
    uint64_t at_us;    // time of measurement of its last sample, monotonic time of `boot`
    uint64_t boot;     // set by the journal; equal to cfg->boot if at_us can be compared with now
    int64_t utc_ms;    // the same time in UTC; INT64_MIN if that boot did not know it
};

struct journal_config {
    const struct storage *storage[LANE_COUNT]; // one log per lane
    uint64_t bytes_max;    // both lanes together, at least 4 segments; default 64 MiB
    uint32_t segment_size; // default 256 KiB
    uint32_t sync_ms;      // a sample is durable after this long at the latest; default 10,000
    uint32_t max_age_ms; // a message leaves when its oldest sample waited this long; default 5 min
    uint32_t watch_age_ms;    // the same while somebody watches; default 100
    uint64_t journal_id;      // j: random, new at every start
    uint64_t boot;            // from the kernel's boot id: equal while the monotonic clock runs on
    struct tm_sample *window; // memory for samples not sealed yet: at least 1,024
    size_t window_capacity;
    struct journal_relay *relays;
    size_t relay_capacity;
    uint8_t *scratch; // work space, at least JOURNAL_SCRATCH_SIZE_MIN bytes
    size_t scratch_size;
};

enum { JOURNAL_SCRATCH_SIZE_MIN = 32 * 1024 };

struct journal_recovery {
    uint32_t samples_unsealed;             // taken back into the window
    uint32_t messages_waiting[LANE_COUNT]; // sealed, not acknowledged
    uint32_t torn_bytes;
    uint32_t corrupt_segments;
};

// A sealed message: (journal_id, number) name it for ever.
struct journal_message {
    enum journal_lane lane;
    uint64_t ordinal; // for journal_ack
    uint64_t journal_id;
    uint64_t number;
    char kind; // 's' samples, 'c' catalogue, 'e' events
    struct bytes payload;
};

enum journal_notice_kind {
    JOURNAL_MEDIUM_FULL,    // new entries are kept in memory, then dropped, until it heals
    JOURNAL_MEDIUM_FAILED,  // the same after an I/O error
    JOURNAL_HEALED,         // count: samples dropped meanwhile
    JOURNAL_DROPPED_OLDEST, // quota: count samples from from_ms to to_ms were given up
};

struct journal_notice {
    enum journal_notice_kind kind;
    enum journal_lane lane;
    uint64_t count;
};

struct journal_synced {
    const struct tm_sample *samples; // NULL if none
    size_t count;
    bool has_utc;
    int64_t utc_offset_ms; // utc_ms = at_us / 1000 + utc_offset_ms
    uint64_t boot;
};

#endif
