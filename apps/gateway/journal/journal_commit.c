// SPDX-License-Identifier: Apache-2.0
// The commit: everything that is new in a lane becomes durable as one record, so that a power cut
// leaves all of it or nothing. Two rules hold where one record is not enough: a relay's state never
// goes ahead of its samples, and a floor never goes ahead of the markers of what it passed. The
// first commit of each new segment is followed by a checkpoint, so that older ones can go.
#include "apps/gateway/journal/journal_internal.h"

#include "base/assert.h"

#include <string.h>

enum {
    SAMPLES_END = JOURNAL_RECORD_SIZE_MAX - 4096, // leaves room for relays
    RELAYS_END = JOURNAL_RECORD_SIZE_MAX - 64,
    RELAY_SIZE_MAX = 24,
    RELAYS_PER_CHECKPOINT = 256,
};

_Static_assert(RELAYS_PER_CHECKPOINT *(RELAY_SIZE_MAX + 14) < JOURNAL_RECORD_SIZE_MAX,
               "a checkpoint's record holds its relays, each in a section of its own at worst");

static enum err append_record(struct journal *journal, enum journal_lane lane,
                              const struct writer *w, uint64_t *record)
{
    ASSERT(!w->failed);
    struct bytes part = writer_bytes(w);
    enum err err = sl_append(&journal->logs[lane].log, JOURNAL_RECORD_KIND, &part, 1, record);
    if (err == OK) {
        journal->stats.bytes += part.size + SL_RECORD_HEADER_SIZE;
    }
    return err;
}

static int64_t relay_utc_ms(struct journal *journal, const struct journal_relay *relay)
{
    const struct journal_boot *boot = journal_present_boot(journal);
    if (relay->boot != boot->boot || boot->utc_offset_ms == JOURNAL_UTC_UNKNOWN) {
        return relay->utc_ms;
    }
    return (int64_t)(relay->at_us / US_PER_MS) + boot->utc_offset_ms;
}

static size_t relay_section_begin(struct writer *w, uint64_t boot, bool has_utc, uint16_t count)
{
    size_t begun = journal_section_begin(w, SECTION_RELAYS);
    put_u64le(w, boot);
    put_u8(w, has_utc);
    put_u16le(w, count);
    return begun;
}

static enum err checkpoint_relays(struct journal *journal, size_t from, size_t count)
{
    struct writer w = writer_of(journal->record, sizeof(journal->record));
    for (size_t i = from; i < from + count; i++) {
        struct journal_relay relay = journal->cfg.relays[i];
        relay.utc_ms = relay_utc_ms(journal, &relay);
        size_t begun = relay_section_begin(&w, relay.boot, true, 1);
        journal_put_relay(&w, &relay, true);
        journal_section_end(&w, begun);
    }
    uint64_t record;
    return append_record(journal, LANE_TELEMETRY, &w, &record);
}

// All state that still counts, so that no older record is needed for it. It comes after the record
// that bears it out: ahead of it, a power cut in between would leave a claim without its ground.
static enum err append_checkpoint(struct journal *journal, enum journal_lane lane, uint64_t *record)
{
    struct journal_log *log = &journal->logs[lane];
    struct writer w = writer_of(journal->record, sizeof(journal->record));
    journal_put_counters(&w, &(struct journal_counters){.seal_next = log->seal_next,
                                                        .sample_next = journal->sample_first +
                                                                       journal->sealed_count});
    journal_put_acks(&w, &log->acks);
    if (lane == LANE_TELEMETRY) {
        journal_put_anchor(&w, journal_present_boot(journal));
        journal_put_budget(&w, &journal->budget);
    }
    enum err err = append_record(journal, lane, &w, record);
    for (size_t at = 0; err == OK && lane == LANE_TELEMETRY && at < journal->relay_count;) {
        size_t left = journal->relay_count - at;
        size_t count = left < RELAYS_PER_CHECKPOINT ? left : RELAYS_PER_CHECKPOINT;
        err = checkpoint_relays(journal, at, count);
        at += count;
    }
    for (size_t at = 0; err == OK && lane == LANE_ALERTS && at < journal->side_count;) {
        uint64_t other;
        w = writer_of(journal->record, sizeof(journal->record));
        at += journal_put_all_sides(journal, &w, at);
        err = append_record(journal, lane, &w, &other);
    }
    return err;
}

// A relay that changed goes into the log together with the last of its samples, not before.
static bool is_relay_due(const struct journal_relay *relay, uint64_t samples_to)
{
    return relay->is_dirty && relay->samples_to <= samples_to;
}

