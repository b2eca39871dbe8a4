// SPDX-License-Identifier: Apache-2.0
#include "json/writer.h"

#include "base/assert.h"
#include "json/number.h"
#include "json/text.h"
#include "json/utf8.h"

#include <string.h>

void json_writer_init(struct json_writer *w, char *data, size_t capacity)
{
    *w = (struct json_writer){.data = data, .capacity = capacity};
}

struct bytes json_writer_bytes(const struct json_writer *w)
{
    bool complete = !w->failed && w->depth == 0 && w->data != NULL;
    return complete ? bytes_of(w->data, w->size) : (struct bytes){0};
}

static void put(struct json_writer *w, const void *data, size_t size)
{
    if (w->failed || size > w->capacity - w->size) {
        w->failed = true;
        return;
    }
    if (w->data != NULL && size > 0) {
        memcpy(w->data + w->size, data, size);
    }
    w->size += size;
}

static void put_char(struct json_writer *w, char c)
{
    put(w, &c, 1);
}

// A comma where one is due.
static void before_value(struct json_writer *w)
{
    if (w->depth > 0 && !w->after_key) {
        uint32_t bit = UINT32_C(1) << (w->depth - 1);
        ASSERT((w->is_object & bit) == 0);
        if ((w->has_items & bit) != 0) {
            put_char(w, ',');
        }
        w->has_items |= bit;
    }
    w->after_key = false;
}

static void begin(struct json_writer *w, bool object)
{
    before_value(w);
    ASSERT(w->depth < JSON_WRITER_DEPTH_MAX);
    uint32_t bit = UINT32_C(1) << w->depth;
    w->is_object = object ? w->is_object | bit : w->is_object & ~bit;
    w->has_items &= ~bit;
    w->depth++;
    put_char(w, object ? '{' : '[');
}

static void end(struct json_writer *w, bool object)
{
    ASSERT(w->depth > 0 && !w->after_key);
    w->depth--;
    ASSERT((w->is_object >> w->depth & 1) == (object ? 1 : 0));
    put_char(w, object ? '}' : ']');
}

void json_begin_object(struct json_writer *w)
{
    begin(w, true);
}

void json_end_object(struct json_writer *w)
{
    end(w, true);
}

void json_begin_array(struct json_writer *w)
{
    begin(w, false);
}

void json_end_array(struct json_writer *w)
{
    end(w, false);
}

static void put_escape(struct json_writer *w, uint8_t byte)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    static const char hex[] = "0123456789abcdef";
    const char *found = memchr(plain, byte, sizeof(plain) - 1);
    if (found != NULL) {
        const char escape[2] = {'\\', letters[found - plain]};
        put(w, escape, sizeof(escape));
    } else {
        const char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        put(w, escape, sizeof(escape));
    }
}

static void put_quoted(struct json_writer *w, struct bytes text)
{
    size_t start = 0;
    put_char(w, '"');
    for (size_t at = 0; at < text.size;) {
        uint8_t byte = text.data[at];
        size_t size = json_utf8_size(text.data + at, text.size - at);
        if (size > 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
            at += size;
            continue;
        }
        put(w, text.data + start, at - start);
        if (size == 0) {
            put(w, "\xef\xbf\xbd", 3);
        } else {
            put_escape(w, byte);
        }
        start = ++at;
    }
    if (text.size > start) {
        put(w, text.data + start, text.size - start);
    }
    put_char(w, '"');
}

void json_put_key(struct json_writer *w, const char *key)
{
    ASSERT(w->depth > 0 && !w->after_key);
    uint32_t bit = UINT32_C(1) << (w->depth - 1);
    ASSERT((w->is_object & bit) != 0);
    if ((w->has_items & bit) != 0) {
        put_char(w, ',');
    }
    w->has_items |= bit;
    put_quoted(w, bytes_of_text(key));
    put_char(w, ':');
    w->after_key = true;
}

void json_put_raw(struct json_writer *w, struct bytes json)
{
    before_value(w);
    put(w, json.data, json.size);
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, bytes_of_text("null"));
}

void json_put_bool(struct json_writer *w, bool value)
{
    json_put_raw(w, bytes_of_text(value ? "true" : "false"));
}

void json_put_i64(struct json_writer *w, int64_t value)
{
    char text[JSON_NUMBER_SIZE_MAX];
    json_put_raw(w, bytes_of(text, json_format_i64(value, text)));
}

void json_put_u64(struct json_writer *w, uint64_t value)
{
    char text[JSON_NUMBER_SIZE_MAX];
    json_put_raw(w, bytes_of(text, json_format_u64(value, text)));
}

void json_put_double(struct json_writer *w, double value)
{
    char text[JSON_NUMBER_SIZE_MAX];
    size_t size = json_format_double(value, text);
    if (size == 0) {
        json_put_null(w);
    } else {
        json_put_raw(w, bytes_of(text, size));
    }
}

void json_put_decimal(struct json_writer *w, int64_t mantissa, int exponent)
{
    char text[JSON_NUMBER_SIZE_MAX];
    json_put_raw(w, bytes_of(text, json_format_decimal(mantissa, exponent, text)));
}

void json_put_text(struct json_writer *w, struct bytes text)
{
    before_value(w);
    put_quoted(w, text);
}

void json_put_string(struct json_writer *w, const char *text)
{
    if (text == NULL) {
        json_put_null(w);
    } else {
        json_put_text(w, bytes_of_text(text));
    }
}

void json_put_hex64(struct json_writer *w, uint64_t value)
{
    char text[16];
    for (size_t i = sizeof(text); i > 0; i--) {
        text[i - 1] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
    json_put_text(w, bytes_of(text, sizeof(text)));
}

void json_put_key_i64(struct json_writer *w, const char *key, int64_t value)
{
    json_put_key(w, key);
    json_put_i64(w, value);
}

void json_put_key_u64(struct json_writer *w, const char *key, uint64_t value)
{
    json_put_key(w, key);
    json_put_u64(w, value);
}

void json_put_key_bool(struct json_writer *w, const char *key, bool value)
{
    json_put_key(w, key);
    json_put_bool(w, value);
}

void json_put_key_double(struct json_writer *w, const char *key, double value)
{
    json_put_key(w, key);
    json_put_double(w, value);
}

void json_put_key_string(struct json_writer *w, const char *key, const char *text)
{
    json_put_key(w, key);
    json_put_string(w, text);
}
