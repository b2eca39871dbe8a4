// SPDX-License-Identifier: Apache-2.0
#include "telemetry/catalogue.h"

#include "base/assert.h"
#include "base/crc.h"
#include "telemetry/words.h"
#include "json/utf8.h"

#include <string.h>

enum {
    POINT_SIZE_MAX = 3728, // of one point's JSON
    SITE_SIZE_MAX = 232,   // of the site's, with its key and comma
    HEAD_SIZE_MAX = 80,
};
_Static_assert(POINT_SIZE_MAX + SITE_SIZE_MAX + HEAD_SIZE_MAX <= TM_BODY_SIZE_MAX,
               "any point fits into a message");
// A name may double by escapes, a time zone has none; 40 bytes are keys.
_Static_assert(2 * TM_NAME_SIZE_MAX + TM_ZONE_SIZE_MAX + 40 <= SITE_SIZE_MAX, "a site fits");
// Each text may double by escapes; 300 bytes are keys and numbers.
_Static_assert(2 * (4 * TM_NAME_SIZE_MAX + TM_UNIT_SIZE_MAX) + 300 +
                       TM_LABEL_COUNT_MAX * (2 * TM_LABEL_SIZE_MAX + 26) <=
                   POINT_SIZE_MAX,
               "a point's texts fit");

static const char *const type_names[] = {"int", "double", "bool", "enum", "text"};

const char *tm_type_name(enum tm_type type)
{
    ASSERT(type <= TM_TYPE_TEXT);
    return type_names[type];
}

// UTF-8 without control characters, up to size_max bytes.
static bool text_good(const char *text, size_t size_max, bool needed)
{
    size_t size = 0;
    while (text != NULL && size <= size_max && text[size] != '\0') {
        size++;
    }
    if (size > size_max || (needed && size == 0)) {
        return false;
    }
    for (size_t at = 0; at < size;) {
        size_t step = json_utf8_size((const uint8_t *)text + at, size - at);
        if (step == 0 || (uint8_t)text[at] < 0x20) {
            return false;
        }
        at += step;
    }
    return true;
}

static bool finite(double value)
{
    struct json_decimal decimal;
    return json_decimal_of_double(value, &decimal);
}

static bool point_good(const struct tm_point *point)
{
    uint32_t resolution_ms = point->resolution_ms;
    bool good = point->type <= TM_TYPE_TEXT && point->exponent >= TM_EXPONENT_MIN &&
                point->exponent <= TM_EXPONENT_MAX &&
                (resolution_ms <= 1 || resolution_ms == 10 || resolution_ms == 100 ||
                 resolution_ms == 1000 || resolution_ms == 10000) &&
                text_good(point->name, TM_NAME_SIZE_MAX, true) &&
                text_good(point->device, TM_NAME_SIZE_MAX, true) &&
                text_good(point->area, TM_NAME_SIZE_MAX, false) &&
                text_good(point->sensor, TM_NAME_SIZE_MAX, false) &&
                text_good(point->unit, TM_UNIT_SIZE_MAX, false) &&
                (!point->has_low || finite(point->low)) &&
                (!point->has_high || finite(point->high)) &&
                point->label_count <= TM_LABEL_COUNT_MAX;
    for (uint16_t i = 0; good && i < point->label_count; i++) {
        good = text_good(point->labels[i].text, TM_LABEL_SIZE_MAX, true);
    }
    return good;
}

bool tm_time_zone_is_plausible(const char *text)
{
    size_t size = 0;
    char before = '/'; // each part between slashes begins with a letter
    for (; size <= TM_ZONE_SIZE_MAX && text[size] != '\0'; size++) {
        const char c = text[size];
        const bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        const bool is_other =
            (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '_' || c == '/';
        if (!is_letter && (!is_other || before == '/')) {
            return false;
        }
        before = c;
    }
    return size <= TM_ZONE_SIZE_MAX && before != '/';
}

static bool site_good(const struct tm_site *site)
{
    return text_good(site->name, TM_NAME_SIZE_MAX, false) &&
           (site->time_zone == NULL || site->time_zone[0] == '\0' ||
            tm_time_zone_is_plausible(site->time_zone));
}

static void put_optional(struct json_writer *w, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_put_key_string(w, key, text);
    }
}

static void put_labels(struct json_writer *w, const struct tm_point *point)
{
    json_put_key(w, "labels");
    json_begin_array(w);
    for (uint16_t i = 0; i < point->label_count; i++) {
        json_begin_array(w);
        json_put_i64(w, point->labels[i].code);
        json_put_string(w, point->labels[i].text);
        json_end_array(w);
    }
    json_end_array(w);
}

