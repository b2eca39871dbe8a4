// SPDX-License-Identifier: Apache-2.0
// A segmented, append-only record log over the storage seam: numbered records with a checksum that
// survive power cuts once synced. Byte format: docs/protocol/seglog.md. Reading: seglog/reader.h.
//
//   sl_recover -> { sl_append* -> sl_sync }* , sl_remove_below now and then
//
// Numbers start at 1, rise by one within a segment and may skip between segments. The number of a
// synced record is never given again, not even after all other segments are gone: the newest
// segment always stays. Numbers of records that were lost unsynced in a power cut may return.
#ifndef SEGLOG_SEGLOG_H
#define SEGLOG_SEGLOG_H

#include "port/api/storage.h"

#include <stdbool.h>

enum {
    SL_SEGMENT_HEADER_SIZE = 32,
    SL_RECORD_HEADER_SIZE = 16,
    SL_PAYLOAD_SIZE_MAX = (1 << 24) - 1,
    SL_PARTS_MAX = 7,
};

struct sl_config {
    const struct storage *storage; // borrowed for the life of the log
    // Work space for recovery only: 64 bytes or more (64 KiB scan fast); the caller may use it for
    // other things once sl_recover returned.
    uint8_t *buffer;
    size_t buffer_size;
    uint32_t payload_size_max; // of one record; at most SL_PAYLOAD_SIZE_MAX
    uint32_t segment_size;     // bytes; a new segment begins when the next record does not fit
    uint64_t bytes_max;        // quota over all segments, headers included; 0: no quota
    // The least number that the next record may get: one more than the highest that the caller
    // knows to have been told to others; 0: none known. Guards against reuse when the newest synced
    // records are damaged beyond notice.
    uint64_t next_min;
};

// What sl_recover found; for the log line and for the caller's own gap marker.
struct sl_recovery {
    uint64_t first;            // no record below it is held
    uint64_t next;             // number of the record to come
    uint32_t torn_bytes;       // cut off the newest segment: never synced, so nobody was told
    uint32_t corrupt_segments; // with synced bytes that no longer check: in the newest segment only
                               // (older ones are judged when read)
    uint64_t corrupt_segment;  // id of the last such segment, and where it breaks
    uint32_t corrupt_offset;
};

struct sl_stats {
    uint64_t records;     // appended
    uint64_t bytes;       // appended, headers included
    uint32_t syncs;       // that did something
    uint32_t sync_errors; // each dropped the records since the last good sync
    uint32_t append_errors;
    uint32_t full; // appends refused by quota or by the medium
    uint32_t segments_created;
    uint32_t segments_removed;
};

struct seglog {
    // Public to read:
    uint64_t first;       // no record below it is held
    uint64_t next;        // number that the next record gets
    uint64_t synced_next; // records below it are durable
    uint64_t bytes_used;  // over all segments
    struct sl_stats stats;
    // Private:
    struct sl_config cfg;
    uint64_t segment;     // id of the newest segment = number of its first record; 0: none
    uint64_t size;        // its bytes
    uint64_t synced_size; // of these, known durable
    bool must_cut;        // the storage holds bytes past `size`: they go before anything is added
    bool must_sync_cut;   // and durably so, since their records were given up
    bool must_remove;     // a segment `next` was begun in vain: it goes before it is begun again
    bool is_closed;       // the next record begins a new segment
};

// Opens what is there (or begins at number 1), cuts a torn tail, syncs what is kept. ERR_IO: not
// opened, try again. ERR_UNSUPPORTED: a segment of a newer format. ERR_CORRUPT never:
// damage is told in *out, the damaged segment kept as it is, and a new one begun.
NODISCARD enum err sl_recover(struct seglog *log, const struct sl_config *cfg,
                              struct sl_recovery *out);

// Adds one record whose payload is the parts in a row; *sequence gets its number. Not durable until
// sl_sync. ERR_SIZE: payload above the limit. ERR_FULL: quota or medium full; nothing was added, a
// later try may succeed. ERR_IO: nothing was added. The log stays usable after any of them. A
// failed sync at the change of a segment shows here: see sl_sync.
NODISCARD enum err sl_append(struct seglog *log, uint8_t kind, const struct bytes *parts,
                             size_t part_count, uint64_t *sequence);

// Makes all appended records durable. On failure those since the last good sync are dropped (their
// numbers are not used again by this log): log->synced_next tells the first of them; the caller
// appends them anew or tells his peer.
NODISCARD enum err sl_sync(struct seglog *log);

// Removes the segments that hold only records below `sequence`, oldest first, never the newest.
NODISCARD enum err sl_remove_below(struct seglog *log, uint64_t sequence);

// Removes the oldest segment whatever it holds; log->first moves. ERR_EMPTY if it is the newest.
NODISCARD enum err sl_remove_oldest(struct seglog *log);

// The next record begins a new segment, so that all before it can be removed.
void sl_close_segment(struct seglog *log);

#endif
