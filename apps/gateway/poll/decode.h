// SPDX-License-Identifier: Apache-2.0
// Registers -> one point's value. Pure. The answer says whether the device means "not available"
// (a sentinel), sent bytes that are no value of the type (BCD digits above 9, NaN), or a value.
#ifndef GATEWAY_DECODE_H
#define GATEWAY_DECODE_H

#include "apps/gateway/config/profile.h"

#include "telemetry/catalogue.h"

enum decode_result {
    DECODE_VALUE,
    DECODE_SENTINEL, // the device's word for "no value"; .reason says why
    DECODE_INVALID,  // no value: BCD digits above 9, NaN, infinity, more than decode_type() holds
    DECODE_SHORT,    // the data end before the point does
};

// Numbers: a scale that is a power of ten (and offset 0), or `decimals`, give an integer with an
// exponent; else a double. Always of the kind that decode_type() says, whatever the device sends.
struct decoded {
    struct tm_value value;          // text borrows .text
    enum tm_reason reason;          // of a sentinel
    char text[TEXT_LENGTH_MAX + 1]; // what was no printable ASCII became '?'
};

// `data` starts at the point: registers as big-endian bytes. For coils and discrete inputs use
// decode_bit.
enum decode_result decode_point(const struct profile_point *point, struct bytes data,
                                struct decoded *out);
enum decode_result decode_bit(const struct profile_point *point, bool bit, struct decoded *out);

// How the catalogue describes the values that decode_point gives for this point.
enum tm_type decode_type(const struct profile_point *point);
// TM_TYPE_INT: their exponent.
int decode_exponent(const struct profile_point *point);

// A wide value from `size` (2, 4, 8) wire bytes.
uint64_t decode_wide(const uint8_t *data, size_t size, uint32_t order);

#endif
