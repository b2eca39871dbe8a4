// SPDX-License-Identifier: Apache-2.0
// One UART of an ISU with its pair of wires. Every character has exact edges; what reaches the
// receiver is sampled bit by bit at the receiver's own speed.
#ifndef SIM_MT3620_UART_H
#define SIM_MT3620_UART_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/mt3620/mt3620.h"

struct mt;

#define UART_FIFO  16
#define UART_SLOTS 12 // start, 8 data, parity, 2 stop

// A character on the wire that another node sends.
struct wire_char {
    uint64_t start_u;
    uint32_t bit_u;
    uint16_t bits;
    uint8_t bit_count;
};

struct wire {
    uint32_t head, count;
    struct wire_char chars[MT_RX_MAX]; // a ring, ascending by start
};

struct uart_regs {
    uint8_t ier, fcr, lcr, mcr, scr, efr, dll, dlm;
    uint8_t highspeed, sample_count, sample_point, frac_l, frac_m, rxtrig;
};

// The transmit shift register.
struct uart_shift {
    bool active;
    uint8_t byte;
    uint16_t bits;
    uint8_t count;
    uint64_t edge_u[UART_SLOTS + 1]; // of each slot; the last is the end
    uint64_t reload_u;
    uint64_t temt_u;
    uint16_t undriven; // slots whose middle the driver was off
    uint64_t lost_u;
    uint64_t off_since_u; // driver off within this character; MT_NEVER: it is on
    bool collided;
};

struct uart_rx_entry {
    uint8_t byte;
    uint8_t errors; // LSR bits
};

struct uart_receiver {
    bool active;
    bool held;     // complete, but ready only at next_u (jitter)
    unsigned slot; // sampled next
    uint16_t bits;
    uint64_t start_u;
    uint64_t next_u; // the next sample
    uint64_t seen_u; // falling edges up to here are history
};

struct uart {
    uint8_t index;
    struct uart_regs regs;
    uint8_t tx[UART_FIFO];
    unsigned tx_head, tx_count;
    bool held; // reloaded before the shifter was done
    uint8_t hold;
    struct uart_shift shift;
    bool thre_pending;
    struct uart_rx_entry rx[UART_FIFO];
    unsigned rx_head, rx_count;
    bool overrun, timed_out;
    uint64_t timeout_u; // MT_NEVER: none
    struct uart_receiver receiver;
    struct wire wire;
    uint64_t overruns;
};

void uart_open(struct mt *mt, unsigned index);
uint32_t uart_read(struct mt *mt, unsigned index, uint32_t offset);
void uart_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value);
uint64_t uart_deadline_u(const struct mt *mt, unsigned index);
void uart_tick(struct mt *mt, unsigned index);

// uart_tx.c
void uart_tx_push(struct mt *mt, struct uart *uart, uint8_t byte);
void uart_tx_tick(struct mt *mt, struct uart *uart);
uint64_t uart_tx_deadline_u(const struct uart *uart, uint64_t at_u);
bool uart_thre(const struct mt *mt, const struct uart *uart);
bool uart_temt(const struct uart *uart, uint64_t at_u);
bool uart_tx_level(const struct uart *uart, uint64_t at_u);
// The driver of ISU0 was switched now.
void uart_tx_driver(struct mt *mt, bool on);

// uart_rx.c
uint8_t uart_rx_pop(struct mt *mt, struct uart *uart);
void uart_rx_tick(struct mt *mt, struct uart *uart);
uint64_t uart_rx_deadline_u(const struct mt *mt, const struct uart *uart);
unsigned uart_rx_trigger(const struct uart *uart);
// The receiver of ISU0 was switched on or the wire changed under it, now.
void uart_rx_touch(struct mt *mt, struct uart *uart);
bool uart_rx_level(const struct mt *mt, const struct uart *uart, uint64_t at_u);

// uart_clock.c: lengths in units by the divider registers; 0: no divider set.
uint32_t uart_slot_u(const struct uart *uart, unsigned slot);
uint32_t uart_sample_u(const struct uart *uart);
uint32_t uart_bit_u(const struct uart *uart); // rounded mean
unsigned uart_data_bits(const struct uart *uart);
bool uart_has_parity(const struct uart *uart);
bool uart_parity(const struct uart *uart, uint8_t byte);
unsigned uart_stop_bits(const struct uart *uart);
uint16_t uart_frame(const struct uart *uart, uint8_t byte); // all slots, start in bit 0

// wire.c
void wire_put(struct wire *wire, const struct wire_char *in);
// Level that the other nodes make: 1 while nobody sends.
bool wire_level(const struct wire *wire, uint64_t at_u);
// The next falling edge after from_u.
uint64_t wire_fall_u(const struct wire *wire, uint64_t from_u);
// The next edge of any kind after from_u, for the trace.
uint64_t wire_edge_u(const struct wire *wire, uint64_t from_u);
bool wire_busy(const struct wire *wire, uint64_t from_u, uint64_t to_u);
// Forgets what ended before.
void wire_forget(struct wire *wire, uint64_t before_u);

#endif