// Relays whose samples all have ordinals below samples_to; returns how many were put, from the
// start of the table.
static size_t put_dirty_relays(struct journal *journal, struct writer *w, uint64_t samples_to)
{
    size_t count = 0;
    for (size_t i = 0; i < journal->relay_count; i++) {
        count += is_relay_due(&journal->cfg.relays[i], samples_to);
    }
    size_t fits = w->size < RELAYS_END ? (RELAYS_END - w->size) / RELAY_SIZE_MAX : 0;
    count = count < fits ? count : fits;
    if (count == 0) {
        return 0;
    }
    size_t begun = relay_section_begin(w, journal->cfg.boot, false, (uint16_t)count);
    size_t done = 0;
    for (size_t i = 0; done < count; i++) {
        if (is_relay_due(&journal->cfg.relays[i], samples_to)) {
            journal_put_relay(w, &journal->cfg.relays[i], false);
            done++;
        }
    }
    journal_section_end(w, begun);
    return count;
}

static void clean_relays(struct journal *journal, uint64_t samples_to, size_t count)
{
    for (size_t i = 0; count > 0; i++) {
        if (is_relay_due(&journal->cfg.relays[i], samples_to)) {
            journal->cfg.relays[i].is_dirty = false;
            journal->relay_dirty_count--;
            count--;
        }
    }
}

bool journal_may_put_acks(const struct journal *journal, enum journal_lane lane)
{
    // A marker that is built lies in the telemetry lane and goes into that lane's next record.
    return journal->gap_count == 0 &&
           (lane == LANE_TELEMETRY || journal->logs[LANE_TELEMETRY].payload_size == 0);
}

struct contents {
    struct journal_boot *anchor;  // NULL: none
    size_t samples_from, samples; // put as samples, not sealed
    size_t samples_end;           // beyond it they are dated by an anchor still to come
    uint64_t samples_to;          // all below are in the log with this record
    size_t relays;
    bool has_acks;
};

// What a boot's clock said goes into the log after the samples that came before it said so, and
// ahead of those that came after: read back, each is dated as it was.
static void put_anchor(struct journal *journal, struct writer *w, struct contents *put)
{
    uint64_t next = journal->sample_first + put->samples_from;
    size_t at = 0;
    while (at < journal->boot_count && !journal->boots[at].is_dirty) {
        at++;
    }
    if (at < journal->boot_count && journal->boots[at].first_ordinal <= next) {
        put->anchor = &journal->boots[at++];
        journal_put_anchor(w, put->anchor);
    }
    while (at < journal->boot_count && !journal->boots[at].is_dirty) {
        at++;
    }
    put->samples_end = at < journal->boot_count
                           ? (size_t)(journal->boots[at].first_ordinal - journal->sample_first)
                           : journal->count;
}

static void put_telemetry(struct journal *journal, struct writer *w, struct contents *put,
                          size_t sealed)
{
    size_t unsealed_journalled = put->samples_from - sealed;
    size_t room =
        unsealed_journalled < JOURNAL_UNSEALED_MAX ? JOURNAL_UNSEALED_MAX - unsealed_journalled : 0;
    size_t left = put->samples_end > put->samples_from ? put->samples_end - put->samples_from : 0;
    if (left > 0 && room > 0) {
        put->samples = journal_put_samples(
            w, journal->cfg.boot, journal->sample_first + put->samples_from,
            &journal->cfg.window[put->samples_from], left < room ? left : room, SAMPLES_END);
    }
    put->samples_to = journal->sample_first + put->samples_from + put->samples;
    put->relays = put_dirty_relays(journal, w, put->samples_to);
}

static struct contents put_contents(struct journal *journal, enum journal_lane lane,
                                    struct writer *w)
{
    struct journal_log *log = &journal->logs[lane];
    struct contents put = {.samples = 0};
    bool is_telemetry = lane == LANE_TELEMETRY;
    size_t sealed = journal->sealed_count + (log->payload_size > 0 ? log->taken : 0);
    put.samples_from = sealed > journal->journalled_count ? sealed : journal->journalled_count;
    if (is_telemetry) {
        put_anchor(journal, w, &put);
    }
    if (is_telemetry && journal->budget_dirty) {
        journal_put_budget(w, &journal->budget);
    }
    if (log->payload_size > 0) {
        journal_put_seal(w, &log->seal, bytes_of(log->payload, log->payload_size));
    }
    put.has_acks = log->acks_dirty && journal_may_put_acks(journal, lane);
    if (put.has_acks) {
        journal_put_acks(w, &log->acks);
    }
    if (is_telemetry) {
        put_telemetry(journal, w, &put, sealed);
    } else if (log->payload_size > 0) {
        journal_put_told(journal, w, log->taken);
    }
    return put;
}

