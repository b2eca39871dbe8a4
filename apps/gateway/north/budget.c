// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/budget.h"

#include "base/assert.h"

enum { BLOCK_SIZE_DEFAULT = 4096, DAY_MS = 86400000, HOLD_S = 3 * 3600 };

static uint32_t units_of(const struct budget *budget, size_t size)
{
    return size == 0 ? 1 : (uint32_t)((size + budget->cfg.block_size - 1) / budget->cfg.block_size);
}

static uint32_t reserve_of(const struct budget *budget)
{
    uint32_t reserve = budget->cfg.units_per_day / BUDGET_RESERVE_DIVISOR;
    return reserve > 0 ? reserve : 1;
}

static uint32_t grant_of(const struct budget *budget)
{
    return budget->cfg.units_per_day / BUDGET_GRANT_DIVISOR + 1;
}

void budget_init(struct budget *budget, const struct budget_config *cfg, struct journal_budget kept)
{
    *budget = (struct budget){.cfg = *cfg,
                              .used = kept.used,
                              .day = kept.day,
                              .granted = kept.used,
                              .asked = kept.used,
                              .utc_offset_ms = JOURNAL_UTC_UNKNOWN,
                              .probe_gap_us = BUDGET_PROBE_MIN_S * US_PER_S};
    if (cfg->block_size == 0) {
        budget->cfg.block_size = BLOCK_SIZE_DEFAULT;
    }
}

static int64_t utc_ms(const struct budget *budget, uint64_t now_us)
{
    return (int64_t)(now_us / US_PER_MS) + budget->utc_offset_ms;
}

// What the spending so far asks for, whatever was said before.
static enum budget_step step_of(const struct budget *budget, uint64_t now_us)
{
    int64_t all = budget->cfg.units_per_day;
    int64_t used = budget->used;
    if (all == 0 || budget->utc_offset_ms == JOURNAL_UTC_UNKNOWN) {
        return BUDGET_FREE;
    }
    int64_t without_reserve = all - (int64_t)reserve_of(budget);
    if (used >= without_reserve) {
        return used >= all ? BUDGET_SPENT : BUDGET_RESERVE;
    }
    // The lead that is allowed melts away with the day, so that live data has its share to the end.
    int64_t into_ms = utc_ms(budget, now_us) % DAY_MS;
    int64_t ahead = used - without_reserve * into_ms / DAY_MS;
    int64_t lead = all * (DAY_MS - into_ms) / DAY_MS;
    if (ahead * 4 > lead) {
        return BUDGET_PACKED;
    }
    return ahead * 8 > lead ? BUDGET_NO_BACKFILL : BUDGET_FREE;
}

// A step is taken back only when it has held for a while: each costs an event.
static void take_step(struct budget *budget, uint64_t now_us, bool is_new_day)
{
    enum budget_step step = step_of(budget, now_us);
    if (step > budget->step) {
        budget->held_us = time_after(now_us, HOLD_S * US_PER_S);
    }
    if (step > budget->step || is_new_day || now_us >= budget->held_us) {
        budget->step = step;
    }
}

static void look_at_day(struct budget *budget, uint64_t now_us)
{
    if (budget->utc_offset_ms == JOURNAL_UTC_UNKNOWN) {
        return;
    }
    uint32_t day = (uint32_t)(utc_ms(budget, now_us) / DAY_MS);
    bool is_return = day == budget->left_day;
    if (day < budget->day) {
        budget->left_day = budget->day;
    }
    if (day > budget->day && !is_return) {
        budget->used = budget->granted = budget->asked = 0;
        budget->probe_us = now_us; // a quota that was used up is whole again
        budget->probe_gap_us = BUDGET_PROBE_MIN_S * US_PER_S;
    }
    // A clock that went back gives nothing back, and nothing when it returns either.
    bool is_new = day > budget->day;
    budget->left_day = is_new ? 0 : budget->left_day;
    budget->day = day;
    take_step(budget, now_us, is_new);
}

void budget_set_clock(struct budget *budget, uint64_t now_us, struct wall_time utc)
{
    budget->utc_offset_ms = utc.utc_ms - (int64_t)(now_us / US_PER_MS);
    look_at_day(budget, now_us);
}

