// SPDX-License-Identifier: Apache-2.0
// RTU frames: unit address, PDU, CRC, 4 to 256 bytes; and how long a frame will be, told from its
// first bytes. [SL 2.5.1]
#ifndef MB_RTU_H
#define MB_RTU_H

#include "modbus/pdu.h"

// One message, whatever carried it. The PDU is borrowed.
struct mb_frame {
    uint16_t transaction; // TCP only; 0 else
    uint8_t unit;
    struct bytes pdu; // 1 to 253 bytes
};

enum mb_role { MB_REQUESTS, MB_REPLIES }; // what a stream carries

#define MB_CRC_START UINT16_C(0xffff)
// CRC-16 of [SL 6.2.2]; feed the result back in to go on. On the wire the low byte goes first.
uint16_t mb_crc16(uint16_t crc, struct bytes in);

// Appends unit, PDU and CRC. ERR_SIZE: the PDU is empty, longer than 253, or out is too small.
NODISCARD enum err mb_rtu_encode(uint8_t unit, struct bytes pdu, struct writer *out);
// ERR_SIZE: not 4 to 256 bytes; ERR_CORRUPT: the CRC is wrong. out->pdu borrows adu.
NODISCARD enum err mb_rtu_decode(struct bytes adu, struct mb_frame *out);

#define MB_SIZE_MORE ((size_t)0)          // too few bytes to tell yet
#define MB_SIZE_OPEN ((size_t)UINT16_MAX) // only silence can tell: unknown function, or FC 8 echo

// The size of the whole RTU frame that begins with these bytes, or one of the two above. Never
// trusts the wire beyond MB_RTU_SIZE_MAX: a longer claim is MB_SIZE_OPEN.
size_t mb_rtu_size(enum mb_role role, struct bytes begin);

// The size of the normal RTU reply to this request as the line's hint; 0 when only its bytes will
// tell (FC 12, 17, 24, 43) or none comes (FC 8 listen-only). Exceptions: MB_EXCEPTION_SIZE.
size_t mb_rtu_reply_size(const struct mb_request *request);

#endif
