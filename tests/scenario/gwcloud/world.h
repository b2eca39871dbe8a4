// SPDX-License-Identifier: Apache-2.0
// A journal over virtual disks and a model cloud that judges it: every sample carries its own
// number as value, so that "exactly once" can be counted, and gap markers must make up the rest.
#ifndef SCENARIO_WORLD_H
#define SCENARIO_WORLD_H

#include "apps/gateway/journal/journal.h"
#include "sim/storage.h"

enum {
    WORLD_POINTS = 8,
    WORLD_SAMPLES_MAX = 60000,
    WORLD_SEEN_MAX = 16000,
    WORLD_RELAYS = 4,
    WORLD_IN_FLIGHT_MAX = 8,
    WORLD_CLOCKS_MAX = 256,
    WORLD_SIDES = 16,
    WORLD_ALERTS_MAX = 4096,
    WORLD_STARTS_MAX = 1024,
};

struct world_seen {
    uint64_t journal_id, number;
    uint64_t content; // hash
};

struct world_sample {
    bool was_added, was_synced;
    bool was_claimed; // a relay's state said after a start that this one is taken
    uint8_t received;
    uint32_t boot_index;
    uint32_t clock_first; // of world.clocks: the one that was right when it was measured
    uint64_t at_us;
};

struct world_clock { // what the journal was told
    uint32_t boot_index;
    int64_t offset_ms;
};

struct world {
    // Judged:
    struct world_sample samples[WORLD_SAMPLES_MAX];
    uint32_t sample_count;
    uint64_t gap_samples; // announced by gap markers
    uint64_t gap_events;  // the same, of events
    uint64_t event_count, events_refused;
    struct world_alert {
        uint64_t order; // in which they were sealed
        uint32_t point;
        int side;
        int64_t at_ms;
    } alerts[WORLD_ALERTS_MAX]; // at the cloud
    size_t alert_count;
    uint64_t journal_ids[WORLD_STARTS_MAX];
    size_t start_count;
    struct world_clock clocks[WORLD_CLOCKS_MAX];
    uint32_t clock_count;
    uint64_t clock_events, other_events, boot_axis_messages, catalogue_parts, duplicates;
    // The machine:
    struct sim_medium media[LANE_COUNT];
    struct storage storage[LANE_COUNT];
    struct journal journal;
    struct journal_config cfg;
    struct tm_sample window[JOURNAL_WINDOW_MIN];
    struct journal_relay relays[WORLD_RELAYS];
    struct journal_side sides[WORLD_SIDES];
    struct tm_point points[WORLD_POINTS];
    struct tm_catalogue catalogue;
    uint64_t now_us;
    int64_t utc_offset_ms; // JOURNAL_UTC_UNKNOWN: this boot does not know the time
    uint32_t boot_index;
    uint64_t random;
    bool is_online;
    // In flight: given to the hub, not acknowledged to the journal.
    struct {
        struct journal_message message;
        uint8_t payload[JOURNAL_PAYLOAD_SIZE_MAX];
    } in_flight[WORLD_IN_FLIGHT_MAX];
    size_t in_flight_count;
    struct world_seen seen[WORLD_SEEN_MAX];
    size_t seen_count;
    int64_t last_ms[WORLD_POINTS]; // of the message being judged
};

void world_init(struct world *w, uint64_t seed);
void world_deinit(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);
// Opens the journal anew (a new j); is_new_boot: the monotonic clock starts over, too.
void world_start(struct world *w, bool is_new_boot);
bool world_is_off(const struct world *w);
// Power back on both disks, then world_start with a new boot.
void world_power_up(struct world *w);

// Tells the journal the time of the world's clock as it is now.
void world_tell_clock(struct world *w);
void world_sample(struct world *w); // one sample of some point, now
void world_event(struct world *w);
void world_alert(struct world *w, uint32_t point, int side); // -1 low, +1 high, 0 normal
void world_tick(struct world *w); // the journal's tick, and what it synced
void world_flush(struct world *w);
void world_take(struct world *w, const struct journal_message *message); // the cloud gets it
void world_pump(struct world *w); // hands messages to the cloud and some acknowledgements back
void world_run(struct world *w, uint64_t for_us, uint64_t step_us);
// The line is up and everything leaves.
void world_drain(struct world *w);
// Samples that a relay's state called taken, but which the cloud never got.
uint64_t world_count_claimed_missing(const struct world *w);
// Samples received, announced as lost, synced.
void world_count(const struct world *w, uint64_t *received, uint64_t *synced, uint64_t *missing);

#endif
