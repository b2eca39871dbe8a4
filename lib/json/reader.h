// SPDX-License-Identifier: Apache-2.0
// A bounded pull parser for RFC 8259 over one complete text in the caller's memory.
//
// Two kinds of failure. A *syntax* failure is sticky: json_failed() is true from then on, every
// call returns false. A *complaint* (wrong type, out of range, too long) consumes the value and
// lets one read on, so that all mistakes of a file can be shown. Either way `error` tells code,
// place, words.
//
//     while (json_next_key(&r, &key)) {
//         if (json_text_is(&key, "baud")) { json_get_u64(&r, 1200, 115200, &baud); }
//         else { json_complain(&r, key.offset, "unknown key"); json_skip(&r); }
//     }
#ifndef JSON_READER_H
#define JSON_READER_H

#include "base/bytes.h"
#include "base/err.h"
#include "json/number.h"

enum {
    JSON_DEPTH_MAX = 64, // open objects and arrays
    JSON_DEPTH_DEFAULT = 16,
    JSON_MESSAGE_SIZE = 96,
};

enum json_type {
    JSON_NONE, // nothing there: end of the text, or failed
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

enum json_code {
    JSON_OK,
    JSON_SYNTAX,    // breaks the grammar
    JSON_UTF8,      // bytes that are no UTF-8, or an escape that is no character
    JSON_DEPTH,     // nested deeper than depth_max
    JSON_DUPLICATE, // a key twice in one object
    JSON_KEYS,      // more keys open at a time than key memory was given for
    JSON_TYPE,      // complaint: another type was expected
    JSON_RANGE,     // complaint: a number outside the range
    JSON_LENGTH,    // complaint: a string too long, or with a NUL character in it
    JSON_CALLER,    // complaint: json_complain()
};

struct json_error {
    enum json_code code;
    size_t offset;                   // in the text, bytes from 0
    char message[JSON_MESSAGE_SIZE]; // words, such as "expected a number from 1 to 247"
};

// For people: both from 1; a column counts characters, not bytes.
struct json_place {
    uint32_t line;
    uint32_t column;
};

// The inside of a string as it stands in the text, escapes and all; valid as long as the text.
struct json_text {
    struct bytes raw;
    size_t offset; // of the opening quote
    bool escaped;  // raw holds backslashes
};

// Memory for finding duplicate keys: one per key of all objects open at a time.
struct json_key {
    uint32_t hash;
    uint32_t offset;
};

struct json_options {
    unsigned depth_max; // 0: JSON_DEPTH_DEFAULT
    bool comments;      // allow // and /* */ wherever white space may stand
    // With keys, a duplicate key is a syntax failure; without, the caller sees both.
    struct json_key *keys;
    size_t key_capacity;
};

// `error` may be read; the rest is private.
struct json_reader {
    struct json_error error;
    const uint8_t *data;
    size_t size;
    size_t at;
    unsigned depth;
    unsigned depth_max;
    bool comments;
    bool failed;
    bool rooted;        // the root value has begun
    bool pending;       // a value stands ready that was not read yet
    uint64_t is_object; // bit d: the container at depth d is an object
    uint64_t has_items; // bit d: it has given one already
    struct json_key *keys;
    size_t key_capacity;
    size_t key_count;
    size_t key_base[JSON_DEPTH_MAX]; // keys[] of the object at that depth begin here
};

// The text is not copied and must outlive the reader, its keys and texts. NULL: all defaults.
void json_reader_init(struct json_reader *r, struct bytes text, const struct json_options *options);
bool json_failed(const struct json_reader *r);
// After the root value: true when nothing but white space (or comments) is left and nothing failed.
bool json_end(struct json_reader *r);

// The type of the value that comes next, nothing consumed.
enum json_type json_peek(struct json_reader *r);
// Byte offset of the value that comes next.
size_t json_offset(struct json_reader *r);

// Begin an object or array: false with a complaint when another type stands there (it is skipped).
bool json_enter_object(struct json_reader *r);
bool json_enter_array(struct json_reader *r);
// The next key; its value must then be read or skipped. False: the object ended (and is left).
bool json_next_key(struct json_reader *r, struct json_text *key);
// True when another item stands in the array, which must then be read or skipped.
bool json_next_item(struct json_reader *r);
// Consume one value of any kind with all its contents; checks its syntax.
bool json_skip(struct json_reader *r);
// The same, and the bytes of it as they stand in the text.
bool json_raw(struct json_reader *r, struct bytes *out);

// Scalars. False with a complaint on another type or range; *out untouched then.
bool json_get_null(struct json_reader *r);
bool json_get_bool(struct json_reader *r, bool *out);
bool json_get_number(struct json_reader *r, struct bytes *out); // its exact text
bool json_get_i64(struct json_reader *r, int64_t min, int64_t max, int64_t *out);
bool json_get_u64(struct json_reader *r, uint64_t min, uint64_t max, uint64_t *out);
bool json_get_double(struct json_reader *r, double min, double max, double *out);
bool json_get_text(struct json_reader *r, struct json_text *out);
// Unescaped and NUL-terminated into out[capacity]; refuses U+0000. *size may be NULL.
bool json_get_string(struct json_reader *r, char *out, size_t capacity, size_t *size);

// Unescaped text equals this C string?
bool json_text_is(const struct json_text *text, const char *literal);
// Unescapes into out, no NUL added. raw.size bytes always suffice. ERR_SIZE: more than capacity.
NODISCARD enum err json_unescape(const struct json_text *text, char *out, size_t capacity,
                                 size_t *size);
// Set a complaint of the caller's (words are cut at JSON_MESSAGE_SIZE). Always returns false.
bool json_complain(struct json_reader *r, size_t offset, const char *message);

// Line and column of a byte offset; counts from the start of the text, so for messages only.
struct json_place json_place_of(struct bytes text, size_t offset);
// "number", "string" ... for messages.
const char *json_type_name(enum json_type type);

#endif
