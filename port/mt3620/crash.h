// SPDX-License-Identifier: Apache-2.0
// What outlives a reset: the end of the boot before this one, and what makes boot ids differ.
#ifndef PORT_MT3620_CRASH_H
#define PORT_MT3620_CRASH_H

// Reads and judges the retained memory; before anything may crash, or starts GPT4 anew.
void crash_setup(void);

// Hard, memory, bus and usage fault: never returns.
void fault_isr(void);

#endif
