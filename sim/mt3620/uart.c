// SPDX-License-Identifier: Apache-2.0
// Registers of a UART.
#include "sim/mt3620/uart.h"

#include <string.h>

#include "sim/mt3620/model.h"

#define RBR_THR      0x00
#define IER          0x04
#define IIR_FCR      0x08
#define LCR          0x0c
#define MCR          0x10
#define LSR          0x14
#define SCR          0x1c
#define HIGHSPEED    0x24
#define SAMPLE_COUNT 0x28
#define SAMPLE_POINT 0x2c
#define GUARD        0x3c
#define ESCAPE_EN    0x44
#define VFIFO_EN     0x4c
#define RXTRIG       0x50
#define FRACDIV_L    0x54
#define FRACDIV_M    0x58
#define FCR_READ     0x5c
#define EXTEND_ADD   0x64
#define RX_OFFSET    0x68
#define TX_OFFSET    0x6c

#define LCR_DLAB  0x80U
#define LCR_BREAK 0x40U
#define LCR_EFR   0xbfU // opens the enhanced registers
#define IER_RX    1U
#define IER_THRE  2U
#define IER_LINE  4U
#define LSR_DR    0x01U
#define LSR_OE    0x02U
#define LSR_THRE  0x20U
#define LSR_TEMT  0x40U
#define LSR_FIFO  0x80U
#define FCR_ON    1U
#define FCR_RX    2U
#define FCR_TX    4U
#define IIR_NONE  0x01U
#define IIR_THRE  0x02U
#define IIR_RX    0x04U
#define IIR_LINE  0x06U
#define IIR_TIME  0x0cU
#define IIR_FIFOS 0xc0U

void uart_open(struct mt *mt, unsigned index)
{
    struct uart *uart = &mt->uarts[index];
    uint64_t overruns = uart->overruns;
    memset(uart, 0, sizeof *uart);
    uart->index = (uint8_t)index;
    uart->timeout_u = MT_NEVER;
    uart->overruns = overruns;
    uart->receiver.seen_u = mt->at_u;
}

static uint8_t head_errors(const struct uart *uart)
{
    return uart->rx_count == 0 ? 0 : uart->rx[uart->rx_head].errors;
}

// What IIR says, the most urgent first.
static uint32_t cause(const struct uart *uart)
{
    uint8_t ier = uart->regs.ier;
    if ((ier & IER_LINE) != 0 && (uart->overrun || head_errors(uart) != 0)) {
        return IIR_LINE;
    }
    if ((ier & IER_RX) != 0 && uart->rx_count >= uart_rx_trigger(uart)) {
        return IIR_RX;
    }
    if ((ier & IER_RX) != 0 && uart->timed_out) {
        return IIR_TIME;
    }
    return (ier & IER_THRE) != 0 && uart->thre_pending ? IIR_THRE : IIR_NONE;
}

static void update_line(struct mt *mt, const struct uart *uart)
{
    nvic_line(mt, IRQ_UART(uart->index), cause(uart) != IIR_NONE);
}

static uint32_t read_iir(struct uart *uart)
{
    uint32_t value = cause(uart);
    if (value == IIR_THRE) {
        uart->thre_pending = false;
    }
    return value | ((uart->regs.fcr & FCR_ON) != 0 ? IIR_FIFOS : 0);
}

static uint32_t read_lsr(const struct mt *mt, struct uart *uart)
{
    uint32_t value = head_errors(uart);
    value |= uart->rx_count != 0 ? LSR_DR : 0;
    value |= uart->overrun ? LSR_OE : 0;
    value |= uart_thre(mt, uart) ? LSR_THRE : 0;
    value |= uart_temt(uart, mt->at_u) ? LSR_TEMT : 0;
    for (unsigned i = 0; i < uart->rx_count; i++) {
        value |= uart->rx[(uart->rx_head + i) % UART_FIFO].errors != 0 ? LSR_FIFO : 0;
    }
    uart->overrun = false;
    uart->rx[uart->rx_head].errors = 0;
    return value;
}

