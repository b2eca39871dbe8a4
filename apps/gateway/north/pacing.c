// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/pacing.h"

#include "base/assert.h"

enum {
    BURST = 4,           // messages that may be saved up
    RAISE_US = 30000000, // this long without a late PUBACK raises the rate
    HALVE_US = 5000000,  // between two halvings: a row of late PUBACKs is one sign
    RATE_MIN_PER_MIN = 1,
    BEST_FACTOR = 4,
};

void pacing_init(struct pacing *pacing, const struct pacing_config *cfg, uint64_t now_us)
{
    *pacing = (struct pacing){.cfg = *cfg, .filled_us = now_us, .waiting_us = TIME_NEVER};
    if (cfg->messages_per_min == 0) {
        pacing->cfg.messages_per_min = PACING_PER_MIN_DEFAULT;
    }
    pacing->rate_per_min = pacing->cfg.messages_per_min;
}

static uint64_t cost_us(const struct pacing *pacing)
{
    return US_PER_MIN / pacing->rate_per_min;
}

static void fill(struct pacing *pacing, uint64_t now_us)
{
    uint64_t most_us = cost_us(pacing) * BURST;
    pacing->credit_us += now_us - pacing->filled_us;
    pacing->credit_us = pacing->credit_us < most_us ? pacing->credit_us : most_us;
    pacing->filled_us = now_us;
}

void pacing_online(struct pacing *pacing, uint64_t now_us)
{
    pacing->is_online = true;
    pacing->filled_us = now_us;
    pacing->credit_us = 0; // the first seconds of a connection are for live data
    pacing->best_us = 0;
    pacing->judged_us = now_us;
    pacing->waiting_us = TIME_NEVER;
}

void pacing_offline(struct pacing *pacing, uint64_t now_us)
{
    fill(pacing, now_us);
    pacing->is_online = false;
    pacing->waiting_us = TIME_NEVER;
}

void pacing_waiting(struct pacing *pacing, uint64_t now_us, uint64_t since_us)
{
    (void)now_us;
    pacing->waiting_us = since_us;
}

static void slow_down(struct pacing *pacing, uint64_t now_us)
{
    if (now_us - pacing->judged_us < HALVE_US) {
        return;
    }
    pacing->judged_us = now_us;
    pacing->stats.slowed++;
    pacing->rate_per_min /= 2;
    if (pacing->rate_per_min < RATE_MIN_PER_MIN) {
        pacing->rate_per_min = RATE_MIN_PER_MIN;
    }
}

static uint64_t late_us(const struct pacing *pacing)
{
    uint64_t late = PACING_LATE_MS * US_PER_MS;
    return pacing->best_us * BEST_FACTOR > late ? pacing->best_us * BEST_FACTOR : late;
}

void pacing_acked(struct pacing *pacing, uint64_t now_us, uint64_t latency_us)
{
    fill(pacing, now_us);
    if (pacing->best_us == 0 || latency_us < pacing->best_us) {
        // A hub that is slow from the first PUBACK on is throttling, not far away.
        uint64_t most_us = PACING_LATE_MS * US_PER_MS;
        pacing->best_us = latency_us < most_us ? latency_us : most_us;
    }
    if (latency_us > late_us(pacing)) {
        slow_down(pacing, now_us);
    } else if (now_us - pacing->judged_us >= RAISE_US) {
        pacing->judged_us = now_us;
        pacing->rate_per_min += pacing->cfg.messages_per_min / 8 + 1;
        if (pacing->rate_per_min > pacing->cfg.messages_per_min) {
            pacing->rate_per_min = pacing->cfg.messages_per_min;
        }
    }
}

void pacing_throttled(struct pacing *pacing, uint64_t now_us, uint32_t retry_s)
{
    fill(pacing, now_us);
    pacing->stats.throttled++;
    slow_down(pacing, now_us);
    uint64_t pause_us = retry_s == 0 ? PACING_PAUSE_MS * US_PER_MS : retry_s * US_PER_S;
    uint64_t until_us = time_after(now_us, pause_us);
    pacing->paused_us = until_us > pacing->paused_us ? until_us : pacing->paused_us;
}

static bool is_overdue(const struct pacing *pacing, uint64_t now_us)
{
    return pacing->waiting_us != TIME_NEVER &&
           now_us >= time_after(pacing->waiting_us, late_us(pacing));
}

uint32_t pacing_room(struct pacing *pacing, uint64_t now_us, uint32_t in_flight)
{
    if (!pacing->is_online || now_us < pacing->paused_us || in_flight >= PACING_IN_FLIGHT_MAX) {
        return 0;
    }
    fill(pacing, now_us);
    if (is_overdue(pacing, now_us)) {
        slow_down(pacing, now_us);
        return 0;
    }
    uint32_t room = (uint32_t)(pacing->credit_us / cost_us(pacing));
    uint32_t free = PACING_IN_FLIGHT_MAX - in_flight;
    return room < free ? room : free;
}

void pacing_took(struct pacing *pacing, uint64_t now_us, uint32_t count)
{
    fill(pacing, now_us);
    uint64_t spent_us = count * cost_us(pacing);
    // The rate may have fallen since room was given.
    pacing->credit_us = pacing->credit_us > spent_us ? pacing->credit_us - spent_us : 0;
}

uint64_t pacing_deadline_us(const struct pacing *pacing)
{
    if (!pacing->is_online) {
        return TIME_NEVER;
    }
    uint64_t cost = cost_us(pacing);
    uint64_t missing_us = pacing->credit_us < cost ? cost - pacing->credit_us : 0;
    uint64_t at_us = time_after(pacing->filled_us, missing_us);
    return at_us > pacing->paused_us ? at_us : pacing->paused_us;
}
