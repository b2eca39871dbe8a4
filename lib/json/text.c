// SPDX-License-Identifier: Apache-2.0
#include "json/text.h"

#include "base/crc.h"
#include "json/scan.h"
#include "json/utf8.h"

#include <string.h>

bool json_walk_next(struct json_walk *walk, struct bytes *piece)
{
    if (walk->at == walk->size) {
        return false;
    }
    const uint8_t *start = walk->data + walk->at;
    const uint8_t *slash = memchr(start, '\\', walk->size - walk->at);
    if (slash != start) {
        size_t size = slash != NULL ? (size_t)(slash - start) : walk->size - walk->at;
        *piece = bytes_of(start, size);
        walk->at += size;
        return true;
    }
    struct json_scan s = {.data = walk->data, .size = walk->size, .at = walk->at + 1};
    uint32_t character = 0;
    bool good = json_scan_escape(&s, &character);
    *piece = bytes_of(walk->character, json_utf8_put(good ? character : 0xfffd, walk->character));
    walk->at = good ? s.at : walk->size;
    return true;
}

static bool equals(const struct json_text *text, struct bytes plain)
{
    struct json_walk walk = json_walk_of(text);
    struct bytes piece;
    size_t at = 0;
    while (json_walk_next(&walk, &piece)) {
        if (piece.size > plain.size - at || memcmp(piece.data, plain.data + at, piece.size) != 0) {
            return false;
        }
        at += piece.size;
    }
    return at == plain.size;
}

bool json_text_equal(const struct json_text *a, const struct json_text *b)
{
    if (!a->escaped) {
        return b->escaped ? equals(b, a->raw) : bytes_equal(a->raw, b->raw);
    }
    if (!b->escaped) {
        return equals(a, b->raw);
    }
    // Both escaped, piece borders may differ: byte by byte.
    struct json_walk walks[2] = {json_walk_of(a), json_walk_of(b)};
    struct bytes left[2] = {{0}, {0}};
    for (;;) {
        for (int i = 0; i < 2; i++) {
            if (left[i].size == 0 && !json_walk_next(&walks[i], &left[i])) {
                left[i] = (struct bytes){0};
            }
        }
        if (left[0].size == 0 || left[1].size == 0) {
            return left[0].size == left[1].size;
        }
        if (*left[0].data++ != *left[1].data++) {
            return false;
        }
        left[0].size--;
        left[1].size--;
    }
}

uint32_t json_text_hash(const struct json_text *text)
{
    uint64_t hash = HASH64_START;
    struct json_walk walk = json_walk_of(text);
    struct bytes piece;
    while (json_walk_next(&walk, &piece)) {
        hash = hash64(hash, piece);
    }
    return (uint32_t)(hash ^ hash >> 32);
}

bool json_text_is(const struct json_text *text, const char *literal)
{
    struct bytes plain = bytes_of_text(literal);
    return text->escaped ? equals(text, plain) : bytes_equal(text->raw, plain);
}

enum err json_unescape(const struct json_text *text, char *out, size_t capacity, size_t *size)
{
    struct json_walk walk = json_walk_of(text);
    struct bytes piece;
    size_t at = 0;
    while (json_walk_next(&walk, &piece)) {
        if (piece.size > capacity - at) {
            return ERR_SIZE;
        }
        memcpy(out + at, piece.data, piece.size);
        at += piece.size;
    }
    *size = at;
    return OK;
}

struct json_place json_place_of(struct bytes text, size_t offset)
{
    struct json_place place = {.line = 1, .column = 1};
    size_t end = offset < text.size ? offset : text.size;
    for (size_t i = 0; i < end; i++) {
        if (text.data[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if ((text.data[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

const char *json_type_name(enum json_type type)
{
    switch (type) {
    case JSON_NONE: return "nothing";
    case JSON_NULL: return "null";
    case JSON_BOOL: return "a boolean";
    case JSON_NUMBER: return "a number";
    case JSON_STRING: return "a string";
    case JSON_ARRAY: return "an array";
    case JSON_OBJECT: return "an object";
    }
    return "nothing";
}
