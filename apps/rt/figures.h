// SPDX-License-Identifier: Apache-2.0
// What the real-time core counts beside the line machine, and its log.
#ifndef RT_FIGURES_H
#define RT_FIGURES_H

#include "intercore/message.h"

#define RT_LOG_MAX 16 // records kept until the gateway takes them

struct rt_figures {
    uint32_t hold_count, hold_early, hold_max_ns;
    uint64_t hold_sum_ns;
    uint32_t overruns, mailbox_waits, sniffed_dropped;
    uint16_t hold_steps[IC_HOLD_STEPS];
};

// How long the driver was held after the last stop bit, against the guard it was told.
// True: it was shorter than the guard.
bool rt_figures_hold(struct rt_figures *figures, uint32_t hold_ns, uint8_t guard_bits8,
                     uint32_t baud);
// A new line, whose bits have another length.
void rt_figures_forget_holds(struct rt_figures *figures);

struct rt_log {
    struct ic_log records[RT_LOG_MAX]; // ring
    uint8_t first, count;
    uint32_t dropped;      // the oldest go first
    uint32_t dropped_told; // of these the gateway knows
};

void rt_log_add(struct rt_log *log, uint64_t at_us, enum ic_log_event event, uint16_t a,
                uint32_t b);
// Moves as many records as fit; how many were dropped since the last time.
uint32_t rt_log_take(struct rt_log *log, struct writer *records);

#endif
