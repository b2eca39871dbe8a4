// SPDX-License-Identifier: Apache-2.0
// Writes compact JSON into a bounded buffer. Commas and colons come by themselves; what does not
// fit makes the writer fail for good, to be asked once at the end. Misuse (a key in an array, an
// end without a begin, depth beyond JSON_WRITER_DEPTH_MAX) is an ASSERT.
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include "base/bytes.h"

enum { JSON_WRITER_DEPTH_MAX = 32 };

// `size` and `failed` may be read. With data NULL it only counts: size is then what would be
// written.
struct json_writer {
    char *data;
    size_t capacity;
    size_t size;
    bool failed;
    unsigned depth;
    uint32_t is_object; // bit d
    uint32_t has_items; // bit d
    bool after_key;
};

// data NULL counts up to capacity.
void json_writer_init(struct json_writer *w, char *data, size_t capacity);
// The text, or empty when it failed or a container is still open.
struct bytes json_writer_bytes(const struct json_writer *w);

void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_put_key(struct json_writer *w, const char *key);
void json_put_null(struct json_writer *w);
void json_put_bool(struct json_writer *w, bool value);
void json_put_i64(struct json_writer *w, int64_t value);
void json_put_u64(struct json_writer *w, uint64_t value);
// The shortest text that reads back as the same double; null for infinities and NaN.
void json_put_double(struct json_writer *w, double value);
// The shortest text of mantissa x 10^exponent.
void json_put_decimal(struct json_writer *w, int64_t mantissa, int exponent);
// A string; bytes that are no UTF-8 become U+FFFD.
void json_put_text(struct json_writer *w, struct bytes text);
void json_put_string(struct json_writer *w, const char *text); // C string; NULL gives null
void json_put_hex64(struct json_writer *w, uint64_t value);    // a string of 16 small hex digits
// One value that is JSON already.
void json_put_raw(struct json_writer *w, struct bytes json);

// Key and value in one call.
void json_put_key_i64(struct json_writer *w, const char *key, int64_t value);
void json_put_key_u64(struct json_writer *w, const char *key, uint64_t value);
void json_put_key_bool(struct json_writer *w, const char *key, bool value);
void json_put_key_double(struct json_writer *w, const char *key, double value);
void json_put_key_string(struct json_writer *w, const char *key, const char *text);

#endif
