// SPDX-License-Identifier: Apache-2.0
#include "json/reader.h"

#include "base/assert.h"
#include "json/scan.h"
#include "json/text.h"
#include "json/values.h"

#include <string.h>

void json_reader_init(struct json_reader *r, struct bytes text, const struct json_options *options)
{
    static const struct json_options defaults = {0};
    options = options != NULL ? options : &defaults;
    *r = (struct json_reader){
        .data = text.data,
        .size = text.size,
        .depth_max = options->depth_max != 0 ? options->depth_max : JSON_DEPTH_DEFAULT,
        .comments = options->comments,
        .keys = options->keys,
        .key_capacity = options->key_capacity,
        .pending = true,
    };
    ASSERT(r->depth_max <= JSON_DEPTH_MAX);
    ASSERT(text.size <= UINT32_MAX);
}

static bool set_error(struct json_reader *r, enum json_code code, size_t offset, const char *words)
{
    struct bytes piece = bytes_of_text(words);
    return json_complain_pieces(r, code, offset, &piece, 1);
}

static bool fail(struct json_reader *r, enum json_code code, size_t offset, const char *words)
{
    if (!r->failed) {
        r->failed = true;
        set_error(r, code, offset, words);
    }
    return false;
}

bool json_complain(struct json_reader *r, size_t offset, const char *message)
{
    return r->failed ? false : set_error(r, JSON_CALLER, offset, message);
}

bool json_failed(const struct json_reader *r)
{
    return r->failed;
}

static struct json_scan scan_from(const struct json_reader *r)
{
    return (struct json_scan){.data = r->data, .size = r->size, .at = r->at};
}

static bool scanned(struct json_reader *r, const struct json_scan *s, bool good)
{
    r->at = s->at;
    return good || fail(r, s->code, s->at, s->message);
}

static bool skip_space(struct json_reader *r)
{
    if (r->failed) {
        return false;
    }
    if (r->at < r->size && r->data[r->at] > ' ' && r->data[r->at] != '/') {
        return true;
    }
    struct json_scan s = scan_from(r);
    return scanned(r, &s, json_scan_space(&s, r->comments));
}

bool json_end(struct json_reader *r)
{
    if (!skip_space(r) || r->depth > 0) {
        return false;
    }
    if (!r->rooted) {
        return fail(r, JSON_SYNTAX, r->at, "expected a value, found the end of the text");
    }
    return r->at == r->size ||
           fail(r, JSON_SYNTAX, r->at, "nothing may follow the end of the document");
}

enum json_type json_peek(struct json_reader *r)
{
    if (!r->pending || !skip_space(r)) {
        return JSON_NONE;
    }
    if (r->at == r->size) {
        fail(r, JSON_SYNTAX, r->at, "expected a value, found the end of the text");
        return JSON_NONE;
    }
    uint8_t byte = r->data[r->at];
    switch (byte) {
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case '"': return JSON_STRING;
    case 't':
    case 'f': return JSON_BOOL;
    case 'n': return JSON_NULL;
    default: break;
    }
    if (byte == '-' || (byte >= '0' && byte <= '9')) {
        return JSON_NUMBER;
    }
    bool mark = r->at == 0 && byte == 0xef;
    fail(r, JSON_SYNTAX, r->at, mark ? "remove the byte order mark" : "expected a value");
    return JSON_NONE;
}

size_t json_offset(struct json_reader *r)
{
    (void)json_peek(r);
    return r->at;
}

static void consumed(struct json_reader *r)
{
    r->rooted = true;
    r->pending = false;
}

// One scalar of the type that json_peek() saw; raw is its text, without quotes for a string.
static bool take_scalar(struct json_reader *r, enum json_type type, struct json_text *out)
{
    struct json_scan s = scan_from(r);
    size_t start = r->at;
    bool good = false;
    *out = (struct json_text){.offset = start};
    if (type == JSON_STRING) {
        s.at++;
        good = json_scan_string(&s, &out->escaped);
    } else if (type == JSON_NUMBER) {
        good = json_scan_number(&s);
    } else {
        uint8_t first = r->data[start];
        good = json_scan_word(&s, first == 't' ? "true" : first == 'f' ? "false" : "null");
    }
    if (!scanned(r, &s, good)) {
        return false;
    }
    size_t quote = type == JSON_STRING ? 1 : 0;
    out->raw = bytes_of(r->data + start + quote, r->at - start - 2 * quote);
    consumed(r);
    return true;
}

static bool enter(struct json_reader *r, bool object)
{
    if (r->depth == r->depth_max) {
        return fail(r, JSON_DEPTH, r->at, "nested too deeply");
    }
    uint64_t bit = UINT64_C(1) << r->depth;
    r->is_object = object ? r->is_object | bit : r->is_object & ~bit;
    r->has_items &= ~bit;
    r->key_base[r->depth] = r->key_count;
    r->depth++;
    r->at++;
    consumed(r);
    return true;
}

static bool leave(struct json_reader *r)
{
    r->depth--;
    r->key_count = r->key_base[r->depth];
    r->at++;
    consumed(r);
    return false;
}

bool json_complain_pieces(struct json_reader *r, enum json_code code, size_t offset,
                          const struct bytes *pieces, size_t count)
{
    r->error.code = code;
    r->error.offset = offset;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t left = JSON_MESSAGE_SIZE - 1 - at;
        size_t size = pieces[i].size < left ? pieces[i].size : left;
        memcpy(r->error.message + at, pieces[i].data, size);
        at += size;
    }
    r->error.message[at] = '\0';
    return false;
}

