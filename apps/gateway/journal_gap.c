// SPDX-License-Identifier: Apache-2.0
// Gaps: samples that will never be in a message, until a gap marker has told of them.
#include "apps/gateway/journal_internal.h"

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

// The boot of the window's sample with that index; the present one for a sample not in it.
void journal_gap_add_sample(struct journal *journal, const struct tm_sample *sample,
                            const char *why)
{
    const struct journal_boot *boot = journal_present_boot(journal);
    if (sample >= journal->cfg.window && sample < journal->cfg.window + journal->count) {
        uint64_t ordinal = journal->sample_first + (uint64_t)(sample - journal->cfg.window);
        while (boot > journal->boots && boot->first_ordinal > ordinal) {
            boot--;
        }
    }
    bool has_utc = boot->utc_offset_ms != JOURNAL_UTC_UNKNOWN;
    int64_t at_ms = (int64_t)(sample->at_us / US_PER_MS) + (has_utc ? boot->utc_offset_ms : 0);
    journal_gap_add(journal, &(struct journal_gap){.boot = has_utc ? 0 : boot->boot,
                                                   .count = 1,
                                                   .from_ms = at_ms,
                                                   .to_ms = at_ms,
                                                   .why = why});
}
