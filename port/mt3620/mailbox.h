// SPDX-License-Identifier: Apache-2.0
// The mailbox beyond its seam: what core.c needs of it.
#ifndef PORT_MT3620_MAILBOX_H
#define PORT_MT3620_MAILBOX_H

#include <stdbool.h>

void mailbox_setup(void);
// The A7 has said something since mailbox_receive() last found nothing.
bool mailbox_is_signalled(void);
// The shared buffers are known; until then nothing signals, and the loop has to look.
bool mailbox_has_partner(void);

#endif
