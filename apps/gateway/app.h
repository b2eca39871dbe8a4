// SPDX-License-Identifier: Apache-2.0
// The gateway between the buses and the journal: pollers, sampler and catalogue as one machine.
// Give one input, then drain app_next before the next input.
#ifndef GATEWAY_APP_H
#define GATEWAY_APP_H

#include "apps/gateway/poll/catalogue.h"
#include "apps/gateway/poll/diagnostics.h"
#include "apps/gateway/poll/poller.h"
#include "apps/gateway/poll/sampler.h"
#include "port/api/bus.h"
#include "telemetry/event.h"

enum app_out_kind {
    APP_OUT_SEND,    // bus, send: to the line
    APP_OUT_CANCEL,  // bus, token: of a frame that must not go out any more
    APP_OUT_RESUME,  // bus: ends the hold of a barrier
    APP_OUT_SAMPLE,  // sample, is_urgent: to the journal
    APP_OUT_RELAY,   // key, relay: state to keep with the samples before it
    APP_OUT_LIMIT,   // of a point, key: has_event, event: it crossed a limit, to be told;
                     // has_beyond, beyond, beyond_from_us: to keep with the samples before it
    APP_OUT_UNIT,    // unit, state, failure: for the log
    APP_OUT_REFUSED, // unit, block, exception: for the log
    APP_OUT_CUT,     // unit, block: for the log
    APP_OUT_ANSWER,  // bus, answer: to app_ask()
};

struct app_out {
    enum app_out_kind kind;
    uint32_t bus;
    struct line_send send;
    uint32_t token;
    struct tm_sample sample; // a text is borrowed until the next call
    bool is_urgent;
    uint32_t key;
    struct sampler_relay relay;
    struct tm_event event;
    bool has_event, has_beyond;
    int beyond; // as in sampler_point
    uint64_t beyond_from_us;
    uint32_t unit;
    enum unit_state state;
    enum poll_failure failure;
    struct block block;
    uint8_t exception;
    struct foreign_answer answer; // its data are borrowed until the next call
};

struct app_bus {
    struct poller poller;
    struct diagnostics diagnostics;
    bool is_up;
    bool is_told; // its units' points are known to have no port
};

struct app {
    // Public to read:
    const struct config *config;
    struct points points;
    struct app_bus *buses; // as in the configuration
    struct sampler sampler;
    struct tm_catalogue catalogue;
    // Private:
    uint32_t fail_next, fail_end; // units whose points have lost their port
    uint64_t fail_at_us;
};

// Takes its memory from the arena; ids of points come from the map, which grows. *ids_changed: the
// map must be stored before any sample leaves. ERR_FULL; ERR_ARG: telemetry cannot carry a point.
NODISCARD enum err app_init(struct app *app, const struct config *config, struct arena *arena,
                            struct id_map *ids, bool *ids_changed);
void app_start(struct app *app, uint64_t now_us);
// What an earlier run knew of a relay: index in app->points.relays.
void app_set_relay(struct app *app, uint32_t relay, const struct sampler_relay *state);

// What it knew of a point's limits: as sampler_set_limit().
void app_set_limit(struct app *app, uint32_t point, int limit, int beyond, uint64_t beyond_from_us);

void app_bus_event(struct app *app, uint64_t now_us, uint32_t bus, const struct bus_event *event);
// Whether the span of a bus's diagnostics is over: then app_figures() is the next input.
bool app_wants_figures(const struct app *app, uint64_t now_us, uint32_t bus);
void app_figures(struct app *app, uint64_t now_us, uint32_t bus, const struct bus_figures *in);
// A request of somebody else on a bus, and giving it up: poller_ask() and poller_drop().
NODISCARD enum err app_ask(struct app *app, uint64_t now_us, uint32_t bus,
                           const struct foreign_ask *ask);
void app_drop(struct app *app, uint32_t bus);
uint64_t app_deadline_us(const struct app *app);
void app_tick(struct app *app, uint64_t now_us);
bool app_next(struct app *app, uint64_t now_us, struct app_out *out);

#endif
