// SPDX-License-Identifier: Apache-2.0
// Strings inside lib/json: a walk over the unescaped pieces of a text that was scanned already.
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include "json/reader.h"

struct json_walk {
    const uint8_t *data;
    size_t size;
    size_t at;
    char character[4]; // one unescaped character
};

static inline struct json_walk json_walk_of(const struct json_text *text)
{
    return (struct json_walk){.data = text->raw.data, .size = text->raw.size};
}

// The next piece, valid until the next call; false at the end.
bool json_walk_next(struct json_walk *walk, struct bytes *piece);
// Both unescaped.
bool json_text_equal(const struct json_text *a, const struct json_text *b);
// Of the unescaped text.
uint32_t json_text_hash(const struct json_text *text);

#endif
