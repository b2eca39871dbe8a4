// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "base/crc.h"
#include "telemetry/catalogue.h"
#include "telemetry/words.h"

#include <string.h>

struct filling {
    const struct tm_catalogue_memory *memory;
    size_t label_count;
    size_t text_size;
    bool too_small;
};

// A NUL-terminated copy in the caller's memory; "" when it is full.
static const char *take_text(struct json_reader *r, struct filling *f, size_t size_max)
{
    char *out = f->memory->text + f->text_size;
    size_t left = f->memory->text_capacity - f->text_size;
    size_t size = 0;
    if (left <= size_max) {
        f->too_small = true;
        (void)json_skip(r);
        return "";
    }
    if (!json_get_string(r, out, size_max + 1, &size)) {
        return NULL;
    }
    f->text_size += size + 1;
    return out;
}

static bool take_labels(struct json_reader *r, struct filling *f, struct tm_point *point)
{
    point->labels = f->memory->labels + f->label_count;
    if (!json_enter_array(r)) {
        return false;
    }
    while (json_next_item(r)) {
        struct tm_label label = {0};
        bool good = point->label_count < TM_LABEL_COUNT_MAX && json_enter_array(r) &&
                    json_next_item(r) && json_get_i64(r, INT64_MIN, INT64_MAX, &label.code) &&
                    json_next_item(r) &&
                    (label.text = take_text(r, f, TM_LABEL_SIZE_MAX)) != NULL &&
                    !json_next_item(r) && !json_failed(r);
        if (!good) {
            return false;
        }
        if (f->label_count == f->memory->label_capacity) {
            f->too_small = true;
            continue;
        }
        f->memory->labels[f->label_count++] = label;
        point->label_count++;
    }
    return !json_failed(r);
}

static bool take_type(struct json_reader *r, enum tm_type *out)
{
    struct json_text text;
    if (!json_get_text(r, &text)) {
        return false;
    }
    for (int type = TM_TYPE_INT; type <= TM_TYPE_TEXT; type++) {
        if (json_text_is(&text, tm_type_name((enum tm_type)type))) {
            *out = (enum tm_type)type;
            return true;
        }
    }
    return false;
}

static bool take_u32(struct json_reader *r, uint32_t *out)
{
    uint64_t value = 0;
    bool good = json_get_u64(r, 0, UINT32_MAX, &value);
    *out = (uint32_t)value;
    return good;
}

static bool take_limit(struct json_reader *r, bool *has, double *out)
{
    *has = true;
    return json_get_double(r, -1.7e308, 1.7e308, out);
}

static bool take_string(struct json_reader *r, struct filling *f, size_t size_max, const char **out)
{
    *out = take_text(r, f, size_max);
    return *out != NULL;
}

static bool take_member(struct json_reader *r, struct filling *f, const struct json_text *key,
                        struct tm_point *point)
{
    static const char *const names[] = {"name", "area", "device", "sensor"};
    const char **const strings[] = {&point->name, &point->area, &point->device, &point->sensor};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (json_text_is(key, names[i])) {
            return take_string(r, f, TM_NAME_SIZE_MAX, strings[i]);
        }
    }
    if (json_text_is(key, "unit")) {
        return take_string(r, f, TM_UNIT_SIZE_MAX, &point->unit);
    }
    if (json_text_is(key, "id")) {
        return take_u32(r, &point->id);
    }
    if (json_text_is(key, "type")) {
        return take_type(r, &point->type);
    }
    if (json_text_is(key, "interval_ms")) {
        return take_u32(r, &point->interval_ms);
    }
    if (json_text_is(key, "resolution_ms")) {
        return take_u32(r, &point->resolution_ms);
    }
    if (json_text_is(key, "low")) {
        return take_limit(r, &point->has_low, &point->low);
    }
    if (json_text_is(key, "high")) {
        return take_limit(r, &point->has_high, &point->high);
    }
    if (json_text_is(key, "labels")) {
        return take_labels(r, f, point);
    }
    if (json_text_is(key, "diag")) {
        return json_get_bool(r, &point->is_diagnostic);
    }
    if (json_text_is(key, "e")) {
        int64_t exponent = 0;
        bool good = json_get_i64(r, TM_EXPONENT_MIN, TM_EXPONENT_MAX, &exponent);
        point->exponent = (int8_t)exponent;
        return good;
    }
    return json_skip(r); // of a newer version
}

