// SPDX-License-Identifier: Apache-2.0
// Interrupts: the three priorities in use, and the two ways to hold them off.
//
//   0  GPT3: releases the driver. Only PRIMASK holds it off, for a few instructions at a time.
//   1  UART. Held off by irq_mask_uart() while the loop works on what the two share.
//   2  mailbox, GPT0: they set a flag.
#ifndef PORT_MT3620_IRQ_H
#define PORT_MT3620_IRQ_H

#include <stdint.h>

#include "port/mt3620/regs.h"

#define PRIORITY_RELEASE 0x00U // in bits [7:5]
#define PRIORITY_UART    0x20U
#define PRIORITY_REST    0x40U

// Nothing at all interrupts until the matching irq_restore(). At most 40 instructions and two bus
// accesses, but for an abort, which is the release itself.
static inline uint32_t irq_hold(void)
{
    uint32_t primask;
    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask) : : "memory");
    return primask;
}

static inline void irq_restore(uint32_t primask)
{
    __asm volatile("msr primask, %0" : : "r"(primask) : "memory");
}

// UART and below wait, the release of the driver does not.
uint32_t irq_mask_uart(void);
void irq_unmask(uint32_t basepri);

static inline void irq_pend(uint32_t irq)
{
    reg_put(NVIC_ISPR + irq / 32 * 4, 1U << irq % 32);
}

static inline void irq_enable(uint32_t irq)
{
    reg_put(NVIC_ISER + irq / 32 * 4, 1U << irq % 32);
}

// Known state: all off, nothing pending, the priorities above.
void irq_setup(void);

void gpt3_isr(void);
void uart_isr(void);
void gpt01_isr(void);
void mailbox_isr(void);

#endif
