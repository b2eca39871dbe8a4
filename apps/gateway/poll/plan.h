// SPDX-License-Identifier: Apache-2.0
// The planner: items -> blocks, the requests that read them. Two items share a block if reading the
// hole of h registers between them costs less than another request:
// h < (20 t_char + D) / (2 t_char), D being the unit's own reply delay. Pure; used by the check of
// a configuration, by the gateway, and again whenever D or the set of refused addresses changed.
#ifndef GATEWAY_PLAN_H
#define GATEWAY_PLAN_H

#include "apps/gateway/poll/points.h"

struct block {
    uint8_t table;
    uint16_t address;
    uint16_t count; // registers or bits
    uint32_t unit;
    uint32_t interval_ms;
    uint32_t item_first;
    uint32_t item_count;
};

// What a bus costs in time.
struct plan_timing {
    uint32_t char_ns;    // 0 on TCP
    uint32_t silence_us; // t3.5
    uint32_t request_us; // TCP: the fixed cost of one request, in place of characters
};

struct plan_timing plan_timing_of(const struct config_bus *bus);

enum { PLAN_DELAY_DEFAULT_US = 5000, PLAN_PPM = 1000000 };

// The largest hole, in registers, that is worth reading; bits count 16 to a register.
uint32_t plan_hole_max(const struct plan_timing *timing, uint32_t delay_us);

// Blocks of one unit; `out` has room for unit->item_count. Returns how many.
size_t plan_unit(const struct points *points, uint32_t unit, uint32_t hole_max, struct block *out);

// Cuts a refused block in two: at its widest hole, else in the middle; marks the item at the cut.
// False if it holds one item only.
bool plan_split(struct points *points, const struct block *block);

// Time on the wire of one exchange, silences included.
uint64_t plan_block_us(const struct plan_timing *timing, const struct block *block,
                       uint32_t delay_us);

// Predicted use of a bus in parts per million; above 1,000,000 it does not fit. `dead` units (the
// most expensive configuration of share) get at most their configured share.
struct plan_load {
    uint32_t all_alive_ppm;
    uint32_t with_dead_ppm; // one dead unit and more: the share on top
    size_t block_count;
    uint64_t cycle_us; // all blocks once
};

struct plan_load plan_bus_load(const struct points *points, uint32_t bus, struct block *scratch);

#endif
