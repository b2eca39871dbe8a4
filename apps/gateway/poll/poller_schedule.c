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

void schedule_pay_part(struct poller *poller, uint64_t now_us, uint64_t busy_us)
{
    schedule_earn(poller, now_us);
    int64_t least_us = -(int64_t)(poller->bus->reply_timeout_ms * US_PER_MS);
    least_us = poller->credit_us < least_us ? poller->credit_us : least_us;
    schedule_pay(poller, now_us, busy_us);
    poller->credit_us = poller->credit_us < least_us ? least_us : poller->credit_us;
}

// When no more than that is owed.
static uint64_t credit_at_us(const struct poller *poller, uint64_t overdraft_us)
{
    uint64_t owed_us = poller->credit_us < 0 ? (uint64_t)-poller->credit_us : 0;
    if (owed_us <= overdraft_us) {
        return 0;
    }
    uint64_t wait_us = (owed_us - overdraft_us) * PERCENT / poller->bus->dead_share_percent + 1;
    return time_after(poller->credit_at_us, wait_us);
}

// When the share allows another try with a doubtful unit. One that answered until now may overdraw
// the account until it is certain that it is dead: nobody should wait long for that to be told.
static uint64_t credit_ready_us(const struct poller *poller, const struct poller_unit *unit)
{
    const struct config_bus *bus = poller->bus;
    return credit_at_us(poller, unit->state == UNIT_ONLINE
                                    ? bus->suspend_after * bus->reply_timeout_ms * US_PER_MS
                                    : 0);
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

// The block of a doubted unit that can tell most: the one that was answered last, and if that is
// unreached too, those that were not heard of for longest. NULL if none is left.
static struct poller_block *witness_of(const struct poller *poller, const struct poller_unit *unit)
{
    bool is_first = unit->unreached == poller->bus->suspend_after;
    struct poller_block *chosen = NULL;
    for (uint32_t i = 0; i < unit->block_count; i++) {
        struct poller_block *block = &poller->blocks[unit->block_first + i];
        if (block->is_asked || block->misses > 0) {
            continue;
        }
        if (chosen == NULL || (is_first ? block->answered_us > chosen->answered_us
                                        : block->answered_us < chosen->answered_us)) {
            chosen = block;
        }
    }
    return chosen;
}

static bool is_part_asked(const struct poller *poller, const struct poller_unit *unit)
{
    bool is_asked = false;
    for (uint32_t i = 0; i < unit->block_count && unit->asked > 0; i++) {
        const struct poller_block *block = &poller->blocks[unit->block_first + i];
        is_asked = is_asked || (block->is_asked && block->misses > 0);
    }
    return is_asked;
}

// A part that cannot be reached waits for its share, alone: the unit's others do not.
static uint64_t part_ready_us(const struct poller *poller, const struct poller_unit *unit,
                              uint64_t ready_us)
{
    if (unit->failures > 0 || unit->state != UNIT_ONLINE) {
        return ready_us;
    }
    uint64_t credit_us = credit_at_us(poller, 0);
    uint64_t at_us = credit_us > ready_us ? credit_us : ready_us;
    return is_part_asked(poller, unit) ? TIME_NEVER : at_us;
}

// What to ask a unit next; NULL if there is nothing.
struct turn {
    struct poller_block *block;
    uint64_t at_us;
};

// A probe is due when its pause is over, whatever the block's own period says; so is a witness.
static struct turn turn_of(const struct poller *poller, const struct poller_unit *unit)
{
    uint64_t ready_us = unit_ready_us(poller, unit);
    struct turn turn = {.at_us = ready_us};
    if (unit_is_doubted(poller, unit)) {
        turn.block = witness_of(poller, unit);
        if (turn.block != NULL || unit->asked > 0) {
            return turn;
        }
    }
    uint64_t part_us = 0; // not reckoned yet
    for (uint32_t i = 0; i < unit->block_count; i++) {
        struct poller_block *block = &poller->blocks[unit->block_first + i];
        if (block->is_asked) {
            continue;
        }
        uint64_t at_us = ready_us;
        if (block->misses > 0) {
            part_us = part_us == 0 ? part_ready_us(poller, unit, ready_us) : part_us;
            at_us = part_us;
        }
        if (unit->state == UNIT_ONLINE && block->due_us > at_us) {
            at_us = block->due_us;
        }
        if (turn.block == NULL || at_us < turn.at_us ||
            (at_us == turn.at_us && block->due_us < turn.block->due_us)) {
            turn = (struct turn){.block = block, .at_us = at_us};
        }
    }
    return turn;
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
        struct turn turn = turn_of(poller, unit);
        if (turn.block == NULL || turn.at_us > now_us) {
            continue;
        }
        if (unit_is_doubted(poller, unit) && turn.block->due_us > now_us) {
            turn.block->due_us = now_us; // its next period begins with this reading
        }
        if (chosen == NULL || turn.block->due_us < chosen->due_us) {
            chosen = turn.block;
        }
    }
    return chosen;
}

uint64_t schedule_deadline_us(const struct poller *poller)
{
    uint64_t at_us = TIME_NEVER;
    for (size_t u = 0; u < poller->unit_count; u++) {
        struct turn turn = turn_of(poller, &poller->units[u]);
        at_us = turn.block != NULL ? time_min(at_us, turn.at_us) : at_us;
    }
    return at_us;
}

// One that is in vain is asked ever more rarely.
static void pause_block(struct poller_block *block, uint64_t now_us, uint32_t steps,
                        uint64_t max_us)
{
    uint64_t interval_us = block->block.interval_ms * US_PER_MS;
    uint64_t pause_us = interval_us << (steps > REFUSALS_MAX ? REFUSALS_MAX : steps);
    pause_us = pause_us > max_us ? max_us : pause_us;
    pause_us = pause_us < interval_us ? interval_us : pause_us;
    block->tries = 0;
    block->due_us = time_after(now_us, pause_us);
}

void schedule_missed(struct poller *poller, struct poller_block *block, uint64_t now_us)
{
    // The first time may be a mishap.
    pause_block(block, now_us, block->misses - 1, poller->bus->probe_max_ms * US_PER_MS);
}

void schedule_next_period(struct poller *poller, struct poller_block *block, uint64_t now_us)
{
    uint64_t interval_us = block->block.interval_ms * US_PER_MS;
    block->tries = 0;
    if (block->refusals > 0) {
        pause_block(block, now_us, block->refusals, REFUSED_US_MAX);
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
