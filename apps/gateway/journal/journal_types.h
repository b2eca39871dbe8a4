// SPDX-License-Identifier: Apache-2.0
// The journal's types; apps/gateway/journal/journal.h has the functions.
#ifndef GATEWAY_JOURNAL_TYPES_H
#define GATEWAY_JOURNAL_TYPES_H

#include "base/time.h"
#include "port/api/storage.h"
#include "telemetry/event.h"
#include "telemetry/property_bag.h"

enum journal_lane {
    LANE_ALERTS = 0, // events; last to go when the journal is full
    LANE_TELEMETRY = 1,
    LANE_COUNT = 2,
};

enum {
    JOURNAL_PAYLOAD_SIZE_MAX = TM_BODY_SIZE_MAX,
    JOURNAL_RECORD_SIZE_MAX = 16 * 1024,
    JOURNAL_SEGMENT_SIZE_MIN = 32 * 1024,
    JOURNAL_UNSEALED_MAX = 1024, // samples in the log that no sealed message holds yet
    JOURNAL_WINDOW_MIN = 2048,   // samples in memory: those and what comes while the medium stalls
    JOURNAL_EVENTS_MAX = 64,     // waiting in memory
    JOURNAL_TEXTS_SIZE = 32 * 1024, // bytes of texts in the window: with more a message is due
    JOURNAL_HANDED_MAX = 32,        // messages handed out and not acknowledged, per lane
    JOURNAL_LIVE_LAG_MAX = 16, // sealed messages; with more before it, new data goes ahead of them
    JOURNAL_HOLES_MAX = 64,    // spans of messages left behind that way
    JOURNAL_DESCENT_MAX = 32,
    JOURNAL_LIVE_KEPT = 2, // the newest messages are live even then
    JOURNAL_GAPS_MAX = 8,
    JOURNAL_BOOTS_MAX = 8, // boots, and steps of their clocks, whose samples are in the window
    JOURNAL_BATCHES_MAX = 64,
    JOURNAL_NOTICES_MAX = 8,
};

_Static_assert((int)JOURNAL_WINDOW_MIN > (int)JOURNAL_UNSEALED_MAX, "recovery fits the window");

// Says of a time in UTC that it is not known.
#define JOURNAL_UTC_UNKNOWN INT64_MIN

// What is kept with the samples that bear it out: of a sensor, or of a point near its limits.
struct journal_relay {
    uint32_t key;      // stable name, chosen by the caller
    uint32_t sequence; // the sensor's sequence register; anything
    uint64_t at_us;    // time of measurement of its last sample, monotonic time of `boot`
    // Set by the journal:
    uint64_t boot;       // equal to cfg->boot if at_us can be compared with now
    int64_t utc_ms;      // the same time; JOURNAL_UTC_UNKNOWN if that boot did not know it
    bool is_dirty;       // not in the log yet
    uint64_t samples_to; // while dirty: the samples that it stands for have lower ordinals
};

// What was last told of a point: -1 below its low limit, +1 above its high one, 0 in the band.
struct journal_side {
    uint32_t point;
    int8_t side;
};

// Which of the messages left behind go first.
enum journal_order { JOURNAL_OLDEST_FIRST, JOURNAL_NEWEST_FIRST };

// Units of the hub's daily quota that may have been spent; the journal only keeps it.
struct journal_budget {
    uint32_t day; // since 1970-01-01, UTC; 0: none kept
    uint32_t used;
};

struct journal_config {
    const struct storage *storage[LANE_COUNT]; // one log per lane
    uint64_t bytes_max;       // both lanes together, at least 6 segments; default 64 MiB
    uint32_t segment_size;    // default 256 KiB
    uint32_t age_max_s;       // telemetry older than this is given up; 0: only when space runs out
    enum journal_order order; // of what waited
    uint32_t sync_ms;         // a sample is durable after this long at the latest
    uint32_t max_age_ms;      // a message leaves when its oldest sample waited this long
    uint32_t watch_age_ms;    // the same while somebody watches, or after journal_hurry
    uint64_t journal_id;      // j: random, new at every start; not 0
    uint64_t boot;            // of the kernel's boot id: equal while the monotonic clock runs on
    struct tm_sample *window; // memory for samples not sealed yet
    size_t window_capacity;   // at least JOURNAL_WINDOW_MIN
    struct journal_relay *relays;
    size_t relay_capacity;
    struct journal_side *sides; // points beyond a limit
    size_t side_capacity;
    // Nothing is written before this said OK; what it says else is as if the medium had said it.
    enum err (*prepare)(void *ctx); // NULL: nothing to wait for
    void *prepare_ctx;
    // Sensors and points of this configuration; what is known of others is kept as there is room.
    const uint32_t *keys;
    size_t key_count;
};

struct journal_recovery {
    uint32_t samples_unsealed;             // taken back into the window
    uint32_t messages_waiting[LANE_COUNT]; // sealed, not acknowledged
    uint32_t torn_bytes;
    uint32_t corrupt_places; // damage in synced bytes: a gap marker will tell
};

// A sealed message: (journal_id, number) name it for ever.
struct journal_message {
    enum journal_lane lane;
    uint64_t ordinal; // for journal_ack
    bool is_backlog;  // it waited while newer ones went ahead
    struct tm_bag bag;
    struct bytes payload;
};

enum journal_notice_kind {
    JOURNAL_MEDIUM_FULL,    // new entries wait in memory, then are dropped, until it heals
    JOURNAL_MEDIUM_FAILED,  // the same after an I/O error
    JOURNAL_HEALED,         // count: samples dropped meanwhile
    JOURNAL_DROPPED_OLDEST, // quota: `count` samples or events were given up
    JOURNAL_EXPIRED,        // `count` samples were given up for their age
    JOURNAL_DAMAGED,        // part of a log does not check and was skipped
    JOURNAL_REFUSED,        // `count` samples that the telemetry format cannot carry
    JOURNAL_NO_ROOM,        // `count` samples or events found none although the medium is well
};

struct journal_notice {
    enum journal_notice_kind kind;
    enum journal_lane lane;
    uint64_t count;
};

struct journal_synced {
    const struct tm_sample *samples; // at_us in monotonic time of `boot`
    size_t count;
    uint64_t boot;
    int64_t utc_offset_ms; // utc_ms = at_us / 1000 + utc_offset_ms; or JOURNAL_UTC_UNKNOWN
};

struct journal_stats {
    uint64_t samples;         // added
    uint64_t samples_dropped; // not added: window full; or refused by the format
    uint64_t samples_lost;    // given up by the quota or for their age
    uint64_t events;
    uint64_t messages; // sealed
    uint64_t commits, commit_errors;
    uint64_t bytes; // appended to both logs
};

#endif
