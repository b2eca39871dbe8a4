// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/gwcloud/world.h"

#include "base/assert.h"
#include "base/crc.h"
#include "telemetry/decode.h"

#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 4096, TICKS_MAX = 200, SLOT_MS = 10, CLOCK_STEP_MS = 500 };

uint64_t world_random(struct world *w, uint64_t below)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (w->random * UINT64_C(0x2545f4914f6cdd1d) >> 11) % below;
}

void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->random = seed * 2 + 1;
    w->now_us = US_PER_S;
    w->utc_offset_ms = INT64_C(1790000000000);
    for (uint32_t i = 0; i < WORLD_POINTS; i++) {
        w->points[i] = (struct tm_point){.id = 10 + 3 * i,
                                         .type = TM_TYPE_INT,
                                         .name = "temperature",
                                         .device = "receiver",
                                         .interval_ms = 60000};
    }
    enum err err = tm_catalogue_init(&w->catalogue, NULL, w->points, WORLD_POINTS, NULL);
    ASSERT(err == OK);
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_init(&w->media[lane], seed * LANE_COUNT + (uint64_t)lane + 1);
        w->storage[lane] = sim_storage(&w->media[lane]);
        w->cfg.storage[lane] = &w->storage[lane];
    }
    w->cfg.segment_size = JOURNAL_SEGMENT_SIZE_MIN;
    w->cfg.bytes_max = 64 * JOURNAL_SEGMENT_SIZE_MIN;
    w->cfg.sync_ms = 10000;
    w->cfg.max_age_ms = 300000;
    w->cfg.order = seed % 2 == 0 ? JOURNAL_OLDEST_FIRST : JOURNAL_NEWEST_FIRST;
    w->cfg.window = w->window;
    w->cfg.window_capacity = JOURNAL_WINDOW_MIN;
    w->cfg.relays = w->relays;
    w->cfg.relay_capacity = WORLD_RELAYS;
    w->cfg.sides = w->sides;
    w->cfg.side_capacity = WORLD_SIDES;
    w->is_online = true;
}

void world_deinit(struct world *w)
{
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_deinit(&w->media[lane]);
    }
}

bool world_is_off(const struct world *w)
{
    return w->media[LANE_ALERTS].is_off || w->media[LANE_TELEMETRY].is_off;
}

void world_start(struct world *w, bool is_new_boot)
{
    if (is_new_boot) {
        w->boot_index++;
        w->now_us = US_PER_S + world_random(w, US_PER_S);
    }
    w->in_flight_count = 0;
    w->cfg.journal_id = 1 + world_random(w, UINT64_C(1) << 50);
    ASSERT(w->start_count < WORLD_STARTS_MAX);
    w->journal_ids[w->start_count++] = w->cfg.journal_id;
    w->cfg.boot = 1000 + w->boot_index;
    struct journal_recovery found;
    enum err err = journal_open(&w->journal, &w->cfg, w->now_us, &found);
    if (err == ERR_IO) {
        err = journal_open(&w->journal, &w->cfg, w->now_us, &found); // one bad write may hit it
    }
    if (err != OK && world_is_off(w)) {
        return; // the power failed again while opening
    }
    ASSERT(err == OK && found.corrupt_places == 0);
    for (uint32_t key = 0; key < WORLD_RELAYS; key++) {
        struct journal_relay relay;
        if (journal_find_relay(&w->journal, key, &relay)) {
            w->samples[relay.sequence].was_claimed = true;
        }
    }
    if (w->utc_offset_ms != JOURNAL_UTC_UNKNOWN) {
        world_tell_clock(w);
    }
    journal_set_catalogue(&w->journal, w->now_us, &w->catalogue);
}

void world_tell_clock(struct world *w)
{
    int64_t now_ms = (int64_t)(w->now_us / US_PER_MS);
    ASSERT(w->clock_count < WORLD_CLOCKS_MAX);
    w->clocks[w->clock_count++] =
        (struct world_clock){.boot_index = w->boot_index, .offset_ms = w->utc_offset_ms};
    journal_set_clock(&w->journal, w->now_us,
                      (struct wall_time){.utc_ms = now_ms + w->utc_offset_ms});
}

void world_power_up(struct world *w)
{
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        if (!w->media[lane].is_off) {
            sim_medium_cut(&w->media[lane]); // one plug for both
        }
        w->media[lane].cut_at_step = 0;
        sim_medium_power_on(&w->media[lane]);
    }
    world_start(w, true);
}

void world_sample(struct world *w)
{
    ASSERT(w->sample_count < WORLD_SAMPLES_MAX);
    uint32_t id = w->sample_count++;
    struct tm_sample sample = {.at_us = w->now_us,
                               .point = w->points[world_random(w, WORLD_POINTS)].id,
                               .value = tm_int(id, 0)};
    w->samples[id].at_us = w->now_us;
    w->samples[id].boot_index = w->boot_index;
    bool has_clock =
        w->clock_count > 0 && w->clocks[w->clock_count - 1].boot_index == w->boot_index;
    w->samples[id].clock_first = w->clock_count - has_clock;
    w->samples[id].was_added = journal_add(&w->journal, w->now_us, &sample) == OK;
    struct journal_relay relay = {.key = id % WORLD_RELAYS, .sequence = id, .at_us = w->now_us};
    enum err err = journal_set_relay(&w->journal, w->now_us, &relay);
    ASSERT(err == OK);
}

