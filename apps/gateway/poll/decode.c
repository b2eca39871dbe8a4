// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/decode.h"

#include "apps/gateway/config/profile_check.h"
#include "base/assert.h"

#include <math.h>
#include <string.h>

#define INTEGER_END 0x1p63 // of int64_t

// What the registers say before scale and offset.
struct raw {
    bool is_real;
    bool is_negative; // then the value is -(int64_t)... in `integer`
    int64_t integer;
    uint64_t natural; // of non-negative whole numbers
    double real;
};

uint64_t decode_wide(const uint8_t *data, size_t size, uint32_t order)
{
    // Byte i of the value (0 the highest) stands at i with its index bits swapped: bit 0 within
    // the register, bit 1 within the pair, bit 2 within the four.
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        size_t from = i ^ (order & (size - 1));
        value = value << 8 | data[from];
    }
    return value;
}

static double half_to_double(uint16_t bits)
{
    int exponent = bits >> 10 & 0x1f;
    int mantissa = bits & 0x3ff;
    double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == 0) {
        return sign * ldexp(mantissa, -24);
    }
    if (exponent == 0x1f) {
        return mantissa == 0 ? sign * (double)INFINITY : (double)NAN;
    }
    return sign * ldexp(mantissa + 1024, exponent - 25);
}

static struct raw raw_real(double value)
{
    return (struct raw){.is_real = true, .real = value};
}

static struct raw raw_natural(uint64_t value)
{
    return (struct raw){.natural = value, .integer = (int64_t)value, .real = (double)value};
}

static struct raw raw_integer(int64_t value)
{
    return (struct raw){.is_negative = value < 0,
                        .integer = value,
                        .natural = value < 0 ? 0 : (uint64_t)value,
                        .real = (double)value};
}

