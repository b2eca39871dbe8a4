// SPDX-License-Identifier: Apache-2.0
// The JSON reader on any bytes. Holds: comments and duplicate keys on or off, skipping and walking
// agree; a number that reads as a double is written and read again as the same one.
#include "base/assert.h"
#include "json/reader.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_number(struct json_reader *r)
{
    struct bytes text;
    double value = 0;
    double again = 0;
    char out[JSON_NUMBER_SIZE_MAX];
    if (json_get_number(r, &text) && json_double_of(text, &value) == OK) {
        size_t written = json_format_double(value, out);
        ASSERT(written > 0 && json_double_of(bytes_of(out, written), &again) == OK);
        ASSERT(memcmp(&value, &again, sizeof(value)) == 0);
    }
}

static void walk(struct json_reader *r)
{
    struct json_text text;
    char out[64];
    bool yes = false;
    switch (json_peek(r)) {
    case JSON_NONE: break;
    case JSON_NULL: (void)json_get_null(r); break;
    case JSON_BOOL: (void)json_get_bool(r, &yes); break;
    case JSON_NUMBER: check_number(r); break;
    case JSON_STRING: (void)json_get_string(r, out, sizeof(out), NULL); break;
    case JSON_ARRAY:
        for (bool more = json_enter_array(r) && json_next_item(r); more; more = json_next_item(r)) {
            walk(r);
        }
        break;
    case JSON_OBJECT:
        for (bool more = json_enter_object(r) && json_next_key(r, &text); more;
             more = json_next_key(r, &text)) {
            ASSERT(json_text_is(&text, "") == (text.raw.size == 0));
            walk(r);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_key keys[32];
    struct json_options options = {.depth_max = 24, .comments = size % 2 == 0};
    options.keys = size % 3 == 0 ? keys : NULL;
    options.key_capacity = COUNT_OF(keys);
    struct json_reader skipping;
    struct json_reader walking;
    json_reader_init(&skipping, bytes_of(data, size), &options);
    json_reader_init(&walking, bytes_of(data, size), &options);
    bool good = json_skip(&skipping) && json_end(&skipping);
    walk(&walking);
    ASSERT(good == (json_end(&walking) && !json_failed(&walking)));
    ASSERT(good || (skipping.failed && skipping.error.message[0] != '\0'));
    return 0;
}
