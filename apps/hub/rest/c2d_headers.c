// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/c2d_headers.h"

#include "base/assert.h"
#include "base/text_forms.h"
#include "json/utf8.h"

#include <string.h>

enum { HEADERS_MAX = 128 }; // of ours

static const char prefix[] = "iothub-";
static const char app_prefix[] = "iothub-app-";

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool starts_with(struct bytes text, const char *start)
{
    const size_t size = strlen(start);
    bool does = text.size >= size;
    for (size_t i = 0; does && i < size; i++) {
        does = lower(text.data[i]) == start[i];
    }
    return does;
}

static bool same_name(struct bytes a, struct bytes b)
{
    bool is_same = a.size == b.size;
    for (size_t i = 0; is_same && i < a.size; i++) {
        is_same = lower(a.data[i]) == lower(b.data[i]);
    }
    return is_same;
}

// Characters that can be shown: of UTF-8, or of ASCII alone.
static bool is_shown(struct bytes text, bool is_ascii)
{
    size_t size = 1;
    for (size_t i = 0; size > 0 && i < text.size; i += size) {
        size = json_utf8_size(text.data + i, text.size - i);
        bool is_good = text.data[i] >= ' ' && text.data[i] != 0x7f && (size == 1 || !is_ascii);
        size = is_good ? size : 0;
    }
    return size > 0;
}

static bool is_text(struct bytes text, const char *wanted)
{
    return text.size == strlen(wanted) && starts_with(text, wanted);
}

static void put_property(struct writer *w, struct bytes key, struct bytes value, bool is_encoded)
{
    if (w->size > 0) {
        put_u8(w, '&');
    }
    if (is_encoded) {
        put_bytes(w, key);
    } else {
        put_percent(w, key, HEX_CAPITAL);
    }
    put_u8(w, '=');
    put_percent(w, value, HEX_CAPITAL);
}

static bool take_ack(struct bytes value, enum c2d_ack *out)
{
    static const char *const words[] = {[C2D_ACK_NONE] = "none",
                                        [C2D_ACK_POSITIVE] = "positive",
                                        [C2D_ACK_NEGATIVE] = "negative",
                                        [C2D_ACK_FULL] = "full"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (is_text(value, words[i])) {
            *out = (enum c2d_ack)i;
            return true;
        }
    }
    return false;
}

static bool digits_of(struct bytes text, size_t at, size_t count, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (i >= text.size || text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return true;
}

// Days from 1970-01-01 to a date of the Gregorian calendar (civil, counted from 1 March).
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400;
    const int64_t of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool c2d_time_parse(struct bytes text, int64_t *utc_ms)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    static const size_t at[] = {0, 5, 8, 11, 14, 17};
    static const int64_t max[] = {9999, 12, 31, 23, 59, 59};
    int64_t part[COUNT_OF(at)];
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (i >= text.size || (shape[i] != 'd' && text.data[i] != (uint8_t)shape[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        if (!digits_of(text, at[i], i == 0 ? 4 : 2, &part[i]) || part[i] > max[i]) {
            return false;
        }
    }
    if (part[0] < 1970 || part[1] == 0 || part[2] == 0) {
        return false;
    }
    size_t end = sizeof(shape) - 1;
    int64_t ms = 0;
    if (end < text.size && text.data[end] == '.') {
        int64_t digit = 0;
        int64_t worth = 100;
        for (end++; digits_of(text, end, 1, &digit); end++, worth /= 10) {
            ms += digit * worth;
        }
    }
    if (end + 1 != text.size || text.data[end] != 'Z') {
        return false;
    }
    const int64_t days = days_of(part[0], part[1], part[2]);
    *utc_ms = (((days * 24 + part[3]) * 60 + part[4]) * 60 + part[5]) * 1000 + ms;
    return true;
}

// One iothub- header that is no iothub-app-.
static bool take_system(struct bytes name, struct bytes value, struct writer *w,
                        struct c2d_headers *out, struct verdict *why)
{
    static const struct {
        const char *name;
        const char *key;
    } keys[] = {
        {"iothub-correlationid", "%24.cid"},
        {"iothub-userid", "%24.uid"},
        {"iothub-contenttype", "%24.ct"},
        {"iothub-contentencoding", "%24.ce"},
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (is_text(name, keys[i].name)) {
            put_property(w, bytes_of(keys[i].key, strlen(keys[i].key)), value, true);
            return true;
        }
    }
    if (is_text(name, "iothub-messageid")) {
        out->message_id = value;
        return (value.size > 0 && is_shown(value, true)) ||
               refuse(why, HUB_ARGUMENT_INVALID, "iothub-messageid is empty or not ASCII");
    }
    if (is_text(name, "iothub-ack")) {
        return take_ack(value, &out->ack) ||
               refuse(why, HUB_ARGUMENT_INVALID, "iothub-ack is none, positive, negative or full");
    }
    if (is_text(name, "iothub-expiry")) {
        return c2d_time_parse(value, &out->expires_ms) ||
               refuse(why, HUB_ARGUMENT_INVALID,
                      "iothub-expiry is a time such as 2026-11-27T18:42:00Z");
    }
    return refuse(why, HUB_ARGUMENT_INVALID,
                  "no such header as %.*s: iothub-app-NAME is a property",
                  (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
}

// What only the hub says of a message cannot be said by a property of the sender's.
static bool take_property(struct bytes key, struct bytes value, struct writer *w,
                          struct verdict *why)
{
    if (key.size == 0) {
        return refuse(why, HUB_ARGUMENT_INVALID, "iothub-app- needs a name behind it");
    }
    if (starts_with(key, "$.") || starts_with(key, prefix)) {
        return refuse(why, HUB_ARGUMENT_INVALID,
                      "a property's name cannot begin with $. or iothub-: those are the hub's");
    }
    put_property(w, key, value, false);
    return true;
}

bool c2d_headers_read(const struct http_request *http, struct c2d_headers *out, struct verdict *why)
{
    struct bytes names[HEADERS_MAX];
    size_t count = 0;
    struct bytes name;
    struct bytes value;
    struct writer w = writer_of(out->bag, sizeof(out->bag));
    out->message_id = bytes_of(NULL, 0);
    out->ack = C2D_ACK_NONE;
    out->expires_ms = 0;
    for (unsigned i = 0; http_header_at(http, i, &name, &value); i++) {
        const size_t app_size = sizeof(app_prefix) - 1;
        if (!starts_with(name, prefix)) {
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            if (same_name(name, names[k])) {
                return refuse(why, HUB_ARGUMENT_INVALID, "%.*s stands there twice",
                              (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
            }
        }
        if (count == HEADERS_MAX) {
            return refuse(why, HUB_ARGUMENT_INVALID, "more than %d iothub- headers", HEADERS_MAX);
        }
        names[count++] = name;
        if (!is_shown(value, false)) {
            return refuse(why, HUB_ARGUMENT_INVALID, "%.*s is not UTF-8, or holds a control",
                          (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
        }
        const bool is_property = starts_with(name, app_prefix);
        const struct bytes key = bytes_of(name.data + (is_property ? app_size : 0),
                                          name.size - (is_property ? app_size : 0));
        if (!(is_property ? take_property(key, value, &w, why)
                          : take_system(name, value, &w, out, why))) {
            return false;
        }
    }
    out->bag_size = w.size;
    return !w.failed ||
           refuse(why, HUB_TOO_LARGE, "properties of more than %d bytes", C2D_BAG_SIZE_MAX);
}
