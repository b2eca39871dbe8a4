// SPDX-License-Identifier: Apache-2.0
// The smaller peripherals: timers, pins, mailbox with its rings, watchdog, trace.
#ifndef SIM_MT3620_PARTS_H
#define SIM_MT3620_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/mt3620/mt3620.h"

struct mt;

// A counter that runs since from_u, when it stood at base.
struct counter {
    bool on;
    uint32_t ctrl;
    uint32_t initial;
    uint32_t base;
    uint64_t from_u;
};

struct gpt {
    uint32_t isr, ier;
    struct counter slow[2]; // GPT0, GPT1
    struct counter gpt2, gpt3, gpt4;
    uint64_t gpt2_written_u;
    uint32_t expire;    // GPT3
    bool expired;       // its interrupt is up
    uint64_t iclr_u;    // when ICLR was set
    uint64_t stopped_u; // when EN was cleared
    bool was_started;
};

uint32_t gpt_read(struct mt *mt, unsigned index, uint32_t offset);
void gpt_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value);
uint64_t gpt_deadline_u(const struct mt *mt);
void gpt_tick(struct mt *mt);
void gpt_clock(struct mt *mt, uint32_t cycle_u); // the bus clock becomes that

#define GPIO_BLOCKS 12

struct gpio {
    uint32_t dout[GPIO_BLOCKS], oe[GPIO_BLOCKS], up[GPIO_BLOCKS], down[GPIO_BLOCKS];
    uint32_t input[GPIO_BLOCKS];
    bool driver, receiver; // of the transceiver
};

void gpio_reset(struct mt *mt);
bool gpio_level(const struct mt *mt, unsigned pin);
uint32_t gpio_read(struct mt *mt, unsigned index, uint32_t offset);
void gpio_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value);

#define MAILBOX_FIFO 15

struct mailbox_entry {
    uint32_t command, data;
};

struct mailbox {
    struct mailbox_entry in[MAILBOX_FIFO], out[MAILBOX_FIFO]; // as the core sees it
    unsigned in_count, out_count;
    uint32_t push_data;
    uint32_t rx_enable, rx_status;
};

void mailbox_announce(struct mt *mt);
uint32_t mailbox_read(struct mt *mt, unsigned index, uint32_t offset);
void mailbox_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value);

struct watchdog {
    uint32_t mode, length, status;
    uint64_t written_u; // last write to any of its registers; MT_NEVER: none yet
    uint64_t end_u;     // MT_NEVER: off
    bool line;
};

void watchdog_reset(struct mt *mt); // after any reset of the core
uint32_t watchdog_read(struct mt *mt, unsigned index, uint32_t offset);
void watchdog_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value);
void watchdog_tick(struct mt *mt);

uint32_t clock_read(struct mt *mt, unsigned index, uint32_t offset);
void clock_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value);

struct trace {
    FILE *file;
    uint64_t done_u;    // written up to here
    uint32_t values[6]; // as last written
};

// False: cannot be written. Wires: tx, rx, de, re, light, exception.
bool trace_open(struct mt *mt, const char *path);
// Writes every edge up to then; call before anything changes that makes a level.
void trace_flush(struct mt *mt, uint64_t until_u);
void trace_close(struct mt *mt);

#endif
