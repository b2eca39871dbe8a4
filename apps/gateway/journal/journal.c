// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/journal/journal_internal.h"

#include "base/assert.h"

#include <string.h>

enum {
    UNSYNCED_MAX = 256, // samples in memory only: more of them do not wait for sync_ms
    RELAYS_DIRTY_MAX = 64,
    FIT_STEP = 32, // samples between two looks whether a message is full, at least
    STEP_MS = 500, // a clock that moved more has stepped
    RETRY_US = 5 * 1000000,
    STEADY_S = 3600, // a clock that did not step for this long dates ages
    COMMITS_PER_TICK_MAX = 16,
};

void journal_notify(struct journal *journal, enum journal_notice_kind kind, enum journal_lane lane,
                    uint64_t count)
{
    for (size_t i = 0; i < journal->notice_count; i++) {
        struct journal_notice *notice = &journal->notices[i];
        if (notice->kind == kind && notice->lane == lane) {
            notice->count += count;
            return;
        }
    }
    if (journal->notice_count < JOURNAL_NOTICES_MAX) {
        journal->notices[journal->notice_count++] =
            (struct journal_notice){.kind = kind, .lane = lane, .count = count};
    }
}

bool journal_next(struct journal *journal, struct journal_notice *out)
{
    if (journal->notice_count == 0) {
        return false;
    }
    *out = journal->notices[0];
    journal->notice_count--;
    memmove(&journal->notices[0], &journal->notices[1],
            journal->notice_count * sizeof(journal->notices[0]));
    return true;
}

static void mark_dirty(struct journal *journal, uint64_t now_us)
{
    journal->dirty_since_us = time_min(journal->dirty_since_us, now_us);
}

void journal_set_clock(struct journal *journal, uint64_t now_us, struct wall_time utc)
{
    struct journal_boot *boot = journal_present_boot(journal);
    int64_t now_ms = (int64_t)(now_us / US_PER_MS);
    int64_t offset_ms = utc.utc_ms - now_ms;
    bool is_known = boot->utc_offset_ms != JOURNAL_UTC_UNKNOWN;
    for (size_t i = 0; i < journal->event_count && !is_known; i++) {
        journal->events[i].utc_offset_ms = offset_ms;
    }
    int64_t step_ms = is_known ? offset_ms - boot->utc_offset_ms : 0;
    if (is_known && step_ms <= STEP_MS && step_ms >= -STEP_MS) {
        bool was_steady = journal->steady_us != TIME_NEVER;
        journal->steady_us =
            was_steady ? journal->steady_us : time_after(now_us, STEADY_S * US_PER_S);
        return;
    }
    if (is_known && journal_unsealed(journal) > 0) {
        // What was measured before the step is sealed as it was dated then.
        boot = journal_enter_boot(journal, boot->boot, offset_ms);
    }
    boot->utc_offset_ms = offset_ms;
    boot->is_dirty = true;
    journal->steady_us = time_after(now_us, STEADY_S * US_PER_S);
    mark_dirty(journal, now_us);
    (void)journal_add_event(journal, now_us,
                            &(struct tm_event){.kind = TM_EVENT_CLOCK,
                                               .at_ms = now_ms,
                                               .boot_id = boot->boot,
                                               .boot_ms = now_ms,
                                               .utc_ms = utc.utc_ms});
}

void journal_set_catalogue(struct journal *journal, uint64_t now_us,
                           const struct tm_catalogue *catalogue)
{
    if (journal->catalogue != NULL) {
        journal_flush(journal, now_us);
    }
    journal->catalogue = catalogue;
    journal->fit_sorted = 0;
    journal->catalogue_cursor = (struct tm_catalogue_cursor){.index = 0};
    journal->must_send_catalogue = true;
}

static void check_full(struct journal *journal)
{
    size_t unsealed = journal_unsealed(journal);
    if (journal->catalogue == NULL || unsealed < journal->fit_look_at) {
        return;
    }
    const struct tm_encode_memory memory = {.order = journal->order,
                                            .capacity = COUNT_OF(journal->order)};
    size_t count = journal_window_run_end(journal) - journal->sealed_count;
    count = count < TM_PACK_SAMPLE_MAX ? count : TM_PACK_SAMPLE_MAX;
    // The axis changes the head by a few bytes only; the packer decides exactly.
    size_t size = tm_encode_size(journal->catalogue, (struct tm_axis){.boot_id = 0},
                                 &journal->cfg.window[journal->sealed_count], count, &memory,
                                 journal->fit_sorted);
    journal->fit_sorted = size == 0 ? 0 : count;
    journal->is_message_full = size == 0 || size > JOURNAL_PAYLOAD_SIZE_MAX;
    // Each look counts them all: the next one half way to where these lead, for others may be
    // larger.
    size_t half =
        journal->is_message_full ? 0 : (JOURNAL_PAYLOAD_SIZE_MAX - size) * count / size / 2;
    journal->fit_look_at = unsealed + (half > FIT_STEP ? half : FIT_STEP);
}

