// SPDX-License-Identifier: Apache-2.0
// Reads a segmented record log in order, in the writing process or in another one, while it grows.
#ifndef SEGLOG_READER_H
#define SEGLOG_READER_H

#include "port/api/storage.h"

#include <stdbool.h>

struct sl_reader_config {
    const struct storage *storage; // borrowed; may be opened read-only
    // At least the largest record with its header, else ERR_SIZE at that record; 256 KiB and more
    // read fastest. Payloads handed out lie in it.
    uint8_t *buffer;
    size_t buffer_size;
};

struct sl_record {
    uint64_t sequence;
    uint8_t kind;
    struct bytes payload; // valid until the next call with this reader
};

// A segment seen through the caller's buffer; private.
struct sl_window {
    const struct storage *storage;
    uint8_t *buffer;
    size_t capacity;
    uint64_t segment; // 0: none
    uint64_t offset;  // of the first byte held
    size_t used;
};

struct sl_reader {
    // Public to read:
    uint64_t next;            // the least number that the next record can have
    uint64_t corrupt_segment; // of the last ERR_CORRUPT: where it breaks
    uint64_t corrupt_offset;
    uint32_t corrupt_count;
    // Private:
    struct sl_window window;
    uint64_t limit;    // of the last call
    uint64_t offset;   // in the window's segment, of the record to come
    uint64_t sequence; // its number
    bool is_skipping;  // the rest of the segment is damaged
};

// Begins at the record numbered `first`, or at the oldest after it if that is gone (the caller sees
// the numbers skip). 0 and 1 both mean the oldest there is. Reads nothing yet.
void sl_reader_init(struct sl_reader *reader, const struct sl_reader_config *cfg, uint64_t first);

// The next record, if its number is below `limit`: pass log->synced_next, so that only durable
// records are seen. ERR_EMPTY: none below limit yet. ERR_CORRUPT: the rest of a segment does not
// check; told once, the next call goes on with the following segment (numbers skip).
// ERR_IO: nothing moved, try again.
// ERR_SIZE: record larger than the buffer, nothing moved. ERR_UNSUPPORTED: newer segment format.
NODISCARD enum err sl_reader_next(struct sl_reader *reader, uint64_t limit, struct sl_record *out);

#endif
