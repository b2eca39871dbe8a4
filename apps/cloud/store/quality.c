// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/quality.h"

#include <stdlib.h>

static void mark_add(struct quality_mark *marks, size_t *mark_count, struct quality_mark mark)
{
    if (*mark_count < QUALITY_MARKS_MAX) {
        mark.order = (uint32_t)*mark_count;
        marks[(*mark_count)++] = mark;
    }
}

void quality_marks_add(struct quality_mark *marks, size_t *mark_count, const struct entry *entries,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t quality = entry_quality(&entries[i]);
        // First and last good samples bound what an overlapping chunk may say in between.
        if (i > 0 && i + 1 < count && quality == 0 && entry_quality(&entries[i - 1]) == 0) {
            continue;
        }
        mark_add(marks, mark_count,
                 (struct quality_mark){
                     .at_ms = entry_at(&entries[i]),
                     .quality = quality,
                     .reason = entries[i].reason,
                 });
    }
}

void quality_marks_good(struct quality_mark *marks, size_t *mark_count, int64_t at_ms)
{
    mark_add(marks, mark_count, (struct quality_mark){.at_ms = at_ms});
}

static int by_time(const void *a, const void *b)
{
    const struct quality_mark *x = a;
    const struct quality_mark *y = b;
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return (x->order > y->order) - (x->order < y->order);
}

static void span_add(struct query *query, struct quality_mark mark, int64_t to_ms)
{
    const int64_t from_ms = mark.at_ms > query->from_ms ? mark.at_ms : query->from_ms;
    to_ms = to_ms < query->to_ms ? to_ms : query->to_ms;
    if (mark.quality == 0 || from_ms >= to_ms) {
        return;
    }
    struct quality_span *last = query->span_count > 0 ? &query->spans[query->span_count - 1] : NULL;
    if (last != NULL &&
        ((last->to_ms == from_ms && last->quality == mark.quality && last->reason == mark.reason) ||
         query->span_count == QUERY_SPANS_MAX)) {
        last->to_ms = to_ms;
        return;
    }
    query->spans[query->span_count++] = (struct quality_span){
        .from_ms = from_ms, .to_ms = to_ms, .quality = mark.quality, .reason = mark.reason};
}

void quality_spans_make(struct quality_mark *marks, size_t mark_count, struct query *query)
{
    qsort(marks, mark_count, sizeof(marks[0]), by_time);
    query->span_count = 0;
    for (size_t i = 0; i < mark_count; i++) {
        span_add(query, marks[i], i + 1 < mark_count ? marks[i + 1].at_ms : query->to_ms);
    }
}
