// SPDX-License-Identifier: Apache-2.0
#include "port/api/transceiver.h"

#include <string.h>

#include "base/assert.h"
#include "port/mt3620/board.h"
#include "port/mt3620/clock.h"
#include "port/mt3620/divider.h"
#include "port/mt3620/gpt3.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/xcvr.h"

#define TICKS_PER_5_CLOCKS 38U // 197.6 MHz against the UART's 26 MHz

struct xcvr xcvr;

static void uart_put(uint32_t offset, uint32_t value)
{
    reg_put(board.uart + offset, value);
}

// The system resets no peripheral for us: everything that matters is written.
static void setup_uart(const struct transceiver_cfg *cfg, const struct divider *divider)
{
    uint32_t lcr = LCR_8 | (cfg->stop_bits == 2 ? LCR_STOP2 : 0);
    lcr |= cfg->parity == SERIAL_EVEN ? LCR_EVEN : 0;
    lcr |= cfg->parity == SERIAL_ODD ? LCR_ODD : 0;
    uart_put(UART_LCR, LCR_EFR_ACCESS);
    uart_put(UART_EFR, 0);
    uart_put(UART_LCR, lcr);
    uart_put(UART_IER, 0);
    uart_put(UART_MCR, 0);
    uart_put(UART_VFIFO_EN, 0);
    uart_put(UART_ESCAPE_EN, 0);
    uart_put(UART_GUARD, 0);
    uart_put(UART_HIGHSPEED, 3);
    uart_put(UART_COUNT, divider->sample_count);
    uart_put(UART_POINT, divider->sample_point);
    uart_put(UART_FRACDIV_L, divider->fraction & 0xFFU);
    uart_put(UART_FRACDIV_M, (uint32_t)divider->fraction >> 8);
    uart_put(UART_LCR, lcr | LCR_DLAB);
    uart_put(UART_DLL, divider->latch & 0xFFU);
    uart_put(UART_DLM, (uint32_t)divider->latch >> 8);
    uart_put(UART_LCR, lcr);
    uart_put(UART_FCR, FCR_ON | FCR_CLEAR);
    uart_put(UART_IER, IER_RX | IER_LINE);
}

static uint32_t clocks_to_ticks(uint32_t clocks, uint32_t round_up)
{
    return (clocks * TICKS_PER_5_CLOCKS + round_up * 4) / 5;
}

enum err transceiver_setup(const struct transceiver_cfg *cfg, struct transceiver_timing *out)
{
    if (cfg->stop_bits < 1 || cfg->stop_bits > 2 || cfg->parity > SERIAL_ODD) {
        return ERR_ARG;
    }
    struct divider divider;
    enum err err = divider_find(board.uart_hz, cfg->baud, &divider);
    if (err != OK) {
        return err;
    }
    uint8_t bits = (uint8_t)(9 + cfg->stop_bits + (cfg->parity != SERIAL_NONE));
    uint32_t masked = irq_mask_uart();
    transceiver_release();
    bool is_aborted = xcvr.is_aborted;
    uint32_t tail_ticks = xcvr.tail_ticks;
    memset(&xcvr, 0, sizeof xcvr);
    xcvr.is_aborted = is_aborted;
    xcvr.tail_ticks = tail_ticks;
    xcvr.de_active_low = cfg->de_active_low;
    xcvr.hears_itself = cfg->hears_itself;
    xcvr.bit = clocks_to_ticks(divider_char_max(&divider, 10), 1) / 10;
    xcvr.char_min = clocks_to_ticks(divider_char_min(&divider, bits), 0);
    xcvr.char_max = clocks_to_ticks(divider_char_max(&divider, bits), 1);
    xcvr.guard = (xcvr.bit * cfg->guard_bits8 + 7) / 8;
    xcvr.rx_ahead = xcvr.bit * (board.rx_point_bits8 + 8U * (cfg->stop_bits - 1U)) / 8;
    xcvr.rx_ticks = ticks_now() - xcvr.char_max;
    direction_listen();
    setup_uart(cfg, &divider);
    if ((reg_get(board.uart + UART_LSR) & LSR_TEMT) == 0) { // a frame of before our reset
        xcvr.is_aborted = true;
        xcvr.tail_ticks = ticks_now() + 2 * xcvr.char_max;
    }
    irq_enable(board.uart_irq);
    irq_unmask(masked);
    out->baud = divider.baud;
    out->char_bits = bits;
    uint64_t char_ns = (uint64_t)divider_char_min(&divider, bits) * 1000;
    out->char_ns = (uint32_t)((char_ns + board.uart_hz / 1000000 - 1) / (board.uart_hz / 1000000));
    return OK;
}

