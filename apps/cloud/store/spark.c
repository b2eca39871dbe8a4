// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/spark.h"

#include "base/assert.h"

// Few steps, so that a line keeps its buckets for a while; each takes at most 5/3 of the one
// before.
static const uint16_t steps_s[] = {20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800};
_Static_assert(20 * 1000 * SPARK_BUCKETS_MAX >= SPARK_SPAN_MIN_MS, "the shortest span fits");
_Static_assert(1800 * 1000 * SPARK_BUCKETS_MAX == SPARK_SPAN_MAX_MS, "the longest span fits");

void spark_frame(int64_t first_ms, int64_t now_ms, uint32_t interval_ms, struct spark *out)
{
    int64_t span_ms = SPARK_SPAN_MAX_MS;
    if (first_ms > now_ms - SPARK_SPAN_MIN_MS) {
        span_ms = SPARK_SPAN_MIN_MS;
    } else if (first_ms > now_ms - SPARK_SPAN_MAX_MS) {
        span_ms = now_ms - first_ms;
    }
    // Samples are never quite punctual: half an interval more, and no bucket between two is empty.
    const int64_t needed_ms = (int64_t)interval_ms + interval_ms / 2;
    size_t i = 0;
    while (i + 1 < COUNT_OF(steps_s) && (steps_s[i] * INT64_C(1000) * SPARK_BUCKETS_MAX < span_ms ||
                                         steps_s[i] * INT64_C(1000) < needed_ms)) {
        i++;
    }
    out->step_ms = steps_s[i] * INT64_C(1000);
    out->bucket_count = (uint32_t)((span_ms + out->step_ms - 1) / out->step_ms);
    const int64_t to_ms = (now_ms / out->step_ms + 1) * out->step_ms;
    out->from_ms = to_ms - out->bucket_count * out->step_ms;
}

enum err spark_query(struct store_reader *reader, uint32_t series, int64_t now_ms,
                     uint32_t interval_ms, struct spark *out)
{
    int64_t first_ms = INT64_MAX;
    enum err err = store_query_first(reader, series, &first_ms);
    if (err != OK) {
        return err;
    }
    spark_frame(first_ms, now_ms, interval_ms, out);
    struct query q = {.series = series,
                      .from_ms = out->from_ms,
                      .to_ms = out->from_ms + out->bucket_count * out->step_ms,
                      .bucket_count = out->bucket_count,
                      .buckets = out->buckets};
    return store_query(reader, &q);
}
