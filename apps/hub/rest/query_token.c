// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/query_token.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

// Letters, digits, `_`, `-`, `$` and whatever is no ASCII: what a key of a twin may hold and no
// sign of the language is.
static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '-' || c == '$' || c >= 0x80;
}

static size_t quoted_size(struct bytes in)
{
    for (size_t i = 1; i < in.size; i++) {
        if (in.data[i] == '\\') {
            i++;
        } else if (in.data[i] == in.data[0]) {
            return i + 1;
        }
    }
    return 0;
}

static size_t number_size(struct bytes in)
{
    size_t i = 1;
    while (i < in.size &&
           (is_digit(in.data[i]) || in.data[i] == '.' || in.data[i] == 'e' || in.data[i] == 'E' ||
            ((in.data[i] == '+' || in.data[i] == '-') &&
             (in.data[i - 1] == 'e' || in.data[i - 1] == 'E')))) {
        i++;
    }
    return i;
}

static size_t word_size(struct bytes in)
{
    size_t i = 1;
    while (i < in.size && (is_name_byte(in.data[i]) || in.data[i] == '.')) {
        i++;
    }
    return i;
}

static size_t sign_size(struct bytes in)
{
    const uint8_t c = in.data[0];
    const uint8_t d = in.size > 1 ? in.data[1] : 0;
    if ((c == '!' && d == '=') || (c == '<' && (d == '=' || d == '>')) || (c == '>' && d == '=')) {
        return 2;
    }
    return 1;
}

enum query_token_kind query_token(struct bytes rest, size_t *before, struct bytes *text)
{
    *before = 0;
    while (*before < rest.size && is_space(rest.data[*before])) {
        (*before)++;
    }
    rest = bytes_of(rest.data + *before, rest.size - *before);
    *text = rest;
    if (rest.size == 0) {
        return QUERY_TOKEN_END;
    }
    const uint8_t c = rest.data[0];
    if (c == '\'' || c == '"') {
        const size_t size = quoted_size(rest);
        *text = size > 0 ? bytes_of(rest.data + 1, size - 2) : rest;
        return size > 0 ? QUERY_TOKEN_TEXT : QUERY_TOKEN_OPEN;
    }
    if (is_digit(c) || (c == '-' && rest.size > 1 && is_digit(rest.data[1]))) {
        text->size = number_size(rest);
        return QUERY_TOKEN_NUMBER;
    }
    text->size = is_name_byte(c) ? word_size(rest) : sign_size(rest);
    return is_name_byte(c) ? QUERY_TOKEN_WORD : QUERY_TOKEN_SIGN;
}