static void add_event(struct world *w, const struct tm_event *event)
{
    w->event_count++;
    w->events_refused += !journal_add_event(&w->journal, w->now_us, event);
}

void world_event(struct world *w)
{
    add_event(w, &(struct tm_event){.kind = TM_EVENT_NOTE,
                                    .at_ms = (int64_t)(w->now_us / US_PER_MS),
                                    .text = bytes_of("door", 4)});
}

void world_alert(struct world *w, uint32_t point, int side)
{
    static const enum tm_alert_state STATES[] = {TM_ALERT_LOW, TM_ALERT_NORMAL, TM_ALERT_HIGH};
    add_event(w, &(struct tm_event){.kind = TM_EVENT_ALERT,
                                    .at_ms = (int64_t)(w->now_us / US_PER_MS),
                                    .point = point,
                                    .state = STATES[side + 1],
                                    .value = tm_int(side, 0)});
}

static void note_synced(struct world *w)
{
    struct journal_synced synced;
    do {
        synced = journal_take_synced(&w->journal);
        for (size_t s = 0; s < synced.count; s++) {
            w->samples[synced.samples[s].value.u.i].was_synced = true;
        }
    } while (synced.count > 0);
}

void world_flush(struct world *w)
{
    journal_flush(&w->journal, w->now_us);
    note_synced(w);
}

void world_tick(struct world *w)
{
    for (unsigned i = 0; i < TICKS_MAX && journal_deadline_us(&w->journal) <= w->now_us; i++) {
        journal_tick(&w->journal, w->now_us);
        note_synced(w);
        if (world_is_off(w)) {
            return;
        }
    }
}

// A sample is dated by the clock that the journal had when it was measured, or, if it had none, by
// the first that it was told in that boot; by no other.
static void judge_date(const struct world *w, const struct world_sample *sample, int64_t utc_ms)
{
    int64_t offset_ms = utc_ms - (int64_t)(sample->at_us / US_PER_MS);
    uint32_t i = sample->clock_first;
    while (i < w->clock_count && w->clocks[i].boot_index != sample->boot_index) {
        i++;
    }
    ASSERT(i < w->clock_count);
    int64_t off_ms = offset_ms - w->clocks[i].offset_ms; // small steps are not taken up
    ASSERT(off_ms <= CLOCK_STEP_MS && off_ms >= -CLOCK_STEP_MS);
}

static void judge_samples(struct world *w, struct bytes payload)
{
    static int64_t times[ROWS_MAX];
    static struct tm_row rows[ROWS_MAX];
    static char text[ROWS_MAX];
    const struct tm_decode_memory memory = {.time_ms = times,
                                            .rows = rows,
                                            .row_capacity = ROWS_MAX,
                                            .text = text,
                                            .text_capacity = ROWS_MAX};
    struct tm_decoder decoder;
    struct tm_column column;
    enum err err = tm_decode_init(&decoder, payload, &w->catalogue, &memory);
    ASSERT(err == OK);
    w->boot_axis_messages += decoder.head.boot_id != 0;
    while ((err = tm_decode_next(&decoder, &column)) == OK) {
        uint64_t last_us = 0;
        for (uint32_t i = 0; i < column.row_count; i++) {
            ASSERT(column.rows[i].value.kind == TM_INT);
            int64_t id = column.rows[i].value.u.i;
            ASSERT(id >= 0 && id < w->sample_count);
            struct world_sample *sample = &w->samples[id];
            ASSERT(sample->was_added && sample->received == 0);
            // Order and distance of measurements survive, whatever the clock did.
            ASSERT(sample->at_us >= last_us);
            ASSERT(i == 0 || (uint64_t)(column.time_ms[i] - column.time_ms[i - 1]) ==
                                 sample->at_us / US_PER_MS - last_us / US_PER_MS);
            last_us = sample->at_us;
            sample->received++;
            if (decoder.head.boot_id != 0) {
                ASSERT(decoder.head.boot_id == 1000 + sample->boot_index);
                ASSERT(column.time_ms[i] == (int64_t)(sample->at_us / US_PER_MS));
            } else {
                judge_date(w, sample, column.time_ms[i]);
            }
        }
    }
    ASSERT(err == ERR_EMPTY);
}

static uint64_t order_of(const struct world *w, const struct tm_bag *bag)
{
    size_t start = 0;
    while (w->journal_ids[start] != bag->journal_id) {
        start++;
        ASSERT(start < w->start_count);
    }
    return (start << 32 | bag->number) * JOURNAL_EVENTS_MAX;
}