enum err journal_add(struct journal *journal, uint64_t now_us, const struct tm_sample *sample)
{
    journal_window_compact(journal);
    if (!journal_window_add(journal, sample)) {
        journal->stats.samples_dropped++;
        journal->dropped_while_failing++;
        journal_gap_add_sample(journal, sample, journal->is_failing ? "medium" : "window");
        if (!journal->is_failing) {
            journal_notify(journal, JOURNAL_NO_ROOM, LANE_TELEMETRY, 1);
        }
        return ERR_FULL;
    }
    journal->stats.samples++;
    journal->oldest_us = time_min(journal->oldest_us, now_us);
    mark_dirty(journal, now_us);
    check_full(journal);
    return OK;
}

void journal_hurry(struct journal *journal, uint64_t now_us)
{
    if (journal_unsealed(journal) > 0) {
        uint64_t by_us = time_after(now_us, journal->cfg.watch_age_ms * US_PER_MS);
        journal->hurry_us = time_min(journal->hurry_us, by_us);
    }
}

void journal_set_watched(struct journal *journal, uint64_t now_us, bool is_watched)
{
    (void)now_us;
    journal->is_watched = is_watched;
}

enum err journal_set_relay(struct journal *journal, uint64_t now_us,
                           const struct journal_relay *relay)
{
    size_t at = 0;
    while (at < journal->relay_count && journal->cfg.relays[at].key != relay->key) {
        at++;
    }
    if (at == journal->cfg.relay_capacity) {
        at = journal_relay_to_forget(journal, relay->key);
    }
    if (at == journal->cfg.relay_capacity) {
        return ERR_FULL;
    }
    if (at == journal->relay_count) {
        journal->relay_count++;
        journal->cfg.relays[at].is_dirty = false;
    }
    struct journal_relay *entry = &journal->cfg.relays[at];
    journal->relay_dirty_count += !entry->is_dirty;
    *entry = *relay;
    entry->boot = journal->cfg.boot;
    entry->utc_ms = JOURNAL_UTC_UNKNOWN;
    entry->is_dirty = true;
    entry->samples_to = journal->sample_first + journal->count;
    mark_dirty(journal, now_us);
    return OK;
}

bool journal_find_relay(const struct journal *journal, uint32_t key, struct journal_relay *out)
{
    for (size_t i = 0; i < journal->relay_count; i++) {
        if (journal->cfg.relays[i].key == key) {
            *out = journal->cfg.relays[i];
            return true;
        }
    }
    return false;
}

void journal_set_budget(struct journal *journal, uint64_t now_us, struct journal_budget budget)
{
    journal->budget = budget;
    journal->budget_dirty = true;
    mark_dirty(journal, now_us);
}

void journal_set_max_age(struct journal *journal, uint32_t max_age_ms)
{
    journal->cfg.max_age_ms = max_age_ms;
}

static char *free_event_text(struct journal *journal)
{
    for (size_t slot = 0; slot < JOURNAL_EVENTS_MAX; slot++) {
        bool is_used = false;
        for (size_t i = 0; i < journal->event_count; i++) {
            const uint8_t *used = journal->events[i].event.text.data;
            is_used = is_used || used == (uint8_t *)journal->event_texts[slot];
        }
        if (!is_used) {
            return journal->event_texts[slot];
        }
    }
    return NULL;
}

bool journal_add_event(struct journal *journal, uint64_t now_us, const struct tm_event *event)
{
    (void)now_us;
    char *text = free_event_text(journal);
    if (journal->event_count == JOURNAL_EVENTS_MAX || text == NULL) {
        journal_add_event_gap(journal, 1, event->at_ms, event->at_ms);
        journal_notify(journal, JOURNAL_NO_ROOM, LANE_ALERTS, 1);
        return false;
    }
    size_t size = event->text.size < TM_TEXT_SIZE_MAX ? event->text.size : TM_TEXT_SIZE_MAX;
    if (size > 0) {
        memcpy(text, event->text.data, size);
    }
    struct journal_event *added = &journal->events[journal->event_count++];
    added->event = *event;
    added->event.text = bytes_of(text, size);
    added->utc_offset_ms = journal_present_boot(journal)->utc_offset_ms;
    journal->stats.events++;
    return true;
}

// When the samples in the window have to leave.
static uint64_t samples_deadline_us(const struct journal *journal)
{
    if (journal_samples_due(journal, 0)) {
        return 0;
    }
    uint64_t age_us = journal->cfg.max_age_ms * US_PER_MS;
    if (journal->is_watched) {
        age_us = time_min(age_us, journal->cfg.watch_age_ms * US_PER_MS);
    }
    uint64_t by_us = time_min(journal->hurry_us, time_after(journal->oldest_us, age_us));
    return by_us != TIME_NEVER && journal_samples_due(journal, by_us) ? by_us : TIME_NEVER;
}