static void after_seal(struct journal *journal, enum journal_lane lane, uint64_t record,
                       uint64_t now_us)
{
    struct journal_log *log = &journal->logs[lane];
    memmove(&log->newest[0], &log->newest[1], sizeof(log->newest) - sizeof(log->newest[0]));
    log->newest[JOURNAL_LIVE_KEPT - 1].ordinal = log->seal.ordinal;
    log->newest[JOURNAL_LIVE_KEPT - 1].record = record;
    log->newest[JOURNAL_LIVE_KEPT - 1].samples_before =
        journal->sample_first + journal->sealed_count;
    log->payload_size = 0;
    log->seal_next++;
    journal->stats.messages++;
    if (lane == LANE_ALERTS) {
        journal_keep_told(journal, log->taken);
        journal->event_count -= log->taken;
        memmove(&journal->events[0], &journal->events[log->taken],
                journal->event_count * sizeof(journal->events[0]));
        return;
    }
    if (log->taken == 0) {
        return;
    }
    journal_window_sealed(journal, journal->sample_first + journal->sealed_count + log->taken);
    bool is_empty = journal_unsealed(journal) == 0;
    if (is_empty) {
        journal->oldest_us = journal->hurry_us = TIME_NEVER;
    } else if (journal->is_message_full) {
        journal->oldest_us = now_us; // what did not fit had only just come
    }
    journal->is_message_full = false;
}

static void after_commit(struct journal *journal, enum journal_lane lane,
                         const struct contents *put, uint64_t record, uint64_t now_us)
{
    struct journal_log *log = &journal->logs[lane];
    if (log->payload_size > 0) {
        after_seal(journal, lane, record, now_us);
    }
    log->can_trim = log->can_trim || put->has_acks;
    log->acks_dirty = log->acks_dirty && !put->has_acks;
    if (lane == LANE_ALERTS) {
        return;
    }
    if (put->anchor != NULL) {
        put->anchor->is_dirty = false;
    }
    journal->budget_dirty = false;
    if (put->samples > 0) {
        journal->journalled_count = put->samples_from + put->samples;
        journal_batch_add(journal, record, journal->sample_first + journal->journalled_count);
    }
    journal->synced_to = journal->journalled_count;
    clean_relays(journal, put->samples_to, put->relays);
    bool is_clean = journal->journalled_count == journal->count &&
                    journal->relay_dirty_count == 0 && !journal_present_boot(journal)->is_dirty;
    bool has_part = put->samples_end < journal->count && (put->samples > 0 || put->anchor != NULL);
    if (!has_part) { // else the rest goes with the next anchor, at once
        journal->dirty_since_us = is_clean ? TIME_NEVER : now_us;
    }
}

static enum err commit_contents(struct journal *journal, enum journal_lane lane, uint64_t now_us)
{
    struct journal_log *log = &journal->logs[lane];
    struct writer w = writer_of(journal->record, sizeof(journal->record));
    struct contents put = put_contents(journal, lane, &w);
    uint64_t record = 0;
    enum err err = w.size > 0 ? append_record(journal, lane, &w, &record) : OK;
    if (err != OK) {
        return err;
    }
    journal->stats.commits++;
    err = sl_sync(&log->log);
    if (err != OK) {
        return err;
    }
    if (log->log.stats.segments_created != log->segments_seen) {
        log->segments_seen = log->log.stats.segments_created;
        log->must_checkpoint = true;
    }
    after_commit(journal, lane, &put, record, now_us);
    return OK;
}

// What a checkpoint says must be true of the log before it: it waits for samples and markers.
static bool may_checkpoint(struct journal *journal, enum journal_lane lane)
{
    return journal_may_put_acks(journal, lane) &&
           (lane == LANE_ALERTS ||
            (journal->relay_dirty_count == 0 && !journal_present_boot(journal)->is_dirty));
}

enum err journal_commit(struct journal *journal, enum journal_lane lane, uint64_t now_us)
{
    struct journal_log *log = &journal->logs[lane];
    enum err err = commit_contents(journal, lane, now_us);
    if (err != OK || !log->must_checkpoint || !may_checkpoint(journal, lane)) {
        return err;
    }
    uint64_t checkpoint = 0;
    err = append_checkpoint(journal, lane, &checkpoint);
    if (err == OK) {
        err = sl_sync(&log->log);
    }
    if (err == OK) {
        log->must_checkpoint = false;
        log->checkpoint_record = checkpoint;
        log->can_trim = true;
    }
    return err;
}