// An aborted frame's last byte is still being shifted out: driving now would show the rest of it.
static bool has_tail(void)
{
    if (xcvr.is_aborted && !ticks_before(ticks_now(), xcvr.tail_ticks)) {
        xcvr.is_aborted = false;
    }
    return xcvr.is_aborted;
}

void transceiver_drive(void)
{
    if (xcvr.tx == XCVR_IDLE && !has_tail()) {
        direction_drive();
    }
}

enum err transceiver_send(struct bytes frame)
{
    ASSERT(frame.size >= 1 && frame.size <= XCVR_FRAME_MAX && xcvr.char_max != 0);
    if (xcvr.tx != XCVR_IDLE || xcvr.sent.waits || has_tail()) {
        return ERR_BUSY;
    }
    memcpy(xcvr.frame, frame.data, frame.size);
    uint32_t masked = irq_mask_uart();
    gpt3_take();
    direction_drive();
    xcvr.size = (uint16_t)frame.size;
    xcvr.at = 1;
    xcvr.tx = XCVR_FILL;
    // Asked for before the first byte: no edge of THRE can fall between the two.
    uart_put(UART_IER, IER_RX | IER_LINE | IER_THRE);
    uint32_t held = irq_hold();
    xcvr.first_ticks = ticks_now();
    uart_put(UART_THR, xcvr.frame[0]);
    irq_restore(held);
    xcvr_service();
    irq_unmask(masked);
    return OK;
}

void transceiver_release(void)
{
    uint32_t held = irq_hold();
    direction_listen();
    if (xcvr.tx == XCVR_FILL || xcvr.tx == XCVR_DRAIN) {
        gpt3_forget_release();
        uart_put(UART_IER, IER_RX | IER_LINE);
        uart_put(UART_FCR, FCR_ON | FCR_CLEAR_TX);
        xcvr.is_aborted = true;
        xcvr.tail_ticks = ticks_now() + 2 * xcvr.char_max;
        xcvr.tx = XCVR_IDLE;
    }
    irq_restore(held);
}

static uint32_t ticks_to_ns(uint32_t ticks)
{
    return ticks / TICKS_PER_5US * 5000 + ticks % TICKS_PER_5US * 5000 / TICKS_PER_5US;
}

bool transceiver_next(struct transceiver_event *out)
{
    if (xcvr.is_lost) { // there is room again, and no byte may follow for long
        uint32_t masked = irq_mask_uart();
        xcvr_put_lost();
        irq_unmask(masked);
    }
    if (!xcvr_has_event()) {
        return false;
    }
    uint32_t at = xcvr.ring_tail % XCVR_RING_SIZE;
    struct timebase base = clock_base();
    *out = (struct transceiver_event){
        .kind = (enum transceiver_event_kind)(xcvr.ring_kinds[at] >> 4),
        .byte = xcvr.ring_bytes[at],
        .flags = xcvr.ring_kinds[at] & 0xFU,
        .at_us = timebase_us(&base, xcvr.ring_ticks[at]),
    };
    if (out->kind == TRANSCEIVER_SENT) {
        out->end_us = timebase_us(&base, xcvr.sent.end_ticks);
        out->hold_ns = ticks_to_ns(xcvr.sent.hold_ticks);
        xcvr.sent.waits = false;
    }
    __asm volatile("" : : : "memory"); // read before it may be overwritten
    xcvr.ring_tail++;
    return true;
}

bool xcvr_has_event(void)
{
    return xcvr.ring_tail != xcvr.ring_head || xcvr.is_lost;
}

bool xcvr_is_in_air(void)
{
    return xcvr.tx != XCVR_IDLE;
}

void xcvr_stop(void)
{
    (void)irq_hold();
    direction_listen();
    uart_put(UART_IER, 0);
    uart_put(UART_FCR, FCR_ON | FCR_CLEAR);
}
