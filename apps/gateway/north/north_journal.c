// SPDX-License-Identifier: Apache-2.0
// The journal's half: runs as a job on the thread "journal", where it may block.
#include "apps/gateway/north/north_internal.h"

#include "port/api/clock.h"
#include "port/linux/memory.h"

enum { ROUNDS_MAX = 64, EVENT_TRIES = 2 };

void north_trace(struct north_side *side)
{
    struct journal_synced synced;
    do {
        synced = journal_take_synced(&side->journal);
        sync_trace_write(side->trace_fd, side->catalogue, &synced);
    } while (synced.count > 0);
}

void north_tick(struct north_side *side, uint64_t now_us)
{
    journal_tick(&side->journal, now_us);
    north_trace(side);
}

// What one poll brought came at one time: the samples of a report and the relay's state after them.
// A commit in between would, with an end right after it, leave samples that look not taken yet.
static bool may_tick(const struct north_side *side, const struct north_input *in)
{
    const struct journal *journal = &side->journal;
    bool is_full = !journal_has_room(journal, &in->u.sample);
    return (in->now_us != side->applied_us || is_full) &&
           journal_deadline_us(journal) <= in->now_us;
}

static void apply_input(struct north_side *side, const struct north_input *in)
{
    struct journal *journal = &side->journal;
    switch (in->kind) {
    case NORTH_SAMPLE:
        if (may_tick(side, in)) {
            north_tick(side, in->now_us);
        }
        // A full journal has counted the sample and will tell.
        if (journal_add(journal, in->now_us, &in->u.sample) != OK) {
            return;
        }
        break;
    case NORTH_RELAY:
        // Full only of points near their limits, when there are more than the log can keep.
        if (journal_set_relay(journal, in->now_us, &in->u.relay) != OK) {
            return;
        }
        break;
    case NORTH_EVENT:
        // One that finds no room is in a gap marker.
        (void)journal_add_event(journal, in->now_us, &side->batch->events[in->u.event_index]);
        break;
    case NORTH_ACK: journal_ack(journal, in->now_us, in->u.ack.lane, in->u.ack.ordinal); break;
    case NORTH_HURRY: journal_hurry(journal, in->now_us); break;
    case NORTH_WATCHED: journal_set_watched(journal, in->now_us, in->u.is_watched); break;
    case NORTH_CLOCK: journal_set_clock(journal, in->now_us, in->u.utc); break;
    case NORTH_CATALOGUE:
        journal_set_catalogue(journal, in->now_us, in->u.catalogue);
        north_trace(side);
        side->catalogue = in->u.catalogue;
        break;
    case NORTH_MAX_AGE: journal_set_max_age(journal, in->u.max_age_ms); break;
    case NORTH_BUDGET: journal_set_budget(journal, in->now_us, in->u.budget); break;
    }
}

static bool is_full_of_events(const struct north_side *side)
{
    return side->journal.event_count == JOURNAL_EVENTS_MAX;
}

// More events than the journal holds at once are committed in between: at the end of the batch,
// when the reports in it are whole.
static void apply_late_events(struct north_side *side, size_t from)
{
    struct north_batch *batch = side->batch;
    for (size_t i = from; i < batch->count; i++) {
        if (batch->inputs[i].kind != NORTH_EVENT) {
            continue;
        }
        for (size_t tries = 0; tries < EVENT_TRIES && is_full_of_events(side); tries++) {
            north_tick(side, side->applied_us);
        }
        apply_input(side, &batch->inputs[i]);
    }
}

void north_apply(struct north_side *side)
{
    struct north_batch *batch = side->batch;
    size_t late_from = batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        const struct north_input *in = &batch->inputs[i];
        bool is_late = in->kind == NORTH_EVENT && (late_from < i || is_full_of_events(side));
        late_from = is_late && i < late_from ? i : late_from;
        if (!is_late) {
            apply_input(side, in);
        }
        side->applied_us = in->now_us;
    }
    apply_late_events(side, late_from);
    if (batch->gap_count > 0) {
        journal_add_gap(&side->journal, batch->gap_count, batch->gap_from_us, batch->gap_to_us);
    }
    if (batch->event_gap_count > 0) {
        journal_add_event_gap(&side->journal, batch->event_gap_count, batch->event_gap_from_ms,
                              batch->event_gap_to_ms);
    }
    if (batch->count > batch->capacity / 2) { // grown while a sync took long, which is rare
        memory_give_back(batch->inputs, batch->capacity * sizeof(batch->inputs[0]));
    }
    batch->count = batch->event_count = batch->event_text_count = 0;
    batch->texts_size = 0;
    batch->gap_count = batch->event_gap_count = 0;
}

static bool take_message(struct north_side *side, uint64_t now_us, enum journal_lane lane,
                         bool is_backlog)
{
    struct north_message *out = &side->messages[side->message_count];
    enum err err =
        is_backlog
            ? journal_next_backlog(&side->journal, now_us, out->payload, &out->message)
            : journal_next_message(&side->journal, now_us, lane, out->payload, &out->message);
    side->message_count += err == OK;
    return err == OK;
}

static void take_messages(struct north_side *side, uint64_t now_us)
{
    side->message_count = 0;
    side->got = (struct forward_want){.backlog = 0};
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        while (side->got.lanes[lane] < side->want.lanes[lane] &&
               take_message(side, now_us, lane, false)) {
            side->got.lanes[lane]++;
        }
    }
    // Live and backlog share the uplink's places.
    size_t free = side->want.lanes[LANE_TELEMETRY] - side->got.lanes[LANE_TELEMETRY];
    while (side->got.backlog < side->want.backlog && side->got.backlog < free &&
           take_message(side, now_us, LANE_TELEMETRY, true)) {
        side->got.backlog++;
    }
    side->has_backlog = journal_has_backlog(&side->journal);
}

void north_journal_run(void *ctx)
{
    struct north_side *side = ctx;
    north_apply(side);
    uint64_t now_us = port_now_us();
    for (unsigned i = 0; i < ROUNDS_MAX && journal_deadline_us(&side->journal) <= now_us; i++) {
        north_tick(side, now_us);
        now_us = port_now_us();
    }
    take_messages(side, now_us);
    side->deadline_us = journal_deadline_us(&side->journal);
}
