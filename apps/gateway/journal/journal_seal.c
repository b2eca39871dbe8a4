// SPDX-License-Identifier: Apache-2.0
// Sealing: which message is due, and its exact bytes. A built message stays as it is until the
// commit that holds it succeeds; until then nobody outside has seen it.
#include "apps/gateway/journal/journal_internal.h"

#include "base/assert.h"

#include <string.h>

static struct journal_seal *begin_seal(struct journal *journal, enum journal_lane lane,
                                       enum tm_message_kind kind)
{
    struct journal_log *log = &journal->logs[lane];
    log->seal = (struct journal_seal){
        .ordinal = log->seal_next,
        .bag = {.kind = kind,
                .journal_id = journal->cfg.journal_id,
                .number = journal->number_next++},
        .samples_to = lane == LANE_TELEMETRY ? journal->sample_first + journal->sealed_count : 0};
    log->taken = 0;
    return &log->seal;
}

static uint64_t catalogue_hash(const struct journal *journal)
{
    return journal->catalogue == NULL ? 0 : journal->catalogue->hash;
}

static struct tm_body body_of(struct journal_log *log)
{
    return (struct tm_body){.out = (char *)log->payload, .capacity = sizeof(log->payload)};
}

static bool build_catalogue(struct journal *journal)
{
    struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    bool is_first = journal->catalogue_cursor.index == 0;
    enum err err =
        tm_catalogue_write(journal->catalogue, &journal->catalogue_cursor, (char *)log->payload,
                           sizeof(log->payload), &log->payload_size);
    if (err != OK) {
        log->payload_size = 0;
        journal->must_send_catalogue = false;
        return false;
    }
    const struct journal_seal *seal = begin_seal(journal, LANE_TELEMETRY, TM_MESSAGE_CATALOGUE);
    journal->catalogue_from = is_first ? seal->ordinal : journal->catalogue_from;
    journal->catalogue_to = seal->ordinal + 1;
    return true;
}

bool journal_build_gap(struct journal *journal)
{
    if (journal->gap_count == 0) {
        return false;
    }
    struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    struct journal_gap gap = journal->gaps[0];
    struct tm_event event = {.kind = TM_EVENT_GAP,
                             .at_ms = gap.to_ms,
                             .count = gap.count,
                             .from_ms = gap.from_ms,
                             .to_ms = gap.to_ms,
                             .text = bytes_of(gap.why, strlen(gap.why))};
    struct tm_body body = body_of(log);
    enum err err = tm_events_write(catalogue_hash(journal), (struct tm_axis){.boot_id = gap.boot},
                                   &event, 1, &body);
    ASSERT(err == OK && body.taken == 1);
    log->payload_size = body.size;
    struct journal_seal *seal = begin_seal(journal, LANE_TELEMETRY, TM_MESSAGE_EVENTS);
    seal->axis_boot = gap.boot;
    seal->from_ms = gap.from_ms;
    seal->to_ms = gap.to_ms;
    seal->sample_count = gap.count;
    journal->gap_count--;
    memmove(&journal->gaps[0], &journal->gaps[1], journal->gap_count * sizeof(journal->gaps[0]));
    return true;
}

// Moves the samples onto the message's axis and back again.
static void shift(struct tm_sample *samples, size_t count, int64_t shift_ms)
{
    for (size_t i = 0; i < count; i++) {
        samples[i].at_us += (uint64_t)shift_ms * US_PER_MS;
    }
}

static void set_span(struct journal_seal *seal, const struct tm_sample *samples, size_t count)
{
    uint64_t from_us = samples[0].at_us;
    uint64_t to_us = samples[0].at_us;
    for (size_t i = 1; i < count; i++) {
        from_us = samples[i].at_us < from_us ? samples[i].at_us : from_us;
        to_us = samples[i].at_us > to_us ? samples[i].at_us : to_us;
    }
    seal->from_ms = (int64_t)(from_us / US_PER_MS);
    seal->to_ms = (int64_t)(to_us / US_PER_MS);
    seal->sample_count = count;
}

// What dates the first unsealed sample.
static const struct journal_boot *first_boot(const struct journal *journal)
{
    return journal_boot_of(journal, journal->sample_first + journal->sealed_count);
}

// The format refused the first sample: it is given up, and a gap marker tells.
static void skip_sample(struct journal *journal)
{
    journal_gap_add_sample(journal, &journal->cfg.window[journal->sealed_count], "refused");
    journal->stats.samples_dropped++;
    journal_window_sealed(journal, journal->sample_first + journal->sealed_count + 1);
    journal_notify(journal, JOURNAL_REFUSED, LANE_TELEMETRY, 1);
}

