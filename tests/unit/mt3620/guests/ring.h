// SPDX-License-Identifier: Apache-2.0
// The shared rings from the core's side, byte by byte.
#ifndef TESTS_UNIT_MT3620_RING_H
#define TESTS_UNIT_MT3620_RING_H

#include "guest.h"

#define RING_MESSAGE_MAX 1024U
#define RING_NONE        0xffffffffU

extern uint32_t ring_outbound, ring_inbound, ring_out_size, ring_in_size;

// Waits for the A7's three words.
void ring_open(void);
// The next message; its size, or RING_NONE.
uint32_t ring_receive(uint8_t *out);
// The partner must have room.
void ring_send(const uint8_t *data, uint32_t size);

#endif
