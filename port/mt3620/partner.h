// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of the mailbox: the component id of the gateway's application, as in
// deploy/mt3620/gateway/app_manifest.json (a test holds the two against each other).
#ifndef PORT_MT3620_PARTNER_H
#define PORT_MT3620_PARTNER_H

#include <stdint.h>

// 7ba05ff7-bf3c-4f4e-9c5d-6f1f7d5b1a20, its first three fields little-endian.
static const uint8_t partner_id[16] = {0xf7, 0x5f, 0xa0, 0x7b, 0x3c, 0xbf, 0x4e, 0x4f,
                                       0x9c, 0x5d, 0x6f, 0x1f, 0x7d, 0x5b, 0x1a, 0x20};

#endif
