// SPDX-License-Identifier: Apache-2.0
// Wrong on purpose: releases as soon as the FIFO is empty, which is one character too early.
#include "port/mt3620/release.h"

#include "port/mt3620/board.h"
#include "port/mt3620/clock.h"
#include "port/mt3620/gpt3.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/xcvr.h"

void release_plan(uint32_t seen_ticks, uint32_t level)
{
    xcvr.end_ticks = seen_ticks + level * xcvr.char_max;
    xcvr.tx = XCVR_DRAIN;
    gpt3_release_at(xcvr.end_ticks + xcvr.guard);
}

void release_driver(void)
{
    while (ticks_before(ticks_now(), xcvr.end_ticks + xcvr.guard)) {
    }
    direction_listen();
    xcvr.fell_ticks = ticks_now();
    xcvr.tx = XCVR_FELL;
    irq_pend(board.uart_irq);
}
