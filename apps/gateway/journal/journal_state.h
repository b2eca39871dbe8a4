// SPDX-License-Identifier: Apache-2.0
// The journal's state: visible so that the caller can place it; journal.h has the functions.
#ifndef GATEWAY_JOURNAL_STATE_H
#define GATEWAY_JOURNAL_STATE_H

#include "apps/gateway/journal/journal_reading.h"
#include "apps/gateway/journal/journal_types.h"
#include "seglog/seglog.h"

// Lost samples of one time axis that no gap marker tells of yet.
struct journal_gap {
    uint64_t boot; // 0: UTC, else milliseconds of that boot
    uint64_t count;
    int64_t from_ms, to_ms;
    const char *why; // one word, static
};

// Which messages of a lane are done with: all below floor, and some ranges [from, to) above it.
struct journal_acks {
    uint64_t floor;
    struct {
        uint64_t from, to;
    } ranges[JOURNAL_HANDED_MAX + 2 + JOURNAL_HOLES_MAX]; // between them: handed out, or a hole
    size_t range_count;
};

// The head of a seal; its payload follows in the record.
struct journal_seal {
    uint64_t ordinal; // of the lane: rises by one per seal, over restarts
    struct tm_bag bag;
    uint64_t axis_boot; // of the span: 0 means UTC
    int64_t from_ms, to_ms;
    uint64_t sample_count; // inside; for a gap marker: those that it says are lost
    uint64_t samples_to;   // every sample with a lower ordinal is sealed by now
};

struct journal_log {
    struct seglog log;
    struct journal_reading live;
    struct journal_backlog backlog; // of the telemetry lane
    uint64_t seal_next;             // ordinal of the next seal
    struct {
        uint64_t ordinal, record;
        uint64_t samples_before; // the samples below are in earlier messages
    } newest[JOURNAL_LIVE_KEPT]; // of this run, oldest first; ordinal 0: not yet
    struct journal_acks acks;
    struct {
        uint64_t ordinal;     // as the uplink knows it
        uint64_t log_ordinal; // of its newest copy in the log
        uint64_t record;
    } handed[JOURNAL_HANDED_MAX];
    size_t handed_count;
    struct journal_seal seal; // built, not committed yet; its bytes do not change any more
    uint8_t payload[JOURNAL_PAYLOAD_SIZE_MAX];
    size_t payload_size; // 0: none built
    size_t taken;        // samples or events in it
    uint64_t checkpoint_record;
    uint32_t segments_seen;
    bool must_checkpoint;
    bool acks_dirty;
    bool can_trim;
};

// What dates the samples from first_ordinal on. A boot has several if its clock stepped.
struct journal_boot {
    uint64_t boot;
    int64_t utc_offset_ms;  // or JOURNAL_UTC_UNKNOWN
    uint64_t first_ordinal; // of its samples in the window
    bool is_dirty;          // not in the log yet
};

struct journal_event {
    struct tm_event event;
    int64_t utc_offset_ms; // of the clock when it came, or JOURNAL_UTC_UNKNOWN
};

struct journal_batch {
    uint64_t record;
    uint64_t end_ordinal; // of its samples
};

struct journal {
    // Public to read:
    struct journal_stats stats;
    bool is_failing; // the medium is full or failed
    struct journal_budget budget;
    bool budget_dirty; // not synced yet
    // Private:
    struct journal_config cfg;
    struct journal_log logs[LANE_COUNT];
    const struct tm_catalogue *catalogue;
    struct tm_catalogue_cursor catalogue_cursor;
    bool must_send_catalogue;
    uint64_t catalogue_from, catalogue_to; // ordinals of its latest sending
    uint64_t steady_us;                    // the clock is believed for ages from then on
    uint64_t age_check_us;                 // next look for what is too old
    uint64_t number_next;                  // n
    // The window: samples [sealed_count, count); the first sealed_count are sealed and only wait to
    // be removed. sample_first is the ordinal of window[0].
    size_t count, sealed_count;
    size_t journalled_count; // from the start of the window; the rest is in memory only
    uint64_t sample_first;
    size_t synced_from, synced_to;                // became durable in the last tick
    struct journal_boot boots[JOURNAL_BOOTS_MAX]; // the last is the present one
    size_t boot_count;
    struct journal_batch batches[JOURNAL_BATCHES_MAX]; // records that hold unsealed samples
    size_t batch_count;
    struct journal_event events[JOURNAL_EVENTS_MAX];
    char event_texts[JOURNAL_EVENTS_MAX][TM_TEXT_SIZE_MAX];
    size_t event_count;
    char texts[JOURNAL_TEXTS_SIZE];  // of the samples in the window, in their order
    size_t texts_size, texts_sealed; // the latter of samples that are sealed
    struct journal_gap gaps[JOURNAL_GAPS_MAX];
    size_t gap_count;
    size_t relay_count;
    size_t relay_dirty_count;
    size_t side_count;
    struct journal_notice notices[JOURNAL_NOTICES_MAX];
    size_t notice_count;
    uint64_t dirty_since_us; // TIME_NEVER: nothing to sync
    uint64_t oldest_us;      // the oldest unsealed sample came then; TIME_NEVER: none
    uint64_t hurry_us;       // seal by then; TIME_NEVER
    uint64_t retry_us;       // while failing
    size_t fit_look_at;      // samples at the next look whether the message is full
    size_t fit_sorted;       // samples that the last look left sorted in .order
    bool is_message_full;
    bool is_watched;
    bool must_sync; // while flushing
    bool is_prepared;
    uint64_t dropped_while_failing;
    uint16_t order[TM_PACK_SAMPLE_MAX];
    uint8_t record[JOURNAL_RECORD_SIZE_MAX];
    uint8_t scan_buffer[JOURNAL_READ_SIZE];
};

#endif
