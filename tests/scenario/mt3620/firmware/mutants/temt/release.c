// SPDX-License-Identifier: Apache-2.0
// Wrong on purpose: waits for TEMT and adds no guard, where TEMT may lead the stop bit's end.
#include "port/mt3620/release.h"

#include "port/mt3620/board.h"
#include "port/mt3620/clock.h"
#include "port/mt3620/gpt3.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/xcvr.h"

void release_plan(uint32_t seen_ticks, uint32_t level)
{
    xcvr.end_ticks = seen_ticks + (level + 1) * xcvr.char_max - 2 * xcvr.bit;
    xcvr.tx = XCVR_DRAIN;
    gpt3_release_at(xcvr.end_ticks);
}

void release_driver(void)
{
    while ((reg_get(board.uart + UART_LSR) & LSR_TEMT) == 0) {
    }
    direction_listen();
    xcvr.fell_ticks = ticks_now();
    xcvr.tx = XCVR_FELL;
    irq_pend(board.uart_irq);
}
