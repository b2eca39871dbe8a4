// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/release.h"

#include "port/mt3620/board.h"
#include "port/mt3620/clock.h"
#include "port/mt3620/gpt3.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/xcvr.h"

void release_plan(uint32_t seen_ticks, uint32_t level)
{
    // The shift register holds at most one whole character more than the FIFO.
    uint32_t end = seen_ticks + (level + 1) * xcvr.char_max;
    // Should THRE lead the wire, a frame sent without a gap still lasts this long.
    uint32_t shortest = xcvr.first_ticks + xcvr.size * xcvr.char_min;
    xcvr.end_ticks = ticks_before(end, shortest) ? shortest : end;
    xcvr.tx = XCVR_DRAIN;
    gpt3_release_at(xcvr.end_ticks + xcvr.guard);
}

void release_driver(void)
{
    uint32_t at = xcvr.end_ticks + xcvr.guard;
    while (ticks_before(ticks_now(), at)) {
    }
    // A transmitter that started late shows it here; one whose TEMT never comes is cut off.
    uint32_t lsr = reg_get(board.uart + UART_LSR);
    while ((lsr & LSR_TEMT) == 0 && ticks_before(ticks_now(), at + 2 * xcvr.bit)) {
        lsr |= reg_get(board.uart + UART_LSR);
    }
    direction_listen();
    xcvr.fell_ticks = ticks_now();
    xcvr.stolen_lsr |= lsr & (LSR_CHAR_ERRORS | LSR_OE);
    xcvr.tx = XCVR_FELL;
    irq_pend(board.uart_irq);
}
