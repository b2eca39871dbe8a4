// SPDX-License-Identifier: Apache-2.0
// 64-bit microseconds from a 32-bit counter at 197.6 MHz: exact (5 us are 988 ticks), so that it
// never drifts against the counter, and no 64-bit division. Pure; clock.c feeds it.
#ifndef PORT_MT3620_TIMEBASE_H
#define PORT_MT3620_TIMEBASE_H

#include <stdbool.h>
#include <stdint.h>

#define TICKS_PER_5US 988U
#define TICKS_PER_US  198U // rounded up

struct timebase {
    uint64_t us;
    uint32_t ticks; // the counter at .us and .rest
    uint32_t rest;  // 1/988 of 5/5 us, 0 to 987: what .us leaves out, in ticks x 5
};

// Must see the counter at least once per turn of it (21.7 s).
void timebase_advance(struct timebase *base, uint32_t ticks);
// The time of a stamp up to 10 s before or after the last advance.
uint64_t timebase_us(const struct timebase *base, uint32_t ticks);

static inline bool ticks_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

#endif
