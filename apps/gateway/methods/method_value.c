// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/method_value.h"

#include "apps/gateway/config/profile_check.h"
#include "apps/gateway/poll/decode.h"
#include "base/assert.h"

#include <math.h>
#include <string.h>

const char *const VALUE_TYPE_WORDS[] = {"u16", "i16", "u32", "i32",   "u64",   "i64",
                                        "f16", "f32", "f64", "bcd16", "bcd32", NULL};
const char *const VALUE_ORDER_WORDS[] = {
    "highest_first", "ABCD",     "BADC",     "CDAB",     "DCBA",     "ABCDEFGH", "BADCFEHG",
    "CDABGHEF",      "DCBAHGFE", "EFGHABCD", "FEHGBADC", "GHEFCDAB", "HGFEDCBA", NULL};
static const uint32_t TYPES[] = {TYPE_U16, TYPE_I16, TYPE_U32, TYPE_I32,   TYPE_U64,  TYPE_I64,
                                 TYPE_F16, TYPE_F32, TYPE_F64, TYPE_BCD16, TYPE_BCD32};
_Static_assert(sizeof(TYPES) / sizeof(TYPES[0]) + 1 ==
                   sizeof(VALUE_TYPE_WORDS) / sizeof(VALUE_TYPE_WORDS[0]),
               "a type per word");

enum { ORDER_DEFAULT_32 = 1, ORDER_DEFAULT_64 = 5 }; // in VALUE_ORDER_WORDS

uint32_t method_table_of_write(uint32_t word)
{
    return word == 0 ? TABLE_COIL : TABLE_HOLDING;
}

const char *method_value_of(uint32_t table, uint32_t type_word, uint32_t order_word,
                            struct method_value *out)
{
    *out = (struct method_value){.is_bit = table_is_bits(table), .reg_count = 1};
    if (out->is_bit) {
        return type_word != 0 || order_word != 0
                   ? "type and order are for registers; this table has bits"
                   : NULL;
    }
    uint32_t type = TYPES[type_word];
    uint32_t bytes = profile_type_bytes(type);
    out->reg_count = bytes / 2;
    if (order_word != 0 && strlen(VALUE_ORDER_WORDS[order_word]) != bytes) {
        return bytes == 2 ? "order is for values of more than one register"
                          : "this order has not as many bytes as the type";
    }
    uint32_t word = order_word != 0 ? order_word : bytes == 8 ? ORDER_DEFAULT_64 : ORDER_DEFAULT_32;
    out->point = (struct profile_point){.table = table,
                                        .type = type,
                                        .order = bytes > 2 ? profile_order(word) : 0,
                                        .width = 1,
                                        .scale = 1,
                                        .decimals = DECIMALS_ALL};
    return NULL;
}

void method_value_put(const struct method_value *value, struct bytes data, size_t index,
                      struct json_writer *out)
{
    if (value->is_bit) {
        json_put_u64(out, mb_bit(data, index) ? 1 : 0);
        return;
    }
    size_t size = 2 * (size_t)value->reg_count;
    struct decoded decoded;
    if ((index + 1) * size > data.size) {
        json_put_null(out);
        return;
    }
    struct bytes at = bytes_of(data.data + index * size, size);
    if (value->point.type == TYPE_U64) { // above what the system's integers hold
        json_put_u64(out, decode_wide(at.data, size, value->point.order));
    } else if (decode_point(&value->point, at, &decoded) != DECODE_VALUE) {
        json_put_null(out);
    } else if (decoded.value.kind == TM_INT) {
        json_put_i64(out, decoded.value.u.i);
    } else {
        json_put_double(out, tm_value_double(&decoded.value));
    }
}

static bool is_real(uint32_t type)
{
    return type == TYPE_F16 || type == TYPE_F32 || type == TYPE_F64;
}

static bool bits_of_real(uint32_t type, double number, uint64_t *out)
{
    float single = (float)number;
    uint32_t low = 0;
    if (type == TYPE_F64) {
        memcpy(out, &number, sizeof(*out));
        return true;
    }
    if (type == TYPE_F16 || !isfinite(single)) {
        return false; // nobody writes half floats
    }
    memcpy(&low, &single, sizeof(low));
    *out = low;
    return true;
}

static bool bits_of_bcd(double number, uint32_t digits, uint64_t *out)
{
    uint64_t left = (uint64_t)number;
    *out = 0;
    for (uint32_t i = 0; i < digits; i++, left /= 10) {
        *out |= left % 10 << (4 * i);
    }
    return left == 0;
}

static bool bits_of_whole(uint32_t type, double number, size_t size, uint64_t *out)
{
    bool is_signed = type == TYPE_I16 || type == TYPE_I32 || type == TYPE_I64;
    double span = ldexp(1, (int)(8 * size) - (is_signed ? 1 : 0));
    if (number != floor(number) || fabs(number) > METHOD_WHOLE_MAX || number >= span ||
        number < (is_signed ? -span : 0)) {
        return false;
    }
    if (type == TYPE_BCD16 || type == TYPE_BCD32) {
        return bits_of_bcd(number, (uint32_t)(2 * size), out);
    }
    *out = (uint64_t)(int64_t)number;
    return true;
}

// The bytes that decode_wide() makes `bits` of: each place is asked which byte it stands for.
static void put_wide(const struct method_value *value, uint64_t bits, struct writer *out)
{
    size_t size = 2 * (size_t)value->reg_count;
    for (size_t place = 0; place < size; place++) {
        uint8_t probe[8] = {0};
        probe[place] = 1;
        uint64_t weight = decode_wide(probe, size, value->point.order);
        ASSERT(weight != 0);
        put_u8(out, (uint8_t)(bits / weight & 0xff));
    }
}

bool method_value_encode(const struct method_value *value, double number, struct writer *out)
{
    uint64_t bits = 0;
    if (value->is_bit) {
        put_u8(out, number != 0 ? 1 : 0);
        return number == 0 || number == 1;
    }
    uint32_t type = value->point.type;
    if (!(is_real(type) ? bits_of_real(type, number, &bits)
                        : bits_of_whole(type, number, 2 * (size_t)value->reg_count, &bits))) {
        return false;
    }
    put_wide(value, bits, out);
    return !out->failed;
}
