// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/clock.h"

#include "port/api/clock.h"
#include "port/mt3620/irq.h"

static struct timebase clock;

void clock_setup(void)
{
    reg_put(HCLK_SELECT, (reg_get(HCLK_SELECT) & ~HCLK_MASK) | HCLK_PLL);
    reg_put(GPT4_CTRL, 0);
    reg_put(GPT4_INIT, 0);
    reg_put(GPT4_CTRL, GPT4_CTRL_ON);
    clock.ticks = ticks_now();
}

struct timebase clock_base(void)
{
    uint32_t held = irq_hold();
    timebase_advance(&clock, ticks_now());
    struct timebase now = clock;
    irq_restore(held);
    return now;
}

uint64_t port_now_us(void)
{
    return clock_base().us;
}
