// SPDX-License-Identifier: Apache-2.0
// The UART's interrupt: moves bytes between the FIFOs, the frame and the ring, and stamps them.
#include "port/mt3620/board.h"
#include "port/mt3620/clock.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/release.h"
#include "port/mt3620/xcvr.h"

#define TURNS_MAX 64 // more than both FIFOs hold: an interrupt that never ends would hide the loop

static uint32_t ring_count(void)
{
    return (uint8_t)(xcvr.ring_head - xcvr.ring_tail);
}

static void ring_put(enum transceiver_event_kind kind, uint32_t ticks, uint8_t byte, uint32_t flags)
{
    uint32_t at = xcvr.ring_head % XCVR_RING_SIZE;
    xcvr.ring_ticks[at] = ticks;
    xcvr.ring_bytes[at] = byte;
    xcvr.ring_kinds[at] = (uint8_t)((uint32_t)kind << 4 | flags);
    __asm volatile("" : : : "memory"); // the event before its count, for the loop
    xcvr.ring_head++;
}

void xcvr_put_lost(void)
{
    if (xcvr.is_lost && ring_count() < XCVR_RING_SIZE - 1) {
        ring_put(TRANSCEIVER_LOST, xcvr.lost_ticks, 0, 0);
        xcvr.is_lost = false;
    }
}

static void put_byte(uint32_t ticks, uint8_t byte, uint32_t lsr)
{
    // Stamps are the latest that is possible; a byte found late must not overtake the next.
    uint32_t back = xcvr.rx_ticks - ticks;
    if (back < xcvr.char_max) {
        ticks = xcvr.rx_ticks;
    }
    xcvr.rx_ticks = ticks;
    if ((lsr & LSR_OE) != 0) {
        xcvr.is_lost = true;
        xcvr.lost_ticks = ticks;
    }
    if (ring_count() >= XCVR_RING_SIZE - XCVR_RING_SPARE) {
        xcvr.is_lost = true;
        xcvr.lost_ticks = ticks;
        return;
    }
    xcvr_put_lost();
    uint32_t flags = (lsr & LSR_CHAR_ERRORS) != 0 ? TRANSCEIVER_CHAR_ERROR : 0;
    flags |= (lsr & LSR_OE) != 0 ? TRANSCEIVER_OVERRUN_ERROR : 0;
    ring_put(TRANSCEIVER_RX, ticks, byte, flags);
}

// THRE may mean empty or at its trigger, so the FIFO's own count decides.
static bool pump(uint32_t lsr)
{
    bool all_written = xcvr.at == xcvr.size;
    if (all_written && (lsr & LSR_THRE) == 0) {
        return false;
    }
    uint32_t level = reg_get(board.uart + UART_TX_OFFSET) & TX_OFFSET_MASK;
    if (all_written) {
        release_plan(ticks_now(), level);
        reg_put(board.uart + UART_IER, IER_RX | IER_LINE);
        return false;
    }
    uint16_t at = xcvr.at;
    while (level < UART_FIFO_SIZE && at < xcvr.size) {
        reg_put(board.uart + UART_THR, xcvr.frame[at++]);
        level++;
    }
    bool moved = at != xcvr.at;
    xcvr.at = at;
    return moved;
}

static void finish(void)
{
    xcvr.sent.waits = true;
    xcvr.sent.end_ticks = xcvr.end_ticks;
    xcvr.sent.hold_ticks = xcvr.fell_ticks - xcvr.end_ticks;
    xcvr_put_lost();
    ring_put(TRANSCEIVER_SENT, xcvr.first_ticks, 0, 0);
    xcvr.tx = XCVR_IDLE;
}

static uint32_t take_stolen(void)
{
    uint32_t held = irq_hold();
    uint32_t lsr = xcvr.stolen_lsr;
    xcvr.stolen_lsr = 0;
    irq_restore(held);
    return lsr;
}

void xcvr_service(void)
{
    uint32_t left = 0; // bytes of the batch that was in the FIFO at seen
    uint32_t seen = 0;
    for (uint32_t turn = 0; turn < TURNS_MAX; turn++) {
        uint32_t lsr = reg_get(board.uart + UART_LSR);
        bool again = xcvr.tx == XCVR_FILL && pump(lsr);
        if ((lsr & LSR_DR) != 0) {
            if (left == 0) {
                left = reg_get(board.uart + UART_RX_OFFSET) & RX_OFFSET_MASK;
                seen = ticks_now();
                left += left == 0;
            }
            left--;
            uint8_t byte = (uint8_t)reg_get(board.uart + UART_RBR);
            put_byte(seen - left * xcvr.char_min + xcvr.rx_ahead, byte, lsr | take_stolen());
        } else if (!again) {
            break;
        }
    }
    if (xcvr.tx == XCVR_FELL) {
        finish();
    }
}

void uart_isr(void)
{
    xcvr_service();
}
