// SPDX-License-Identifier: Apache-2.0
#include "json/scan.h"

#include "json/text.h"
#include "json/utf8.h"

#include <string.h>

static bool wrong(struct json_scan *s, enum json_code code, const char *message)
{
    s->code = code;
    s->message = message;
    return false;
}

static bool scan_comment(struct json_scan *s)
{
    uint8_t second = s->at + 1 < s->size ? s->data[s->at + 1] : 0;
    if (second == '/') {
        const uint8_t *end = memchr(s->data + s->at, '\n', s->size - s->at);
        s->at = end != NULL ? (size_t)(end - s->data) : s->size;
        return true;
    }
    if (second != '*') {
        return wrong(s, JSON_SYNTAX, "a comment begins with // or /*");
    }
    for (size_t at = s->at + 2; at + 1 < s->size; at++) {
        if (s->data[at] == '*' && s->data[at + 1] == '/') {
            s->at = at + 2;
            return true;
        }
    }
    return wrong(s, JSON_SYNTAX, "this comment is not closed by */");
}

bool json_scan_space(struct json_scan *s, bool comments)
{
    while (s->at < s->size) {
        uint8_t byte = s->data[s->at];
        if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
            s->at++;
        } else if (byte == '/' && comments) {
            if (!scan_comment(s)) {
                return false;
            }
        } else if (byte == '/') {
            return wrong(s, JSON_SYNTAX, "comments are not allowed here");
        } else {
            break;
        }
    }
    return true;
}

static bool scan_hex4(struct json_scan *s, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        uint8_t byte = s->at < s->size ? s->data[s->at] : 0;
        uint8_t small = byte | 0x20;
        if (byte >= '0' && byte <= '9') {
            value = value << 4 | (uint32_t)(byte - '0');
        } else if (small >= 'a' && small <= 'f') {
            value = value << 4 | (uint32_t)(small - 'a' + 10);
        } else {
            return wrong(s, JSON_SYNTAX, "\\u needs four hex digits");
        }
    }
    *out = value;
    return true;
}

// A character beyond U+FFFF stands as two escapes, a high and a low surrogate.
static bool scan_unicode(struct json_scan *s, uint32_t *character)
{
    size_t start = s->at;
    uint32_t low = 0;
    if (!scan_hex4(s, character)) {
        return false;
    }
    if (*character < 0xd800 || *character > 0xdfff) {
        return true;
    }
    bool paired = *character < 0xdc00 && s->size - s->at >= 6 && s->data[s->at] == '\\' &&
                  s->data[s->at + 1] == 'u';
    if (paired) {
        s->at += 2;
        if (!scan_hex4(s, &low)) {
            return false;
        }
    }
    if (low < 0xdc00 || low > 0xdfff) {
        s->at = start;
        return wrong(s, JSON_UTF8, "this escape is half of a surrogate pair");
    }
    *character = 0x10000 + ((*character - 0xd800) << 10 | (low - 0xdc00));
    return true;
}

bool json_scan_escape(struct json_scan *s, uint32_t *character)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint8_t byte = s->at < s->size ? s->data[s->at] : 0;
    if (byte == 'u') {
        s->at++;
        return scan_unicode(s, character);
    }
    const char *letter = memchr(letters, byte, sizeof(letters) - 1);
    if (letter == NULL) {
        return wrong(s, JSON_SYNTAX, "unknown escape in a string");
    }
    *character = (uint32_t)meanings[letter - letters];
    s->at++;
    return true;
}

bool json_scan_string(struct json_scan *s, bool *escaped)
{
    *escaped = false;
    while (s->at < s->size) {
        uint8_t byte = s->data[s->at];
        if (byte == '"') {
            s->at++;
            return true;
        }
        if (byte == '\\') {
            uint32_t character = 0;
            *escaped = true;
            s->at++;
            if (!json_scan_escape(s, &character)) {
                return false;
            }
        } else if (byte < 0x20) {
            return wrong(s, JSON_SYNTAX, "control characters must be escaped in a string");
        } else {
            size_t size = json_utf8_size(s->data + s->at, s->size - s->at);
            if (size == 0) {
                return wrong(s, JSON_UTF8, "these bytes are no UTF-8");
            }
            s->at += size;
        }
    }
    return wrong(s, JSON_SYNTAX, "this string is not closed");
}

static size_t scan_digits(struct json_scan *s)
{
    size_t start = s->at;
    while (s->at < s->size && s->data[s->at] >= '0' && s->data[s->at] <= '9') {
        s->at++;
    }
    return s->at - start;
}

static bool scan_one_of(struct json_scan *s, char a, char b)
{
    bool found = s->at < s->size && (s->data[s->at] == (uint8_t)a || s->data[s->at] == (uint8_t)b);
    s->at += found ? 1 : 0;
    return found;
}

bool json_scan_number(struct json_scan *s)
{
    scan_one_of(s, '-', '-');
    bool zero = s->at < s->size && s->data[s->at] == '0';
    size_t digits = scan_digits(s);
    if (digits == 0) {
        return wrong(s, JSON_SYNTAX, "a digit must follow the minus sign");
    }
    if (zero && digits > 1) {
        return wrong(s, JSON_SYNTAX, "a number may not begin with 0");
    }
    if (scan_one_of(s, '.', '.') && scan_digits(s) == 0) {
        return wrong(s, JSON_SYNTAX, "a digit must follow the decimal point");
    }
    if (scan_one_of(s, 'e', 'E')) {
        scan_one_of(s, '+', '-');
        if (scan_digits(s) == 0) {
            return wrong(s, JSON_SYNTAX, "a digit must follow the exponent's e");
        }
    }
    return true;
}

bool json_scan_word(struct json_scan *s, const char *word)
{
    struct bytes expected = bytes_of_text(word);
    if (s->size - s->at < expected.size ||
        memcmp(s->data + s->at, expected.data, expected.size) != 0) {
        return wrong(s, JSON_SYNTAX, "expected a value");
    }
    s->at += expected.size;
    return true;
}
