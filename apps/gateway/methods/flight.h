// SPDX-License-Identifier: Apache-2.0
// The flight recorder: the last log lines and frames of the buses in a bounded ring of bytes; what
// is oldest goes first. Kept as it came, made text only when somebody asks. Pure, one thread.
#ifndef GATEWAY_FLIGHT_H
#define GATEWAY_FLIGHT_H

#include "base/bytes.h"
#include "base/err.h"
#include "line/frame.h"

enum {
    FLIGHT_TEXT_SIZE_MAX = 1024, // of a log line; longer ones are cut
    FLIGHT_LINE_SIZE_MAX = 1400, // what one record becomes at most
};

struct flight {
    uint8_t *data;
    size_t capacity;
    // Private:
    size_t first, used; // bytes
};

struct flight_reader {
    const struct flight *flight;
    size_t at, left;
};

void flight_init(struct flight *flight, uint8_t *memory, size_t capacity);
void flight_log(struct flight *flight, uint64_t now_us, struct bytes line);
void flight_send(struct flight *flight, uint64_t now_us, uint32_t bus,
                 const struct line_send *send);
void flight_done(struct flight *flight, uint64_t now_us, uint32_t bus,
                 const struct line_done *done);
// A copy in other memory of the same capacity.
void flight_copy(struct flight *out, const struct flight *in);

// Oldest first, those of since_us and after.
struct flight_reader flight_read(const struct flight *flight, uint64_t since_us);
// Appends the next record as a line. ERR_EMPTY: that was all; ERR_SIZE: it did not fit, nothing was
// taken. bus_names: of bus 0 and so on.
NODISCARD enum err flight_next(struct flight_reader *reader, const char *const *bus_names,
                               struct writer *out);

#endif
