// SPDX-License-Identifier: Apache-2.0
#include "json/number.h"

#include "base/assert.h"
#include "json/decimal.h"
#include "json/scan.h"

#include <string.h>

enum { EXPONENT_MAX = 9999 };

// Splits a number of the JSON grammar; digits beyond what 64 bits hold are counted, not kept.
enum err json_digits_of(struct bytes text, struct json_digits *out)
{
    struct json_scan s = {.data = text.data, .size = text.size};
    if (text.size == 0 || !json_scan_number(&s) || s.at != text.size) {
        return ERR_CORRUPT;
    }
    struct json_digits d = {.negative = text.data[0] == '-'};
    size_t at = d.negative ? 1 : 0;
    bool fraction = false;
    for (; at < text.size && (text.data[at] | 0x20) != 'e'; at++) {
        if (text.data[at] == '.') {
            fraction = true;
            continue;
        }
        unsigned digit = text.data[at] - (unsigned)'0';
        d.exponent -= fraction ? 1 : 0;
        if (d.count > 0 || digit > 0) {
            d.first = d.count == 0 ? at : d.first;
            d.count++;
            bool room = !d.overflow && d.mantissa <= (UINT64_MAX - digit) / 10;
            d.overflow = !room;
            d.mantissa = room ? d.mantissa * 10 + digit : d.mantissa;
        }
    }
    d.end = at;
    int64_t exponent = 0;
    bool minus = at + 1 < text.size && text.data[at + 1] == '-';
    for (at++; at < text.size; at++) {
        if (text.data[at] >= '0' && text.data[at] <= '9' && exponent < INT32_MAX) {
            exponent = exponent * 10 + (text.data[at] - '0');
        }
    }
    d.exponent += minus ? -exponent : exponent;
    *out = d;
    return OK;
}

enum err json_decimal_of(struct bytes text, struct json_decimal *out)
{
    struct json_digits d = {0};
    enum err err = json_digits_of(text, &d);
    if (err != OK) {
        return err;
    }
    uint64_t limit = (uint64_t)INT64_MAX + (d.negative ? 1 : 0);
    if (d.overflow || d.mantissa > limit || d.exponent > EXPONENT_MAX ||
        d.exponent < -EXPONENT_MAX) {
        return ERR_SIZE;
    }
    out->mantissa = d.negative ? (int64_t)(0 - d.mantissa) : (int64_t)d.mantissa;
    out->exponent = (int32_t)d.exponent;
    return OK;
}

// The magnitude as a whole number.
static enum err whole_of(struct bytes text, bool *negative, uint64_t *out)
{
    struct json_digits d = {0};
    enum err err = json_digits_of(text, &d);
    if (err != OK) {
        return err;
    }
    *negative = d.negative;
    // 19 digits of zeros behind a point are no loss: strip zeros of the text, not of the mantissa.
    size_t at = d.end;
    while (d.exponent < 0 && d.count > 0) {
        at -= text.data[at - 1] == '.' ? 1 : 0;
        if (text.data[at - 1] != '0') {
            return ERR_ARG;
        }
        at--;
        d.count--;
        d.exponent++;
    }
    uint64_t value = 0;
    for (size_t i = d.first, left = d.count; left > 0; i++) {
        if (text.data[i] == '.') {
            continue;
        }
        unsigned digit = text.data[i] - (unsigned)'0';
        if (value > (UINT64_MAX - digit) / 10) {
            return ERR_SIZE;
        }
        value = value * 10 + digit;
        left--;
    }
    for (; value > 0 && d.exponent > 0; d.exponent--) {
        if (value > UINT64_MAX / 10) {
            return ERR_SIZE;
        }
        value *= 10;
    }
    *out = value;
    return OK;
}

enum err json_i64_of(struct bytes text, int64_t *out)
{
    bool negative = false;
    uint64_t value = 0;
    enum err err = whole_of(text, &negative, &value);
    if (err != OK) {
        return err;
    }
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return ERR_SIZE;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return OK;
}

enum err json_u64_of(struct bytes text, uint64_t *out)
{
    bool negative = false;
    uint64_t value = 0;
    enum err err = whole_of(text, &negative, &value);
    if (err != OK) {
        return err;
    }
    if (negative && value > 0) {
        return ERR_SIZE;
    }
    *out = value;
    return OK;
}

size_t json_format_u64(uint64_t value, char *out)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = digits[count - 1 - i];
    }
    return count;
}

size_t json_format_i64(int64_t value, char *out)
{
    size_t sign = value < 0 ? 1 : 0;
    if (value < 0) {
        out[0] = '-';
    }
    return sign + json_format_u64(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, out + sign);
}

// Plain 2150, 21.5 or 0.0215 while that is not longer than the form with an exponent.
size_t json_format_digits(bool negative, uint64_t mantissa, int exponent, char *out)
{
    char digits[20];
    size_t at = 0;
    while (mantissa > 0 && mantissa % 10 == 0) {
        mantissa /= 10;
        exponent++;
    }
    exponent = mantissa == 0 ? 0 : exponent;
    int count = (int)json_format_u64(mantissa, digits);
    if (negative) {
        out[at++] = '-';
    }
    int point = count + exponent; // digits before the point
    bool plain = exponent >= 0 ? exponent <= 2 : point > 0 || -exponent <= count + 2;
    if (!plain) {
        memcpy(out + at, digits, (size_t)count);
        at += (size_t)count;
        out[at++] = 'e';
        return at + json_format_i64(exponent, out + at);
    }
    if (point <= 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int i = point; i < 0; i++) {
            out[at++] = '0';
        }
    }
    for (int i = 0; i < count || i < point; i++) {
        if (i == point && i > 0) {
            out[at++] = '.';
        }
        out[at++] = i < count ? digits[i] : '0';
    }
    ASSERT(at <= JSON_NUMBER_SIZE_MAX);
    return at;
}

size_t json_format_decimal(int64_t mantissa, int exponent, char *out)
{
    ASSERT(exponent >= -400 && exponent <= 400);
    uint64_t magnitude = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
    return json_format_digits(mantissa < 0, magnitude, exponent, out);
}