static void judge_events(struct world *w, uint64_t order, struct bytes payload)
{
    char text[TM_TEXT_SIZE_MAX + 1];
    struct tm_event_reader reader;
    struct tm_event event;
    enum err err = tm_events_init(&reader, payload, text, sizeof(text));
    ASSERT(err == OK);
    while ((err = tm_events_next(&reader, &event)) == OK) {
        bool is_of_events = event.text.size == 6 && memcmp(event.text.data, "alerts", 6) == 0;
        w->gap_samples += event.kind == TM_EVENT_GAP && !is_of_events ? event.count : 0;
        w->gap_events += event.kind == TM_EVENT_GAP && is_of_events ? event.count : 0;
        if (event.kind == TM_EVENT_ALERT) {
            ASSERT(w->alert_count < WORLD_ALERTS_MAX);
            w->alerts[w->alert_count++] =
                (struct world_alert){.order = order++,
                                     .at_ms = event.at_ms,
                                     .point = event.point,
                                     .side = event.state == TM_ALERT_LOW    ? -1
                                             : event.state == TM_ALERT_HIGH ? 1
                                                                            : 0};
        }
        w->clock_events += event.kind == TM_EVENT_CLOCK;
        w->other_events += event.kind == TM_EVENT_NOTE;
    }
    ASSERT(err == ERR_EMPTY);
}

// The cloud: duplicates are whole messages, and byte-identical.
void world_take(struct world *w, const struct journal_message *message)
{
    uint64_t content = hash64(HASH64_START, message->payload);
    for (size_t i = 0; i < w->seen_count; i++) {
        const struct world_seen *seen = &w->seen[i];
        if (seen->journal_id == message->bag.journal_id && seen->number == message->bag.number) {
            ASSERT(seen->content == content);
            w->duplicates++;
            return;
        }
    }
    ASSERT(w->seen_count < WORLD_SEEN_MAX && message->payload.size <= TM_BODY_SIZE_MAX);
    w->seen[w->seen_count++] = (struct world_seen){
        .journal_id = message->bag.journal_id, .number = message->bag.number, .content = content};
    switch (message->bag.kind) {
    case TM_MESSAGE_SAMPLES: judge_samples(w, message->payload); break;
    case TM_MESSAGE_CATALOGUE: w->catalogue_parts++; break;
    case TM_MESSAGE_EVENTS: judge_events(w, order_of(w, &message->bag), message->payload); break;
    }
}

static void acknowledge(struct world *w, size_t at)
{
    const struct journal_message *message = &w->in_flight[at].message;
    journal_ack(&w->journal, w->now_us, message->lane, message->ordinal);
    w->in_flight_count--;
    for (size_t i = at; i < w->in_flight_count; i++) {
        w->in_flight[i] = w->in_flight[i + 1];
        w->in_flight[i].message.payload.data = w->in_flight[i].payload;
    }
}

void world_pump(struct world *w)
{
    if (!w->is_online) {
        return;
    }
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        while (w->in_flight_count < WORLD_IN_FLIGHT_MAX) {
            size_t at = w->in_flight_count;
            if (journal_next_message(&w->journal, w->now_us, lane, w->in_flight[at].payload,
                                     &w->in_flight[at].message) != OK) {
                break;
            }
            w->in_flight_count++;
        }
    }
    while (w->in_flight_count < WORLD_IN_FLIGHT_MAX) {
        size_t at = w->in_flight_count;
        if (journal_next_backlog(&w->journal, w->now_us, w->in_flight[at].payload,
                                 &w->in_flight[at].message) != OK) {
            break;
        }
        w->in_flight_count++;
    }
    // Each goes out at least once in a while, perhaps several times; acknowledgements come in any
    // order, or not before the next restart.
    for (size_t i = 0; i < w->in_flight_count;) {
        if (world_random(w, 4) > 0) {
            world_take(w, &w->in_flight[i].message);
            if (world_random(w, 3) > 0) {
                acknowledge(w, i);
                continue;
            }
        }
        i++;
    }
}

void world_run(struct world *w, uint64_t for_us, uint64_t step_us)
{
    for (uint64_t end_us = w->now_us + for_us; w->now_us < end_us && !world_is_off(w);) {
        w->now_us += step_us;
        world_sample(w);
        world_tick(w);
        if (!world_is_off(w)) {
            world_pump(w);
        }
    }
}

void world_drain(struct world *w)
{
    w->is_online = true;
    for (unsigned i = 0; i < TICKS_MAX * 10; i++) {
        w->now_us += US_PER_S;
        world_flush(w);
        world_pump(w);
    }
    ASSERT(w->in_flight_count == 0);
}

void world_count(const struct world *w, uint64_t *received, uint64_t *synced, uint64_t *missing)
{
    *received = *synced = *missing = 0;
    for (uint32_t i = 0; i < w->sample_count; i++) {
        *received += w->samples[i].received;
        *synced += w->samples[i].was_synced;
        *missing += w->samples[i].was_synced && w->samples[i].received == 0;
    }
}

uint64_t world_count_claimed_missing(const struct world *w)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < w->sample_count; i++) {
        const struct world_sample *sample = &w->samples[i];
        missing += sample->was_claimed && sample->was_added && sample->received == 0;
    }
    return missing;
}
