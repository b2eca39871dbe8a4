// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/reads.h"

#include "apps/cloud/api/points.h"
#include "apps/cloud/store/spark.h"
#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void latest_of_points(struct store *store, uint32_t site, const struct site_catalogue *catalogue,
                      uint32_t *series_of, struct latest *latest)
{
    pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; i < catalogue->tm.point_count; i++) {
        uint32_t series = 0;
        if (store_find_series_locked(store, site, catalogue->tm.points[i].id, &series)) {
            series_of[i] = series;
            latest[i] = store->series[series].latest;
        } else {
            series_of[i] = UINT32_MAX;
            latest[i] = (struct latest){.good_at_ms = INT64_MIN, .received_ms = INT64_MIN};
        }
    }
    pthread_mutex_unlock(&store->lock);
}

void put_site(struct json_writer *w, const struct app *app, uint32_t site,
              const struct site_catalogue *catalogue, const struct latest *latest, int64_t now_ms)
{
    struct store *store = app->cfg.store;
    pthread_mutex_lock(&store->lock);
    const struct store_site copy = store->sites[site];
    pthread_mutex_unlock(&store->lock);
    unsigned counts[3] = {0};
    unsigned outside = 0;
    unsigned point_count = 0;
    for (uint32_t i = 0; catalogue != NULL && i < catalogue->tm.point_count; i++) {
        const struct tm_point *point = &catalogue->tm.points[i];
        if (point->is_diagnostic) {
            continue; // how the site's values are, not how they come
        }
        point_count++;
        const struct judgement j = point_judge(point, &latest[i], app->cfg.overdue_ms, now_ms);
        counts[j.quality < 3 ? j.quality : TM_BAD]++;
        outside += j.quality == TM_GOOD && point_is_outside(point, &latest[i]) ? 1 : 0;
    }
    json_begin_object(w);
    json_put_key_string(w, "id", copy.device);
    const struct tm_site *told = catalogue != NULL ? &catalogue->tm.site : NULL;
    json_put_key_string(w, "name",
                        told != NULL && told->name[0] != '\0' ? told->name : copy.device);
    json_put_key(w, "time_zone");
    if (told != NULL && told->time_zone[0] != '\0') {
        json_put_string(w, told->time_zone);
    } else {
        json_put_null(w);
    }
    json_put_key_string(w, "state",
                        site_is_silent(catalogue, copy.received_ms, app->cfg.overdue_ms, now_ms)
                            ? "silent"
                            : "online");
    put_time_or_null(w, "last_received_ms", copy.received_ms);
    json_put_key(w, "counts");
    json_begin_object(w);
    json_put_key_u64(w, "points", point_count);
    json_put_key_u64(w, "good", counts[TM_GOOD]);
    json_put_key_u64(w, "stale", counts[TM_STALE]);
    json_put_key_u64(w, "bad", counts[TM_BAD]);
    json_put_key_u64(w, "outside", outside);
    json_end_object(w);
    json_end_object(w);
}

// Four decimals are more than a sparkline shows, and shorter to send.
static double short_number(double value)
{
    return fabs(value) < 1e9 ? round(value * 1e4) / 1e4 : value;
}

enum spark_part { SPARK_MIN, SPARK_MAX, SPARK_AVG };

static void put_buckets(struct json_writer *w, const char *key, const struct spark *spark,
                        enum spark_part part)
{
    json_put_key(w, key);
    json_begin_array(w);
    for (uint32_t i = 0; i < spark->bucket_count; i++) {
        const struct bucket *b = &spark->buckets[i];
        if (b->n == 0) {
            json_put_null(w);
        } else {
            const double value = part == SPARK_MIN   ? b->min
                                 : part == SPARK_MAX ? b->max
                                                     : b->sum / b->n;
            json_put_double(w, short_number(value));
        }
    }
    json_end_array(w);
}

static enum err put_spark(struct read_job *job, struct json_writer *w, const struct tm_point *point,
                          uint32_t series)
{
    json_put_key(w, "spark");
    if (series == UINT32_MAX || point->type == TM_TYPE_TEXT) {
        json_put_null(w);
        return OK;
    }
    struct spark spark;
    enum err err =
        spark_query(&job->reader->store, series, job->now_ms, point->interval_ms, &spark);
    if (err != OK) {
        return err;
    }
    json_begin_object(w);
    json_put_key_i64(w, "from_ms", spark.from_ms);
    json_put_key_i64(w, "step_ms", spark.step_ms);
    put_buckets(w, "min", &spark, SPARK_MIN);
    put_buckets(w, "max", &spark, SPARK_MAX);
    put_buckets(w, "avg", &spark, SPARK_AVG);
    json_end_object(w);
    return OK;
}

