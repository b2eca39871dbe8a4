// SPDX-License-Identifier: Apache-2.0
// When the driver is released, and the release itself.
#ifndef PORT_MT3620_RELEASE_H
#define PORT_MT3620_RELEASE_H

#include <stdint.h>

// All of the frame is in the FIFO or beyond: level bytes of it were still in the FIFO at a time
// not after seen_ticks. From the UART's interrupt.
void release_plan(uint32_t seen_ticks, uint32_t level);
// From GPT3's interrupt, a little before the time planned.
void release_driver(void);

#endif
