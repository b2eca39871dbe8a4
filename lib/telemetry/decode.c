// SPDX-License-Identifier: Apache-2.0
#include "telemetry/decode.h"

#include "base/assert.h"
#include "telemetry/columns.h"
#include "telemetry/words.h"

// Bounds that keep every sum below far from the ends of 64 bits.
#define STEP_MAX (INT64_C(1) << 38)
enum { UNIT_MAX_MS = 60000 };

struct prefix {
    struct tm_head_state head;
    bool has_time, has_unit, has_interval, has_groups;
    struct bytes groups; // when they did not come last
};

static bool prefix_complete(const struct prefix *p)
{
    return p->head.has_version && p->head.has_kind && p->head.has_hash && p->has_time &&
           p->has_unit;
}

static bool take_once(struct json_reader *r, bool *has, int64_t min, int64_t max, int64_t *out)
{
    bool first = !*has;
    *has = true;
    return first && json_get_i64(r, min, max, out);
}

// One key of the message other than the groups.
static bool take_key(struct tm_decoder *d, struct prefix *p, const struct json_text *key)
{
    struct json_reader *r = &d->json;
    if (json_text_is(key, "t")) {
        return take_once(r, &p->has_time, 0, TM_EXACT_MAX, &d->base_ms);
    }
    if (json_text_is(key, "u")) {
        return take_once(r, &p->has_unit, 1, UNIT_MAX_MS, &d->unit_ms);
    }
    if (json_text_is(key, "i")) {
        return take_once(r, &p->has_interval, 0, STEP_MAX, &d->interval);
    }
    if (tm_take_head(&p->head, key, r)) {
        return true;
    }
    return json_skip(r);
}

// Up to the groups, when everything needed stands in front of them; else through all keys.
static bool read_prefix(struct tm_decoder *d, struct prefix *p)
{
    struct json_text key;
    if (!json_enter_object(&d->json)) {
        return false;
    }
    while (json_next_key(&d->json, &key)) {
        if (!json_text_is(&key, "g")) {
            if (!take_key(d, p, &key)) {
                return false;
            }
            continue;
        }
        if (p->has_groups) {
            return false;
        }
        p->has_groups = true;
        if (prefix_complete(p)) {
            return json_enter_array(&d->json);
        }
        if (!json_raw(&d->json, &p->groups)) {
            return false;
        }
    }
    if (!json_end(&d->json) || !p->has_groups) {
        return false;
    }
    d->alone = true;
    json_reader_init(&d->json, p->groups, NULL);
    return json_enter_array(&d->json);
}

