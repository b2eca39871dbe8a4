// SPDX-License-Identifier: Apache-2.0
// Whole messages between the real-time core and the gateway's core. Nothing here blocks. A message
// is delivered whole or not at all, in order; both sides may restart at any time, which loses what
// was under way (lib/intercore notices by boot ids).
#ifndef PORT_API_MAILBOX_H
#define PORT_API_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define MAILBOX_MESSAGE_MAX 1024 // bytes

// The next message into out (capacity at least MAILBOX_MESSAGE_MAX). ERR_AGAIN: none waits.
// ERR_CORRUPT: one was malformed and is dropped; call again.
NODISCARD enum err mailbox_receive(uint8_t *out, size_t capacity, size_t *size);
// ERR_AGAIN: no partner yet, or no room now; try again after the next wake-up. ERR_SIZE.
NODISCARD enum err mailbox_send(struct bytes message);

#endif
