// SPDX-License-Identifier: Apache-2.0
// The bytes of a chunk: up to 240 samples of one series, ascending in time, in below 950 bytes, so
// that four rows share a page and none spills. Lossless. Bytes: docs/protocol/chunk.md.
#ifndef CLOUD_STORE_CHUNK_H
#define CLOUD_STORE_CHUNK_H

#include "apps/cloud/store/entry.h"
#include "base/bytes.h"
#include "base/err.h"

#include <stddef.h>

enum { CHUNK_SAMPLES_MAX = 240, CHUNK_SIZE_MAX = 949 };

// Two samples further apart than this never share a chunk: a query looks back no further.
#define CHUNK_SPAN_MAX_MS (INT64_C(32) * 24 * 3600 * 1000)

// What the row says beside the bytes. min, max and sum are over the good numbers, of which there
// are `n`; all 0 without any.
struct chunk_summary {
    int64_t t0_ms; // of the first sample
    int64_t t1_ms; // of the last one
    uint32_t total;
    uint32_t n;
    double min;
    double max;
    double sum;
};

// Encodes as many leading entries as one chunk takes (at least one) and says how many in *taken.
// `entries` ascend in time; at least one. out has CHUNK_SIZE_MAX bytes.
void chunk_encode(const struct entry *entries, size_t count, struct writer *out, size_t *taken);

void chunk_summarise(const struct entry *entries, size_t count, struct chunk_summary *out);

// out has room for CHUNK_SAMPLES_MAX. ERR_CORRUPT, ERR_UNSUPPORTED (newer version).
NODISCARD enum err chunk_decode(struct bytes in, int64_t t0_ms, struct entry *out, size_t *count);

#endif
