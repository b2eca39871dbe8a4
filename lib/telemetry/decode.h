// SPDX-License-Identifier: Apache-2.0
// Reads a message of kind `s` column by column: one point, the times, the values. Nothing is copied
// but into the caller's memory. A message that turns out broken half way is broken as a whole:
// the caller drops what it gave so far.
//
//     if (tm_decode_init(&d, message, catalogue, &memory) == OK) {
//         while ((err = tm_decode_next(&d, &column)) == OK) { ... }
//         // ERR_EMPTY: that was all of it
//     }
#ifndef TELEMETRY_DECODE_H
#define TELEMETRY_DECODE_H

#include "base/err.h"
#include "telemetry/catalogue.h"
#include "json/reader.h"

enum tm_message_kind { TM_MESSAGE_SAMPLES, TM_MESSAGE_CATALOGUE, TM_MESSAGE_EVENTS };

// What stands in front in every kind of message.
struct tm_head {
    enum tm_message_kind kind;
    uint64_t catalogue_hash;
    uint64_t boot_id; // not 0: times are milliseconds since that boot, not UTC
};

// Finds the head wherever its keys stand in the object. ERR_CORRUPT: no message of ours;
// ERR_UNSUPPORTED: a version or kind that is unknown here.
NODISCARD enum err tm_head_read(struct bytes message, struct tm_head *out);

struct tm_row {
    struct tm_value value;
    enum tm_quality quality;
    enum tm_reason reason;
};

struct tm_column {
    uint32_t index; // in the catalogue
    uint32_t point; // stable id; 0 when decoding without a catalogue
    uint32_t row_count;
    // Of both, row_count; they live until the next call. Ascending or not: as they were measured.
    const int64_t *time_ms; // UTC or since boot, as the head says
    const struct tm_row *rows;
};

// Times and rows: at most one per two bytes of message. Text: unescaped strings of one column.
struct tm_decode_memory {
    int64_t *time_ms;
    struct tm_row *rows;
    size_t row_capacity;
    char *text;
    size_t text_capacity;
};

// `head` may be read after init; the rest is private.
struct tm_decoder {
    struct tm_head head;
    struct json_reader json;
    const struct tm_catalogue *catalogue;
    struct tm_decode_memory memory;
    int64_t base_ms;
    int64_t unit_ms;
    int64_t interval;
    uint32_t row_count;  // of the group being read
    uint32_t next_index; // of the next column of a range
    size_t list_at;      // where the list of indices goes on in the message; 0 for a range
    bool in_group;
    bool alone;   // json stands on the groups alone, which were not the last key
    enum err err; // sticky
};

// With a catalogue (whose hash must equal the message's: ERR_STATE) values get their exponent,
// enums their kind, and columns their id. Without (NULL), whole numbers come as TM_INT with
// exponent 0. ERR_CORRUPT, ERR_UNSUPPORTED as above, also for another kind than samples.
NODISCARD enum err tm_decode_init(struct tm_decoder *d, struct bytes message,
                                  const struct tm_catalogue *catalogue,
                                  const struct tm_decode_memory *memory);
// ERR_EMPTY: all read, and well-formed to its end. ERR_SIZE: more rows or text than memory.
NODISCARD enum err tm_decode_next(struct tm_decoder *d, struct tm_column *out);

#endif