static bool is_within(struct budget *budget, enum journal_lane lane, bool is_backlog, size_t size)
{
    if (budget->cfg.units_per_day == 0 || budget->utc_offset_ms == JOURNAL_UTC_UNKNOWN) {
        return true;
    }
    uint32_t units = units_of(budget, size);
    uint32_t limit = budget->cfg.units_per_day;
    limit -= lane == LANE_TELEMETRY ? reserve_of(budget) : 0;
    if (budget->used + units > limit || (is_backlog && budget->step >= BUDGET_NO_BACKFILL)) {
        return false;
    }
    if (budget->used + units + grant_of(budget) / 2 > budget->granted) {
        uint32_t asked = budget->used + units + grant_of(budget);
        budget->asked = asked > budget->asked ? asked : budget->asked;
    }
    return budget->used + units <= budget->granted;
}

bool budget_may_publish(struct budget *budget, uint64_t now_us, enum journal_lane lane,
                        bool is_backlog, size_t size)
{
    look_at_day(budget, now_us);
    bool is_probe_due = now_us >= budget->probe_us && budget->published == 0;
    return is_within(budget, lane, is_backlog, size) && (!budget->is_refused || is_probe_due);
}

void budget_published(struct budget *budget, uint64_t now_us, size_t size)
{
    budget->sent++;
    budget->published++;
    budget->used += units_of(budget, size);
    take_step(budget, now_us, false);
}

void budget_online(struct budget *budget, uint64_t now_us)
{
    (void)now_us;
    budget->published = budget->acked = 0;
}

void budget_acked(struct budget *budget, uint64_t now_us)
{
    (void)now_us;
    budget->acked++;
    budget->closes = 0;
    budget->is_refused = false;
    budget->probe_gap_us = BUDGET_PROBE_MIN_S * US_PER_S;
}

void budget_closed(struct budget *budget, uint64_t now_us)
{
    bool is_sign = budget->published > 0 && budget->acked == 0;
    budget->closes += is_sign;
    if (is_sign && budget->closes >= BUDGET_CLOSES_MAX) {
        budget->is_refused = true;
        budget->probe_us = time_after(now_us, budget->probe_gap_us);
        uint64_t most_us = BUDGET_PROBE_MAX_S * US_PER_S;
        budget->probe_gap_us *= 2;
        budget->probe_gap_us = budget->probe_gap_us < most_us ? budget->probe_gap_us : most_us;
    }
    budget->published = budget->acked = 0;
}

bool budget_store(struct budget *budget, struct journal_budget *out)
{
    if (budget->cfg.units_per_day == 0 || budget->asked <= budget->granted || budget->day == 0) {
        return false;
    }
    *out = (struct journal_budget){.day = budget->day, .used = budget->asked};
    return true;
}

void budget_stored(struct budget *budget, struct journal_budget stored)
{
    if (stored.day == budget->day && stored.used > budget->granted) {
        budget->granted = stored.used;
    }
}

uint32_t budget_age_factor(const struct budget *budget)
{
    return budget->step >= BUDGET_PACKED ? BUDGET_PACK_FACTOR : 1;
}

const char *budget_next_note(struct budget *budget)
{
    if (budget->is_refused != budget->told_refused) {
        budget->told_refused = budget->is_refused;
        return budget->is_refused
                   ? "hub: closes after each message, its daily quota seems used up; all waits"
                   : "hub: takes messages again";
    }
    if (budget->step == budget->told_step) {
        return NULL;
    }
    budget->told_step = budget->step;
    switch (budget->step) {
    case BUDGET_FREE: return "budget: all goes on";
    case BUDGET_NO_BACKFILL: return "budget: ahead of the day, the backlog waits";
    case BUDGET_PACKED: return "budget: far ahead of the day, messages wait until they are full";
    case BUDGET_RESERVE: return "budget: low, telemetry waits for the next UTC day, alerts go on";
    case BUDGET_SPENT: return "budget: spent, all waits for the next UTC day";
    }
    return NULL;
}

uint64_t budget_deadline_us(const struct budget *budget)
{
    bool is_probe_ahead = budget->is_refused && budget->probe_us > budget->looked_us;
    uint64_t deadline_us = is_probe_ahead ? budget->probe_us : TIME_NEVER;
    if (budget->cfg.units_per_day == 0 || budget->utc_offset_ms == JOURNAL_UTC_UNKNOWN ||
        budget->step == BUDGET_FREE) {
        return deadline_us;
    }
    // The next whole minute of the day is soon enough to look again; midnight is one.
    uint64_t offset_us = (uint64_t)budget->utc_offset_ms * US_PER_MS; // wraps as it should
    uint64_t in_minute_us = (budget->looked_us + offset_us) % US_PER_MIN;
    return time_min(deadline_us, budget->looked_us + US_PER_MIN - in_minute_us);
}

void budget_tick(struct budget *budget, uint64_t now_us)
{
    budget->looked_us = now_us;
    look_at_day(budget, now_us);
}