static uint32_t read_register(struct mt *mt, struct uart *uart, uint32_t offset)
{
    const struct uart_regs *regs = &uart->regs;
    bool latch = (regs->lcr & LCR_DLAB) != 0;
    switch (offset) {
    case RBR_THR: return latch ? regs->dll : uart_rx_pop(mt, uart);
    case IER: return latch ? regs->dlm : regs->ier;
    case IIR_FCR: return regs->lcr == LCR_EFR ? regs->efr : read_iir(uart);
    case LCR: return regs->lcr;
    case MCR: return regs->mcr;
    case LSR: return read_lsr(mt, uart);
    case SCR: return regs->scr;
    case HIGHSPEED: return regs->highspeed;
    case SAMPLE_COUNT: return regs->sample_count;
    case SAMPLE_POINT: return regs->sample_point;
    case RXTRIG: return regs->rxtrig;
    case FRACDIV_L: return regs->frac_l;
    case FRACDIV_M: return regs->frac_m;
    case FCR_READ: return regs->fcr;
    case RX_OFFSET: return uart->rx_count;
    case TX_OFFSET: return uart->tx_count;
    default:
        mt_fail(mt, "reading register 0x%02x of UART%u is not modelled", offset, uart->index);
        return 0;
    }
}

uint32_t uart_read(struct mt *mt, unsigned index, uint32_t offset)
{
    struct uart *uart = &mt->uarts[index];
    uint32_t value = read_register(mt, uart, offset);
    update_line(mt, uart);
    return value;
}

static void write_fcr(struct mt *mt, struct uart *uart, uint32_t value)
{
    if ((value & 8U) != 0) {
        mt_fail(mt, "FCR 0x%02x of UART%u: DMA is not modelled", value, uart->index);
    }
    bool switched = ((value ^ uart->regs.fcr) & FCR_ON) != 0;
    if (switched || (value & FCR_RX) != 0) {
        uart->rx_count = 0;
        uart->timed_out = false;
        uart->timeout_u = MT_NEVER;
    }
    if (switched || (value & FCR_TX) != 0) {
        uart->tx_count = 0;
        uart->thre_pending = true;
    }
    uart->regs.fcr = (uint8_t)(value & ~(FCR_RX | FCR_TX));
}

static void write_ier(struct mt *mt, struct uart *uart, uint32_t value)
{
    if ((value & ~(IER_RX | IER_THRE | IER_LINE)) != 0) {
        mt_fail(mt, "IER 0x%02x of UART%u: modem and flow control are not modelled", value,
                uart->index);
    }
    bool rises = (value & IER_THRE) != 0 && (uart->regs.ier & IER_THRE) == 0;
    if (rises && uart_thre(mt, uart)) {
        uart->thre_pending = true;
    }
    uart->regs.ier = (uint8_t)value;
}

// True: known, and a value that the model can honour.
static bool write_line(struct uart *uart, uint32_t offset, uint32_t value)
{
    struct uart_regs *regs = &uart->regs;
    switch (offset) {
    case LCR:
        regs->lcr = (uint8_t)value;
        return value <= 0xff && (value == LCR_EFR || (value & LCR_BREAK) == 0);
    case MCR: regs->mcr = (uint8_t)value; return value <= 3; // DTR and RTS; no loop
    case SCR: regs->scr = (uint8_t)value; return value <= 0xff;
    case HIGHSPEED: regs->highspeed = (uint8_t)value; return value <= 3;
    case SAMPLE_COUNT: regs->sample_count = (uint8_t)value; return value <= 0xff;
    case SAMPLE_POINT: regs->sample_point = (uint8_t)value; return value <= 0xff;
    case RXTRIG: regs->rxtrig = (uint8_t)value; return value <= UART_FIFO;
    case FRACDIV_L: regs->frac_l = (uint8_t)value; return value <= 0xff;
    case FRACDIV_M: regs->frac_m = (uint8_t)value; return value <= 3;
    case GUARD: // extra idle bits
    case ESCAPE_EN:
    case VFIFO_EN:
    case EXTEND_ADD: return value == 0; // DMA
    default: return false;
    }
}

