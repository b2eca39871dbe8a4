// SPDX-License-Identifier: Apache-2.0
// What the poller knows of a unit: how fast it answers and whether it answers at all.
#include "apps/gateway/poll/poller_internal.h"

enum {
    TIMEOUT_MARGIN_US = 10000, // for the clocks of a tty, which are late by a scheduling delay
    SPREAD_FACTOR = 4,         // as RFC 6298 does for TCP
    REPLAN_REPLIES = 16,
    WITNESSES = 3,     // unreached, they speak for all blocks of a doubted unit
    MERGE_PERIODS = 4, // a part was read so often before it is tried as one with its neighbour
};
#define REPLAN_US    (10 * US_PER_MIN)
#define MERGE_MIN_US (5 * US_PER_MIN)
#define MERGE_MAX_US (24 * US_PER_HOUR)

void unit_init(struct poller_unit *unit, const struct config_bus *bus,
               const struct config_device *device)
{
    uint32_t timeout_ms =
        device->reply_timeout_ms != 0 ? device->reply_timeout_ms : bus->reply_timeout_ms;
    uint32_t min_ms =
        bus->reply_timeout_min_ms < timeout_ms ? bus->reply_timeout_min_ms : timeout_ms;
    *unit = (struct poller_unit){
        .state = UNIT_ONLINE,
        .timeout_us = timeout_ms * 1000,
        .timeout_max_us = timeout_ms * 1000,
        .timeout_min_us = min_ms * 1000,
        .retry_max = device->retries != CONFIG_RETRIES_BUS ? device->retries : bus->retries,
        .delay_us = PLAN_DELAY_DEFAULT_US,
        .must_plan = true,
    };
}

bool unit_is_trusted(const struct poller_unit *unit)
{
    return unit->state == UNIT_ONLINE && unit->is_known && unit->failures == 0 &&
           unit->unreached == 0;
}

void unit_set_state(struct poller *poller, struct poller_unit *unit, enum unit_state state,
                    uint64_t now_us)
{
    if (unit->state == state) {
        return;
    }
    unit->state = state;
    struct poller_out out = {
        .kind = POLLER_OUT_UNIT,
        .unit = poller->unit_first + (uint32_t)(unit - poller->units),
        .state = state,
        .failure = state == UNIT_SUSPENDED ? unit->failure : POLL_OK,
        .at_us = now_us,
    };
    poller_push(poller, &out);
}

static void add_delay(struct poller_delays *delays, uint32_t delay_us)
{
    delays->min_us = delays->count == 0 || delay_us < delays->min_us ? delay_us : delays->min_us;
    delays->max_us = delay_us > delays->max_us ? delay_us : delays->max_us;
    delays->sum_us += delay_us;
    delays->count++;
}

void unit_measured(struct poller *poller, struct poller_unit *unit, uint32_t delay_us)
{
    add_delay(&unit->delays, delay_us);
    uint32_t off_us =
        delay_us > unit->delay_us ? delay_us - unit->delay_us : unit->delay_us - delay_us;
    if (!unit->is_known) {
        unit->is_known = true;
        unit->delay_us = delay_us;
        unit->spread_us = delay_us / 2;
    } else {
        unit->spread_us = (uint32_t)((3 * (uint64_t)unit->spread_us + off_us) / 4);
        unit->delay_us = (uint32_t)((7 * (uint64_t)unit->delay_us + delay_us) / 8);
    }
    uint64_t timeout_us =
        (uint64_t)unit->delay_us + SPREAD_FACTOR * (uint64_t)unit->spread_us + TIMEOUT_MARGIN_US;
    timeout_us = timeout_us < unit->timeout_min_us ? unit->timeout_min_us : timeout_us;
    timeout_us = timeout_us > unit->timeout_max_us ? unit->timeout_max_us : timeout_us;
    unit->timeout_us = (uint32_t)timeout_us;

    // Another delay may make other holes worth reading; small changes are not worth a new plan.
    uint32_t hole_max = plan_hole_max(&poller->timing, unit->delay_us);
    uint32_t change =
        hole_max > unit->hole_max ? hole_max - unit->hole_max : unit->hole_max - hole_max;
    if (unit->counts.replies % REPLAN_REPLIES == 0 && change > 1 + unit->hole_max / 4 &&
        (unit->planned_at_us == 0 ||
         poller->credit_at_us >= time_after(unit->planned_at_us, REPLAN_US))) {
        unit->must_plan = true;
    }
}

