// SPDX-License-Identifier: Apache-2.0
#include "json/big.h"
#include "json/decimal.h"

#include <string.h>

enum {
    // A double's digits, and those of the middle between two, are at most 767; what comes behind
    // can only break a tie.
    DIGITS_KEPT = 800,
    DECADE_MAX = 310,  // 10^310 and more is too large
    DECADE_MIN = -330, // below 10^-330 is nearest to 0
    EXACT_POW10 = 22,  // the largest power of ten that a double holds exactly
};

static const double pow10_table[EXACT_POW10 + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

#define EXACT_INTEGER_MAX (UINT64_C(1) << 53)

static double double_from_bits(uint64_t bits)
{
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

// quotient x 2^exponent, top bit of quotient set; `more`: a little above that. Ties go to even.
static enum err round_to_double(uint64_t quotient, int exponent, bool more, double *out)
{
    int top = exponent + 63; // weight of the first bit
    int drop = top >= -1022 ? 11 : 11 + (-1022 - top);
    if (drop > 64) {
        *out = 0;
        return OK;
    }
    uint64_t kept = drop == 64 ? 0 : quotient >> drop;
    uint64_t rest = drop == 64 ? quotient : quotient & ((UINT64_C(1) << drop) - 1);
    uint64_t half = UINT64_C(1) << (drop - 1);
    if (rest > half || (rest == half && (more || (kept & 1) != 0))) {
        kept++;
    }
    // A carry out of the mantissa raises the exponent by itself.
    uint64_t biased = top >= -1022 ? (uint64_t)(top + 1022) : 0;
    uint64_t bits = (biased << 52) + kept;
    if (top > 1023 || bits >= UINT64_C(0x7ff) << 52) {
        return ERR_SIZE;
    }
    *out = double_from_bits(bits);
    return OK;
}

// The nearest double to above / below, both above 0 and both used up.
static enum err divide(struct json_big *above, struct json_big *below, double *out)
{
    // Scale by 2^shift until 1 <= above / below < 2, then take 64 bits off the top.
    int shift = (int)json_big_bits(below) - (int)json_big_bits(above);
    if (shift > 0) {
        json_big_shift_left(above, (unsigned)shift);
    } else {
        json_big_shift_left(below, (unsigned)-shift);
    }
    if (json_big_compare(above, below) < 0) {
        json_big_shift_left(above, 1);
        shift++;
    }
    uint64_t quotient = 0;
    for (int i = 0; i < 64; i++) {
        bool one = json_big_compare(above, below) >= 0;
        quotient = quotient << 1 | (one ? 1 : 0);
        if (one) {
            json_big_subtract(above, below);
        }
        json_big_shift_left(above, 1);
    }
    return round_to_double(quotient, -63 - shift, above->count > 0, out);
}

// All the digits there are, up to DIGITS_KEPT.
static enum err parse_exactly(struct bytes text, const struct json_digits *d, double *out)
{
    struct json_big above;
    struct json_big below;
    json_big_set(&above, 0);
    json_big_set(&below, 1);
    int64_t exponent = d->exponent;
    size_t kept = 0;
    bool lost = false;
    for (size_t i = d->first; i < d->end; i++) {
        uint32_t digit = (uint32_t)(text.data[i] - '0');
        if (text.data[i] == '.') {
            continue;
        }
        if (kept++ < DIGITS_KEPT) {
            json_big_mul_add(&above, 10, digit);
        } else {
            exponent++;
            lost = lost || digit != 0;
        }
    }
    if (lost) {
        json_big_mul_add(&above, 10, 1);
        exponent--;
    }
    json_big_mul_pow10(exponent > 0 ? &above : &below,
                       (unsigned)(exponent > 0 ? exponent : -exponent));
    return divide(&above, &below, out);
}

enum err json_double_of(struct bytes text, double *out)
{
    struct json_digits d = {0};
    enum err err = json_digits_of(text, &d);
    if (err != OK) {
        return err;
    }
    double value = 0;
    int64_t decade = (int64_t)d.count + d.exponent;
    if (d.count > 0 && decade > DECADE_MAX) {
        return ERR_SIZE;
    }
    if (!d.overflow && d.mantissa <= EXACT_INTEGER_MAX && d.exponent >= -EXACT_POW10 &&
        d.exponent <= EXACT_POW10) {
        // Both are exact, so that one operation rounds once.
        value = (double)d.mantissa;
        value = d.exponent < 0 ? value / pow10_table[-d.exponent] : value * pow10_table[d.exponent];
    } else if (d.count > 0 && decade >= DECADE_MIN) {
        err = parse_exactly(text, &d, &value);
        if (err != OK) {
            return err;
        }
    }
    *out = d.negative ? -value : value;
    return OK;
}

// The shortest digits when they are 15 at most, which a double always tells apart.
static bool shortest_small(double value, struct json_decimal *out)
{
    for (int places = 0; places <= EXACT_POW10; places++) {
        double scaled = value * pow10_table[places];
        if (scaled >= 1e15) {
            return false;
        }
        int64_t whole = (int64_t)(scaled + 0.5);
        if ((double)whole / pow10_table[places] == value) {
            *out = (struct json_decimal){.mantissa = whole, .exponent = -places};
            return true;
        }
    }
    return false;
}

// value = rest / scale; up and down reach to the middles between it and its neighbours.
struct free_format {
    struct json_big rest, scale, up, down;
    bool inclusive; // a middle reads back as this value, since its mantissa is even
};

static bool reaches_one(const struct free_format *f)
{
    struct json_big sum = f->rest;
    json_big_add(&sum, &f->up);
    int order = json_big_compare(&sum, &f->scale);
    return f->inclusive ? order >= 0 : order > 0;
}

static void times10(struct free_format *f)
{
    json_big_mul_add(&f->rest, 10, 0);
    json_big_mul_add(&f->up, 10, 0);
    json_big_mul_add(&f->down, 10, 0);
}

static void free_format_init(struct free_format *f, uint64_t mantissa, int exponent, bool narrow)
{
    // Below a power of two the neighbours are nearer by half; all is doubled to stay whole.
    unsigned extra = narrow ? 2 : 1;
    json_big_set(&f->rest, mantissa);
    json_big_set(&f->scale, 1);
    json_big_set(&f->up, 1);
    json_big_set(&f->down, 1);
    unsigned raise = exponent > 0 ? (unsigned)exponent : 0;
    json_big_shift_left(&f->rest, raise + extra);
    json_big_shift_left(&f->up, raise + extra - 1);
    json_big_shift_left(&f->down, raise);
    json_big_shift_left(&f->scale, (exponent < 0 ? (unsigned)-exponent : 0) + extra);
    f->inclusive = (mantissa & 1) == 0;
}

// Steele and White's free-format algorithm: digits until what follows can only be this value.
static struct json_decimal shortest_exact(uint64_t mantissa, int exponent, bool narrow)
{
    struct free_format f;
    free_format_init(&f, mantissa, exponent, narrow);
    int bits = (int)json_big_bits(&f.rest) - (int)json_big_bits(&f.scale);
    int decade = bits * 30103 / 100000 - 1; // at or below the true one
    json_big_mul_pow10(&f.scale, decade > 0 ? (unsigned)decade : 0);
    for (int i = decade; i < 0; i++) {
        times10(&f);
    }
    while (reaches_one(&f)) {
        json_big_mul_add(&f.scale, 10, 0);
        decade++;
    }
    struct json_decimal out = {.exponent = decade};
    for (bool low = false, high = false; !low && !high;) {
        int digit = 0;
        times10(&f);
        while (json_big_compare(&f.rest, &f.scale) >= 0) {
            json_big_subtract(&f.rest, &f.scale);
            digit++;
        }
        int order = json_big_compare(&f.rest, &f.down);
        low = f.inclusive ? order <= 0 : order < 0;
        high = reaches_one(&f);
        json_big_shift_left(&f.rest, low && high ? 1 : 0);
        digit += high && (!low || json_big_compare(&f.rest, &f.scale) >= 0) ? 1 : 0;
        out.mantissa = out.mantissa * 10 + digit;
        out.exponent--;
    }
    return out;
}

bool json_decimal_of_double(double value, struct json_decimal *out)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    bool negative = bits >> 63 != 0;
    int biased = (int)(bits >> 52 & 0x7ff);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    if (biased == 0x7ff) {
        return false;
    }
    struct json_decimal found = {0};
    if (!shortest_small(negative ? -value : value, &found)) {
        uint64_t mantissa = biased > 0 ? fraction | UINT64_C(1) << 52 : fraction;
        found =
            shortest_exact(mantissa, (biased > 0 ? biased : 1) - 1075, fraction == 0 && biased > 1);
    }
    found.mantissa = negative ? -found.mantissa : found.mantissa;
    *out = found;
    return true;
}

size_t json_format_double(double value, char *out)
{
    struct json_decimal decimal = {0};
    if (!json_decimal_of_double(value, &decimal)) {
        return 0;
    }
    uint64_t bits = 0; // its top bit tells -0 from 0
    memcpy(&bits, &value, sizeof(bits));
    uint64_t magnitude = (uint64_t)(decimal.mantissa < 0 ? -decimal.mantissa : decimal.mantissa);
    return json_format_digits(bits >> 63 != 0, magnitude, decimal.exponent, out);
}