static enum err put_point(struct read_job *job, struct json_writer *w, const struct tm_point *point,
                          uint32_t series, const struct latest *latest, bool with_spark)
{
    const struct judgement j = point_judge(point, latest, job->app->cfg.overdue_ms, job->now_ms);
    char id[SENSOR_ID_SIZE];
    char text[TEXT_MAX] = "";
    enum err err = OK;
    if (j.quality == TM_GOOD && entry_kind_of(&latest->entry) == ENTRY_TEXT) {
        err = store_query_text(&job->reader->store, latest->entry.value, text, sizeof(text));
    }
    sensor_id(point, id);
    json_begin_object(w);
    json_put_key_u64(w, "id", point->id);
    json_put_key_string(w, "name", point->name);
    json_put_key_string(w, "sensor", id);
    json_put_key_string(w, "area", point->area != NULL ? point->area : "");
    json_put_key_bool(w, "diagnostic", point->is_diagnostic);
    json_put_key_string(w, "kind", point_kind(point));
    json_put_key_string(w, "unit", point->unit != NULL ? point->unit : "");
    json_put_key_u64(w, "decimals", point_decimals(point));
    json_put_key_u64(w, "interval_ms", point->interval_ms);
    put_limits(w, point);
    put_value(w, point, &latest->entry, j.quality == TM_GOOD, text);
    json_put_key_string(w, "quality", tm_quality_name(j.quality));
    json_put_key_string(w, "reason", j.reason);
    put_time_or_null(w, "at_ms", latest->good_at_ms);
    put_time_or_null(w, "received_ms", latest->received_ms);
    put_time_or_null(w, "age_ms",
                     latest->good_at_ms != INT64_MIN ? job->now_ms - latest->good_at_ms
                                                     : INT64_MIN);
    if (with_spark && err == OK) {
        err = put_spark(job, w, point, series);
    } else {
        json_put_key(w, "spark");
        json_put_null(w);
    }
    json_end_object(w);
    return err;
}

static int compare(const char *a, const char *b)
{
    return strverscmp(a != NULL ? a : "", b != NULL ? b : "");
}

// What stands together: sensors by their area, diagnostics by the part that they are about.
static const char *group_of(const struct tm_point *point)
{
    const char *group = point->is_diagnostic ? point->device : point->area;
    return group != NULL ? group : "";
}

// By group, device, sensor, then as the catalogue has them; "sensor 2" comes before "sensor 10".
static int by_place(const void *a, const void *b, void *ctx)
{
    const struct tm_point *points = ctx;
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    int order = compare(group_of(&points[x]), group_of(&points[y]));
    order = order != 0 ? order : compare(points[x].device, points[y].device);
    order = order != 0 ? order : compare(points[x].sensor, points[y].sensor);
    return order != 0 ? order : (x > y) - (x < y);
}

static void put_battery(struct json_writer *w, const struct read_job *job,
                        const struct site_catalogue *catalogue, const uint32_t *order,
                        uint32_t count)
{
    json_put_key(w, "battery");
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_point *point = &catalogue->tm.points[order[i]];
        const struct latest *latest = &job->reader->latest[order[i]];
        if (strcmp(point_kind(point), "battery") != 0) {
            continue;
        }
        const struct judgement j =
            point_judge(point, latest, job->app->cfg.overdue_ms, job->now_ms);
        json_begin_object(w);
        json_put_key_u64(w, "point", point->id);
        json_put_key(w, "value");
        if (j.quality == TM_GOOD && entry_kind_of(&latest->entry) == ENTRY_DECIMAL) {
            json_put_decimal(w, latest->entry.value, -(int)entry_decimals(&latest->entry));
        } else {
            json_put_null(w);
        }
        json_put_key_string(w, "unit", point->unit != NULL ? point->unit : "");
        json_end_object(w);
        return;
    }
    json_put_null(w);
}

static enum err put_sensor(struct read_job *job, struct json_writer *w,
                           const struct site_catalogue *catalogue, const uint32_t *order,
                           uint32_t count)
{
    const struct tm_point *first = &catalogue->tm.points[order[0]];
    enum tm_quality worst = TM_GOOD;
    char id[SENSOR_ID_SIZE];
    enum err err = OK;
    sensor_id(first, id);
    for (uint32_t i = 0; i < count; i++) {
        const struct judgement j =
            point_judge(&catalogue->tm.points[order[i]], &job->reader->latest[order[i]],
                        job->app->cfg.overdue_ms, job->now_ms);
        worst = j.quality > worst ? j.quality : worst;
    }
    json_begin_object(w);
    json_put_key_string(w, "id", id);
    json_put_key_string(w, "name", sensor_name(first));
    json_put_key_string(w, "area", first->area != NULL ? first->area : "");
    json_put_key_bool(w, "diagnostic", first->is_diagnostic);
    json_put_key_string(w, "quality", tm_quality_name(worst));
    put_battery(w, job, catalogue, order, count);
    json_put_key(w, "points");
    json_begin_array(w);
    for (uint32_t i = 0; err == OK && i < count; i++) {
        err = put_point(job, w, &catalogue->tm.points[order[i]], job->reader->series_of[order[i]],
                        &job->reader->latest[order[i]], true);
    }
    json_end_array(w);
    json_end_object(w);
    return err;
}

