// SPDX-License-Identifier: Apache-2.0
#include "base/text_forms.h"

int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

void base64_text(struct bytes in, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < in.size; i += 3) {
        size_t left = in.size - i;
        uint32_t three = (uint32_t)in.data[i] << 16;
        three |= left > 1 ? (uint32_t)in.data[i + 1] << 8 : 0;
        three |= left > 2 ? in.data[i + 2] : 0;
        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[three & 63] : '=';
    }
    *out = '\0';
}

static int base64_value(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

enum err base64_decode(struct bytes in, uint8_t *out, size_t capacity, size_t *size)
{
    if (in.size % 4 != 0) {
        return ERR_CORRUPT;
    }
    size_t padding = 0;
    while (padding < 2 && padding < in.size && in.data[in.size - 1 - padding] == '=') {
        padding++;
    }
    size_t decoded = in.size / 4 * 3 - padding;
    if (decoded > capacity) {
        return ERR_SIZE;
    }
    uint32_t bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < in.size; i++) {
        int value = i >= in.size - padding ? 0 : base64_value(in.data[i]);
        if (value < 0) {
            return ERR_CORRUPT;
        }
        bits = bits << 6 | (uint32_t)value;
        for (size_t byte = 0; i % 4 == 3 && byte < 3 && at < decoded; byte++, at++) {
            out[at] = (uint8_t)(bits >> (16 - 8 * byte));
        }
    }
    if ((bits & ((1U << 8 * padding) - 1)) != 0) {
        return ERR_CORRUPT; // two spellings of one value
    }
    *size = decoded;
    return OK;
}

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void put_percent(struct writer *w, struct bytes in, enum hex_letters letters)
{
    const char *digits = letters == HEX_SMALL ? "0123456789abcdef" : "0123456789ABCDEF";
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (is_unreserved(c)) {
            put_u8(w, c);
        } else {
            put_u8(w, '%');
            put_u8(w, (uint8_t)digits[c >> 4]);
            put_u8(w, (uint8_t)digits[c & 15]);
        }
    }
}
