// SPDX-License-Identifier: Apache-2.0
// Packs samples into one message of kind `s`, as docs/protocol/telemetry.md says. Passes over the
// samples that only count bytes find how many fit, the last one writes. The same samples,
// catalogue and head always give the same bytes.
#ifndef TELEMETRY_ENCODE_H
#define TELEMETRY_ENCODE_H

#include "base/err.h"
#include "telemetry/catalogue.h"

// The time axis of a message. boot_id 0: at_us of the samples is UTC (microseconds since 1970),
// else microseconds since that boot, which never learned the time.
struct tm_axis {
    uint64_t boot_id;
};

// Working memory of the caller, 2 bytes a sample.
struct tm_encode_memory {
    uint16_t *order;
    size_t capacity; // samples looked at in one call; up to TM_PACK_SAMPLE_MAX are useful
};

// Where a message goes, and what became of it.
struct tm_body {
    char *out;
    size_t capacity; // bytes; normally TM_BODY_SIZE_MAX, at least 512
    size_t size;     // result: bytes written
    size_t taken;    // result: samples or events that they carry; if refused: see the function
};

// Packs as many of the first samples as fit into the body. Samples keep their order per point;
// samples of several points at one time should stand in ascending order of id. Times are cut to
// each point's resolution. ERR_EMPTY: no samples. ERR_ARG: a point that the catalogue does not
// hold, a value that the format cannot carry (an exponent or text beyond the limits, a value with a
// quality that is not good, an infinite double), at the sample whose index is body->taken.
NODISCARD enum err tm_encode(const struct tm_catalogue *catalogue, struct tm_axis axis,
                             const struct tm_sample *samples, size_t sample_count,
                             const struct tm_encode_memory *memory, struct tm_body *body);

// One counting pass: the bytes of one message that carries all these samples. For deciding whether
// a message is full without packing it. What tm_encode() refuses takes no room: it does not make a
// message full. 0: none of them can be carried, or there are more than it looks at. `sorted`:
// memory->order is still as an earlier call with this catalogue left it, when so many of these
// samples, the first of them, were there; 0: none, or tm_encode() had it since.
NODISCARD size_t tm_encode_size(const struct tm_catalogue *catalogue, struct tm_axis axis,
                                const struct tm_sample *samples, size_t sample_count,
                                const struct tm_encode_memory *memory, size_t sorted);

#endif
