// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/diagnostics_table.h"

#include <math.h>

enum { HEARTBEAT_MS = 3600 * 1000 };
#define MICROSECONDS "\xc2\xb5s" // UTF-8

// Sent on change only: a quiet line costs next to nothing on a metered hub.
#define FIGURE(point_name, point_unit, point_power, band, heartbeat)                               \
    .name = (point_name), .title = "", .unit = (point_unit), .type = TYPE_U64, .decimals = 255,    \
    .power = (point_power), .low = ((double)NAN), .high = ((double)NAN),                           \
    .report = {.on_change = true, .deadband = (band), .heartbeat_ms = (heartbeat)}
#define COUNT(point_name)     FIGURE(point_name, "", 0, 0, 0)
#define SHARE(point_name)     FIGURE(point_name, "%", -1, 1, HEARTBEAT_MS)
#define DELAY(point_name)     FIGURE(point_name, "ms", -2, 0.2, HEARTBEAT_MS)
#define STATE(point_name, of) FIGURE(point_name, "", 0, 0, 0), .labels = (of), .label_count = 2

_Static_assert(DECIMALS_ALL == 255, "as FIGURE has it");

static const struct profile_label TIMES[] = {{.value = 0, .text = "exact"},
                                             {.value = 1, .text = "coarse"}};
static const struct profile_label STATES[] = {{.value = 0, .text = "online"},
                                              {.value = 1, .text = "suspended"}};

const struct profile_point FIGURE_POINTS[FIGURE_COUNT] = {
    [FIGURE_UTILISATION] = {SHARE("utilisation")},
    [FIGURE_BUSY] = {SHARE("busy")},
    [FIGURE_TRANSACTIONS] = {COUNT("transactions")},
    [FIGURE_TIMEOUTS] = {COUNT("timeouts")},
    [FIGURE_BAD_REPLIES] = {COUNT("bad_replies")},
    [FIGURE_COLLISIONS] = {COUNT("collisions")},
    [FIGURE_CHARACTER_ERRORS] = {COUNT("character_errors")},
    [FIGURE_OVERRUNS] = {COUNT("overruns")},
    [FIGURE_STRAY_BYTES] = {COUNT("stray_bytes")},
    [FIGURE_UNSENT] = {COUNT("unsent")},
    [FIGURE_POLL_DELAY] = {FIGURE("poll_delay", "ms", 0, 10, HEARTBEAT_MS)},
    [FIGURE_DEAD_SHARE] = {SHARE("dead_share")},
    [FIGURE_TIMES] = {STATE("times", TIMES)},
    [FIGURE_HOLD] = {FIGURE("driver_hold", "bit", -2, 0.05, HEARTBEAT_MS)},
    [FIGURE_HOLD_MAX] = {FIGURE("driver_hold_max", "bit", -2, 0.05, HEARTBEAT_MS)},
    [FIGURE_HOLD_EARLY] = {COUNT("early_releases")},
    [FIGURE_CLOCK_ERROR] = {FIGURE("clock_error", MICROSECONDS, 0, 10, HEARTBEAT_MS)},
    [FIGURE_CORE_RESTARTS] = {COUNT("core_restarts")},
    [FIGURE_TURNAROUND] = {DELAY("turnaround")},
    [FIGURE_TURNAROUND_MIN] = {DELAY("turnaround_min")},
    [FIGURE_TURNAROUND_MAX] = {DELAY("turnaround_max")},
    [FIGURE_UNIT_REPLIES] = {COUNT("replies")},
    [FIGURE_UNIT_TIMEOUTS] = {COUNT("timeouts")},
    [FIGURE_UNIT_BAD_REPLIES] = {COUNT("bad_replies")},
    [FIGURE_UNIT_EXCEPTIONS] = {COUNT("exceptions")},
    [FIGURE_UNIT_STATE] = {STATE("unit_state", STATES)},
};

static const uint8_t NEEDS[FIGURE_COUNT] = {
    [FIGURE_UTILISATION] = NEEDS_WIRE,
    [FIGURE_COLLISIONS] = NEEDS_ECHO,
    [FIGURE_CHARACTER_ERRORS] = NEEDS_CORE,
    [FIGURE_OVERRUNS] = NEEDS_CORE,
    [FIGURE_STRAY_BYTES] = NEEDS_RAW,
    [FIGURE_UNSENT] = NEEDS_RAW,
    [FIGURE_HOLD] = NEEDS_CORE,
    [FIGURE_HOLD_MAX] = NEEDS_CORE,
    [FIGURE_HOLD_EARLY] = NEEDS_CORE,
    [FIGURE_CLOCK_ERROR] = NEEDS_CORE,
    [FIGURE_CORE_RESTARTS] = NEEDS_CORE,
};

unsigned figures_known(const struct config_bus *bus)
{
    unsigned echo = bus->has_echo ? NEEDS_ECHO : NEEDS_NOTHING;
    switch ((enum bus_kind)bus->port_kind) {
    case BUS_TTY: return NEEDS_WIRE | NEEDS_RAW | echo;
    case BUS_RT: return NEEDS_WIRE | NEEDS_RAW | NEEDS_CORE | echo;
    case BUS_RTU_TCP: return NEEDS_RAW;
    case BUS_TCP: break;
    }
    return NEEDS_NOTHING;
}

bool figure_exists(enum figure figure, unsigned known)
{
    return (NEEDS[figure] & ~known) == 0;
}

size_t figures_count(const struct config_bus *bus)
{
    size_t count = 0;
    for (int f = 0; f < FIGURE_COUNT && bus->diagnostics_s > 0; f++) {
        size_t each = f < FIGURE_OF_UNIT ? 1 : bus->device_count;
        count += figure_exists((enum figure)f, figures_known(bus)) ? each : 0;
    }
    return count;
}
