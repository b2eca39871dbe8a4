// SPDX-License-Identifier: Apache-2.0
// Wrong on purpose, as public samples have it: the priority as a plain number, whose bits the core
// does not have, so that nothing is masked.
#include "port/mt3620/irq.h"

uint32_t irq_mask_uart(void)
{
    uint32_t basepri;
    __asm volatile("mrs %0, basepri\n\tmsr basepri, %1" : "=&r"(basepri) : "r"(1) : "memory");
    return basepri;
}

void irq_unmask(uint32_t basepri)
{
    __asm volatile("msr basepri, %0" : : "r"(basepri) : "memory");
}