// The sensors of all areas, or the diagnostics of all parts, under this key. catalogue may be NULL.
static enum err put_groups(struct read_job *job, struct json_writer *w, const char *key,
                           const struct site_catalogue *catalogue, bool is_diagnostic)
{
    struct tm_point *points = catalogue != NULL ? catalogue->points : NULL;
    uint32_t *order = job->reader->order;
    uint32_t count = 0;
    for (uint32_t i = 0; catalogue != NULL && i < catalogue->tm.point_count; i++) {
        if (points[i].is_diagnostic == is_diagnostic) {
            order[count++] = i;
        }
    }
    qsort_r(order, count, sizeof(order[0]), by_place, points);
    json_put_key(w, key);
    json_begin_array(w);
    enum err err = OK;
    for (uint32_t at = 0; at < count && err == OK;) {
        const char *group = group_of(&points[order[at]]);
        json_begin_object(w);
        json_put_key_string(w, "name", group);
        json_put_key(w, "sensors");
        json_begin_array(w);
        while (at < count && err == OK && compare(group_of(&points[order[at]]), group) == 0) {
            uint32_t end = at + 1;
            while (end < count && compare(group_of(&points[order[end]]), group) == 0 &&
                   compare(points[order[end]].device, points[order[at]].device) == 0 &&
                   compare(points[order[end]].sensor, points[order[at]].sensor) == 0) {
                end++;
            }
            err = put_sensor(job, w, catalogue, order + at, end - at);
            at = end;
        }
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
    return err;
}

int make_overview(struct read_job *job, struct json_writer *w)
{
    struct app_reader *reader = job->reader;
    struct site_catalogue *catalogue = catalogues_take(job->app->cfg.catalogues, job->site);
    if (catalogue != NULL) {
        latest_of_points(job->app->cfg.store, job->site, catalogue, reader->series_of,
                         reader->latest);
    }
    json_begin_object(w);
    json_put_key(w, "site");
    put_site(w, job->app, job->site, catalogue, reader->latest, job->now_ms);
    json_put_key_i64(w, "now_ms", job->now_ms);
    json_put_key_string(w, "last_event_id", job->last_event_id);
    enum err err = put_groups(job, w, "areas", catalogue, false);
    err = err == OK ? put_groups(job, w, "diagnostics", catalogue, true) : err;
    json_end_object(w);
    catalogue_give(catalogue);
    return err == OK ? 200 : 503;
}

int make_sites(struct read_job *job, struct json_writer *w)
{
    struct app_reader *reader = job->reader;
    struct store *store = job->app->cfg.store;
    pthread_mutex_lock(&store->lock);
    const uint32_t site_count = store->site_count;
    pthread_mutex_unlock(&store->lock);
    json_begin_object(w);
    json_put_key_i64(w, "now_ms", job->now_ms);
    json_put_key(w, "sites");
    json_begin_array(w);
    for (uint32_t site = 0; site < site_count; site++) {
        const char *device = store->sites[site].device;
        if (!access_allows(&job->access, CAN_SEE, bytes_of(device, strlen(device)), job->now_ms)) {
            continue;
        }
        struct site_catalogue *catalogue = catalogues_take(job->app->cfg.catalogues, site);
        if (catalogue != NULL) {
            latest_of_points(store, site, catalogue, reader->series_of, reader->latest);
        }
        put_site(w, job->app, site, catalogue, reader->latest, job->now_ms);
        catalogue_give(catalogue);
    }
    json_end_array(w);
    json_end_object(w);
    return 200;
}

int make_point(struct read_job *job, struct json_writer *w)
{
    struct app_reader *reader = job->reader;
    struct site_catalogue *catalogue = catalogues_take(job->app->cfg.catalogues, job->site);
    uint32_t index = 0;
    int status = 404;
    if (catalogue != NULL && tm_catalogue_index(&catalogue->tm, job->point, &index) == OK) {
        latest_of_points(job->app->cfg.store, job->site, catalogue, reader->series_of,
                         reader->latest);
        status = put_point(job, w, &catalogue->tm.points[index], reader->series_of[index],
                           &reader->latest[index], false) == OK
                     ? 200
                     : 503;
    }
    catalogue_give(catalogue);
    return status;
}

static void put_numbers(struct json_writer *w, const struct query *q)
{
    static const char *const keys[] = {"t", "min", "max", "avg", "n"};
    for (size_t k = 0; k < COUNT_OF(keys); k++) {
        json_put_key(w, keys[k]);
        json_begin_array(w);
        for (uint32_t i = 0; i < q->bucket_count; i++) {
            const struct bucket *b = &q->buckets[i];
            if (b->n == 0) {
                continue;
            }
            switch (k) {
            case 0: json_put_i64(w, q->from_ms + (int64_t)i * q->step_ms); break;
            case 1: json_put_double(w, b->min); break;
            case 2: json_put_double(w, b->max); break;
            case 3: json_put_double(w, b->sum / b->n); break;
            default: json_put_u64(w, b->n);
            }
        }
        json_end_array(w);
    }
}

static void put_spans(struct json_writer *w, const struct query *q, const struct query_gap *gaps,
                      uint32_t gap_count)
{
    json_put_key(w, "quality");
    json_begin_array(w);
    for (uint32_t i = 0; i < q->span_count; i++) {
        const struct quality_span *span = &q->spans[i];
        json_begin_object(w);
        json_put_key_i64(w, "from", span->from_ms);
        json_put_key_i64(w, "to", span->to_ms);
        json_put_key_string(w, "quality", tm_quality_name((enum tm_quality)span->quality));
        json_put_key_string(w, "reason", tm_reason_name((enum tm_reason)span->reason));
        json_end_object(w);
    }
    json_end_array(w);
    json_put_key(w, "gaps");
    json_begin_array(w);
    for (uint32_t i = 0; i < gap_count; i++) {
        json_begin_object(w);
        json_put_key_i64(w, "from", gaps[i].from_ms);
        json_put_key_i64(w, "to", gaps[i].to_ms);
        json_put_key_u64(w, "count", gaps[i].count);
        json_end_object(w);
    }
    json_end_array(w);
}

int make_series(struct read_job *job, struct json_writer *w)
{
    struct app_reader *reader = job->reader;
    struct store *store = job->app->cfg.store;
    struct site_catalogue *catalogue = catalogues_take(job->app->cfg.catalogues, job->site);
    const struct tm_point *point =
        catalogue != NULL ? catalogue_point(catalogue, job->point) : NULL;
    struct query q = {.from_ms = job->from_ms,
                      .to_ms = job->to_ms,
                      .bucket_count = job->count,
                      .buckets = reader->buckets,
                      .spans = reader->spans};
    uint32_t gap_count = 0;
    enum err err = OK;
    if (store_find_series(store, job->site, job->point, &q.series)) {
        // Never more buckets than milliseconds.
        const int64_t length_ms = q.to_ms - q.from_ms;
        q.bucket_count = length_ms < q.bucket_count ? (uint32_t)length_ms : q.bucket_count;
        err = store_query(&reader->store, &q);
    } else if (point != NULL) {
        q.bucket_count = 0;
        q.step_ms = (q.to_ms - q.from_ms + job->count - 1) / job->count;
    } else {
        catalogue_give(catalogue);
        return 404;
    }
    if (err == OK) {
        err = store_query_gaps(&reader->store, job->site, q.from_ms, q.to_ms, reader->gaps,
                               &gap_count);
    }
    json_begin_object(w);
    json_put_key_string(w, "site", store->sites[job->site].device);
    json_put_key_u64(w, "point", job->point);
    json_put_key_string(w, "unit", point != NULL && point->unit != NULL ? point->unit : "");
    json_put_key_u64(w, "decimals", point != NULL ? point_decimals(point) : 0);
    json_put_key_i64(w, "from", q.from_ms);
    json_put_key_i64(w, "to", q.to_ms);
    json_put_key_i64(w, "step_ms", q.step_ms);
    put_numbers(w, &q);
    put_spans(w, &q, reader->gaps, gap_count);
    if (point != NULL) {
        put_limits(w, point);
    } else {
        json_put_key(w, "limits");
        json_put_null(w);
    }
    json_end_object(w);
    catalogue_give(catalogue);
    return err == OK ? 200 : 503;
}

static void put_event(void *ctx, const struct query_event *e)
{
    struct json_writer *w = ctx;
    json_begin_object(w);
    json_put_key_i64(w, "id", e->id);
    put_time_or_null(w, "at_ms", e->has_time ? e->at_ms : INT64_MIN);
    json_put_key_i64(w, "received_ms", e->received_ms);
    json_put_key_string(w, "kind", e->kind);
    json_put_key_string(w, "text", e->text);
    json_put_key(w, "point");
    if (e->point != 0) {
        json_put_u64(w, e->point);
    } else {
        json_put_null(w);
    }
    json_end_object(w);
}

int make_events(struct read_job *job, struct json_writer *w)
{
    json_begin_object(w);
    json_put_key(w, "events");
    json_begin_array(w);
    enum err err = store_query_events(&job->reader->store, job->site, job->count, put_event, w);
    json_end_array(w);
    json_end_object(w);
    return err == OK ? 200 : 503;
}
