// SPDX-License-Identifier: Apache-2.0
// The tokens of JSON: where each ends, and whether it is well-formed. Used by the reader only.
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "json/reader.h"

// Each scan begins at `at` and leaves it behind the token, or on the offending byte with `code` and
// `message` set.
struct json_scan {
    const uint8_t *data;
    size_t size;
    size_t at;
    enum json_code code;
    const char *message;
};

// White space, and comments where allowed.
bool json_scan_space(struct json_scan *s, bool comments);
// From behind the opening quote.
bool json_scan_string(struct json_scan *s, bool *escaped);
bool json_scan_number(struct json_scan *s);
bool json_scan_word(struct json_scan *s, const char *word);
// One escape from behind its backslash, in a text that json_scan_string() passed or of any kind.
bool json_scan_escape(struct json_scan *s, uint32_t *character);

#endif
