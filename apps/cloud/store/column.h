// SPDX-License-Identifier: Apache-2.0
// A column of integers in few bits: the values, their differences or the differences of those,
// around their median, bit-packed, outliers apart. Arithmetic is modulo 2^64: any input is
// lossless.
#ifndef CLOUD_STORE_COLUMN_H
#define CLOUD_STORE_COLUMN_H

#include "base/bytes.h"
#include "base/err.h"

#include <stddef.h>

enum { COLUMN_COUNT_MAX = 240 };

// Fails the writer if it does not fit. count is 1 to COLUMN_COUNT_MAX.
void column_encode(const int64_t *values, size_t count, struct writer *out);

// A damaged column fails the reader.
void column_decode(struct reader *in, int64_t *values, size_t count);

void put_varint(struct writer *out, uint64_t value);
uint64_t get_varint(struct reader *in);

static inline uint64_t zigzag(uint64_t value)
{
    return (value << 1) ^ (0 - (value >> 63));
}

static inline uint64_t unzigzag(uint64_t value)
{
    return (value >> 1) ^ (0 - (value & 1));
}

#endif
