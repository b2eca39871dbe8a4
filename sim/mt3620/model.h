// SPDX-License-Identifier: Apache-2.0
// The whole model, for its own files only.
#ifndef SIM_MT3620_MODEL_H
#define SIM_MT3620_MODEL_H

#include "sim/mt3620/cpu.h"
#include "sim/mt3620/elf.h"
#include "sim/mt3620/mt3620.h"
#include "sim/mt3620/parts.h"
#include "sim/mt3620/uart.h"

#define TICK_U        38 // 26 MHz
#define CYCLE_PLL_U   5  // 197.6 MHz
#define CYCLE_XTAL_U  38 // 26 MHz
#define U_PER_S       UINT64_C(988000000)
#define TCM_BASE      0x00100000U
#define TCM_SIZE      0x00030000U
#define SYSRAM_BASE   0x22000000U
#define SYSRAM_SIZE   0x00010000U
#define XIP_BASE      0x10000000U
#define XIP_SIZE      0x00100000U
#define SHARED_BASE   0x80000000U // of the A7; opaque to the core
#define SHARED_SIZE   0x00010000U
#define OUTBOUND_BASE 0x80001020U
#define INBOUND_BASE  0x800040e0U
#define RING_LOG2     12
#define IRQ_GPT01     1
#define IRQ_GPT3      2
#define IRQ_WATCHDOG  3
#define IRQ_MAILBOX   11
#define IRQ_UART(isu) (47U + 4U * (isu))

struct mt {
    struct mt_knobs knobs;
    struct elf elf;
    struct cpu cpu;
    struct uart uarts[MT_UARTS];
    struct gpt gpt;
    struct gpio gpio;
    struct mailbox mailbox;
    struct watchdog watchdog;
    struct trace trace;
    uint32_t hclk; // HCLK select register
    uint32_t cycle_u;
    uint64_t now_u;  // of the core
    uint64_t at_u;   // of the event or access under way
    uint64_t next_u; // the earliest event of any peripheral
    uint64_t storm_at_u;
    uint64_t random;
    uint32_t resets;
    uint32_t paint; // of memory that was never written
    unsigned event_head, event_count;
    struct mt_event events[MT_EVENTS_MAX];
    char failure[320];
};

__attribute__((format(printf, 2, 3))) void mt_fail(struct mt *mt, const char *format, ...);
// Takes a copy.
void mt_emit(struct mt *mt, const struct mt_event *event);
// Everything up to then happens, in order.
void mt_sync(struct mt *mt, uint64_t until_u);
// Finds next_u again after something changed.
void mt_schedule(struct mt *mt);
uint64_t mt_random(struct mt *mt);
void mt_restart(struct mt *mt, enum mt_cause cause);

// bus.c: maps the peripherals into Unicorn.
bool bus_open(struct mt *mt);

#endif
