// SPDX-License-Identifier: Apache-2.0
#include "telemetry/property_bag.h"

#include "base/assert.h"
#include "base/text_forms.h"
#include "telemetry/words.h"
#include "json/number.h"

#include <string.h>

enum { VALUE_SIZE_MAX = 24 };

enum err tm_bag_write(const struct tm_bag *bag, char *out, size_t capacity, size_t *size)
{
    ASSERT(bag->kind <= TM_MESSAGE_EVENTS);
    struct writer w = writer_of(out, capacity);
    char digits[JSON_NUMBER_SIZE_MAX];
    put_text(&w, "$.ct=application%2Fjson&$.ce=utf-8&t=");
    put_u8(&w, (uint8_t) "sce"[bag->kind]);
    put_text(&w, "&j=");
    for (int shift = 60; shift >= 0; shift -= 4) {
        put_u8(&w, (uint8_t) "0123456789abcdef"[bag->journal_id >> shift & 15]);
    }
    put_text(&w, "&n=");
    put_bytes(&w, bytes_of(digits, json_format_u64(bag->number, digits)));
    if (w.failed) {
        return ERR_SIZE;
    }
    *size = w.size;
    return OK;
}

// Resolves %xx; false: malformed, or longer than *size says.
static bool decode_percent(struct bytes in, uint8_t *out, size_t *size)
{
    size_t written = 0;
    for (size_t at = 0; at < in.size; at++) {
        uint8_t byte = in.data[at];
        if (byte == '%') {
            int high = at + 2 < in.size ? hex_value(in.data[at + 1]) : -1;
            int low = at + 2 < in.size ? hex_value(in.data[at + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (uint8_t)(high << 4 | low);
            at += 2;
        }
        if (written == *size) {
            return false;
        }
        out[written++] = byte;
    }
    *size = written;
    return true;
}

static enum err take_kind(struct bytes value, enum tm_message_kind *out)
{
    static const char *const kinds[] = {"s", "c", "e"};
    int index = tm_word_index(value, kinds, COUNT_OF(kinds));
    if (index < 0) {
        return ERR_UNSUPPORTED;
    }
    *out = (enum tm_message_kind)index;
    return OK;
}

static enum err take_property(struct bytes key, struct bytes raw, struct tm_bag *bag,
                              unsigned *seen)
{
    static const char *const keys[] = {"t", "j", "n"};
    uint8_t data[VALUE_SIZE_MAX];
    size_t size = sizeof(data);
    int index = tm_word_index(key, keys, COUNT_OF(keys));
    if (index < 0) {
        return OK;
    }
    if ((*seen & 1U << index) != 0 || !decode_percent(raw, data, &size)) {
        return ERR_CORRUPT;
    }
    *seen |= 1U << index;
    struct bytes value = bytes_of(data, size);
    if (index == 0) {
        return take_kind(value, &bag->kind);
    }
    if (index == 1) {
        return tm_hex64(value, &bag->journal_id) ? OK : ERR_CORRUPT;
    }
    bool digits = value.size > 0 && hex_value(value.data[0]) >= 0;
    return digits && json_u64_of(value, &bag->number) == OK ? OK : ERR_CORRUPT;
}

enum err tm_bag_read(struct bytes text, struct tm_bag *out)
{
    struct tm_bag bag = {.number = 0};
    unsigned seen = 0;
    for (size_t at = 0; at < text.size;) {
        const uint8_t *start = text.data + at;
        const uint8_t *and = memchr(start, '&', text.size - at);
        size_t size = and != NULL ? (size_t)(and-start) : text.size - at;
        const uint8_t *equals = size > 0 ? memchr(start, '=', size) : NULL;
        size_t key_size = equals != NULL ? (size_t)(equals - start) : size;
        uint8_t key[VALUE_SIZE_MAX];
        size_t plain_size = sizeof(key);
        struct bytes value = bytes_of("", 0);
        if (equals != NULL) {
            value = bytes_of(equals + 1, size - key_size - 1);
        }
        // A key that is too long for us is not ours.
        if (decode_percent(bytes_of(start, key_size), key, &plain_size)) {
            enum err err = take_property(bytes_of(key, plain_size), value, &bag, &seen);
            if (err != OK) {
                return err;
            }
        }
        at += size + 1;
    }
    if (seen != 7) {
        return ERR_CORRUPT;
    }
    *out = bag;
    return OK;
}
