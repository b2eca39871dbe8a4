// SPDX-License-Identifier: Apache-2.0
// Between the journal and the uplink: how many messages of which kind the uplink gets, and what the
// journal is told of it. Holds the pacing of the backlog and the daily budget.
//
//   forward_tick -> forward_next* ; when forward_has_work: forward_want -> (journal) -> forward_got
#ifndef GATEWAY_FORWARD_H
#define GATEWAY_FORWARD_H

#include "apps/gateway/north/uplink.h"

enum { FORWARD_HURRY_AFTER_S = 60 };

struct forward_config {
    struct pacing_config pacing;
    struct budget_config budget;
    uint32_t max_age_ms; // of the journal, while the budget allows
};

struct forward_want {
    size_t lanes[LANE_COUNT]; // live messages
    size_t backlog;           // of telemetry
};

enum forward_out_kind {
    FORWARD_HURRY,   // journal_hurry: the hub is back, what is new shall be seen
    FORWARD_MAX_AGE, // journal_set_max_age: max_age_ms
    FORWARD_STORE,   // journal_set_budget: store; forward_stored when it is durable
    FORWARD_NOTE,    // an event with this text
};

struct forward_out {
    enum forward_out_kind kind;
    uint32_t max_age_ms;
    struct journal_budget store;
    const char *text; // static
};

struct forward {
    // Public to read:
    struct pacing pacing;
    struct budget budget;
    // Private:
    struct forward_config cfg;
    struct forward_want wanted; // in the last forward_want
    bool may_have_more[LANE_COUNT];
    bool has_backlog;
    bool is_online;
    uint32_t connects; // as the uplink counted them
    uint64_t offline_us;
    bool must_hurry;
    uint32_t told_factor;
    struct journal_budget asked; // on its way to be stored
};

void forward_init(struct forward *forward, const struct forward_config *cfg,
                  struct journal_budget kept, uint64_t now_us);

// Follows the uplink; after uplink_tick and after each event that the uplink was told.
void forward_tick(struct forward *forward, const struct uplink *up, uint64_t now_us);
bool forward_next(struct forward *forward, struct forward_out *out);
void forward_stored(struct forward *forward, struct journal_budget stored);

// The journal may have messages that the uplink has room for.
bool forward_has_work(struct forward *forward, struct uplink *up, uint64_t now_us);
struct forward_want forward_want(struct forward *forward, struct uplink *up, uint64_t now_us);
// What the journal gave for that; has_backlog: it has more that waits.
void forward_got(struct forward *forward, const struct forward_want *got, bool has_backlog);

// When forward_has_work may become true without any event.
uint64_t forward_deadline_us(const struct forward *forward, uint64_t now_us);

#endif
