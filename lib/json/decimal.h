// SPDX-License-Identifier: Apache-2.0
// Decimal digits inside lib/json.
#ifndef JSON_DECIMAL_H
#define JSON_DECIMAL_H

#include "json/number.h"

// A number taken apart: (-) digits x 10^exponent, the digits from the first that is not 0.
struct json_digits {
    bool negative;
    bool overflow; // the digits exceed mantissa, which holds the first ones only
    uint64_t mantissa;
    int64_t exponent;  // of the last digit
    size_t count;      // of digits
    size_t first, end; // where they stand in the text; a point may stand between them
};

// ERR_CORRUPT: not a number of the JSON grammar.
NODISCARD enum err json_digits_of(struct bytes text, struct json_digits *out);
size_t json_format_digits(bool negative, uint64_t mantissa, int exponent, char *out);

#endif
