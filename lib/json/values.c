// SPDX-License-Identifier: Apache-2.0
#include "json/values.h"

#include "base/assert.h"
#include "json/text.h"

#include <string.h>

bool json_get_null(struct json_reader *r)
{
    struct json_text text;
    return json_take_scalar(r, JSON_NULL, "null", &text);
}

bool json_get_bool(struct json_reader *r, bool *out)
{
    struct json_text text;
    if (!json_take_scalar(r, JSON_BOOL, "true or false", &text)) {
        return false;
    }
    *out = text.raw.data[0] == 't';
    return true;
}

bool json_get_number(struct json_reader *r, struct bytes *out)
{
    struct json_text text;
    if (!json_take_scalar(r, JSON_NUMBER, "a number", &text)) {
        return false;
    }
    *out = text.raw;
    return true;
}

bool json_get_text(struct json_reader *r, struct json_text *out)
{
    return json_take_scalar(r, JSON_STRING, "a string", out);
}

// "expected a whole number from 1 to 247".
static bool out_of_range(struct json_reader *r, size_t offset, const char *what, struct bytes min,
                         struct bytes max)
{
    const struct bytes pieces[] = {bytes_of_text("expected "), bytes_of_text(what),
                                   bytes_of_text(" from "),    min,
                                   bytes_of_text(" to "),      max};
    return json_complain_pieces(r, JSON_RANGE, offset, pieces, COUNT_OF(pieces));
}

bool json_get_i64(struct json_reader *r, int64_t min, int64_t max, int64_t *out)
{
    struct json_text text;
    int64_t value = 0;
    if (!json_take_scalar(r, JSON_NUMBER, "a number", &text)) {
        return false;
    }
    if (json_i64_of(text.raw, &value) == OK && value >= min && value <= max) {
        *out = value;
        return true;
    }
    char low[JSON_NUMBER_SIZE_MAX];
    char high[JSON_NUMBER_SIZE_MAX];
    return out_of_range(r, text.offset, "a whole number", bytes_of(low, json_format_i64(min, low)),
                        bytes_of(high, json_format_i64(max, high)));
}

bool json_get_u64(struct json_reader *r, uint64_t min, uint64_t max, uint64_t *out)
{
    struct json_text text;
    uint64_t value = 0;
    if (!json_take_scalar(r, JSON_NUMBER, "a number", &text)) {
        return false;
    }
    if (json_u64_of(text.raw, &value) == OK && value >= min && value <= max) {
        *out = value;
        return true;
    }
    char low[JSON_NUMBER_SIZE_MAX];
    char high[JSON_NUMBER_SIZE_MAX];
    return out_of_range(r, text.offset, "a whole number", bytes_of(low, json_format_u64(min, low)),
                        bytes_of(high, json_format_u64(max, high)));
}

bool json_get_double(struct json_reader *r, double min, double max, double *out)
{
    struct json_text text;
    double value = 0;
    if (!json_take_scalar(r, JSON_NUMBER, "a number", &text)) {
        return false;
    }
    if (json_double_of(text.raw, &value) == OK && value >= min && value <= max) {
        *out = value;
        return true;
    }
    char low[JSON_NUMBER_SIZE_MAX];
    char high[JSON_NUMBER_SIZE_MAX];
    return out_of_range(r, text.offset, "a number", bytes_of(low, json_format_double(min, low)),
                        bytes_of(high, json_format_double(max, high)));
}

bool json_get_string(struct json_reader *r, char *out, size_t capacity, size_t *size)
{
    ASSERT(capacity > 0);
    struct json_text text;
    if (!json_get_text(r, &text)) {
        return false;
    }
    struct json_walk walk = json_walk_of(&text);
    struct bytes piece;
    size_t need = 0;
    bool has_nul = false;
    while (json_walk_next(&walk, &piece)) {
        need += piece.size;
        has_nul = has_nul || memchr(piece.data, '\0', piece.size) != NULL;
    }
    if (has_nul || need >= capacity) {
        char limit[JSON_NUMBER_SIZE_MAX];
        const struct bytes nul = bytes_of_text("the string holds a NUL character");
        const struct bytes size_words[] = {bytes_of_text("the string is longer than "),
                                           bytes_of(limit, json_format_u64(capacity - 1, limit)),
                                           bytes_of_text(" bytes")};
        return json_complain_pieces(r, JSON_LENGTH, text.offset, has_nul ? &nul : size_words,
                                    has_nul ? 1 : COUNT_OF(size_words));
    }
    size_t written = 0;
    bool fits = json_unescape(&text, out, capacity, &written) == OK;
    ASSERT(fits && written == need);
    out[written] = '\0';
    if (size != NULL) {
        *size = written;
    }
    return true;
}