enum err tm_decode_init(struct tm_decoder *d, struct bytes message,
                        const struct tm_catalogue *catalogue, const struct tm_decode_memory *memory)
{
    struct prefix p = {.has_groups = false};
    *d = (struct tm_decoder){.catalogue = catalogue, .memory = *memory};
    if (message.size > UINT32_MAX) {
        return d->err = ERR_CORRUPT;
    }
    json_reader_init(&d->json, message, NULL);
    bool good = read_prefix(d, &p);
    d->err = tm_head_result(&p.head, &d->json);
    if (d->err == OK && p.head.head.kind != TM_MESSAGE_SAMPLES) {
        d->err = ERR_UNSUPPORTED;
    } else if (d->err == OK && (!good || !prefix_complete(&p))) {
        d->err = ERR_CORRUPT;
    } else if (d->err == OK && catalogue != NULL && catalogue->hash != p.head.head.catalogue_hash) {
        d->err = ERR_STATE;
    }
    d->head = p.head.head;
    return d->err;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool take_index(struct json_reader *r, uint32_t *out)
{
    struct bytes text = {0};
    uint64_t value = 0;
    if (!json_get_number(r, &text) || json_u64_of(text, &value) != OK ||
        value >= TM_POINT_COUNT_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
    }
    *out = (uint32_t)value;
    return true;
}

// The list is checked here, so that list_next() may read its digits without looking again.
static bool take_list(struct tm_decoder *d)
{
    uint32_t index = 0;
    size_t count = 0;
    d->list_at = json_offset(&d->json);
    if (!json_enter_array(&d->json)) {
        return false;
    }
    while (json_next_item(&d->json)) {
        if (!take_index(&d->json, &index)) {
            return false;
        }
        count++;
    }
    return count > 0 && !json_failed(&d->json);
}

static bool list_next(struct tm_decoder *d, uint32_t *out)
{
    const uint8_t *data = d->json.data;
    while (!is_digit(data[d->list_at])) {
        if (data[d->list_at] == ']') {
            return false;
        }
        d->list_at++;
    }
    *out = 0;
    while (is_digit(data[d->list_at])) {
        *out = *out * 10 + (uint32_t)(data[d->list_at++] - '0');
    }
    return true;
}

static bool take_time(struct tm_decoder *d, int64_t *at_ms)
{
    int64_t step = 0;
    if (!json_get_i64(&d->json, -STEP_MAX, STEP_MAX, &step)) {
        return false;
    }
    if (d->row_count == d->memory.row_capacity) {
        d->err = ERR_SIZE;
        return false;
    }
    step += d->row_count > 0 ? d->interval : 0;
    *at_ms += step * d->unit_ms;
    if (*at_ms < 0 || *at_ms > TM_EXACT_MAX) {
        return false;
    }
    d->memory.time_ms[d->row_count++] = *at_ms;
    return true;
}

static bool take_times(struct tm_decoder *d)
{
    int64_t at_ms = d->base_ms;
    d->row_count = 0;
    if (json_peek(&d->json) == JSON_NUMBER) {
        return take_time(d, &at_ms);
    }
    if (!json_enter_array(&d->json)) {
        return false;
    }
    while (json_next_item(&d->json)) {
        if (!take_time(d, &at_ms)) {
            return false;
        }
    }
    return d->row_count > 0 && !json_failed(&d->json);
}

// Into the next group; its first column must follow. False at the end of the groups too.
static bool enter_group(struct tm_decoder *d)
{
    if (!json_next_item(&d->json)) {
        return false;
    }
    d->in_group = true;
    d->list_at = 0;
    d->err = ERR_CORRUPT; // until the group's head is read
    bool good = json_enter_array(&d->json) && json_next_item(&d->json);
    if (good && json_peek(&d->json) == JSON_ARRAY) {
        good = take_list(d);
    } else if (good) {
        good = take_index(&d->json, &d->next_index);
    }
    if (good && json_next_item(&d->json) && take_times(d) && json_next_item(&d->json)) {
        d->err = OK;
    }
    return d->err == OK;
}

// Behind the groups nothing may follow but keys unknown here.
static enum err finish(struct tm_decoder *d)
{
    static const char *const known[] = {"v", "k", "c", "boot", "t", "u", "i", "g"};
    struct json_text key;
    if (json_failed(&d->json)) {
        return ERR_CORRUPT;
    }
    while (!d->alone && json_next_key(&d->json, &key)) {
        for (size_t i = 0; i < COUNT_OF(known); i++) {
            if (json_text_is(&key, known[i])) {
                return ERR_CORRUPT;
            }
        }
    }
    return json_end(&d->json) ? ERR_EMPTY : ERR_CORRUPT;
}

static bool next_column_index(struct tm_decoder *d, uint32_t *index)
{
    if (d->list_at > 0) {
        return list_next(d, index);
    }
    *index = d->next_index++;
    return *index < TM_POINT_COUNT_MAX;
}

enum err tm_decode_next(struct tm_decoder *d, struct tm_column *out)
{
    uint32_t unused = 0;
    if (d->err != OK) {
        return d->err;
    }
    if (d->in_group && !json_next_item(&d->json)) {
        d->in_group = false;
        if (d->list_at > 0 && list_next(d, &unused)) {
            return d->err = ERR_CORRUPT; // more indices than columns
        }
    }
    if (!d->in_group && !enter_group(d)) {
        d->err = d->err == OK ? finish(d) : d->err;
        return d->err;
    }
    struct tm_column column = {.row_count = d->row_count, .time_ms = d->memory.time_ms};
    column.rows = d->memory.rows;
    const struct tm_point *point = NULL;
    bool good = next_column_index(d, &column.index);
    if (good && d->catalogue != NULL) {
        good = column.index < d->catalogue->point_count;
        point = good ? &d->catalogue->points[column.index] : NULL;
        column.point = good ? point->id : 0;
    }
    if (!good) {
        return d->err = ERR_CORRUPT;
    }
    struct tm_column_reader reader = {.json = &d->json, .memory = &d->memory, .point = point};
    reader.row_count = d->row_count;
    d->err = tm_read_column(&reader);
    if (d->err == OK) {
        *out = column;
    }
    return d->err;
}
