// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/twin/remote_text.h"

#include "base/crc.h"
#include "json/reader.h"

#include <string.h>

enum err remote_section(struct bytes document, const char *key, struct bytes *out)
{
    struct json_reader r;
    struct json_text name;
    struct bytes value;
    struct bytes found = bytes_of("{}", 2);
    json_reader_init(&r, document, NULL);
    if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
        return ERR_CORRUPT;
    }
    while (json_next_key(&r, &name)) {
        bool is_null = json_peek(&r) == JSON_NULL;
        if (!json_raw(&r, &value)) {
            return ERR_CORRUPT;
        }
        if (json_text_is(&name, key)) {
            found = is_null ? bytes_of("{}", 2) : value;
        }
    }
    if (!json_end(&r)) {
        return ERR_CORRUPT;
    }
    *out = found;
    return OK;
}

static uint64_t hash_u64(uint64_t hash, uint64_t value)
{
    uint8_t raw[8];
    struct writer w = writer_of(raw, sizeof(raw));
    put_u64le(&w, value);
    return hash64(hash, writer_bytes(&w));
}

// Of the unescaped characters, in pieces: "\u0041" is "A".
static uint64_t hash_text(uint64_t hash, const struct json_text *text)
{
    if (!text->escaped) {
        return hash64(hash, text->raw);
    }
    size_t at = 0;
    while (at < text->raw.size) {
        // One escape (a pair of surrogates is two) or one plain byte at a time.
        const uint8_t *from = text->raw.data + at;
        size_t left = text->raw.size - at;
        size_t size = from[0] != '\\' ? 1 : left > 1 && from[1] == 'u' ? 6 : 2;
        bool is_pair = size == 6 && left >= 12 && from[6] == '\\' && from[7] == 'u' &&
                       (from[2] == 'd' || from[2] == 'D') && strchr("89abAB", from[3]) != NULL;
        struct json_text one = {.raw = bytes_of(from, is_pair ? 12 : size), .escaped = true};
        char plain[12];
        size_t plain_size = 0;
        if (one.raw.size > left || json_unescape(&one, plain, sizeof(plain), &plain_size) != OK) {
            return hash64(hash, bytes_of(from, left));
        }
        hash = hash64(hash, bytes_of(plain, plain_size));
        at += one.raw.size;
    }
    return hash;
}

static uint64_t hash_number(struct bytes number)
{
    double value = 0;
    uint64_t bits = 0;
    if (json_double_of(number, &value) != OK) {
        return hash64(HASH64_START, number);
    }
    value = value == 0 ? 0 : value; // -0 is 0
    memcpy(&bits, &value, sizeof(bits));
    return hash_u64(HASH64_START, bits);
}

static uint64_t hash_value(struct json_reader *r);

// Members add up, whatever their order.
static uint64_t hash_object(struct json_reader *r)
{
    struct json_text key;
    uint64_t sum = 1;
    if (json_enter_object(r)) {
        while (json_next_key(r, &key)) {
            uint64_t hash = hash_text(HASH64_START, &key);
            sum += hash_u64(hash, hash_value(r));
        }
    }
    return sum;
}

static uint64_t hash_array(struct json_reader *r)
{
    uint64_t hash = HASH64_START;
    if (json_enter_array(r)) {
        while (json_next_item(r)) {
            hash = hash_u64(hash, hash_value(r));
        }
    }
    return hash;
}

// Recursive, as deep as the reader lets a text nest.
static uint64_t hash_value(struct json_reader *r)
{
    enum json_type type = json_peek(r);
    uint64_t hash = hash_u64(HASH64_START, (uint64_t)type);
    struct json_text text;
    struct bytes raw;
    bool flag = false;
    switch (type) {
    case JSON_OBJECT: return hash_u64(hash, hash_object(r));
    case JSON_ARRAY: return hash_u64(hash, hash_array(r));
    case JSON_STRING: return json_get_text(r, &text) ? hash_text(hash, &text) : hash;
    case JSON_NUMBER: return json_get_number(r, &raw) ? hash_u64(hash, hash_number(raw)) : hash;
    case JSON_BOOL: return json_get_bool(r, &flag) ? hash_u64(hash, flag ? 1 : 0) : hash;
    case JSON_NULL:
    case JSON_NONE: (void)json_skip(r); break;
    }
    return hash;
}

enum err remote_hash(struct bytes text, uint64_t *out)
{
    struct json_reader r;
    json_reader_init(&r, text, NULL);
    uint64_t hash = hash_value(&r);
    if (!json_end(&r)) {
        return ERR_CORRUPT;
    }
    *out = hash == 0 ? 1 : hash;
    return OK;
}
