// SPDX-License-Identifier: Apache-2.0
// The diagnostics of one bus: what line and poller counted, as values of the figures' points, once
// per span (config_bus.diagnostics_s). Counts are those of the span. Pure; it asks for nothing on
// the bus and knows no journal: the sampler takes the values like any other's.
#ifndef GATEWAY_DIAGNOSTICS_H
#define GATEWAY_DIAGNOSTICS_H

#include "apps/gateway/poll/diagnostics_table.h"
#include "apps/gateway/poll/poller.h"
#include "apps/gateway/poll/sampler.h"
#include "port/api/bus.h"

struct diagnostics {
    // Private:
    const struct points *points;
    const struct config_bus *config;
    uint32_t bus;
    unsigned known; // enum figure_needs
    uint64_t due_us;
    uint64_t from_us; // the span under way began
    // What had been counted then:
    struct bus_figures before;
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
                                              const struct bus_figures *in, struct poller *poller,
                                              bool is_up);

#endif
