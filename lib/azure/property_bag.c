// SPDX-License-Identifier: Apache-2.0
#include "azure/property_bag.h"

#include "base/text_forms.h"

#include <string.h>

enum err az_percent_decode(struct bytes in, uint8_t *out, size_t capacity, size_t *size)
{
    size_t at = 0;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t byte = in.data[i];
        if (byte == '%') {
            int high = in.size - i > 2 ? hex_value(in.data[i + 1]) : -1;
            int low = in.size - i > 2 ? hex_value(in.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return ERR_CORRUPT;
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (at == capacity) {
            return ERR_SIZE;
        }
        out[at] = byte;
        at++;
    }
    *size = at;
    return OK;
}

static size_t find_byte(struct bytes in, uint8_t byte)
{
    const uint8_t *found = in.size > 0 ? memchr(in.data, byte, in.size) : NULL;
    return found != NULL ? (size_t)(found - in.data) : in.size;
}

enum err az_bag_next(struct bytes *rest, uint8_t *scratch, size_t scratch_size,
                     struct az_property *out)
{
    struct bytes pair = {0};
    struct bytes left = *rest;
    while (pair.size == 0) { // `a&&b` holds two
        if (left.size == 0) {
            return ERR_EMPTY;
        }
        size_t end = find_byte(left, '&');
        pair = bytes_of(left.data, end);
        size_t used = end < left.size ? end + 1 : end;
        left = bytes_of(left.data + used, left.size - used);
    }
    size_t equals = find_byte(pair, '=');
    bool has_value = equals < pair.size;
    size_t key_size = 0;
    size_t value_size = 0;
    enum err err = az_percent_decode(bytes_of(pair.data, equals), scratch, scratch_size, &key_size);
    if (err == OK && has_value) {
        struct bytes value = bytes_of(pair.data + equals + 1, pair.size - equals - 1);
        err = az_percent_decode(value, scratch + key_size, scratch_size - key_size, &value_size);
    }
    if (err != OK) {
        return err;
    }
    *rest = left;
    *out = (struct az_property){
        .key = bytes_of(scratch, key_size),
        .value = bytes_of(scratch + key_size, value_size),
        .has_value = has_value,
    };
    return OK;
}

enum err az_bag_find(struct bytes bag, const char *key, uint8_t *scratch, size_t scratch_size,
                     struct az_property *out)
{
    for (;;) {
        struct az_property property;
        enum err err = az_bag_next(&bag, scratch, scratch_size, &property);
        if (err != OK) {
            return err == ERR_EMPTY ? ERR_NOT_FOUND : err;
        }
        if (bytes_equal(property.key, bytes_of_text(key))) {
            *out = property;
            return OK;
        }
    }
}
