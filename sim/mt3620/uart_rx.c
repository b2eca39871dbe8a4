// SPDX-License-Identifier: Apache-2.0
// The receiver: waits for a falling edge, samples each bit at its own speed, fills the FIFO.
#include "sim/mt3620/model.h"

#define LSR_PE        0x04U
#define LSR_FE        0x08U
#define LSR_BI        0x10U
#define TIMEOUT_CHARS 4

bool uart_rx_level(const struct mt *mt, const struct uart *uart, uint64_t at_u)
{
    if (uart->index != 0) {
        return wire_level(&uart->wire, at_u);
    }
    if (!mt->gpio.receiver) {
        return true; // pulled up
    }
    bool own = !mt->gpio.driver || uart_tx_level(uart, at_u);
    return own && wire_level(&uart->wire, at_u);
}

// The next falling edge of our own transmitter, as it comes back through the transceiver.
static uint64_t own_fall_u(const struct mt *mt, const struct uart *uart, uint64_t from_u)
{
    const struct uart_shift *shift = &uart->shift;
    if (uart->index != 0 || !mt->gpio.driver || !shift->active) {
        return MT_NEVER;
    }
    bool before = true;
    for (unsigned i = 0; i < shift->count; i++) {
        bool level = (shift->bits >> i & 1U) != 0;
        if (before && !level && shift->edge_u[i] > from_u) {
            return shift->edge_u[i];
        }
        before = level;
    }
    return MT_NEVER;
}

uint64_t uart_rx_deadline_u(const struct mt *mt, const struct uart *uart)
{
    const struct uart_receiver *receiver = &uart->receiver;
    uint64_t next_u = uart->timeout_u;
    if (receiver->active) {
        return receiver->next_u < next_u ? receiver->next_u : next_u;
    }
    if (uart->index == 0 && !mt->gpio.receiver) {
        return next_u;
    }
    uint64_t fall_u = wire_fall_u(&uart->wire, receiver->seen_u);
    uint64_t own_u = own_fall_u(mt, uart, receiver->seen_u);
    fall_u = own_u < fall_u ? own_u : fall_u;
    return fall_u < next_u ? fall_u : next_u;
}

unsigned uart_rx_trigger(const struct uart *uart)
{
    const uint8_t levels[4] = {1, 6, 12, uart->regs.rxtrig};
    bool fifo = (uart->regs.fcr & 1U) != 0;
    unsigned level = fifo ? levels[uart->regs.fcr >> 6] : 1;
    return level == 0 ? 1 : level;
}

static void arm_timeout(struct mt *mt, struct uart *uart)
{
    uint64_t slots = 1 + uart_data_bits(uart) + uart_has_parity(uart) + uart_stop_bits(uart);
    bool counts = uart->rx_count != 0 && (uart->regs.fcr & 1U) != 0;
    uart->timeout_u = counts ? mt->at_u + TIMEOUT_CHARS * slots * uart_bit_u(uart) : MT_NEVER;
}

uint8_t uart_rx_pop(struct mt *mt, struct uart *uart)
{
    uart->timed_out = false;
    if (uart->rx_count == 0) {
        mt_fail(mt, "RBR of UART%u read while it is empty", uart->index);
        return 0;
    }
    uint8_t byte = uart->rx[uart->rx_head].byte;
    uart->rx_head = (uart->rx_head + 1) % UART_FIFO;
    uart->rx_count--;
    arm_timeout(mt, uart);
    return byte;
}

static void push(struct mt *mt, struct uart *uart, struct uart_rx_entry entry)
{
    unsigned depth = (uart->regs.fcr & 1U) != 0 ? UART_FIFO : 1;
    if (uart->rx_count >= depth) {
        uart->overrun = true;
        uart->overruns++;
    } else {
        uart->rx[(uart->rx_head + uart->rx_count++) % UART_FIFO] = entry;
    }
    arm_timeout(mt, uart);
}

