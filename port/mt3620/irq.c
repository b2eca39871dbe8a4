// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/irq.h"

#include "port/mt3620/board.h"

static void set_priority(uint32_t irq, uint32_t priority)
{
    uint32_t address = NVIC_IPR + irq / 4 * 4;
    uint32_t shift = irq % 4 * 8;
    reg_put(address, (reg_get(address) & ~(0xFFU << shift)) | priority << shift);
}

void irq_setup(void)
{
    for (uint32_t word = 0; word < (IRQ_COUNT + 31) / 32; word++) {
        reg_put(NVIC_ICER + word * 4, UINT32_MAX);
        reg_put(NVIC_ICPR + word * 4, UINT32_MAX);
    }
    set_priority(IRQ_GPT3, PRIORITY_RELEASE);
    set_priority(board.uart_irq, PRIORITY_UART);
    set_priority(IRQ_GPT01, PRIORITY_REST);
    set_priority(IRQ_MAILBOX, PRIORITY_REST);
}
