// SPDX-License-Identifier: Apache-2.0
// The hardware watchdog. Its registers want 100 us between two writes; a write that would come
// sooner is left to the next call, so that nothing waits.
#ifndef PORT_MT3620_WATCHDOG_H
#define PORT_MT3620_WATCHDOG_H

// Two seconds from the first feeding on.
void watchdog_setup(void);

#endif
