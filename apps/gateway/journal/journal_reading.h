// SPDX-License-Identifier: Apache-2.0
// Where the journal's way out stands: part of journal_state.h.
#ifndef GATEWAY_JOURNAL_READING_H
#define GATEWAY_JOURNAL_READING_H

#include "apps/gateway/journal/journal_types.h"
#include "seglog/reader.h"
#include "seglog/seglog.h"

enum { JOURNAL_READ_SIZE = JOURNAL_RECORD_SIZE_MAX + 2 * SL_RECORD_HEADER_SIZE };

// One way through a lane's log, from old to new.
struct journal_reading {
    struct sl_reader reader;
    uint64_t ordinal_next; // expected; 0: not known yet
    uint64_t samples_to;   // of the last seal read, and its time
    uint64_t axis_boot;
    int64_t to_ms;
    uint8_t buffer[JOURNAL_READ_SIZE];
};

// What the live reading of the telemetry lane left behind. Every message in the log below `end` is
// acknowledged, or handed out, or at or after `reading`.
struct journal_backlog {
    struct journal_reading reading;
    uint64_t end; // record: live data began there
    uint64_t end_ordinal, end_samples;
    bool is_done;
    // Newest first: before `reading` moves, messages are taken from below this record downwards.
    uint64_t descent_end;                  // 0: at the bottom
    uint64_t descent[JOURNAL_DESCENT_MAX]; // records, rising
    size_t descent_count;
};

#endif
