// SPDX-License-Identifier: Apache-2.0
// From samples to the spans in which a point was not good.
#ifndef CLOUD_STORE_QUALITY_H
#define CLOUD_STORE_QUALITY_H

#include "apps/cloud/store/query.h"

enum { QUALITY_MARKS_MAX = 65536 };

// A moment at which the quality was stated.
struct quality_mark {
    int64_t at_ms;
    uint32_t order; // of arrival, for equal times
    uint8_t quality;
    uint8_t reason;
};

// Samples that say nothing new are left out. Beyond the limit the newest are dropped.
void quality_marks_add(struct quality_mark *marks, size_t *mark_count, const struct entry *entries,
                       size_t count);
void quality_marks_good(struct quality_mark *marks, size_t *mark_count, int64_t at_ms);
// Sorts the marks and fills query->spans.
void quality_spans_make(struct quality_mark *marks, size_t mark_count, struct query *query);

#endif
