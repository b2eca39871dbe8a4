// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/watchdog.h"

#include <stdint.h>

#include "port/api/core.h"
#include "port/mt3620/clock.h"

#define GAP_TICKS  (100 * TICKS_PER_US)
#define FEED_TICKS (50000 * TICKS_PER_US) // more often does no good

enum step { SET_LENGTH, SWITCH_ON, FEED };

static struct {
    enum step step;
    uint32_t written_ticks;
} watchdog;

static void put(uint32_t address, uint32_t value)
{
    reg_put(address, value);
    watchdog.written_ticks = ticks_now();
}

void watchdog_setup(void)
{
    put(WDT_MODE, WDT_OFF); // as it may still run from before our reset
    watchdog.step = SET_LENGTH;
}

void core_feed_watchdog(void)
{
    uint32_t passed = ticks_now() - watchdog.written_ticks;
    if (passed < (watchdog.step == FEED ? FEED_TICKS : GAP_TICKS)) {
        return;
    }
    switch (watchdog.step) {
    case SET_LENGTH:
        put(WDT_LENGTH, WDT_SECONDS(2));
        watchdog.step = SWITCH_ON;
        break;
    case SWITCH_ON:
        put(WDT_MODE, WDT_ON);
        watchdog.step = FEED;
        break;
    case FEED: put(WDT_RESTART, WDT_AGAIN); break;
    }
}
