// SPDX-License-Identifier: Apache-2.0
// What a poller keeps of its units and blocks.
#ifndef GATEWAY_POLLER_STATE_H
#define GATEWAY_POLLER_STATE_H

#include "apps/gateway/poll/outcome.h"
#include "apps/gateway/poll/plan.h"

enum unit_state { UNIT_ONLINE, UNIT_PROBING, UNIT_SUSPENDED };

// Requests handed to the client at one time: so many always, and more on a fast line, so that one
// wake-up serves more of them. What is asked in between waits for all of them.
enum { POLLER_DEPTH_MIN = 6, POLLER_DEPTH_MAX = 14 };
#define POLLER_AHEAD_US (500 * US_PER_MS) // of the line's time

// Since the start; they wrap.
struct poller_counts {
    uint32_t requests, replies, exceptions, timeouts, bad;
};

// Times from the end of a request to the first byte of its reply, since they were last reset.
struct poller_delays {
    uint32_t count, min_us, max_us;
    uint64_t sum_us;
};

struct poller_unit {
    // Public to read:
    enum unit_state state;
    struct poller_counts counts;
    struct poller_delays delays; // the diagnostics reset them
    uint32_t delay_us;   // smoothed time from the end of a request to the first byte of the reply
    uint32_t timeout_us; // used for the next request
    enum poll_failure failure; // the last one since it answered
    // Private:
    uint32_t spread_us; // smoothed deviation of delay_us
    uint32_t timeout_min_us, timeout_max_us;
    uint32_t retry_max;
    uint32_t failures;      // in a row
    uint32_t unreached;     // in a row, of blocks that may yet be all that cannot be reached
    uint64_t rest_until_us; // a late reply may still come
    uint64_t probe_at_us, pause_us, planned_at_us;
    uint64_t merge_at_us, merge_pause_us; // when cuts are tried without; 0: there are none
    uint32_t hole_max;                    // that the plan was made with
    uint32_t block_first;
    uint32_t block_count;
    uint32_t asked; // blocks with the client
    bool is_known;  // answered once
    bool must_plan;
    bool is_merged; // cuts were undone since merge_at_us was last set
};

struct poller_block {
    struct block block;
    uint64_t due_us;
    uint64_t grid_us;     // its periods begin at grid_us + k * interval
    uint32_t tries;       // of the present period
    uint32_t asked_us;    // what it takes of the line's time, while it is asked
    uint32_t refusals;    // illegal address, alone: asked ever more rarely
    uint32_t misses;      // a gateway cannot reach this part: the same
    uint64_t answered_us; // when the unit last said anything to it; 0: never
    bool is_asked;        // with the client
};

#endif