static bool raw_bcd(uint64_t bits, unsigned digits, struct raw *out)
{
    uint64_t value = 0;
    for (unsigned i = digits; i-- > 0;) {
        uint64_t digit = bits >> (4 * i) & 0xf;
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = raw_natural(value);
    return true;
}

static bool read_raw(const struct profile_point *point, uint64_t bits, struct raw *out)
{
    float single;
    double twice;
    uint32_t low = (uint32_t)bits;
    switch ((enum point_type)point->type) {
    case TYPE_U8_HIGH: *out = raw_natural(bits >> 8); return true;
    case TYPE_U8_LOW: *out = raw_natural(bits & 0xff); return true;
    case TYPE_BOOL:
    case TYPE_BITS:
        *out = raw_natural(bits >> point->bit & ((UINT64_C(1) << point->width) - 1));
        return true;
    case TYPE_U16:
    case TYPE_U32:
    case TYPE_U64: *out = raw_natural(bits); return true;
    case TYPE_I16: *out = raw_integer((int16_t)bits); return true;
    case TYPE_I32: *out = raw_integer((int32_t)low); return true;
    case TYPE_I64: *out = raw_integer((int64_t)bits); return true;
    case TYPE_F16: *out = raw_real(half_to_double((uint16_t)bits)); return isfinite(out->real);
    case TYPE_F32:
        memcpy(&single, &low, sizeof(single));
        *out = raw_real((double)single);
        return isfinite(out->real);
    case TYPE_F64:
        memcpy(&twice, &bits, sizeof(twice));
        *out = raw_real(twice);
        return isfinite(out->real);
    case TYPE_BCD16: return raw_bcd(bits, 4, out);
    case TYPE_BCD32: return raw_bcd(bits, 8, out);
    case TYPE_STRING:
    case TYPE_COUNT: break;
    }
    return false;
}

// `integer` says it all.
static bool is_whole(const struct raw *raw)
{
    return !raw->is_real && (raw->is_negative || raw->natural <= INT64_MAX);
}

static bool is_sentinel(const struct profile_point *point, const struct raw *raw,
                        enum tm_reason *reason)
{
    static const enum tm_reason REASONS[] = {TM_REASON_UNAVAILABLE, TM_REASON_FAULT,
                                             TM_REASON_RANGE};
    for (size_t i = 0; i < point->sentinel_count; i++) {
        const struct profile_sentinel *sentinel = &point->sentinels[i];
        if (raw->real == sentinel->value) {
            *reason = REASONS[sentinel->reason];
            return true;
        }
    }
    return false;
}

// False: what the catalogue says of the point cannot hold it.
static bool scaled(const struct profile_point *point, const struct raw *raw, struct tm_value *out)
{
    double value = raw->real * point->scale + point->offset;
    if (decode_type(point) == TM_TYPE_DOUBLE) {
        *out = tm_double(value);
        return isfinite(value);
    }
    int exponent = decode_exponent(point);
    int64_t exact = 0;
    if (point->power != POWER_NONE && is_whole(raw) &&
        tm_rescale(raw->integer, point->power, exponent, &exact)) {
        *out = tm_int(exact, exponent);
        return true;
    }
    double counts = round(value * pow(10, -exponent));
    if (point->decimals == DECIMALS_ALL || !(fabs(counts) < INTEGER_END)) {
        return false;
    }
    *out = tm_int((int64_t)counts, exponent);
    return true;
}

static bool valued(const struct profile_point *point, const struct raw *raw, struct tm_value *out)
{
    switch (decode_type(point)) {
    case TM_TYPE_BOOL: *out = tm_bool(raw->natural != 0); return true;
    case TM_TYPE_ENUM: *out = tm_enum(raw->integer); return is_whole(raw);
    case TM_TYPE_INT:
    case TM_TYPE_DOUBLE:
    case TM_TYPE_TEXT: break;
    }
    return scaled(point, raw, out);
}

static void decode_text(const struct profile_point *point, const uint8_t *data, struct decoded *out)
{
    size_t size = 0;
    for (size_t i = 0; i < point->length; i++) {
        size_t at = point->text == TEXT_HIGH_LOW   ? i
                    : point->text == TEXT_LOW_HIGH ? i ^ 1
                    : point->text == TEXT_HIGH     ? 2 * i
                                                   : 2 * i + 1;
        uint8_t c = data[at];
        if (c == 0) {
            break;
        }
        out->text[size++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    while (size > 0 && out->text[size - 1] == ' ') {
        size--;
    }
    out->text[size] = '\0';
    out->value = tm_text(bytes_of(out->text, size));
}

enum decode_result decode_point(const struct profile_point *point, struct bytes data,
                                struct decoded *out)
{
    out->reason = TM_REASON_NONE;
    if (data.size < 2 * (size_t)profile_point_size(point)) {
        return DECODE_SHORT;
    }
    if (point->type == TYPE_STRING) {
        decode_text(point, data.data, out);
        return DECODE_VALUE;
    }
    size_t size = profile_type_bytes(point->type);
    struct raw raw = {0};
    bool is_value = read_raw(point, decode_wide(data.data, size, point->order), &raw);
    if (is_value && is_sentinel(point, &raw, &out->reason)) {
        return DECODE_SENTINEL;
    }
    return is_value && valued(point, &raw, &out->value) ? DECODE_VALUE : DECODE_INVALID;
}

enum decode_result decode_bit(const struct profile_point *point, bool bit, struct decoded *out)
{
    ASSERT(point->type == TYPE_BOOL);
    out->reason = TM_REASON_NONE;
    out->value = tm_bool(bit);
    return DECODE_VALUE;
}

enum tm_type decode_type(const struct profile_point *point)
{
    bool is_real = point->type == TYPE_F16 || point->type == TYPE_F32 || point->type == TYPE_F64;
    if (point->type == TYPE_STRING) {
        return TM_TYPE_TEXT;
    }
    if (point->type == TYPE_BOOL) {
        return TM_TYPE_BOOL;
    }
    if (point->label_count > 0) {
        return TM_TYPE_ENUM;
    }
    bool is_exact = point->decimals != DECIMALS_ALL || (!is_real && point->power != POWER_NONE);
    return is_exact ? TM_TYPE_INT : TM_TYPE_DOUBLE;
}

int decode_exponent(const struct profile_point *point)
{
    if (decode_type(point) != TM_TYPE_INT) {
        return 0;
    }
    return point->decimals != DECIMALS_ALL ? -(int)point->decimals : point->power;
}
