// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/irq.h"

// BASEPRI holds a priority, in the bits that are implemented: a plain 1 would mask nothing.
uint32_t irq_mask_uart(void)
{
    uint32_t basepri;
    __asm volatile("mrs %0, basepri\n\tmsr basepri, %1"
                   : "=&r"(basepri)
                   : "r"(PRIORITY_UART)
                   : "memory");
    return basepri;
}

void irq_unmask(uint32_t basepri)
{
    __asm volatile("msr basepri, %0" : : "r"(basepri) : "memory");
}
