// SPDX-License-Identifier: Apache-2.0
// What a gateway can say of its buses and of the units on them: every figure as a point, described
// as a profile describes a device's. A figure that a kind of port cannot know is no point of it.
#ifndef GATEWAY_DIAGNOSTICS_TABLE_H
#define GATEWAY_DIAGNOSTICS_TABLE_H

#include "apps/gateway/config/config.h"

enum figure {
    // Of a bus:
    FIGURE_UTILISATION, // share of the time that the wire carried our frames and their replies
    FIGURE_BUSY,        // share of the time that a request was under way, waiting included
    FIGURE_TRANSACTIONS,
    FIGURE_TIMEOUTS,
    FIGURE_BAD_REPLIES,
    FIGURE_COLLISIONS,
    FIGURE_CHARACTER_ERRORS,
    FIGURE_OVERRUNS,
    FIGURE_STRAY_BYTES, // late, or heard while nothing was asked
    FIGURE_UNSENT,      // requests that the line, never quiet, let not go
    FIGURE_POLL_DELAY,  // the longest wait of a block that was due
    FIGURE_DEAD_SHARE,  // share of the time that units without an answer cost
    FIGURE_TIMES,       // whether the times below are exact
    FIGURE_HOLD,        // driver on after the last stop bit
    FIGURE_HOLD_MAX,    // of all frames since the line was set up
    FIGURE_HOLD_EARLY,  // frames whose driver was let go before the guard was over
    FIGURE_CLOCK_ERROR, // bound of a time stamp's error against our clock
    FIGURE_CORE_RESTARTS,
    // Of each of its units:
    FIGURE_TURNAROUND, // from our last stop bit to the reply's first start bit
    FIGURE_TURNAROUND_MIN,
    FIGURE_TURNAROUND_MAX,
    FIGURE_UNIT_REPLIES,
    FIGURE_UNIT_TIMEOUTS,
    FIGURE_UNIT_BAD_REPLIES,
    FIGURE_UNIT_EXCEPTIONS,
    FIGURE_UNIT_STATE,
    FIGURE_COUNT
};
#define FIGURE_OF_UNIT FIGURE_TURNAROUND // the first one

// What a port knows, as bits.
enum figure_needs {
    NEEDS_NOTHING = 0,
    NEEDS_WIRE = 1, // a serial line of a known speed
    NEEDS_ECHO = 2, // the receiver hears what we send
    NEEDS_RAW = 4,  // bytes as they come, not only whole answers
    NEEDS_CORE = 8, // a real-time core that stamps bytes and switches the transceiver
};

extern const struct profile_point FIGURE_POINTS[FIGURE_COUNT];

// What the port of this bus knows.
unsigned figures_known(const struct config_bus *bus);
// Whether such a port has the figure.
bool figure_exists(enum figure figure, unsigned known);
// The figure that a diagnostic's profile point stands for.
static inline enum figure figure_of(const struct profile_point *profile)
{
    return (enum figure)(profile - FIGURE_POINTS);
}
// How many points the diagnostics of this bus are; 0 if it has none.
size_t figures_count(const struct config_bus *bus);

#endif
