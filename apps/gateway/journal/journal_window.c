// SPDX-License-Identifier: Apache-2.0
// The window: samples that no sealed message holds yet, in the order they came.
#include "apps/gateway/journal/journal_internal.h"

#include "base/assert.h"

#include <string.h>

size_t journal_unsealed(const struct journal *journal)
{
    return journal->count - journal->sealed_count;
}

struct journal_boot *journal_present_boot(struct journal *journal)
{
    return &journal->boots[journal->boot_count - 1];
}

static bool is_slot_used(const struct journal *journal, const char *text)
{
    for (size_t i = 0; i < journal->count; i++) {
        const struct tm_value *value = &journal->cfg.window[i].value;
        if (value->kind == TM_TEXT && value->u.text == text) {
            return true;
        }
    }
    return false;
}

static bool copy_text(struct journal *journal, struct tm_value *value)
{
    if (value->text_size > TM_TEXT_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < JOURNAL_TEXTS_MAX; i++) {
        if (!is_slot_used(journal, journal->texts[i])) {
            if (value->text_size > 0) {
                memcpy(journal->texts[i], value->u.text, value->text_size);
            }
            value->u.text = journal->texts[i];
            return true;
        }
    }
    return false;
}

bool journal_window_add(struct journal *journal, const struct tm_sample *sample)
{
    if (journal->count == journal->cfg.window_capacity) {
        return false;
    }
    struct tm_sample copy = *sample;
    if (copy.value.kind == TM_TEXT && !copy_text(journal, &copy.value)) {
        return false;
    }
    journal->cfg.window[journal->count++] = copy;
    return true;
}

static void forget_boots(struct journal *journal)
{
    uint64_t first = journal->sample_first + journal->sealed_count;
    while (journal->boot_count > 1 && journal->boots[1].first_ordinal <= first) {
        journal->boot_count--;
        memmove(&journal->boots[0], &journal->boots[1],
                journal->boot_count * sizeof(journal->boots[0]));
    }
}

void journal_window_sealed(struct journal *journal, uint64_t end_ordinal)
{
    uint64_t end = end_ordinal > journal->sample_first ? end_ordinal - journal->sample_first : 0;
    if (end > journal->count) {
        end = journal->count;
    }
    if (end > journal->sealed_count) {
        journal->sealed_count = (size_t)end;
        journal->fit_look_at = journal->fit_sorted = 0; // the next message begins elsewhere
    }
    if (journal->sealed_count > journal->journalled_count) {
        journal->journalled_count = journal->sealed_count;
    }
    size_t done = 0;
    while (done < journal->batch_count && journal->batches[done].end_ordinal <= end_ordinal) {
        done++;
    }
    journal->batch_count -= done;
    memmove(&journal->batches[0], &journal->batches[done],
            journal->batch_count * sizeof(journal->batches[0]));
}

void journal_window_compact(struct journal *journal)
{
    size_t gone = journal->sealed_count;
    journal->synced_from = journal->synced_to = journal->journalled_count - gone;
    if (gone == 0) {
        return;
    }
    forget_boots(journal);
    journal->count -= gone;
    memmove(&journal->cfg.window[0], &journal->cfg.window[gone],
            journal->count * sizeof(journal->cfg.window[0]));
    journal->sample_first += gone;
    journal->journalled_count -= gone;
    journal->sealed_count = 0;
}

size_t journal_window_run_end(const struct journal *journal)
{
    uint64_t first = journal->sample_first + journal->sealed_count;
    for (size_t i = 1; i < journal->boot_count; i++) {
        uint64_t begin = journal->boots[i].first_ordinal;
        if (begin > first) {
            uint64_t index = begin - journal->sample_first;
            return index < journal->count ? (size_t)index : journal->count;
        }
    }
    return journal->count;
}

void journal_batch_add(struct journal *journal, uint64_t record, uint64_t end_ordinal)
{
    if (journal->batch_count == JOURNAL_BATCHES_MAX) {
        // The older record stands for both: it is only held a little longer than needed.
        journal->batches[JOURNAL_BATCHES_MAX - 1].end_ordinal = end_ordinal;
        return;
    }
    journal->batches[journal->batch_count].record = record;
    journal->batches[journal->batch_count].end_ordinal = end_ordinal;
    journal->batch_count++;
}