bool journal_build_samples(struct journal *journal)
{
    struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    const struct tm_encode_memory memory = {.order = journal->order,
                                            .capacity = COUNT_OF(journal->order)};
    journal->fit_sorted = 0; // the packer has the order now
    while (journal_unsealed(journal) > 0) {
        const struct journal_boot *boot = first_boot(journal);
        bool has_utc = boot->utc_offset_ms != JOURNAL_UTC_UNKNOWN;
        int64_t shift_ms = has_utc ? boot->utc_offset_ms : 0;
        struct tm_axis axis = {.boot_id = has_utc ? 0 : boot->boot};
        struct tm_sample *samples = &journal->cfg.window[journal->sealed_count];
        size_t count = journal_window_run_end(journal) - journal->sealed_count;
        struct tm_body body = body_of(log);
        shift(samples, count, shift_ms);
        enum err err = tm_encode(journal->catalogue, axis, samples, count, &memory, &body);
        if (err == ERR_ARG && body.taken > 0) {
            err = tm_encode(journal->catalogue, axis, samples, body.taken, &memory, &body);
        }
        if (err == OK) {
            log->payload_size = body.size;
            struct journal_seal *seal = begin_seal(journal, LANE_TELEMETRY, TM_MESSAGE_SAMPLES);
            seal->axis_boot = axis.boot_id;
            set_span(seal, samples, body.taken);
            seal->samples_to += body.taken;
            log->taken = body.taken;
        }
        shift(samples, count, -shift_ms);
        if (err == OK) {
            return true;
        }
        skip_sample(journal);
    }
    return false;
}

// The first events, as many as the same clock dates.
static bool build_events(struct journal *journal)
{
    struct journal_log *log = &journal->logs[LANE_ALERTS];
    if (journal->event_count == 0) {
        return false;
    }
    const int64_t offset_ms = journal->events[0].utc_offset_ms;
    bool has_utc = offset_ms != JOURNAL_UTC_UNKNOWN;
    int64_t shift_ms = has_utc ? offset_ms : 0;
    struct tm_axis axis = {.boot_id = has_utc ? 0 : journal_present_boot(journal)->boot};
    struct tm_event shifted[JOURNAL_EVENTS_MAX];
    size_t count = 0;
    while (count < journal->event_count && journal->events[count].utc_offset_ms == offset_ms) {
        size_t i = count++;
        shifted[i] = journal->events[i].event;
        shifted[i].at_ms += shift_ms;
        shifted[i].from_ms += shift_ms;
        shifted[i].to_ms += shift_ms;
    }
    struct tm_body body = body_of(log);
    enum err err = tm_events_write(catalogue_hash(journal), axis, shifted, count, &body);
    if (err != OK) {
        // The format refuses the event after those taken: it goes, the others stay.
        journal->event_count--;
        memmove(&journal->events[body.taken], &journal->events[body.taken + 1],
                (journal->event_count - body.taken) * sizeof(journal->events[0]));
        journal_notify(journal, JOURNAL_REFUSED, LANE_ALERTS, 1);
        return build_events(journal);
    }
    ASSERT(body.taken > 0 && body.taken <= count);
    log->payload_size = body.size;
    struct journal_seal *seal = begin_seal(journal, LANE_ALERTS, TM_MESSAGE_EVENTS);
    seal->axis_boot = axis.boot_id;
    seal->from_ms = shifted[0].at_ms;
    seal->to_ms = shifted[body.taken - 1].at_ms;
    seal->sample_count = body.taken;
    log->taken = body.taken;
    return true;
}

bool journal_samples_due(const struct journal *journal, uint64_t now_us)
{
    size_t unsealed = journal_unsealed(journal);
    if (unsealed == 0 || journal->catalogue == NULL) {
        return false;
    }
    const struct journal_boot *boot = first_boot(journal);
    bool is_present = boot == &journal->boots[journal->boot_count - 1];
    if (!is_present || unsealed >= JOURNAL_UNSEALED_MAX || journal_is_full_of_texts(journal)) {
        return true;
    }
    if (boot->utc_offset_ms == JOURNAL_UTC_UNKNOWN) {
        return false; // it may be learned; without it no hub lets us in
    }
    uint64_t age_us = journal->cfg.max_age_ms * US_PER_MS;
    if (journal->is_watched) {
        age_us = time_min(age_us, journal->cfg.watch_age_ms * US_PER_MS);
    }
    return journal->is_message_full || journal_has_many_texts(journal) ||
           now_us >= journal->hurry_us || now_us >= time_after(journal->oldest_us, age_us);
}

bool journal_build(struct journal *journal, enum journal_lane lane, uint64_t now_us)
{
    if (journal->logs[lane].payload_size > 0) {
        return true; // built before, its commit failed
    }
    if (lane == LANE_ALERTS) {
        return build_events(journal);
    }
    if (journal->catalogue != NULL && journal->must_send_catalogue && build_catalogue(journal)) {
        return true;
    }
    return journal_build_gap(journal) ||
           (journal_samples_due(journal, now_us) && journal_build_samples(journal));
}
