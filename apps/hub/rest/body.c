// SPDX-License-Identifier: Apache-2.0
// What handlers share: bodies and pages.
#include "apps/hub/rest/handlers.h"

#include "base/assert.h"
#include "base/text_forms.h"

#include <stdio.h>
#include <string.h>

bool body_is_good(const struct json_reader *r, struct verdict *why)
{
    if (r->error.code == JSON_OK) {
        return true;
    }
    return refuse(why, HUB_ARGUMENT_INVALID, "the body at byte %zu: %s", r->error.offset,
                  r->error.message);
}

void body_text(struct json_reader *r, char *out, size_t capacity)
{
    if (json_peek(r) == JSON_NULL) {
        json_get_null(r);
    } else {
        json_get_string(r, out, capacity, NULL);
    }
}

bool page_size(const struct http_request *http, uint32_t *out, struct verdict *why)
{
    uint64_t value = REST_PAGE_DEFAULT;
    if (http_has_header(http, "x-ms-max-item-count") &&
        (!decimal_of(http_header(http, "x-ms-max-item-count"), REST_PAGE_MAX, &value) ||
         value == 0)) {
        return refuse(why, HUB_ARGUMENT_INVALID, "x-ms-max-item-count is 1 to %d", REST_PAGE_MAX);
    }
    *out = (uint32_t)value;
    return true;
}

void continuation_header(const char *after, uint32_t hash, char *out, size_t capacity)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * ID_SIZE] = "";
    size_t size = 0;
    for (; after[0] != '\0'; after++) {
        hex[size++] = digits[(unsigned char)after[0] >> 4];
        hex[size++] = digits[(unsigned char)after[0] & 15];
    }
    hex[size] = '\0';
    snprintf(out, capacity, "x-ms-continuation: %08x%s\r\n", hash, hex);
}

bool continuation_take(const struct http_request *http, uint32_t hash, char after[ID_SIZE],
                       struct verdict *why)
{
    const struct bytes given = http_header(http, "x-ms-continuation");
    char expected[9];
    after[0] = '\0';
    if (given.size == 0 && (given.data != NULL || !http_has_header(http, "x-ms-continuation"))) {
        return true; // none, or an empty one; of two nobody could say which counts
    }
    snprintf(expected, sizeof(expected), "%08x", hash);
    bool is_good = given.size > 8 && given.size % 2 == 0 && given.size / 2 - 4 < ID_SIZE &&
                   memcmp(given.data, expected, 8) == 0;
    size_t size = 0;
    for (size_t i = 8; is_good && i < given.size; i += 2) {
        const int high = hex_value(given.data[i]);
        const int low = hex_value(given.data[i + 1]);
        is_good = high >= 0 && low >= 0 && high * 16 + low > ' ';
        after[size++] = (char)(high * 16 + low);
    }
    after[is_good ? size : 0] = '\0';
    return is_good || refuse(why, HUB_ARGUMENT_INVALID,
                             "x-ms-continuation is not one of this query's: begin again");
}