static struct uart_rx_entry judge(const struct uart *uart, uint32_t bits)
{
    unsigned data_bits = uart_data_bits(uart);
    unsigned stop = 1 + data_bits + uart_has_parity(uart);
    struct uart_rx_entry entry = {.byte = (uint8_t)(bits >> 1 & ((1U << data_bits) - 1))};
    bool parity = (bits >> (1 + data_bits) & 1U) != 0;
    if ((bits >> stop & 1U) == 0) {
        entry.errors = (uint8_t)(LSR_FE | (bits == 0 ? LSR_BI : 0));
    }
    if (uart_has_parity(uart) && parity != uart_parity(uart, entry.byte) && bits != 0) {
        entry.errors |= LSR_PE;
    }
    return entry;
}

static void begin(struct mt *mt, struct uart *uart)
{
    if (uart_bit_u(uart) == 0) {
        return; // no clock, nothing is heard
    }
    uart->receiver = (struct uart_receiver){.active = true,
                                            .start_u = mt->at_u,
                                            .next_u = mt->at_u + uart_sample_u(uart),
                                            .seen_u = mt->at_u};
}

static void complete(struct mt *mt, struct uart *uart)
{
    uart->receiver.active = false;
    uart->receiver.held = false;
    push(mt, uart, judge(uart, uart->receiver.bits));
}

// One sample; the last one is in the middle of the (first) stop bit.
static void sample(struct mt *mt, struct uart *uart)
{
    struct uart_receiver *receiver = &uart->receiver;
    if (receiver->held) {
        complete(mt, uart);
        return;
    }
    bool level = uart_rx_level(mt, uart, mt->at_u);
    receiver->seen_u = mt->at_u;
    if (receiver->slot == 0 && level) {
        receiver->active = false; // no start bit, a spike
        return;
    }
    receiver->bits |= (uint16_t)((unsigned)level << receiver->slot);
    unsigned stop = 1 + uart_data_bits(uart) + uart_has_parity(uart);
    if (receiver->slot < stop) {
        receiver->start_u += uart_slot_u(uart, receiver->slot++);
        receiver->next_u = receiver->start_u + uart_sample_u(uart);
        return;
    }
    uint64_t jitter_u = (uint64_t)uart_bit_u(uart) * mt->knobs.rx_jitter / 1000;
    uint64_t late_u = jitter_u == 0 ? 0 : mt_random(mt) % (jitter_u + 1);
    if (late_u == 0) {
        complete(mt, uart);
    } else {
        receiver->held = true;
        receiver->next_u = mt->at_u + late_u;
    }
}

void uart_rx_touch(struct mt *mt, struct uart *uart)
{
    if (!uart->receiver.active) {
        uart->receiver.seen_u = mt->at_u;
        if (!uart_rx_level(mt, uart, mt->at_u)) {
            begin(mt, uart);
        }
    }
}

void uart_rx_tick(struct mt *mt, struct uart *uart)
{
    struct uart_receiver *receiver = &uart->receiver;
    if (mt->at_u >= uart->timeout_u) {
        uart->timed_out = true;
        uart->timeout_u = MT_NEVER;
    }
    if (receiver->active && mt->at_u >= receiver->next_u) {
        sample(mt, uart);
    }
    if (!receiver->active && uart_rx_deadline_u(mt, uart) <= mt->at_u) {
        receiver->seen_u = mt->at_u;
        if (!uart_rx_level(mt, uart, mt->at_u)) {
            begin(mt, uart);
        }
    }
    // What lies behind is only asked for by a receiver that looks for an edge, and by finish().
    bool listens = uart->index != 0 || mt->gpio.receiver;
    uint64_t keep_u = listens && receiver->seen_u < mt->at_u ? receiver->seen_u : mt->at_u;
    bool sends = uart->shift.active && uart->shift.edge_u[0] < keep_u;
    wire_forget(&uart->wire, sends ? uart->shift.edge_u[0] : keep_u);
}
