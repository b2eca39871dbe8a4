// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of the mailbox: the component id of the gateway's application, as in
// deploy/mt3620/gateway/app_manifest.json (a test holds the two against each other).
#ifndef PORT_MT3620_PARTNER_H
#define PORT_MT3620_PARTNER_H

#include <stdint.h>

// 7e0b4f21-0d55-4a9c-8b3e-621fd37750aa, its first three fields little-endian.
static const uint8_t partner_id[16] = {0x21, 0x4f, 0x0b, 0x7e, 0x55, 0x0d, 0x9c, 0x4a,
                                       0x8b, 0x3e, 0x62, 0x1f, 0xd3, 0x77, 0x50, 0xaa};

#endif