static bool take_point(struct json_reader *r, struct filling *f, struct tm_point *out)
{
    struct tm_point point = {.resolution_ms = 1, .unit = "", .area = "", .sensor = ""};
    struct json_text key;
    if (!json_enter_object(r)) {
        return false;
    }
    while (json_next_key(r, &key)) {
        if (!take_member(r, f, &key, &point)) {
            return false;
        }
    }
    if (json_failed(r) || point.name == NULL || point.device == NULL) {
        return false;
    }
    *out = point;
    return true;
}

static enum err take_points(struct json_reader *r, struct filling *f, struct tm_catalogue_part *out)
{
    uint32_t last_id = 0;
    if (!json_enter_array(r)) {
        return ERR_CORRUPT;
    }
    while (json_next_item(r)) {
        struct tm_point point;
        size_t start = json_offset(r);
        if (out->count >= f->memory->point_capacity) {
            return ERR_SIZE;
        }
        if (!take_point(r, f, &point) || (out->count > 0 && point.id <= last_id)) {
            return ERR_CORRUPT;
        }
        last_id = point.id;
        out->part_hash = hash64(out->part_hash, bytes_of(r->data + start, r->at - start));
        f->memory->points[out->count++] = point;
    }
    return f->too_small ? ERR_SIZE : OK;
}

// The site stands in front of the points, as in the hash.
static bool take_site(struct json_reader *r, struct filling *f, struct tm_catalogue_part *out)
{
    size_t start = json_offset(r);
    struct json_text key;
    struct tm_site site = {.name = "", .time_zone = ""};
    if (!json_enter_object(r)) {
        return false;
    }
    while (json_next_key(r, &key)) {
        bool good = true;
        if (json_text_is(&key, "name")) {
            good = take_string(r, f, TM_NAME_SIZE_MAX, &site.name);
        } else if (json_text_is(&key, "time_zone")) {
            good = take_string(r, f, TM_ZONE_SIZE_MAX, &site.time_zone) &&
                   tm_time_zone_is_plausible(site.time_zone[0] != '\0' ? site.time_zone : "UTC");
        } else {
            (void)json_skip(r); // of a newer version
        }
        if (!good) {
            return false;
        }
    }
    out->part_hash = hash64(out->part_hash, bytes_of(r->data + start, r->at - start));
    out->site = site;
    return !json_failed(r);
}

struct seen {
    struct tm_head_state head;
    bool has_site;
    bool has_points;
};

static enum err take_key(struct json_reader *r, const struct json_text *key, struct filling *f,
                         struct seen *seen, struct tm_catalogue_part *part)
{
    const bool is_catalogue =
        seen->head.has_kind && seen->head.err == OK && seen->head.head.kind == TM_MESSAGE_CATALOGUE;
    if (json_text_is(key, "n")) {
        return take_u32(r, &part->point_total) ? OK : ERR_CORRUPT;
    }
    if (json_text_is(key, "f")) {
        return take_u32(r, &part->first) ? OK : ERR_CORRUPT;
    }
    if (json_text_is(key, "site") && is_catalogue) {
        const bool is_due = !seen->has_site && !seen->has_points;
        seen->has_site = true;
        return is_due && take_site(r, f, part) ? OK : ERR_CORRUPT;
    }
    if (json_text_is(key, "p") && is_catalogue && !seen->has_points) {
        seen->has_points = true;
        return take_points(r, f, part);
    }
    if (!tm_take_head(&seen->head, key, r)) {
        (void)json_skip(r);
    }
    return OK;
}

enum err tm_catalogue_read(struct bytes message, uint64_t seed,
                           const struct tm_catalogue_memory *memory, struct tm_catalogue_part *out)
{
    struct json_reader r;
    struct json_text key;
    struct seen seen = {.head = {.err = OK}};
    struct filling f = {.memory = memory};
    struct tm_catalogue_part part = {.part_hash = seed, .site = {.name = "", .time_zone = ""}};
    if (message.size > UINT32_MAX) {
        return ERR_CORRUPT;
    }
    json_reader_init(&r, message, NULL);
    bool more = json_enter_object(&r) && json_next_key(&r, &key);
    for (; more; more = json_next_key(&r, &key)) {
        enum err err = take_key(&r, &key, &f, &seen, &part);
        if (err != OK) {
            return err;
        }
    }
    enum err err = tm_head_result(&seen.head, &r);
    if (err != OK) {
        return err;
    }
    if (!json_end(&r) || !seen.has_points || part.point_total > TM_POINT_COUNT_MAX ||
        part.first > part.point_total || part.count > part.point_total - part.first ||
        (seen.has_site && part.first > 0)) {
        return ERR_CORRUPT;
    }
    if (f.too_small) {
        return ERR_SIZE;
    }
    part.hash = seen.head.head.catalogue_hash;
    *out = part;
    return OK;
}
