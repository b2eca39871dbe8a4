// SPDX-License-Identifier: Apache-2.0
// How fast the backlog follows: live data goes first, the rest at a rate that the hub bears. A hub
// that is asked too much delays its PUBACKs before it says anything, so a PUBACK that is late, or
// overdue, halves the rate; half a minute without one raises it by an eighth of what is allowed.
//
// A pure machine: the caller tells what it sent and what came back, and asks for room.
#ifndef GATEWAY_PACING_H
#define GATEWAY_PACING_H

#include "base/err.h"
#include "base/time.h"

#include <stdbool.h>

enum {
    PACING_PER_MIN_DEFAULT = 120,
    PACING_IN_FLIGHT_MAX = 4, // of the uplink's window: the rest is free for live messages
    PACING_LATE_MS = 2000,    // a PUBACK after more than this, or four times the best, is late
    PACING_PAUSE_MS = 10000,  // after "too many requests" without a time
};

struct pacing_config {
    uint32_t messages_per_min; // at most; default 120
};

struct pacing_stats {
    uint32_t slowed;    // times that the rate was halved
    uint32_t throttled; // times that the hub said "too many requests"
};

struct pacing {
    // Public to read:
    uint32_t rate_per_min; // now
    struct pacing_stats stats;
    // Private:
    struct pacing_config cfg;
    uint64_t filled_us;  // credit is right as of then
    uint64_t credit_us;  // time saved up; a message costs a minute / rate
    uint64_t judged_us;  // the rate was last changed
    uint64_t best_us;    // quickest PUBACK of this connection; 0: none yet
    uint64_t paused_us;  // nothing before
    uint64_t waiting_us; // a message without PUBACK was sent then; TIME_NEVER: none
    bool is_online;
};

void pacing_init(struct pacing *pacing, const struct pacing_config *cfg, uint64_t now_us);
void pacing_online(struct pacing *pacing, uint64_t now_us);
void pacing_offline(struct pacing *pacing, uint64_t now_us);

// The oldest message without PUBACK was sent then; TIME_NEVER: none is out.
void pacing_waiting(struct pacing *pacing, uint64_t now_us, uint64_t since_us);
// A PUBACK came this long after its PUBLISH.
void pacing_acked(struct pacing *pacing, uint64_t now_us, uint64_t latency_us);
// The hub said "too many requests", with the seconds to wait if it named them, else 0.
void pacing_throttled(struct pacing *pacing, uint64_t now_us, uint32_t retry_s);

// How many messages of the backlog may be taken now; pacing_took says how many were.
uint32_t pacing_room(struct pacing *pacing, uint64_t now_us, uint32_t in_flight);
void pacing_took(struct pacing *pacing, uint64_t now_us, uint32_t count);

// When there is room again; TIME_NEVER while offline. While something is overdue the answer may be
// later than the moment it comes.
uint64_t pacing_deadline_us(const struct pacing *pacing);

#endif
