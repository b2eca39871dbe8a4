// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/points.h"

#include "base/assert.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXACT_MAX (INT64_C(1) << 53)

struct judgement point_judge(const struct tm_point *point, const struct latest *latest,
                             uint32_t overdue_ms, int64_t now_ms)
{
    if (latest->received_ms == INT64_MIN) {
        return (struct judgement){TM_STALE, "never"};
    }
    const enum tm_quality quality = (enum tm_quality)entry_quality(&latest->entry);
    if (quality != TM_GOOD) {
        return (struct judgement){quality, tm_reason_name((enum tm_reason)latest->entry.reason)};
    }
    const int64_t allowed_ms =
        (int64_t)point->interval_ms * OVERDUE_INTERVALS + (int64_t)overdue_ms;
    if (point->interval_ms > 0 && now_ms - entry_at(&latest->entry) > allowed_ms) {
        return (struct judgement){TM_STALE, "overdue"};
    }
    return (struct judgement){TM_GOOD, ""};
}

bool site_is_silent(const struct site_catalogue *catalogue, int64_t received_ms,
                    uint32_t overdue_ms, int64_t now_ms)
{
    int64_t allowed_ms = SILENT_MIN_MS;
    if (catalogue != NULL) {
        const int64_t by_interval =
            (int64_t)catalogue->interval_min_ms * OVERDUE_INTERVALS + (int64_t)overdue_ms;
        allowed_ms = by_interval > allowed_ms ? by_interval : allowed_ms;
    }
    return received_ms == INT64_MIN || now_ms - received_ms > allowed_ms;
}

static bool contains(const char *text, const char *word)
{
    const size_t size = strlen(word);
    for (; text != NULL && *text != '\0'; text++) {
        size_t i = 0;
        while (i < size && tolower((unsigned char)text[i]) == word[i]) {
            i++;
        }
        if (i == size) {
            return true;
        }
    }
    return false;
}

static bool is_unit(const struct tm_point *point, const char *unit)
{
    return point->unit != NULL && strcmp(point->unit, unit) == 0;
}

const char *point_kind(const struct tm_point *point)
{
    switch (point->type) {
    case TM_TYPE_BOOL:
    case TM_TYPE_ENUM: return "state";
    case TM_TYPE_TEXT: return "text";
    case TM_TYPE_INT:
    case TM_TYPE_DOUBLE: break;
    }
    if (contains(point->name, "batter")) {
        return "battery";
    }
    if (contains(point->name, "signal") || contains(point->name, "rssi") || is_unit(point, "dBm")) {
        return "signal";
    }
    if (contains(point->name, "humid")) {
        return "humidity";
    }
    if (is_unit(point, "°C") || is_unit(point, "°F") || is_unit(point, "K")) {
        return "temperature";
    }
    return "number";
}

unsigned point_decimals(const struct tm_point *point)
{
    if (point->type == TM_TYPE_DOUBLE) {
        return 2;
    }
    const int decimals = point->type == TM_TYPE_INT ? -point->exponent : 0;
    return decimals < 0 ? 0 : decimals > 9 ? 9 : (unsigned)decimals;
}

bool point_is_outside(const struct tm_point *point, const struct latest *latest)
{
    double value = 0;
    return latest->received_ms != INT64_MIN && entry_quality(&latest->entry) == 0 &&
           entry_number(&latest->entry, &value) &&
           ((point->has_low && value < point->low) || (point->has_high && value > point->high));
}

static const char *label_of(const struct tm_point *point, int64_t code)
{
    for (uint16_t i = 0; point->type == TM_TYPE_ENUM && i < point->label_count; i++) {
        if (point->labels[i].code == code) {
            return point->labels[i].text;
        }
    }
    return NULL;
}

void put_value(struct json_writer *w, const struct tm_point *point, const struct entry *e,
               bool is_good, const char *text)
{
    char digits[32];
    const enum entry_kind kind = is_good ? entry_kind_of(e) : ENTRY_NONE;
    json_put_key(w, "value");
    if (kind == ENTRY_DECIMAL) {
        json_put_decimal(w, e->value, -(int)entry_decimals(e));
        text = point != NULL ? label_of(point, e->value) : NULL;
        if (text == NULL && (e->value > EXACT_MAX || e->value < -EXACT_MAX) &&
            entry_decimals(e) == 0) {
            snprintf(digits, sizeof(digits), "%" PRId64, e->value);
            text = digits;
        }
    } else if (kind == ENTRY_DOUBLE) {
        double value = 0;
        (void)entry_number(e, &value);
        json_put_double(w, value);
        text = NULL;
    } else {
        json_put_null(w);
        text = kind == ENTRY_TEXT ? text : NULL;
    }
    json_put_key_string(w, "text", text);
}

void put_limits(struct json_writer *w, const struct tm_point *point)
{
    json_put_key(w, "limits");
    if (!point->has_low && !point->has_high) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_put_key(w, "low");
    if (point->has_low) {
        json_put_double(w, point->low);
    } else {
        json_put_null(w);
    }
    json_put_key(w, "high");
    if (point->has_high) {
        json_put_double(w, point->high);
    } else {
        json_put_null(w);
    }
    json_end_object(w);
}

const char *sensor_name(const struct tm_point *point)
{
    const bool has_sensor = point->sensor != NULL && point->sensor[0] != '\0';
    return has_sensor ? point->sensor : point->device;
}

void sensor_id(const struct tm_point *point, char *out)
{
    const bool has_sensor = point->sensor != NULL && point->sensor[0] != '\0';
    snprintf(out, SENSOR_ID_SIZE, "%s%s%s%s", point->is_diagnostic ? "/" : "", point->device,
             has_sensor ? "/" : "", has_sensor ? point->sensor : "");
}

void put_time_or_null(struct json_writer *w, const char *key, int64_t ms)
{
    json_put_key(w, key);
    if (ms == INT64_MIN) {
        json_put_null(w);
    } else {
        json_put_i64(w, ms);
    }
}
