// SPDX-License-Identifier: Apache-2.0
// A point as the page sees it: how to draw it, its value, and how far to trust it by the clock
// here.
#ifndef CLOUD_API_POINTS_H
#define CLOUD_API_POINTS_H

#include "apps/cloud/ingest/catalogues.h"
#include "json/writer.h"

enum { SILENT_MIN_MS = 3 * 60 * 1000, OVERDUE_INTERVALS = 3, TEXT_MAX = TM_TEXT_SIZE_MAX + 1 };

struct judgement {
    enum tm_quality quality;
    const char *reason; // "" when good
};

// overdue_ms is allowed beyond three intervals. latest->received_ms INT64_MIN: never a sample.
struct judgement point_judge(const struct tm_point *point, const struct latest *latest,
                             uint32_t overdue_ms, int64_t now_ms);
// Whether a site is silent.
bool site_is_silent(const struct site_catalogue *catalogue, int64_t received_ms,
                    uint32_t overdue_ms, int64_t now_ms);

const char *point_kind(const struct tm_point *point);
unsigned point_decimals(const struct tm_point *point);
bool point_is_outside(const struct tm_point *point, const struct latest *latest);

// Keys value and text. `text` is that of a text sample, NULL otherwise.
void put_value(struct json_writer *w, const struct tm_point *point, const struct entry *e,
               bool is_good, const char *text);
void put_limits(struct json_writer *w, const struct tm_point *point);
// "device/sensor", or the device alone, into out[SENSOR_ID_SIZE]; of diagnostics with a slash in
// front, since a line may be called as a device.
enum { SENSOR_ID_SIZE = 2 * TM_NAME_SIZE_MAX + 3 };
void sensor_id(const struct tm_point *point, char *out);
const char *sensor_name(const struct tm_point *point);
void put_time_or_null(struct json_writer *w, const char *key, int64_t ms);

#endif
