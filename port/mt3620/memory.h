// SPDX-License-Identifier: Apache-2.0
// The memory map: what is ours, what the linker script says of it, what the other core may lend us.
#ifndef PORT_MT3620_MEMORY_H
#define PORT_MT3620_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

// From the linker script; their addresses are what they say.
extern uint32_t ram_bss_start[], ram_bss_end[];
extern uint32_t ram_stack_start[], ram_stack_end[];

#define STACK_PAINT 0xC5C5C5C5U

// Kept over a reset: the start-up code does not zero it.
#define RETAINED __attribute__((section(".noinit")))

// Memory that is neither ours nor a register: the one kind that may be shared with us.
bool memory_is_foreign(uint32_t base, uint32_t size);

#endif
