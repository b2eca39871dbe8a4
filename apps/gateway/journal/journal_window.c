// SPDX-License-Identifier: Apache-2.0
// The window: samples that no sealed message holds yet, in the order they came.
#include "apps/gateway/journal/journal_internal.h"

#include "base/assert.h"

#include <string.h>

enum { TEXTS_MANY = JOURNAL_TEXTS_SIZE / 4 * 3 };

size_t journal_unsealed(const struct journal *journal)
{
    return journal->count - journal->sealed_count;
}

struct journal_boot *journal_present_boot(struct journal *journal)
{
    return &journal->boots[journal->boot_count - 1];
}

struct journal_boot *journal_enter_boot(struct journal *journal, uint64_t boot,
                                        int64_t utc_offset_ms)
{
    if (journal->boot_count == JOURNAL_BOOTS_MAX) {
        journal->boot_count--;
        memmove(&journal->boots[0], &journal->boots[1],
                journal->boot_count * sizeof(journal->boots[0]));
    }
    journal->boots[journal->boot_count++] =
        (struct journal_boot){.boot = boot,
                              .utc_offset_ms = utc_offset_ms,
                              .first_ordinal = journal->sample_first + journal->count};
    return journal_present_boot(journal);
}

const struct journal_boot *journal_boot_of(const struct journal *journal, uint64_t ordinal)
{
    size_t at = journal->boot_count - 1;
    while (at > 0 && journal->boots[at].first_ordinal > ordinal) {
        at--;
    }
    return &journal->boots[at];
}

bool journal_has_many_texts(const struct journal *journal)
{
    return journal->texts_size - journal->texts_sealed >= TEXTS_MANY;
}

bool journal_is_full_of_texts(const struct journal *journal)
{
    return journal->texts_size - journal->texts_sealed > JOURNAL_TEXTS_SIZE - TM_TEXT_SIZE_MAX;
}

bool journal_has_room(const struct journal *journal, const struct tm_sample *sample)
{
    bool has_text = sample->value.kind == TM_TEXT;
    return journal->count < journal->cfg.window_capacity &&
           (!has_text || sample->value.text_size <= JOURNAL_TEXTS_SIZE - journal->texts_size);
}

bool journal_window_add(struct journal *journal, const struct tm_sample *sample)
{
    if (!journal_has_room(journal, sample) ||
        (sample->value.kind == TM_TEXT && sample->value.text_size > TM_TEXT_SIZE_MAX)) {
        return false;
    }
    struct tm_sample copy = *sample;
    if (copy.value.kind == TM_TEXT) {
        char *text = &journal->texts[journal->texts_size];
        if (copy.value.text_size > 0) {
            memcpy(text, copy.value.u.text, copy.value.text_size);
        }
        copy.value.u.text = text;
        journal->texts_size += copy.value.text_size;
    }
    journal->cfg.window[journal->count++] = copy;
    return true;
}

// The texts of the samples that go were the first ones: the others move to their place.
static void compact_texts(struct journal *journal, size_t gone)
{
    struct tm_sample *window = journal->cfg.window;
    size_t size = journal->texts_sealed;
    if (size == 0) {
        return;
    }
    journal->texts_size -= size;
    journal->texts_sealed = 0;
    memmove(&journal->texts[0], &journal->texts[size], journal->texts_size);
    for (size_t i = gone; i < journal->count; i++) {
        if (window[i].value.kind == TM_TEXT) {
            window[i].value.u.text -= size;
        }
    }
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
        journal->fit_look_at = journal->fit_sorted = 0; // the next message begins elsewhere
    }
    while (journal->sealed_count < end) {
        const struct tm_value *value = &journal->cfg.window[journal->sealed_count++].value;
        journal->texts_sealed += value->kind == TM_TEXT ? value->text_size : 0;
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
    compact_texts(journal, gone);
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
