// SPDX-License-Identifier: Apache-2.0
// The sparkline of a series: up to the last 24 hours in a few buckets, less while the series is
// young, so that a line is there from the first minutes on.
#ifndef CLOUD_STORE_SPARK_H
#define CLOUD_STORE_SPARK_H

#include "apps/cloud/store/query.h"

enum {
    SPARK_BUCKETS_MAX = 48,
    SPARK_SPAN_MIN_MS = 15 * 60 * 1000,
    SPARK_SPAN_MAX_MS = 24 * 60 * 60 * 1000,
};

struct spark {
    int64_t from_ms; // a multiple of step_ms
    int64_t step_ms;
    uint32_t bucket_count;
    struct bucket buckets[SPARK_BUCKETS_MAX];
};

// Fills from_ms, step_ms and bucket_count: the span from the first sample (INT64_MAX: none yet) to
// now within the limits above, in steps that samples every interval_ms (0: unknown) all reach.
void spark_frame(int64_t first_ms, int64_t now_ms, uint32_t interval_ms, struct spark *out);

// As store_query().
NODISCARD enum err spark_query(struct store_reader *reader, uint32_t series, int64_t now_ms,
                               uint32_t interval_ms, struct spark *out);

#endif
