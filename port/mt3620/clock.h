// SPDX-License-Identifier: Apache-2.0
// Stamps (32-bit ticks of GPT4, 5.06 ns each) and the time they mean.
#ifndef PORT_MT3620_CLOCK_H
#define PORT_MT3620_CLOCK_H

#include "port/mt3620/regs.h"
#include "port/mt3620/timebase.h"

static inline uint32_t ticks_now(void)
{
    return reg_get(GPT4_CNT);
}

// Selects the PLL and starts GPT4.
void clock_setup(void);
// Up to date as of now; from the loop and from any interrupt.
struct timebase clock_base(void);

#endif
