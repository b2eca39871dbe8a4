// SPDX-License-Identifier: Apache-2.0
// When which block is asked: the one that is due longest. Since a block that falls behind skips
// whole periods, its due time is never older than one interval, and so nobody starves: a slow
// block's due time stays where it is until it is served.
#include "apps/gateway/poll/poller_internal.h"

#include "base/assert.h"

#include <string.h>

enum { PERCENT = 100, REFUSALS_MAX = 20 };
#define REFUSED_US_MAX US_PER_HOUR

// Fractions of k times the golden ratio spread any number of phases evenly.
static uint64_t phase_us(uint32_t k, uint64_t interval_us)
{
    uint64_t fraction = (uint64_t)(uint32_t)(k * UINT32_C(2654435769));
    return (interval_us * (fraction >> 8)) >> 24;
}

static struct poller_block first_plan(const struct block *block, uint32_t number, uint64_t now_us)
{
    uint64_t interval_us = block->interval_ms * US_PER_MS;
    return (struct poller_block){
        .block = *block, .due_us = now_us, .grid_us = now_us + phase_us(number, interval_us)};
}

void schedule_plan(struct poller *poller, struct poller_unit *unit, uint64_t now_us)
{
    uint32_t index = poller->unit_first + (uint32_t)(unit - poller->units);
    struct poller_block *blocks = &poller->blocks[unit->block_first];
    uint32_t old_count = unit->block_count;
    memcpy(poller->old, blocks, old_count * sizeof(*blocks));
    unit->hole_max = plan_hole_max(&poller->timing, unit->delay_us);
    unit->planned_at_us = old_count == 0 ? 0 : now_us;
    unit->block_count = (uint32_t)plan_unit(poller->points, index, unit->hole_max, poller->scratch);
    unit->must_plan = false;
    uint32_t o = 0; // a block goes on in the periods of the one that read its first item before
    for (uint32_t i = 0; i < unit->block_count; i++) {
        const struct block *block = &poller->scratch[i];
        while (o + 1 < old_count && poller->old[o + 1].block.item_first <= block->item_first) {
            o++;
        }
        blocks[i] =
            old_count == 0 ? first_plan(block, unit->block_first + i, now_us) : poller->old[o];
        blocks[i].block = *block;
        blocks[i].tries = 0;
    }
}

void schedule_earn(struct poller *poller, uint64_t now_us)
{
    if (now_us <= poller->credit_at_us) {
        return;
    }
    uint64_t passed_us = now_us - poller->credit_at_us;
    int64_t max_us = (int64_t)(poller->bus->reply_timeout_ms * US_PER_MS);
    passed_us = passed_us > US_PER_HOUR ? US_PER_HOUR : passed_us;
    poller->credit_us += (int64_t)(passed_us * poller->bus->dead_share_percent / PERCENT);
    poller->credit_us = poller->credit_us > max_us ? max_us : poller->credit_us;
    poller->credit_at_us = now_us;
}

void schedule_pay(struct poller *poller, uint64_t now_us, uint64_t busy_us)
{
    schedule_earn(poller, now_us);
    poller->credit_us -= (int64_t)busy_us;
    poller->stats.dead_us += busy_us;
}

// When the share allows another try with a doubtful unit. One that answered until now may overdraw
// the account until it is certain that it is dead: nobody should wait long for that to be told.
static uint64_t credit_ready_us(const struct poller *poller, const struct poller_unit *unit)
{
    const struct config_bus *bus = poller->bus;
    uint64_t overdraft_us =
        unit->state == UNIT_ONLINE ? bus->suspend_after * bus->reply_timeout_ms * US_PER_MS : 0;
    uint64_t owed_us = poller->credit_us < 0 ? (uint64_t)-poller->credit_us : 0;
    if (owed_us <= overdraft_us) {
        return 0;
    }
    uint64_t wait_us = (owed_us - overdraft_us) * PERCENT / bus->dead_share_percent + 1;
    return time_after(poller->credit_at_us, wait_us);
}

