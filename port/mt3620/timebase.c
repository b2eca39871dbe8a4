// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/timebase.h"

void timebase_advance(struct timebase *base, uint32_t ticks)
{
    uint32_t passed = ticks - base->ticks;
    uint32_t fives = passed / TICKS_PER_5US;
    uint32_t rest = passed % TICKS_PER_5US * 5 + base->rest;
    base->us += (uint64_t)fives * 5 + rest / TICKS_PER_5US;
    base->rest = rest % TICKS_PER_5US;
    base->ticks = ticks;
}

uint64_t timebase_us(const struct timebase *base, uint32_t ticks)
{
    if (!ticks_before(ticks, base->ticks)) {
        struct timebase later = *base;
        timebase_advance(&later, ticks);
        return later.us;
    }
    uint32_t ago = base->ticks - ticks;
    uint64_t us = base->us - (uint64_t)(ago / TICKS_PER_5US) * 5;
    uint32_t rest = ago % TICKS_PER_5US * 5;
    if (rest > base->rest) {
        us -= (rest - base->rest + TICKS_PER_5US - 1) / TICKS_PER_5US;
    }
    return us;
}
