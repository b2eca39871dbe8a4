// SPDX-License-Identifier: Apache-2.0
// Gaps: samples that will never be in a message, until a gap marker has told of them.
#include "apps/gateway/journal/journal_internal.h"

#include <string.h>

void journal_gap_add(struct journal *journal, const struct journal_gap *gap)
{
    struct journal_gap *same = NULL;
    for (size_t i = 0; i < journal->gap_count; i++) {
        if (journal->gaps[i].boot == gap->boot && strcmp(journal->gaps[i].why, gap->why) == 0) {
            same = &journal->gaps[i];
        }
    }
    if (same == NULL && journal->gap_count < JOURNAL_GAPS_MAX) {
        journal->gaps[journal->gap_count++] = *gap;
        return;
    }
    if (same == NULL) {
        // More kinds of gaps at once than there is room for: the count stays right.
        journal->gaps[JOURNAL_GAPS_MAX - 1].count += gap->count;
        return;
    }
    same->count += gap->count;
    same->from_ms = gap->from_ms < same->from_ms ? gap->from_ms : same->from_ms;
    same->to_ms = gap->to_ms > same->to_ms ? gap->to_ms : same->to_ms;
}

static void add_span(struct journal *journal, const struct journal_boot *boot, const char *why,
                     uint64_t count, uint64_t from_us, uint64_t to_us)
{
    bool has_utc = boot->utc_offset_ms != JOURNAL_UTC_UNKNOWN;
    int64_t shift_ms = has_utc ? boot->utc_offset_ms : 0;
    journal_gap_add(journal,
                    &(struct journal_gap){.boot = has_utc ? 0 : boot->boot,
                                          .count = count,
                                          .from_ms = (int64_t)(from_us / US_PER_MS) + shift_ms,
                                          .to_ms = (int64_t)(to_us / US_PER_MS) + shift_ms,
                                          .why = why});
}

void journal_add_gap(struct journal *journal, uint64_t count, uint64_t from_us, uint64_t to_us)
{
    add_span(journal, journal_present_boot(journal), "queue", count, from_us, to_us);
}

void journal_add_event_gap(struct journal *journal, uint64_t count, int64_t from_ms, int64_t to_ms)
{
    add_span(journal, journal_present_boot(journal), "alerts", count, (uint64_t)from_ms * US_PER_MS,
             (uint64_t)to_ms * US_PER_MS);
}

void journal_gap_add_sample(struct journal *journal, const struct tm_sample *sample,
                            const char *why)
{
    // A sample of the window may be of an earlier boot; any other is of the present one.
    const struct journal_boot *boot = journal_present_boot(journal);
    const struct tm_sample *window = journal->cfg.window;
    if (sample >= window && sample < window + journal->count) {
        boot = journal_boot_of(journal, journal->sample_first + (uint64_t)(sample - window));
    }
    add_span(journal, boot, why, 1, sample->at_us, sample->at_us);
}
