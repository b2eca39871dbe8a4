// SPDX-License-Identifier: Apache-2.0
// What a device says for "no value" must be something that its type can say.
#include "apps/gateway/config/profile_check.h"
#include "apps/gateway/config/profile_words.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { HALF_DIGITS = 11, HALF_EXPONENT_MIN = -13 };
#define HALF_MAX   65504.0
#define SINGLE_END 0x1.ffffffp127 // from here on a number rounds to infinity

// The raw numbers of a whole type; of 64 bits as near as doubles come.
struct span {
    double low, high;
};

static struct span span_of(const struct profile_point *point)
{
    switch ((enum point_type)point->type) {
    case TYPE_BOOL: return (struct span){0, 1};
    case TYPE_U8_HIGH:
    case TYPE_U8_LOW: return (struct span){0, 0xff};
    case TYPE_U16: return (struct span){0, 0xffff};
    case TYPE_I16: return (struct span){-0x8000, 0x7fff};
    case TYPE_U32: return (struct span){0, 0xffffffff};
    case TYPE_I32: return (struct span){-0x1p31, 0x7fffffff};
    case TYPE_U64: return (struct span){0, 0x1p64};
    case TYPE_I64: return (struct span){-0x1p63, 0x1p63};
    case TYPE_BITS: return (struct span){0, ldexp(1, (int)point->width) - 1};
    case TYPE_BCD16: return (struct span){0, 9999};
    case TYPE_BCD32: return (struct span){0, 99999999};
    case TYPE_F16: return (struct span){-HALF_MAX, HALF_MAX};
    case TYPE_F32: return (struct span){-(double)FLT_MAX, (double)FLT_MAX};
    case TYPE_F64: return (struct span){-DBL_MAX, DBL_MAX};
    case TYPE_STRING:
    case TYPE_COUNT: break;
    }
    return (struct span){0, 0};
}

// The nearest number of the type: what such a device sends for this one.
static double nearest(uint32_t type, double value)
{
    if (type == TYPE_F32) {
        return fabs(value) < SINGLE_END ? (double)(float)value : value;
    }
    if (type == TYPE_F16) {
        int exponent = 0;
        (void)frexp(value, &exponent);
        exponent = exponent < HALF_EXPONENT_MIN ? HALF_EXPONENT_MIN : exponent;
        return ldexp(nearbyint(ldexp(value, HALF_DIGITS - exponent)), exponent - HALF_DIGITS);
    }
    return value;
}

// The same bits read with a sign, or without: 32768 in a manual is -32768 of an i16. "" if not so.
static void write_other_sign(const struct profile_point *point, double value, char *out,
                             size_t size)
{
    bool is_signed = point->type == TYPE_I16 || point->type == TYPE_I32 || point->type == TYPE_I64;
    bool is_natural = point->type == TYPE_U16 || point->type == TYPE_U32 || point->type == TYPE_U64;
    int width = 8 * (int)profile_type_bytes(point->type);
    double turn = ldexp(1, width);
    if (is_signed && value > 0 && value <= turn - (width == 64 ? 0 : 1)) {
        uint64_t bits = value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
        int64_t other = width == 64 ? (int64_t)bits : (int64_t)bits - (INT64_C(1) << width);
        (void)snprintf(out, size, "; did you mean %" PRId64 "?", other);
    } else if (is_natural && value < 0 && value >= -turn / 2) {
        uint64_t bits = (uint64_t)(int64_t)value;
        (void)snprintf(out, size, "; did you mean %" PRIu64 "?",
                       bits & (UINT64_MAX >> (64 - width)));
    }
}

// What is wrong with the number; "" if nothing is. Becomes the nearest of the type.
static void judge(const struct profile_point *point, struct profile_sentinel *sentinel, char *out,
                  size_t size)
{
    const char *type = TYPE_WORDS[point->type];
    struct span span = span_of(point);
    double value = nearest(point->type, sentinel->value);
    bool is_real = point->type == TYPE_F16 || point->type == TYPE_F32 || point->type == TYPE_F64;
    out[0] = '\0';
    if (value < span.low || value > span.high) {
        char hint[48] = "";
        if (value == floor(value)) {
            write_other_sign(point, value, hint, sizeof(hint));
        }
        (void)snprintf(out, size, "%.15g is no raw number of %s, which holds %.15g to %.15g%s",
                       sentinel->value, type, span.low, span.high, hint);
    } else if (!is_real && value != floor(value)) {
        (void)snprintf(out, size,
                       "%.15g is no raw number of %s: it holds whole numbers, before "
                       "scale and offset",
                       sentinel->value, type);
    } else if (value == 0 && sentinel->value != 0) {
        (void)snprintf(out, size, "%.15g is too small for %s, which would read 0", sentinel->value,
                       type);
    }
    sentinel->value = value;
}

void profile_check_sentinels(struct config_report *report, struct profile_point *point,
                             bool is_strict)
{
    size_t kept = 0;
    for (size_t i = 0; i < point->sentinel_count; i++) {
        struct profile_sentinel *sentinel = &point->sentinels[i];
        const struct doc_node *at =
            sentinel->node != NULL ? doc_member(sentinel->node, "value") : NULL;
        char problem[CONFIG_MESSAGE_SIZE] = "";
        if (at != NULL) {
            judge(point, sentinel, problem, sizeof(problem));
        }
        if (problem[0] != '\0' && is_strict) {
            doc_error(report, at, "%s", problem);
        } else if (problem[0] != '\0') {
            doc_warn(report, at, "%.200s; it is left out", problem);
            continue;
        }
        point->sentinels[kept++] = *sentinel;
    }
    point->sentinel_count = kept;
}
