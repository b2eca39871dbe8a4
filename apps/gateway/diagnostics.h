// SPDX-License-Identifier: Apache-2.0
// The diagnostics of one bus: what line and poller counted, as values of the figures' points, once
// per span (config_bus.diagnostics_s). Counts are those of the span. Pure; it asks for nothing on
// the bus and knows no journal: the sampler takes the values like any other's.
#ifndef GATEWAY_DIAGNOSTICS_H
#define GATEWAY_DIAGNOSTICS_H

#include "apps/gateway/diagnostics_table.h"
#include "apps/gateway/poller.h"
#include "apps/gateway/sampler.h"
#include "line/frame.h"

// What a bus counted since it was opened. Everything but .line is of a real-time core only.
struct line_figures {
    struct line_stats line;
    uint32_t core_sessions;  // how often the core had to be linked
    uint32_t clock_error_us; // bound of its times' error on our clock, now
    uint32_t hold_count;     // frames whose hold of the driver is known
    uint32_t hold_early;     // let go before the guard was over
    uint32_t hold_max_ns;    // from the last stop bit to the driver's release
    uint64_t hold_sum_ns;
    uint32_t baud; // that the hardware makes; 0: as configured
    uint32_t overruns;
};

struct diagnostics {
    // Private:
    const struct points *points;
    const struct config_bus *config;
    uint32_t bus;
    unsigned known; // enum figure_needs
    uint64_t due_us;
    uint64_t from_us; // the span under way began
    // What had been counted then:
    struct line_figures before;
    uint64_t busy_us, dead_us;
    struct poller_counts *units; // as in poller->units
    struct sampler_figure *figures;
};

// Takes its memory from the arena. ERR_FULL.
NODISCARD enum err diagnostics_init(struct diagnostics *d, const struct points *points,
                                    uint32_t bus, size_t unit_count, struct arena *arena);
void diagnostics_start(struct diagnostics *d, uint64_t now_us);
// When the next span ends; TIME_NEVER if the bus has no diagnostics.
uint64_t diagnostics_deadline_us(const struct diagnostics *d);

// The span ends. Returns one figure for each point of points->diagnostics[bus], in their order;
// valid until the next call. is_up: the port is open.
const struct sampler_figure *diagnostics_take(struct diagnostics *d, uint64_t now_us,
                                              const struct line_figures *in, struct poller *poller,
                                              bool is_up);

#endif
