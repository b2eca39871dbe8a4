// SPDX-License-Identifier: Apache-2.0
#include "apps/rt/figures.h"

#define STEPS_PER_BIT 32
#define NS_PER_S      UINT64_C(1000000000)

bool rt_figures_hold(struct rt_figures *figures, uint32_t hold_ns, uint8_t guard_bits8,
                     uint32_t baud)
{
    // Whole nanoseconds, as the hold is told.
    uint64_t guard_ns = guard_bits8 * NS_PER_S / (8 * (uint64_t)baud);
    uint64_t beyond_ns = hold_ns > guard_ns ? hold_ns - guard_ns : 0;
    uint64_t beyond = beyond_ns * baud * STEPS_PER_BIT / NS_PER_S;
    uint64_t step = beyond < IC_HOLD_STEPS ? beyond : IC_HOLD_STEPS - 1;
    figures->hold_count++;
    figures->hold_sum_ns += hold_ns;
    figures->hold_max_ns = hold_ns > figures->hold_max_ns ? hold_ns : figures->hold_max_ns;
    if (figures->hold_steps[step] < UINT16_MAX) {
        figures->hold_steps[step]++;
    }
    if (hold_ns < guard_ns) {
        figures->hold_early++;
        return true;
    }
    return false;
}

void rt_figures_forget_holds(struct rt_figures *figures)
{
    *figures = (struct rt_figures){.overruns = figures->overruns,
                                   .mailbox_waits = figures->mailbox_waits,
                                   .sniffed_dropped = figures->sniffed_dropped};
}

void rt_log_add(struct rt_log *log, uint64_t at_us, enum ic_log_event event, uint16_t a, uint32_t b)
{
    if (log->count == RT_LOG_MAX) {
        log->first = (uint8_t)((log->first + 1) % RT_LOG_MAX);
        log->count--;
        log->dropped++;
    }
    log->records[(log->first + log->count) % RT_LOG_MAX] =
        (struct ic_log){.at_us = at_us, .event = (uint16_t)event, .a = a, .b = b};
    log->count++;
}

uint32_t rt_log_take(struct rt_log *log, struct writer *records)
{
    uint32_t dropped = log->dropped - log->dropped_told;
    while (log->count > 0 && records->capacity - records->size >= IC_LOG_SIZE) {
        ic_log_put(&log->records[log->first], records);
        log->first = (uint8_t)((log->first + 1) % RT_LOG_MAX);
        log->count--;
    }
    log->dropped_told = log->dropped;
    return dropped;
}