static struct bytes point_text(const struct tm_point *point, char *out)
{
    struct json_writer w;
    json_writer_init(&w, out, POINT_SIZE_MAX);
    json_begin_object(&w);
    json_put_key_u64(&w, "id", point->id);
    json_put_key_string(&w, "name", point->name);
    json_put_key_string(&w, "type", tm_type_name(point->type));
    if (point->type == TM_TYPE_INT && point->exponent != 0) {
        json_put_key_i64(&w, "e", point->exponent);
    }
    put_optional(&w, "unit", point->unit);
    put_optional(&w, "area", point->area);
    json_put_key_string(&w, "device", point->device);
    put_optional(&w, "sensor", point->sensor);
    if (point->interval_ms > 0) {
        json_put_key_u64(&w, "interval_ms", point->interval_ms);
    }
    if (point->resolution_ms > 1) {
        json_put_key_u64(&w, "resolution_ms", point->resolution_ms);
    }
    if (point->has_low) {
        json_put_key_double(&w, "low", point->low);
    }
    if (point->has_high) {
        json_put_key_double(&w, "high", point->high);
    }
    if (point->label_count > 0) {
        put_labels(&w, point);
    }
    if (point->is_diagnostic) {
        json_put_key_bool(&w, "diag", true);
    }
    json_end_object(&w);
    ASSERT(!w.failed);
    return json_writer_bytes(&w);
}

// Empty if nothing is known.
static struct bytes site_text(const struct tm_site *site, char *out)
{
    struct json_writer w;
    json_writer_init(&w, out, SITE_SIZE_MAX);
    json_begin_object(&w);
    const size_t empty_size = w.size;
    put_optional(&w, "name", site->name);
    put_optional(&w, "time_zone", site->time_zone);
    if (w.size == empty_size) {
        return bytes_of(out, 0);
    }
    json_end_object(&w);
    ASSERT(!w.failed);
    return json_writer_bytes(&w);
}

enum err tm_catalogue_init(struct tm_catalogue *c, const struct tm_site *site,
                           const struct tm_point *points, uint32_t point_count, uint32_t *bad)
{
    char text[POINT_SIZE_MAX];
    const struct tm_site known = site != NULL ? *site : (struct tm_site){.name = NULL};
    if (point_count > TM_POINT_COUNT_MAX) {
        return ERR_SIZE;
    }
    if (!site_good(&known)) {
        if (bad != NULL) {
            *bad = point_count;
        }
        return ERR_ARG;
    }
    uint64_t hash = hash64(HASH64_START, site_text(&known, text));
    for (uint32_t i = 0; i < point_count; i++) {
        if (!point_good(&points[i]) || (i > 0 && points[i].id <= points[i - 1].id)) {
            if (bad != NULL) {
                *bad = i;
            }
            return ERR_ARG;
        }
        hash = hash64(hash, point_text(&points[i], text));
    }
    *c = (struct tm_catalogue){
        .site = known, .points = points, .point_count = point_count, .hash = hash};
    return OK;
}

enum err tm_catalogue_index(const struct tm_catalogue *c, uint32_t id, uint32_t *index)
{
    // Ids ascend, so a point stands no further from either end than its id from that end's; where
    // no id is left out, that alone says where.
    const uint32_t last = c->point_count - 1;
    if (c->point_count == 0 || id < c->points[0].id || id > c->points[last].id) {
        return ERR_NOT_FOUND;
    }
    uint32_t before_end = c->points[last].id - id;
    uint32_t after_begin = id - c->points[0].id;
    uint32_t low = before_end < last ? last - before_end : 0;
    uint32_t high = after_begin < last ? after_begin : last;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->points[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low > last || c->points[low].id != id) {
        return ERR_NOT_FOUND;
    }
    *index = low;
    return OK;
}

enum err tm_catalogue_write(const struct tm_catalogue *c, struct tm_catalogue_cursor *cursor,
                            char *out, size_t capacity, size_t *size)
{
    char text[POINT_SIZE_MAX];
    struct json_writer w;
    ASSERT(capacity >= TM_BODY_SIZE_MAX);
    if (cursor->part > 0 && cursor->index == c->point_count) {
        return ERR_EMPTY;
    }
    json_writer_init(&w, out, capacity);
    tm_put_head(&w, 'c', c->hash, 0);
    json_put_key_u64(&w, "n", c->point_count);
    json_put_key_u64(&w, "f", cursor->index);
    struct bytes site = site_text(&c->site, text);
    if (cursor->part == 0 && site.size > 0) {
        json_put_key(&w, "site");
        json_put_raw(&w, site);
    }
    json_put_key(&w, "p");
    json_begin_array(&w);
    while (cursor->index < c->point_count) {
        struct bytes point = point_text(&c->points[cursor->index], text);
        // A comma in front, the closing brackets behind.
        if (w.size + point.size + 3 > capacity) {
            break;
        }
        json_put_raw(&w, point);
        cursor->index++;
    }
    json_end_array(&w);
    json_end_object(&w);
    ASSERT(!w.failed);
    cursor->part++;
    *size = w.size;
    return OK;
}
