// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/forward.h"

#include "base/assert.h"

void forward_init(struct forward *forward, const struct forward_config *cfg,
                  struct journal_budget kept, uint64_t now_us)
{
    *forward = (struct forward){.cfg = *cfg, .offline_us = now_us, .told_factor = 1};
    pacing_init(&forward->pacing, &cfg->pacing, now_us);
    budget_init(&forward->budget, &cfg->budget, kept);
}

void forward_tick(struct forward *forward, const struct uplink *up, uint64_t now_us)
{
    bool is_online = up->state == UPLINK_ONLINE;
    bool is_same = forward->connects == up->stats.connects;
    if (is_online && (!forward->is_online || !is_same)) {
        uint64_t away_us = now_us - forward->offline_us;
        forward->must_hurry = !forward->is_online && away_us >= FORWARD_HURRY_AFTER_S * US_PER_S;
    }
    if (!is_online && forward->is_online) {
        forward->offline_us = now_us;
    }
    forward->is_online = is_online;
    forward->connects = up->stats.connects;
}

bool forward_next(struct forward *forward, struct forward_out *out)
{
    *out = (struct forward_out){.kind = FORWARD_HURRY};
    if (forward->must_hurry) {
        forward->must_hurry = false;
        return true;
    }
    uint32_t factor = budget_age_factor(&forward->budget);
    if (factor != forward->told_factor) {
        forward->told_factor = factor;
        out->kind = FORWARD_MAX_AGE;
        out->max_age_ms = forward->cfg.max_age_ms * factor;
        return true;
    }
    struct journal_budget store;
    if (budget_store(&forward->budget, &store) &&
        (store.day != forward->asked.day || store.used != forward->asked.used)) {
        forward->asked = store;
        out->kind = FORWARD_STORE;
        out->store = store;
        return true;
    }
    out->kind = FORWARD_NOTE;
    out->text = budget_next_note(&forward->budget);
    return out->text != NULL;
}

void forward_stored(struct forward *forward, struct journal_budget stored)
{
    budget_stored(&forward->budget, stored);
}

bool forward_has_work(struct forward *forward, struct uplink *up, uint64_t now_us)
{
    bool has_work = false;
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        has_work = has_work || (forward->may_have_more[lane] && uplink_room(up, lane) > 0);
    }
    return has_work || (forward->has_backlog && uplink_backlog_room(up, now_us) > 0);
}

struct forward_want forward_want(struct forward *forward, struct uplink *up, uint64_t now_us)
{
    struct forward_want want = {.backlog = uplink_backlog_room(up, now_us)};
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        want.lanes[lane] = uplink_room(up, lane);
    }
    forward->wanted = want;
    return want;
}

void forward_got(struct forward *forward, const struct forward_want *got, bool has_backlog)
{
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        // None wanted: then it was not asked.
        forward->may_have_more[lane] = got->lanes[lane] == forward->wanted.lanes[lane];
    }
    forward->has_backlog = has_backlog;
}

uint64_t forward_deadline_us(const struct forward *forward, uint64_t now_us)
{
    uint64_t at_us = forward->has_backlog ? pacing_deadline_us(&forward->pacing) : TIME_NEVER;
    // Credit that is there and was not used waits for something else: an event, which comes anyway.
    return at_us > now_us ? at_us : TIME_NEVER;
}