void unit_answered(struct poller *poller, struct poller_unit *unit, uint64_t now_us)
{
    unit->failures = 0;
    unit->unreached = 0;
    unit->failure = POLL_OK;
    unit->counts.replies++;
    if (unit->state == UNIT_ONLINE) {
        return;
    }
    unit_set_state(poller, unit, UNIT_ONLINE, now_us);
    if (unit->merge_at_us != 0) { // it may have been started anew, and refuse nothing any more
        unit->merge_at_us = time_min(unit->merge_at_us, time_after(now_us, MERGE_MIN_US));
    }
    for (uint32_t i = 0; i < unit->block_count; i++) {
        struct poller_block *block = &poller->blocks[unit->block_first + i];
        block->misses = 0;
        if (block->due_us > now_us && block->refusals == 0) {
            block->due_us = now_us;
        }
    }
}

void unit_failed(struct poller *poller, struct poller_unit *unit, uint64_t now_us)
{
    const struct config_bus *bus = poller->bus;
    unit->failures++;
    unit->timeout_us =
        unit->timeout_us > unit->timeout_max_us / 2 ? unit->timeout_max_us : 2 * unit->timeout_us;
    if (unit->state == UNIT_ONLINE && unit->failures < bus->suspend_after) {
        return;
    }
    uint64_t max_us = bus->probe_max_ms * US_PER_MS;
    bool is_first = unit->state == UNIT_ONLINE;
    unit->pause_us = is_first ? bus->probe_min_ms * US_PER_MS : 2 * unit->pause_us;
    unit->pause_us = unit->pause_us > max_us ? max_us : unit->pause_us;
    unit->probe_at_us = time_after(now_us, unit->pause_us);
    unit_set_state(poller, unit, UNIT_SUSPENDED, now_us);
}

// Some gateways show several devices as one unit. What was not answered for so long that it must be
// one of these casts no doubt on the others.
bool unit_unreached(struct poller *poller, struct poller_unit *unit, struct poller_block *block)
{
    const struct config_bus *bus = poller->bus;
    uint32_t before = unit->unreached;
    block->misses += block->misses < UINT32_MAX ? 1 : 0;
    unit->unreached += block->misses <= bus->suspend_after ? 1 : 0;
    bool is_whole = true;
    for (uint32_t i = 0; i < unit->block_count; i++) {
        is_whole = is_whole && poller->blocks[unit->block_first + i].misses > 0;
    }
    if (!is_whole && unit->unreached < bus->suspend_after + WITNESSES) {
        return false;
    }
    unit->failures += before;
    unit->unreached = 0;
    return true;
}

bool unit_is_doubted(const struct poller *poller, const struct poller_unit *unit)
{
    return unit->state == UNIT_ONLINE && unit->unreached >= poller->bus->suspend_after;
}

// A device that starts may refuse for a moment all that it has: a cut is not for ever. One that
// was needed is made again at the next reading, and then it is left alone for twice as long.
void unit_cut(struct poller *poller, struct poller_unit *unit, const struct poller_block *block,
              uint64_t now_us)
{
    bool is_first = unit->merge_at_us == 0;
    uint64_t least_us = MERGE_PERIODS * block->block.interval_ms * US_PER_MS;
    uint64_t pause_us = is_first          ? MERGE_MIN_US
                        : unit->is_merged ? 2 * unit->merge_pause_us
                                          : unit->merge_pause_us;
    pause_us = pause_us < least_us ? least_us : pause_us;
    unit->merge_pause_us = time_min(pause_us, MERGE_MAX_US);
    unit->merge_at_us = time_after(now_us, unit->merge_pause_us);
    unit->is_merged = false;
    unit->must_plan = true;
    if (is_first) {
        poller_push(poller, &(struct poller_out){.kind = POLLER_OUT_CUT,
                                                 .unit = block->block.unit,
                                                 .block = block->block,
                                                 .at_us = now_us});
    }
}

void unit_merge(struct poller *poller, struct poller_unit *unit, uint64_t now_us)
{
    if (unit->merge_at_us == 0 || now_us < unit->merge_at_us || unit->must_plan ||
        unit->state != UNIT_ONLINE) {
        return;
    }
    unit->is_merged = false;
    bool has_cuts = false;
    for (uint32_t i = 1; i < unit->block_count; i++) {
        const struct poller_block *block = &poller->blocks[unit->block_first + i];
        struct item *item = &poller->points->items[block->block.item_first];
        bool is_good = block->refusals + block->misses == 0 &&
                       (block - 1)->refusals + (block - 1)->misses == 0;
        has_cuts = has_cuts || item->is_split;
        unit->is_merged = unit->is_merged || (item->is_split && is_good);
        item->is_split = item->is_split && !is_good;
    }
    unit->must_plan = unit->is_merged;
    unit->merge_at_us = has_cuts ? time_after(now_us, unit->merge_pause_us) : 0;
}
