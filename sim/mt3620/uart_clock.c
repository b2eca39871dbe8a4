// SPDX-License-Identifier: Apache-2.0
// Divider and format: how long each slot of a character is, and what is in it.
#include "sim/mt3620/model.h"

#define LCR_TWO_STOP 0x04U
#define LCR_PARITY   0x08U
#define LCR_EVEN     0x10U
#define LCR_STICK    0x20U
#define FRAC_SLOTS   10U

static uint32_t divisor(const struct uart *uart)
{
    return (uint32_t)uart->regs.dlm << 8 | uart->regs.dll;
}

// Sample clocks of a slot; bit n of the 10-bit mask makes slot n one longer, slot 10 as slot 0.
static uint32_t samples(const struct uart *uart, unsigned slot)
{
    const struct uart_regs *regs = &uart->regs;
    if (regs->highspeed < 3) {
        return 16U >> regs->highspeed;
    }
    uint32_t mask = (uint32_t)regs->frac_m << 8 | regs->frac_l;
    return regs->sample_count + 1U + (mask >> slot % FRAC_SLOTS & 1U);
}

uint32_t uart_slot_u(const struct uart *uart, unsigned slot)
{
    uint32_t length_u = samples(uart, slot) * divisor(uart) * TICK_U;
    bool half = (uart->regs.lcr & LCR_TWO_STOP) != 0 && uart_data_bits(uart) == 5 &&
                slot + 1 == 1 + 5 + (unsigned)uart_has_parity(uart) + 2;
    return half ? length_u / 2 : length_u;
}

uint32_t uart_sample_u(const struct uart *uart)
{
    const struct uart_regs *regs = &uart->regs;
    uint32_t half = regs->highspeed < 3 ? 8U >> regs->highspeed : regs->sample_point + 2U;
    return half * divisor(uart) * TICK_U;
}

uint32_t uart_bit_u(const struct uart *uart)
{
    uint32_t sum_u = 0;
    for (unsigned i = 0; i < FRAC_SLOTS; i++) {
        sum_u += samples(uart, i) * divisor(uart) * TICK_U;
    }
    return (sum_u + FRAC_SLOTS / 2) / FRAC_SLOTS;
}

unsigned uart_data_bits(const struct uart *uart)
{
    return 5 + (uart->regs.lcr & 3U);
}

bool uart_has_parity(const struct uart *uart)
{
    return (uart->regs.lcr & LCR_PARITY) != 0;
}

unsigned uart_stop_bits(const struct uart *uart)
{
    return (uart->regs.lcr & LCR_TWO_STOP) != 0 ? 2 : 1;
}

bool uart_parity(const struct uart *uart, uint8_t byte)
{
    bool even = (uart->regs.lcr & LCR_EVEN) != 0;
    if ((uart->regs.lcr & LCR_STICK) != 0) {
        return !even; // mark: 1, space: 0
    }
    unsigned ones = 0;
    for (unsigned i = 0; i < uart_data_bits(uart); i++) {
        ones += (uint32_t)byte >> i & 1U;
    }
    return (ones % 2 == 1) == even;
}

uint16_t uart_frame(const struct uart *uart, uint8_t byte)
{
    unsigned data_bits = uart_data_bits(uart);
    uint32_t bits = ((uint32_t)byte & ((1U << data_bits) - 1)) << 1;
    unsigned at = 1 + data_bits;
    if (uart_has_parity(uart)) {
        bits |= (uint32_t)uart_parity(uart, byte) << at++;
    }
    bits |= 3U << at; // stop bits
    return (uint16_t)(bits & ((1U << (at + uart_stop_bits(uart))) - 1));
}
