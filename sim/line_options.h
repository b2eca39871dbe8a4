// SPDX-License-Identifier: Apache-2.0
// The options of a paced line, shared by the programs that run one.
#ifndef SIM_LINE_OPTIONS_H
#define SIM_LINE_OPTIONS_H

#include "port/linux/options.h"
#include "sim/paced.h"

#define LINE_OPTIONS_MAX 32 // of a program altogether

// First member of a program's own options.
struct line_options {
    uint64_t baud, t3_5_us, responder, responder_delay_us, responder_changing, drop_ppm, flip_ppm,
        late_ppm, late_ms;
    uint64_t seed, seconds, priority;
    bool silence_in_chars, by_byte;
    const char *format, *log, *report;
    struct option_list device;
};

// The shared options, then the program's own, in out; the count.
size_t line_options_table(const struct option *own, size_t own_count,
                          struct option out[LINE_OPTIONS_MAX]);
// False: said why. The client's end is left to the caller.
bool line_options_cfg(const struct line_options *options, struct paced_cfg *cfg);
// SCHED_FIFO if it was asked for and is allowed; no slack of timers.
void line_options_schedule(const struct line_options *options);

#endif
