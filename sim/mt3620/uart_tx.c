// SPDX-License-Identifier: Apache-2.0
// The transmitter: FIFO, a shift register with exact edges, and what the driver lets out of it.
#include "base/assert.h"
#include "sim/mt3620/model.h"

#define PER_MILLE 1000U

static const uint8_t TX_TRIGGER[4] = {1, 4, 8, 14};

static uint64_t share_u(const struct uart *uart, uint16_t per_mille)
{
    return (uint64_t)uart_bit_u(uart) * per_mille / PER_MILLE;
}

static unsigned thre_level(const struct mt *mt, const struct uart *uart)
{
    bool fifo = (uart->regs.fcr & 1U) != 0;
    return mt->knobs.thre_at_trigger && fifo ? TX_TRIGGER[uart->regs.fcr >> 4 & 3U] : 0;
}

bool uart_thre(const struct mt *mt, const struct uart *uart)
{
    return uart->tx_count <= thre_level(mt, uart);
}

bool uart_temt(const struct uart *uart, uint64_t at_u)
{
    bool shifting = uart->shift.active && at_u < uart->shift.temt_u;
    return uart->tx_count == 0 && !uart->held && !shifting;
}

static uint64_t end_of(const struct uart_shift *shift)
{
    return shift->edge_u[shift->count];
}

bool uart_tx_level(const struct uart *uart, uint64_t at_u)
{
    const struct uart_shift *shift = &uart->shift;
    if (!shift->active || at_u < shift->edge_u[0] || at_u >= end_of(shift)) {
        return true;
    }
    unsigned slot = 0;
    while (at_u >= shift->edge_u[slot + 1]) {
        slot++;
    }
    return (shift->bits >> slot & 1U) != 0;
}

static bool has_driver(const struct uart *uart)
{
    return uart->index == 0;
}

static void start(struct mt *mt, struct uart *uart, uint8_t byte, uint64_t start_u)
{
    struct uart_shift *shift = &uart->shift;
    if (uart_bit_u(uart) == 0) {
        mt_fail(mt, "UART%u sends without a divider", uart->index);
        return;
    }
    *shift = (struct uart_shift){.active = true, .byte = byte, .off_since_u = MT_NEVER};
    shift->bits = uart_frame(uart, byte);
    shift->count =
        (uint8_t)(1 + uart_data_bits(uart) + uart_has_parity(uart) + uart_stop_bits(uart));
    shift->edge_u[0] = start_u;
    for (unsigned i = 0; i < shift->count; i++) {
        shift->edge_u[i + 1] = shift->edge_u[i] + uart_slot_u(uart, i);
    }
    shift->reload_u = end_of(shift) - share_u(uart, mt->knobs.thre_lead);
    shift->temt_u = end_of(shift) - share_u(uart, mt->knobs.temt_lead);
    if (has_driver(uart) && !mt->gpio.driver) {
        shift->off_since_u = start_u;
    }
}

static uint8_t pop(struct mt *mt, struct uart *uart)
{
    uint8_t byte = uart->tx[uart->tx_head];
    uart->tx_head = (uart->tx_head + 1) % UART_FIFO;
    uart->tx_count--;
    if (uart_thre(mt, uart)) {
        uart->thre_pending = true;
    }
    return byte;
}

void uart_tx_push(struct mt *mt, struct uart *uart, uint8_t byte)
{
    unsigned depth = (uart->regs.fcr & 1U) != 0 ? UART_FIFO : 1;
    if (uart->tx_count >= depth) {
        mt_fail(mt, "THR of UART%u written with %u bytes waiting: one is lost", uart->index, depth);
        return;
    }
    uart->tx[(uart->tx_head + uart->tx_count++) % UART_FIFO] = byte;
    uart->thre_pending = false;
    if (!uart->shift.active) {
        trace_flush(mt, mt->at_u);
        uint8_t first = pop(mt, uart);
        start(mt, uart, first, mt->at_u + share_u(uart, mt->knobs.tx_lag));
    } else if (!uart->held && mt->at_u >= uart->shift.reload_u) {
        uart->hold = pop(mt, uart);
        uart->held = true;
    }
}

// Slots whose middle lies in the time that the driver was off until now.
static void account_driver(struct uart_shift *shift, uint64_t now_u)
{
    if (!shift->active || shift->off_since_u == MT_NEVER) {
        return;
    }
    uint64_t from_u = shift->off_since_u > shift->edge_u[0] ? shift->off_since_u : shift->edge_u[0];
    uint64_t to_u = now_u < end_of(shift) ? now_u : end_of(shift);
    for (unsigned i = 0; i < shift->count; i++) {
        uint64_t middle_u = shift->edge_u[i] + (shift->edge_u[i + 1] - shift->edge_u[i]) / 2;
        if (middle_u >= from_u && middle_u < to_u) {
            shift->undriven |= (uint16_t)(1U << i);
        }
    }
    shift->lost_u += to_u > from_u ? to_u - from_u : 0;
}

void uart_tx_driver(struct mt *mt, bool on)
{
    struct uart_shift *shift = &mt->uarts[0].shift;
    if (on) {
        account_driver(shift, mt->at_u);
        shift->off_since_u = MT_NEVER;
    } else if (shift->active) {
        shift->off_since_u = mt->at_u;
    }
}

// What an undriven or fought-for bit becomes is anyone's guess; a wrong byte is the honest one.
static uint8_t garble(struct mt *mt, uint8_t byte)
{
    return (uint8_t)(byte ^ (1 + mt_random(mt) % 255));
}

static void finish(struct mt *mt, struct uart *uart)
{
    struct uart_shift *shift = &uart->shift;
    account_driver(shift, mt->at_u);
    struct mt_event event = {.kind = MT_CHAR,
                             .at_u = end_of(shift),
                             .uart = uart->index,
                             .start_u = shift->edge_u[0],
                             .bit_u = uart_bit_u(uart),
                             .bit_count = shift->count,
                             .bits = shift->bits,
                             .byte = shift->byte,
                             .heard = shift->byte,
                             .lost_u = shift->lost_u};
    bool fought = has_driver(uart) && wire_busy(&uart->wire, shift->edge_u[0], end_of(shift));
    if (shift->undriven != 0 || fought) {
        event.damaged = true;
        event.heard = garble(mt, shift->byte);
    }
    shift->active = false;
    mt_emit(mt, &event);
}

void uart_tx_tick(struct mt *mt, struct uart *uart)
{
    struct uart_shift *shift = &uart->shift;
    if (!shift->active) {
        return;
    }
    if (!uart->held && uart->tx_count != 0 && mt->at_u >= shift->reload_u) {
        uart->hold = pop(mt, uart);
        uart->held = true;
    }
    if (mt->at_u >= end_of(shift)) {
        trace_flush(mt, mt->at_u);
        finish(mt, uart);
        if (uart->held) {
            uart->held = false;
            start(mt, uart, uart->hold, mt->at_u);
        }
    }
}

uint64_t uart_tx_deadline_u(const struct uart *uart, uint64_t at_u)
{
    const struct uart_shift *shift = &uart->shift;
    if (!shift->active) {
        return MT_NEVER;
    }
    bool reloads = !uart->held && uart->tx_count != 0 && shift->reload_u > at_u;
    return reloads ? shift->reload_u : end_of(shift);
}
