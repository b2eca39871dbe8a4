// SPDX-License-Identifier: Apache-2.0
// Sizes and quantities of Modbus. [AP] = Modbus Application Protocol V1.1b3, [SL] = Modbus over
// Serial Line V1.02, [TCP] = Modbus Messaging on TCP/IP V1.0b.
#ifndef MB_LIMITS_H
#define MB_LIMITS_H

#define MB_PDU_SIZE_MAX    253 // [AP 4.1]
#define MB_RTU_OVERHEAD    3   // unit address and CRC
#define MB_RTU_SIZE_MIN    4   // unit, function, CRC
#define MB_RTU_SIZE_MAX    256 // [SL 2.5.1]
#define MB_TCP_HEADER_SIZE 7   // [TCP 3.1.3]
#define MB_TCP_SIZE_MAX    260
#define MB_EXCEPTION_SIZE  5 // of an exception reply on RTU

#define MB_UNIT_BROADCAST 0
#define MB_UNIT_MIN       1
#define MB_UNIT_MAX       247 // [SL 2.2]
#define MB_UNIT_TCP       255 // "the device itself" on TCP [TCP 4.4.2.1]

#define MB_READ_BITS_MAX  2000 // FC 1, 2 [AP 6.1]
#define MB_WRITE_BITS_MAX 1968 // FC 15 [AP 6.11]
#define MB_READ_REGS_MAX  125  // FC 3, 4 and the read of 23 [AP 6.3]
#define MB_WRITE_REGS_MAX 123  // FC 16 [AP 6.12]
#define MB_RW_WRITE_MAX   121  // the write of FC 23 [AP 6.17]
#define MB_FIFO_MAX       31   // FC 24 [AP 6.18]
#define MB_EVENTS_MAX     64   // FC 12 [AP 6.10]
#define MB_SERVER_ID_MAX  251  // FC 17: what one reply holds

// Files [AP 6.14, 6.15]. Data lengths are the second byte of the PDU.
#define MB_FILE_REFERENCE 6
#define MB_RECORD_NUMBERS 10000 // records 0 to 9999 in each of the files 1 to 65535
#define MB_FILE_READ_MAX  0xf5  // request and reply data length of FC 20
#define MB_FILE_WRITE_MIN 0x09  // data length of FC 21, request and reply
#define MB_FILE_WRITE_MAX 0xfb
#define MB_FILE_READ_ITEM 7                                      // bytes of one sub-request
#define MB_RECORDS_MAX    (MB_FILE_READ_MAX / MB_FILE_READ_ITEM) // 35; FC 21 holds at most 27

#define MB_ADDRESSES 65536 // an address plus its quantity never passes this

#define MB_IDENT_OBJECT_MAX 244 // bytes in one object of FC 43/14: what one reply holds

_Static_assert(MB_PDU_SIZE_MAX + MB_RTU_OVERHEAD == MB_RTU_SIZE_MAX, "RTU frame");
_Static_assert(MB_PDU_SIZE_MAX + MB_TCP_HEADER_SIZE == MB_TCP_SIZE_MAX, "TCP frame");
_Static_assert(2 + MB_FILE_WRITE_MAX == MB_PDU_SIZE_MAX, "FC 21 fills a PDU");
_Static_assert(2 + MB_SERVER_ID_MAX == MB_PDU_SIZE_MAX, "FC 17 fills a PDU");
_Static_assert(2 + 7 + MB_IDENT_OBJECT_MAX == MB_PDU_SIZE_MAX, "FC 43/14 fills a PDU");

#endif
