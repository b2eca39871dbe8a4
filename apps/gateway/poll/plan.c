// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/plan.h"

#include "modbus/limits.h"
#include "modbus/timing.h"

#include <string.h>

enum {
    BITS_PER_REGISTER = 16,
    FRAME_CHARS = 13,         // of request and reply, data aside
    EXTRA_REQUEST_CHARS = 20, // what another request costs in characters, silences included
    TCP_REQUEST_US = 1000,
    HOLE_MAX = 120,
};

struct plan_timing plan_timing_of(const struct config_bus *bus)
{
    if (bus->port_kind != BUS_TTY && bus->port_kind != BUS_RT) {
        return (struct plan_timing){.request_us = TCP_REQUEST_US};
    }
    struct mb_silence silence =
        mb_silence(bus->baud, bus->char_bits, bus->silence == SILENCE_CHARACTERS);
    return (struct plan_timing){
        .char_ns = (uint32_t)(UINT64_C(1000000000) * bus->char_bits / bus->baud),
        .silence_us = bus->silence_us != 0 ? bus->silence_us : silence.t35_us,
    };
}

uint32_t plan_hole_max(const struct plan_timing *timing, uint32_t delay_us)
{
    if (timing->char_ns == 0) {
        return HOLE_MAX;
    }
    // (20 t_char + D) / (2 t_char); strictly less, so that equal costs keep requests apart.
    uint64_t extra_ns = (uint64_t)EXTRA_REQUEST_CHARS * timing->char_ns + (uint64_t)delay_us * 1000;
    uint64_t hole = (extra_ns - 1) / (2 * (uint64_t)timing->char_ns);
    return hole > HOLE_MAX ? HOLE_MAX : (uint32_t)hole;
}

static uint32_t item_end(const struct item *item)
{
    return (uint32_t)item->address + item->size;
}

static bool fits(const struct block *block, const struct item *item, uint32_t hole_max)
{
    if (item->is_split || item->table != block->table || item->interval_ms != block->interval_ms) {
        return false;
    }
    bool is_bits = table_is_bits(block->table);
    uint32_t end = (uint32_t)block->address + block->count;
    uint32_t hole = item->address > end ? item->address - end : 0;
    uint32_t count = item_end(item) - block->address;
    return hole <= (is_bits ? hole_max * BITS_PER_REGISTER : hole_max) &&
           count <= (is_bits ? MB_READ_BITS_MAX : MB_READ_REGS_MAX);
}

size_t plan_unit(const struct points *points, uint32_t unit, uint32_t hole_max, struct block *out)
{
    const struct unit *u = &points->units[unit];
    size_t count = 0;
    for (uint32_t i = u->item_first; i < u->item_first + u->item_count; i++) {
        const struct item *item = &points->items[i];
        struct block *last = count > 0 ? &out[count - 1] : NULL;
        if (last != NULL && fits(last, item, hole_max)) {
            uint32_t end = item_end(item);
            uint32_t size = end - last->address;
            last->count = size > last->count ? (uint16_t)size : last->count;
            last->item_count++;
            continue;
        }
        out[count++] = (struct block){.table = item->table,
                                      .address = item->address,
                                      .count = item->size,
                                      .unit = unit,
                                      .interval_ms = item->interval_ms,
                                      .item_first = i,
                                      .item_count = 1};
    }
    return count;
}

bool plan_split(struct points *points, const struct block *block)
{
    if (block->item_count < 2) {
        return false;
    }
    struct item *items = &points->items[block->item_first];
    uint32_t widest = 0;
    uint32_t at = block->item_count / 2;
    uint32_t end = item_end(&items[0]);
    for (uint32_t i = 1; i < block->item_count; i++) {
        uint32_t hole = items[i].address > end ? items[i].address - end : 0;
        if (hole > widest) {
            widest = hole;
            at = i;
        }
        end = item_end(&items[i]) > end ? item_end(&items[i]) : end;
    }
    items[at].is_split = true;
    return true;
}

uint64_t plan_block_us(const struct plan_timing *timing, const struct block *block,
                       uint32_t delay_us)
{
    uint64_t data = table_is_bits(block->table) ? (block->count + 7U) / 8 : 2U * block->count;
    uint64_t wire_us = (FRAME_CHARS + data) * timing->char_ns / 1000;
    return wire_us + 2 * (uint64_t)timing->silence_us + timing->request_us + delay_us;
}

struct plan_load plan_bus_load(const struct points *points, uint32_t bus, struct block *scratch)
{
    const struct config_bus *b = &points->config->buses[bus];
    struct plan_timing timing = plan_timing_of(b);
    uint32_t hole_max = plan_hole_max(&timing, PLAN_DELAY_DEFAULT_US);
    struct plan_load load = {0};
    uint64_t ppm = 0;
    for (uint32_t u = 0; u < points->unit_count; u++) {
        if (points->units[u].bus != bus) {
            continue;
        }
        size_t count = plan_unit(points, u, hole_max, scratch);
        load.block_count += count;
        for (size_t i = 0; i < count; i++) {
            uint64_t us = plan_block_us(&timing, &scratch[i], PLAN_DELAY_DEFAULT_US);
            load.cycle_us += us;
            ppm += us * 1000 / scratch[i].interval_ms;
        }
    }
    // A dead unit no longer takes its own time, but how much that is depends on which one dies.
    uint64_t with_dead = ppm + (uint64_t)b->dead_share_percent * 10000;
    load.all_alive_ppm = ppm > UINT32_MAX ? UINT32_MAX : (uint32_t)ppm;
    load.with_dead_ppm = with_dead > UINT32_MAX ? UINT32_MAX : (uint32_t)with_dead;
    return load;
}
