// SPDX-License-Identifier: Apache-2.0
#include "telemetry/sample.h"

#include "base/assert.h"
#include "telemetry/words.h"
#include "json/number.h"

#include <string.h>

static const char *const quality_names[] = {"good", "stale", "bad"};
static const char *const reason_names[] = {
    "none",  "silent", "never",  "timeout", "suspended", "port",    "exception", "unavailable",
    "fault", "range",  "config", "other",   "garbled",   "no_echo", "busy",
};
_Static_assert(COUNT_OF(quality_names) == TM_BAD + 1, "a name for every quality");
_Static_assert(COUNT_OF(reason_names) == TM_REASON_LAST + 1, "a name for every reason");

static bool word_is(struct bytes text, const char *word)
{
    size_t at = 0;
    while (at < text.size && word[at] != '\0' && text.data[at] == (uint8_t)word[at]) {
        at++;
    }
    return at == text.size && word[at] == '\0';
}

int tm_word_index(struct bytes text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (word_is(text, words[i])) {
            return (int)i;
        }
    }
    return -1;
}

bool tm_rescale(int64_t mantissa, int from, int to, int64_t *out)
{
    for (; from > to; from--) {
        if (mantissa > INT64_MAX / 10 || mantissa < INT64_MIN / 10) {
            return false;
        }
        mantissa *= 10;
    }
    for (; from < to && mantissa != 0; from++) {
        if (mantissa % 10 != 0) {
            return false;
        }
        mantissa /= 10;
    }
    *out = mantissa;
    return true;
}

static bool int_equal(const struct tm_value *a, const struct tm_value *b)
{
    int64_t mantissa = 0;
    bool a_finer = a->exponent < b->exponent;
    const struct tm_value *fine = a_finer ? a : b;
    const struct tm_value *coarse = a_finer ? b : a;
    return tm_rescale(coarse->u.i, coarse->exponent, fine->exponent, &mantissa) &&
           mantissa == fine->u.i;
}

bool tm_value_equal(const struct tm_value *a, const struct tm_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case TM_NULL: return true;
    case TM_INT: return int_equal(a, b);
    case TM_DOUBLE: return a->u.d >= b->u.d && a->u.d <= b->u.d;
    case TM_BOOL: return a->u.b == b->u.b;
    case TM_ENUM: return a->u.i == b->u.i;
    case TM_TEXT:
        return bytes_equal(bytes_of(a->u.text, a->text_size), bytes_of(b->u.text, b->text_size));
    }
    return false;
}

double tm_value_double(const struct tm_value *value)
{
    double real = 0;
    switch (value->kind) {
    case TM_NULL:
    case TM_TEXT: return 0;
    case TM_INT: real = (double)value->u.i; break;
    case TM_DOUBLE: return value->u.d;
    case TM_BOOL: return value->u.b ? 1 : 0;
    case TM_ENUM: return (double)value->u.i;
    }
    // One power of ten, exact up to 10^22, so that one operation rounds once.
    double power = 1;
    for (int i = 0; i < value->exponent || i < -value->exponent; i++) {
        power *= 10;
    }
    return value->exponent < 0 ? real / power : real * power;
}

const char *tm_quality_name(enum tm_quality quality)
{
    ASSERT(quality <= TM_BAD);
    return quality_names[quality];
}

const char *tm_reason_name(enum tm_reason reason)
{
    return reason_names[reason <= TM_REASON_LAST ? reason : TM_REASON_OTHER];
}

enum tm_reason tm_reason_of(struct bytes name)
{
    int index = tm_word_index(name, reason_names, COUNT_OF(reason_names));
    return index < 0 ? TM_REASON_OTHER : (enum tm_reason)index;
}

bool tm_quality_of(struct bytes name, enum tm_quality *out)
{
    int index = tm_word_index(name, quality_names, COUNT_OF(quality_names));
    if (index < 0) {
        return false;
    }
    *out = (enum tm_quality)index;
    return true;
}