// Complains about the type of the value ahead, and skips it.
static bool unwanted(struct json_reader *r, enum json_type found, const char *wanted)
{
    size_t offset = r->at;
    if (found == JSON_NONE || !json_skip(r)) {
        return false;
    }
    const struct bytes pieces[] = {bytes_of_text("expected "), bytes_of_text(wanted),
                                   bytes_of_text(", found "), bytes_of_text(json_type_name(found))};
    return json_complain_pieces(r, JSON_TYPE, offset, pieces, COUNT_OF(pieces));
}

bool json_enter_object(struct json_reader *r)
{
    enum json_type type = json_peek(r);
    return type == JSON_OBJECT ? enter(r, true) : unwanted(r, type, "an object");
}

bool json_enter_array(struct json_reader *r)
{
    enum json_type type = json_peek(r);
    return type == JSON_ARRAY ? enter(r, false) : unwanted(r, type, "an array");
}

static bool in_object(const struct json_reader *r)
{
    return (r->is_object >> (r->depth - 1) & 1) != 0;
}

// To the next key or item, or to the closing bracket, which it consumes (false).
static bool advance(struct json_reader *r, uint8_t close)
{
    if ((r->pending && !json_skip(r)) || !skip_space(r)) {
        return false;
    }
    uint64_t bit = UINT64_C(1) << (r->depth - 1);
    bool first = (r->has_items & bit) == 0;
    uint8_t byte = r->at < r->size ? r->data[r->at] : 0;
    if (byte == close) {
        return leave(r);
    }
    if (!first) {
        if (byte != ',') {
            return fail(r, JSON_SYNTAX, r->at,
                        close == '}' ? "expected , or }" : "expected , or ]");
        }
        size_t comma = r->at++;
        if (!skip_space(r)) {
            return false;
        }
        if (r->at < r->size && r->data[r->at] == close) {
            return fail(r, JSON_SYNTAX, comma, "nothing follows this comma: remove it");
        }
    }
    r->has_items |= bit;
    return true;
}

// The keys of this object so far, compared by hash first; the exact text decides.
static bool check_duplicate(struct json_reader *r, const struct json_text *key)
{
    uint32_t hash = json_text_hash(key);
    for (size_t i = r->key_base[r->depth - 1]; i < r->key_count; i++) {
        if (r->keys[i].hash != hash) {
            continue;
        }
        struct json_scan s = {.data = r->data, .size = r->size, .at = r->keys[i].offset + 1};
        struct json_text other = {.offset = r->keys[i].offset};
        (void)json_scan_string(&s, &other.escaped);
        other.raw = bytes_of(r->data + other.offset + 1, s.at - other.offset - 2);
        if (json_text_equal(&other, key)) {
            return fail(r, JSON_DUPLICATE, key->offset, "this key stands twice in the object");
        }
    }
    if (r->key_count == r->key_capacity) {
        return fail(r, JSON_KEYS, key->offset, "too many keys");
    }
    r->keys[r->key_count++] = (struct json_key){.hash = hash, .offset = (uint32_t)key->offset};
    return true;
}

bool json_next_key(struct json_reader *r, struct json_text *key)
{
    if (r->failed) {
        return false;
    }
    ASSERT(r->depth > 0 && in_object(r));
    if (!advance(r, '}')) {
        return false;
    }
    if (r->at == r->size || r->data[r->at] != '"') {
        return fail(r, JSON_SYNTAX, r->at, "expected a key in double quotes");
    }
    if (!take_scalar(r, JSON_STRING, key) || !skip_space(r)) {
        return false;
    }
    if (r->at == r->size || r->data[r->at] != ':') {
        return fail(r, JSON_SYNTAX, r->at, "expected : after the key");
    }
    r->at++;
    r->pending = true;
    return r->keys == NULL || check_duplicate(r, key);
}

bool json_next_item(struct json_reader *r)
{
    if (r->failed) {
        return false;
    }
    ASSERT(r->depth > 0 && !in_object(r));
    if (!advance(r, ']')) {
        return false;
    }
    r->pending = true;
    return true;
}

bool json_skip(struct json_reader *r)
{
    unsigned depth = r->depth;
    do {
        struct json_text text;
        if (r->depth > depth) {
            bool more = in_object(r) ? json_next_key(r, &text) : json_next_item(r);
            if (!more) {
                continue;
            }
        }
        enum json_type type = json_peek(r);
        if (type == JSON_NONE) {
            return false;
        }
        bool good = type == JSON_OBJECT || type == JSON_ARRAY ? enter(r, type == JSON_OBJECT)
                                                              : take_scalar(r, type, &text);
        if (!good) {
            return false;
        }
    } while (r->depth > depth && !r->failed);
    return !r->failed;
}

bool json_raw(struct json_reader *r, struct bytes *out)
{
    size_t start = json_offset(r);
    if (!json_skip(r)) {
        return false;
    }
    *out = bytes_of(r->data + start, r->at - start);
    return true;
}

bool json_take_scalar(struct json_reader *r, enum json_type type, const char *wanted,
                      struct json_text *out)
{
    enum json_type found = json_peek(r);
    return found == type ? take_scalar(r, type, out) : unwanted(r, found, wanted);
}