static uint64_t sync_deadline_us(const struct journal *journal)
{
    bool is_much = journal->count - journal->journalled_count >= UNSYNCED_MAX ||
                   journal->relay_dirty_count >= RELAYS_DIRTY_MAX;
    size_t unsealed_journalled = journal->journalled_count - journal->sealed_count;
    if (unsealed_journalled >= JOURNAL_UNSEALED_MAX && journal->catalogue == NULL) {
        return TIME_NEVER; // nothing could be written: recovery holds no more than that
    }
    bool is_now = is_much || journal->budget_dirty ||
                  (journal->must_sync && journal->dirty_since_us != TIME_NEVER);
    return is_now ? 0 : time_after(journal->dirty_since_us, journal->cfg.sync_ms * US_PER_MS);
}

static bool has_urgent(const struct journal *journal)
{
    return journal->event_count > 0 || journal->logs[LANE_ALERTS].payload_size > 0 ||
           journal->logs[LANE_TELEMETRY].payload_size > 0 || journal->gap_count > 0 ||
           (journal->must_send_catalogue && journal->catalogue != NULL);
}

uint64_t journal_deadline_us(const struct journal *journal)
{
    if (journal->is_failing) {
        return journal->retry_us;
    }
    if (has_urgent(journal)) {
        return 0;
    }
    return time_min(time_min(sync_deadline_us(journal), samples_deadline_us(journal)),
                    journal_age_deadline_us(journal));
}

static void note_failure(struct journal *journal, enum err err, uint64_t now_us)
{
    journal->stats.commit_errors++;
    journal->retry_us = time_after(now_us, RETRY_US);
    if (!journal->is_failing) {
        journal->is_failing = true;
        journal->dropped_while_failing = 0;
        journal_notify(journal, err == ERR_FULL ? JOURNAL_MEDIUM_FULL : JOURNAL_MEDIUM_FAILED,
                       LANE_TELEMETRY, 0);
    }
}

static void note_success(struct journal *journal)
{
    if (journal->is_failing) {
        journal->is_failing = false;
        journal_notify(journal, JOURNAL_HEALED, LANE_TELEMETRY, journal->dropped_while_failing);
    }
}

// One commit of the first lane that has something due; ERR_EMPTY if none has.
static enum err commit_due(struct journal *journal, uint64_t now_us)
{
    struct journal_log *alerts = &journal->logs[LANE_ALERTS];
    bool is_sync_due = now_us >= sync_deadline_us(journal);
    bool has_acks = alerts->acks_dirty && journal_may_put_acks(journal, LANE_ALERTS);
    if (journal_build(journal, LANE_ALERTS, now_us) || (is_sync_due && has_acks)) {
        return journal_commit(journal, LANE_ALERTS, now_us);
    }
    if (journal_build(journal, LANE_TELEMETRY, now_us) || is_sync_due) {
        return journal_commit(journal, LANE_TELEMETRY, now_us);
    }
    return ERR_EMPTY;
}

static enum err prepare(struct journal *journal)
{
    bool must_ask = !journal->is_prepared && journal->cfg.prepare != NULL;
    enum err err = must_ask ? journal->cfg.prepare(journal->cfg.prepare_ctx) : OK;
    journal->is_prepared = err == OK;
    return err;
}

// Bounded: what is left keeps the deadline in the past.
static void work(struct journal *journal, uint64_t now_us)
{
    // While failing: acknowledged messages may make the room that is missing.
    enum err err = prepare(journal);
    err = err == OK && journal->is_failing ? journal_trim(journal) : err;
    for (unsigned i = 0; err == OK && i < COMMITS_PER_TICK_MAX; i++) {
        err = commit_due(journal, now_us);
    }
    if (err == OK || err == ERR_EMPTY) {
        err = journal_make_room(journal, now_us);
    }
    if (err == OK) {
        err = journal_expire(journal, now_us);
    }
    if (err == OK) {
        err = journal_trim(journal);
    }
    if (err == OK) {
        note_success(journal);
    } else {
        note_failure(journal, err, now_us);
    }
}

void journal_tick(struct journal *journal, uint64_t now_us)
{
    if (now_us >= journal_deadline_us(journal)) {
        journal_window_compact(journal);
        work(journal, now_us);
    }
}

void journal_flush(struct journal *journal, uint64_t now_us)
{
    journal_window_compact(journal);
    journal->hurry_us = 0;
    journal->must_sync = true;
    work(journal, now_us);
    journal->must_sync = false;
    if (journal_unsealed(journal) == 0) {
        journal->hurry_us = TIME_NEVER;
    }
}

struct journal_synced journal_take_synced(struct journal *journal)
{
    uint64_t first = journal->sample_first + journal->synced_from;
    const struct journal_boot *boot = journal_boot_of(journal, first);
    struct journal_synced out = {.samples = &journal->cfg.window[journal->synced_from],
                                 .boot = boot->boot,
                                 .utc_offset_ms = boot->utc_offset_ms};
    while (journal->synced_from < journal->synced_to &&
           journal_boot_of(journal, first + out.count) == boot) {
        journal->synced_from++;
        out.count++;
    }
    return out;
}