// When the unit may be asked at all; TIME_NEVER while a request under way must end first.
static uint64_t unit_ready_us(const struct poller *poller, const struct poller_unit *unit)
{
    if (unit->asked > 0 && (unit->must_plan || !unit_is_trusted(unit))) {
        return TIME_NEVER;
    }
    uint64_t at_us = unit->rest_until_us;
    if (unit->failures > 0 && credit_ready_us(poller, unit) > at_us) {
        at_us = credit_ready_us(poller, unit);
    }
    if (unit->state != UNIT_ONLINE && unit->probe_at_us > at_us) {
        at_us = unit->probe_at_us;
    }
    return at_us;
}

// The block of the unit that is due first and not asked yet; NULL if it has none.
static struct poller_block *first_due(const struct poller *poller, const struct poller_unit *unit)
{
    struct poller_block *first = NULL;
    for (uint32_t i = 0; i < unit->block_count; i++) {
        struct poller_block *block = &poller->blocks[unit->block_first + i];
        if (!block->is_asked && (first == NULL || block->due_us < first->due_us)) {
            first = block;
        }
    }
    return first;
}

// A probe is due when its pause is over, whatever the block's own period says.
static uint64_t ask_at_us(const struct poller *poller, const struct poller_unit *unit,
                          const struct poller_block *block)
{
    uint64_t ready_us = unit_ready_us(poller, unit);
    if (unit->state != UNIT_ONLINE) {
        return ready_us;
    }
    return block->due_us > ready_us ? block->due_us : ready_us;
}

struct poller_block *schedule_choose(struct poller *poller, uint64_t now_us)
{
    struct poller_block *chosen = NULL;
    schedule_earn(poller, now_us);
    for (size_t u = 0; u < poller->unit_count; u++) {
        struct poller_unit *unit = &poller->units[u];
        unit_merge(poller, unit, now_us);
        if (unit->must_plan && unit->asked == 0) {
            schedule_plan(poller, unit, now_us);
        }
        struct poller_block *block = first_due(poller, unit);
        if (block != NULL && ask_at_us(poller, unit, block) <= now_us &&
            (chosen == NULL || block->due_us < chosen->due_us)) {
            chosen = block;
        }
    }
    return chosen;
}

uint64_t schedule_deadline_us(const struct poller *poller)
{
    uint64_t at_us = TIME_NEVER;
    for (size_t u = 0; u < poller->unit_count; u++) {
        const struct poller_unit *unit = &poller->units[u];
        const struct poller_block *block = first_due(poller, unit);
        if (block != NULL) {
            at_us = time_min(at_us, ask_at_us(poller, unit, block));
        }
    }
    return at_us;
}

void schedule_next_period(struct poller *poller, struct poller_block *block, uint64_t now_us)
{
    uint64_t interval_us = block->block.interval_ms * US_PER_MS;
    block->tries = 0;
    if (block->refusals > 0) {
        uint32_t steps = block->refusals > REFUSALS_MAX ? REFUSALS_MAX : block->refusals;
        uint64_t pause_us = interval_us << steps;
        pause_us = pause_us > REFUSED_US_MAX ? REFUSED_US_MAX : pause_us;
        pause_us = pause_us < interval_us ? interval_us : pause_us;
        block->due_us = time_after(now_us, pause_us);
        return;
    }
    if (block->due_us < block->grid_us) {
        block->due_us = block->grid_us; // the first reading came ahead of the grid
        return;
    }
    uint64_t late_us = now_us > block->due_us ? now_us - block->due_us : 0;
    if (late_us < interval_us) {
        block->due_us += interval_us;
        return;
    }
    ASSERT(interval_us > 0); // the profile table asks for 10 ms at least
    // Behind: on to the period under way, which is due at once; those between are skipped.
    poller->stats.skipped += late_us / interval_us - 1;
    block->due_us += late_us / interval_us * interval_us;
}
