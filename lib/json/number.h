// SPDX-License-Identifier: Apache-2.0
// The text of a JSON number to exact values and back, without libc. All functions take text that
// matches the JSON grammar (json_reader gives nothing else) and say ERR_CORRUPT for any other.
#ifndef JSON_NUMBER_H
#define JSON_NUMBER_H

#include "base/bytes.h"
#include "base/err.h"

// mantissa x 10^exponent, exactly the number that was written; trailing zeros are kept.
struct json_decimal {
    int64_t mantissa;
    int32_t exponent;
};

enum {
    JSON_NUMBER_SIZE_MAX = 32, // bytes that a formatted number takes at most, without a NUL
};

// ERR_SIZE: more digits than an int64_t holds, or an exponent beyond +-9999.
NODISCARD enum err json_decimal_of(struct bytes text, struct json_decimal *out);
// ERR_ARG: not a whole number (1.5; 1.0 and 1e3 are whole). ERR_SIZE: outside the type's range.
NODISCARD enum err json_i64_of(struct bytes text, int64_t *out);
NODISCARD enum err json_u64_of(struct bytes text, uint64_t *out);
// The nearest double, ties to even. ERR_SIZE: too large for a double; a tiny number becomes 0.
NODISCARD enum err json_double_of(struct bytes text, double *out);

// Each returns the count of bytes written to out[JSON_NUMBER_SIZE_MAX]; no NUL.
size_t json_format_u64(uint64_t value, char *out);
size_t json_format_i64(int64_t value, char *out);
// The shortest text for mantissa x 10^exponent: 2150 e-2 gives 21.5, 7 e12 gives 7e12.
// exponent -400 to 400.
size_t json_format_decimal(int64_t mantissa, int exponent, char *out);
// The shortest text that reads back as the same double; 0 bytes for infinities and NaN.
size_t json_format_double(double value, char *out);
// The decimal behind that text. False for infinities and NaN.
bool json_decimal_of_double(double value, struct json_decimal *out);

#endif
