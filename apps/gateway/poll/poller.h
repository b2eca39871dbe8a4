// SPDX-License-Identifier: Apache-2.0
// The poller of one bus: when to read which block, in virtual time. Keeps frames queued at the line
// while another is on it, also several of one unit while it answers; periods do not drift; dead
// units are probed with growing pauses and together cost at most their configured share of the
// bus's time.
//
//   ONLINE --suspend_after requests without an answer--> SUSPENDED --pause over--> PROBING
//      ^                                                     ^--- no answer: longer ---|
//      +--------------------------- an answer -----------------------------------------+
#ifndef GATEWAY_POLLER_H
#define GATEWAY_POLLER_H

#include "apps/gateway/poll/foreign.h"
#include "apps/gateway/poll/poller_state.h"

enum poller_out_kind {
    POLLER_OUT_SEND,   // a frame for the line
    POLLER_OUT_CANCEL, // token: of a frame that must not go out any more
    POLLER_OUT_RESUME, // the line, which a barrier holds, may go on
    POLLER_OUT_READ,   // block, data, at_us; or why not
    POLLER_OUT_UNIT,   // unit changed its state
    POLLER_OUT_CUT,    // unit refused block as a whole and is read in parts for now
    POLLER_OUT_ANSWER, // answer: to poller_ask()
};

struct poller_out {
    enum poller_out_kind kind;
    struct mb_client_send send;
    uint32_t token;
    struct block block;        // READ, CUT
    enum poll_failure failure; // READ; UNIT: of the last request, if it is suspended
    uint8_t exception;         // what the unit, or a gateway on the way to it, said instead
    struct bytes data;         // borrowed until the next call
    uint64_t at_us;            // when the reply's first byte came, or when the failure was certain
    uint32_t jitter_us;        // the unit made up its reply at most so long before at_us
    uint32_t unit;             // index in points.units
    enum unit_state state;
    struct foreign_answer answer;
};

// What became of a frame, from the line.
struct poller_done {
    struct mb_line_done line;
    uint64_t tx_end_us;
    uint64_t rx_first_us; // end of the reply's first byte; 0: not known to the byte
    uint64_t rx_last_us;
    uint32_t jitter_us;      // of these times
    uint64_t busy_us;        // how long the line was taken
    enum line_outcome heard; // what the line itself said
    uint32_t late_bytes;     // since the done before
};

struct poller_stats {
    uint64_t asked, read, late, skipped; // late: asked after its period's end; skipped: periods
    uint64_t unsent;                     // since the line was never quiet; says nothing of a unit
    uint64_t late_max_us;
    uint64_t late_span_us;     // longest wait of a block that was due, since it was last taken
    uint64_t busy_us, dead_us; // time taken in all, and by units without an answer
};

struct poller {
    // Public to read:
    struct poller_stats stats;
    struct poller_unit *units; // those of this bus
    size_t unit_count;
    uint32_t unit_first; // units[0] is points->units[unit_first]
    // Private:
    struct points *points;
    const struct config_bus *bus;
    struct plan_timing timing;
    struct mb_client client;
    struct poller_block *blocks; // room for every item of the bus
    struct poller_block *old;    // while a unit is planned anew
    struct block *scratch;
    uint32_t item_first, item_count; // of the bus
    uint32_t asked_count;
    uint64_t asked_us; // of the line's time, by all that are asked
    int64_t credit_us; // of the dead units' share of time; below 0: overdrawn
    uint64_t credit_at_us;
    bool is_up; // the port is open
    struct foreign foreign;
    struct poller_out pending[2];
    size_t pending_count;
};

// Takes its memory from the arena. Units and items of one bus are neighbours in `points`. ERR_FULL.
NODISCARD enum err poller_init(struct poller *poller, struct points *points, uint32_t bus,
                               struct arena *arena);
// Time begins: everything is due.
void poller_start(struct poller *poller, uint64_t now_us);

// The port was opened or lost.
void poller_set_port(struct poller *poller, uint64_t now_us, bool is_up);
void poller_done(struct poller *poller, uint64_t now_us, const struct poller_done *done);
// Bytes nobody asked for.
void poller_heard(struct poller *poller, uint64_t at_us);

// A request of somebody else, while the port is up: one at a time, its answer comes as an output.
// It goes when no poll waits, or after a second all the same; polls wait for such requests for
// foreign_share_percent of the bus's time at most. ERR_STATE: no port; ERR_BUSY: another is under
// way; ERR_ARG: out of bounds.
NODISCARD enum err poller_ask(struct poller *poller, uint64_t now_us,
                              const struct foreign_ask *ask);
// Nobody waits for it any more: no answer comes, and what is not on the wire yet stays off it.
void poller_drop(struct poller *poller);

uint64_t poller_deadline_us(const struct poller *poller);
void poller_tick(struct poller *poller, uint64_t now_us);
// The longest wait of a block of an online unit since the last call.
uint64_t poller_take_late_us(struct poller *poller);
bool poller_next(struct poller *poller, uint64_t now_us, struct poller_out *out);

#endif
