// SPDX-License-Identifier: Apache-2.0
// The hub's daily quota as a budget of our own: so many units a UTC day, a unit being one metered
// block. It never drops anything; when it runs low, things wait, in steps:
//
//   FREE -> NO_BACKFILL (backlog waits) -> PACKED (messages wait until they are full)
//        -> RESERVE (telemetry waits, alerts go on) -> SPENT (all waits)
//
// and at the next UTC day all goes on. The first two steps look at the hour: they begin when more
// was spent than the part of the day that is over, by an eighth or a quarter of what the part to
// come would be. A step is taken back after three hours at the earliest.
//
// Units are counted when a message is published. What may be published is granted in steps, and a
// step counts once the caller has stored it (budget_store, budget_stored): a restart, however
// sudden, forgets no unit, and counts at most one step too many.
//
// A hub whose quota is used up closes the connection after each publish (403002). That looks like
// this: accepted, published, closed without one PUBACK, three times in a row. Then all waits as in
// SPENT, but one message every so often finds out whether the hub takes messages again.
#ifndef GATEWAY_BUDGET_H
#define GATEWAY_BUDGET_H

#include "apps/gateway/journal/journal_types.h"

enum {
    BUDGET_RESERVE_DIVISOR = 10, // a tenth of the budget is for alerts
    BUDGET_GRANT_DIVISOR = 128,
    BUDGET_PACK_FACTOR = 4, // max_age_ms while PACKED
    BUDGET_CLOSES_MAX = 3,
    BUDGET_PROBE_MIN_S = 30,
    BUDGET_PROBE_MAX_S = 45, // with it, live data is back within a minute
};

enum budget_step { BUDGET_FREE, BUDGET_NO_BACKFILL, BUDGET_PACKED, BUDGET_RESERVE, BUDGET_SPENT };

struct budget_config {
    uint32_t units_per_day; // 0: no budget of our own; the hub's is still noticed
    uint32_t block_size;    // bytes that the hub meters as one; default 4,096
};

struct budget {
    // Public to read:
    enum budget_step step;
    bool is_refused; // the hub's own quota seems to be used up
    uint32_t used;   // units of this UTC day, what a restart may have forgotten included
    uint64_t sent;   // messages published, ever
    // Private:
    struct budget_config cfg;
    uint32_t day;      // 0: the clock is not known
    uint32_t left_day; // that the clock went back from: nothing is given anew on it
    int64_t utc_offset_ms;
    uint32_t granted;          // up to here it is stored
    uint32_t asked;            // and up to here on its way to be
    uint32_t closes;           // in a row
    uint32_t published, acked; // in this connection
    uint64_t probe_us;         // while refused: the next message may go
    uint64_t probe_gap_us;
    uint64_t looked_us; // last tick
    uint64_t held_us;   // the step is not taken back before
    enum budget_step told_step;
    bool told_refused;
};

// `kept` is what the last run stored.
void budget_init(struct budget *budget, const struct budget_config *cfg,
                 struct journal_budget kept);
void budget_set_clock(struct budget *budget, uint64_t now_us, struct wall_time utc);

// Whether a message may be published now: of that lane, of the backlog or not.
bool budget_may_publish(struct budget *budget, uint64_t now_us, enum journal_lane lane,
                        bool is_backlog, size_t size);
// It was: topic and payload have that many bytes together.
void budget_published(struct budget *budget, uint64_t now_us, size_t size);
void budget_acked(struct budget *budget, uint64_t now_us);
void budget_online(struct budget *budget, uint64_t now_us);
// The connection ended, not by us.
void budget_closed(struct budget *budget, uint64_t now_us);

// True if more has to be stored; then budget_stored when it is durable.
bool budget_store(struct budget *budget, struct journal_budget *out);
void budget_stored(struct budget *budget, struct journal_budget stored);

// How many times the configured max_age_ms a message may wait.
uint32_t budget_age_factor(const struct budget *budget);
// The text of an event when the step changed; NULL if it did not.
const char *budget_next_note(struct budget *budget);

uint64_t budget_deadline_us(const struct budget *budget);
void budget_tick(struct budget *budget, uint64_t now_us);

#endif
