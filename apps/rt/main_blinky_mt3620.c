// SPDX-License-Identifier: Apache-2.0
// The first program on a new board: its light goes through the colours, so toolchain, start-up,
// clock, timer and pins work.
#include "base/time.h"
#include "port/api/clock.h"
#include "port/api/core.h"

#define STEP_US (500 * US_PER_MS)

int main(void)
{
    uint64_t next_us = port_now_us();
    unsigned colour = CORE_LIGHT_OFF;
    for (;;) {
        core_feed_watchdog();
        if (port_now_us() >= next_us) {
            next_us += STEP_US;
            colour = (colour + 1) % (CORE_LIGHT_BLUE + 1);
            core_light((enum core_light)colour);
        }
        core_wait(next_us);
    }
}