static void write_register(struct mt *mt, struct uart *uart, uint32_t offset, uint32_t value)
{
    struct uart_regs *regs = &uart->regs;
    bool latch = (regs->lcr & LCR_DLAB) != 0;
    bool good = true;
    if (offset == RBR_THR && latch) {
        regs->dll = (uint8_t)value;
    } else if (offset == RBR_THR) {
        uart_tx_push(mt, uart, (uint8_t)value);
    } else if (offset == IER && latch) {
        regs->dlm = (uint8_t)value;
    } else if (offset == IER) {
        write_ier(mt, uart, value);
    } else if (offset == IIR_FCR && regs->lcr == LCR_EFR) {
        regs->efr = (uint8_t)value;
        good = (value & ~0x10U) == 0; // flow control
    } else if (offset == IIR_FCR) {
        write_fcr(mt, uart, value);
    } else if (regs->lcr == LCR_EFR && (offset == MCR || offset == LSR)) {
        good = false; // XON characters
    } else {
        good = write_line(uart, offset, value);
    }
    if (!good) {
        mt_fail(mt, "writing 0x%02x to register 0x%02x of UART%u is not modelled", value, offset,
                uart->index);
    }
}

void uart_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value)
{
    struct uart *uart = &mt->uarts[index];
    write_register(mt, uart, offset, value);
    update_line(mt, uart);
}

uint64_t uart_deadline_u(const struct mt *mt, unsigned index)
{
    const struct uart *uart = &mt->uarts[index];
    uint64_t tx_u = uart_tx_deadline_u(uart, mt->at_u);
    uint64_t rx_u = uart_rx_deadline_u(mt, uart);
    return tx_u < rx_u ? tx_u : rx_u;
}

void uart_tick(struct mt *mt, unsigned index)
{
    struct uart *uart = &mt->uarts[index];
    uart_tx_tick(mt, uart);
    uart_rx_tick(mt, uart);
    update_line(mt, uart);
}

enum err mt_rx(struct mt *mt, const struct mt_rx *in, uint64_t *end_u)
{
    unsigned data_bits = in->data_bits == 0 ? 8 : in->data_bits;
    unsigned stop_bits = in->stop_bits == 0 ? 1 : in->stop_bits;
    if (in->uart >= MT_UARTS || in->bit_u == 0 || data_bits < 5 || data_bits > 8 || stop_bits > 2) {
        return ERR_ARG;
    }
    struct wire *wire = &mt->uarts[in->uart].wire;
    if (wire->count == MT_RX_MAX) {
        return ERR_FULL;
    }
    uint32_t bits = (in->byte & ((1U << data_bits) - 1)) << 1;
    unsigned at = 1 + data_bits;
    if (in->parity != SERIAL_NONE) {
        uint32_t ones = 0;
        for (unsigned i = 1; i < at; i++) {
            ones += bits >> i & 1U;
        }
        bool one = (ones % 2 == 1) == (in->parity == SERIAL_EVEN);
        bits |= (uint32_t)(one != ((in->flags & MT_RX_BAD_PARITY) != 0)) << at++;
    }
    bits |= (in->flags & MT_RX_BAD_STOP) != 0 ? 0 : ((1U << stop_bits) - 1) << at;
    struct wire_char c = {.start_u = in->start_u > mt->now_u ? in->start_u : mt->now_u + 1,
                          .bit_u = in->bit_u,
                          .bits = (uint16_t)((in->flags & MT_RX_BREAK) != 0 ? 0 : bits),
                          .bit_count = (uint8_t)(at + stop_bits)};
    wire_put(wire, &c);
    *end_u = c.start_u + (uint64_t)c.bit_u * c.bit_count;
    mt->at_u = mt->now_u;
    mt_schedule(mt);
    return OK;
}
