// SPDX-License-Identifier: Apache-2.0
// The numbers of the protocol: function codes, exceptions, sub-functions, and their names.
#ifndef MB_CODES_H
#define MB_CODES_H

#include <stdint.h>

enum mb_fc {
    MB_READ_COILS = 1,
    MB_READ_DISCRETE = 2,
    MB_READ_HOLDING = 3,
    MB_READ_INPUT = 4,
    MB_WRITE_COIL = 5,
    MB_WRITE_REG = 6,
    MB_READ_EXCEPTION_STATUS = 7,
    MB_DIAGNOSTICS = 8,
    MB_EVENT_COUNTER = 11,
    MB_EVENT_LOG = 12,
    MB_WRITE_COILS = 15,
    MB_WRITE_REGS = 16,
    MB_SERVER_ID = 17,
    MB_READ_FILE = 20,
    MB_WRITE_FILE = 21,
    MB_MASK_WRITE = 22,
    MB_READ_WRITE = 23,
    MB_READ_FIFO = 24,
    MB_ENCAPSULATED = 43, // only MEI type 14, device identification
};

#define MB_EXCEPTION_BIT 0x80
#define MB_COIL_ON       0xff00 // value of FC 5; off is 0
#define MB_MEI_IDENT     14

// [AP 7]. A peer's "no" is an answer, never an `enum err`.
enum mb_exception {
    MB_EX_NONE = 0,
    MB_EX_FUNCTION = 1, // illegal function
    MB_EX_ADDRESS = 2,  // illegal data address
    MB_EX_VALUE = 3,    // illegal data value
    MB_EX_FAILURE = 4,  // server device failure
    MB_EX_ACKNOWLEDGE = 5,
    MB_EX_BUSY = 6,
    MB_EX_PARITY = 8, // memory parity error
    MB_EX_PATH = 10,  // gateway path unavailable
    MB_EX_TARGET = 11 // gateway target failed to respond
};

enum mb_diag { // sub-functions of FC 8 [AP 6.8]
    MB_DIAG_ECHO = 0,
    MB_DIAG_RESTART = 1, // value 0xff00 clears the event log too
    MB_DIAG_REGISTER = 2,
    MB_DIAG_DELIMITER = 3, // value: the character in the high byte
    MB_DIAG_LISTEN_ONLY = 4,
    MB_DIAG_CLEAR = 10,
    MB_DIAG_BUS_MESSAGES = 11,
    MB_DIAG_BUS_ERRORS = 12,
    MB_DIAG_BUS_EXCEPTIONS = 13,
    MB_DIAG_SERVER_MESSAGES = 14,
    MB_DIAG_SERVER_SILENT = 15,
    MB_DIAG_SERVER_NAK = 16,
    MB_DIAG_SERVER_BUSY = 17,
    MB_DIAG_OVERRUNS = 18,
    MB_DIAG_CLEAR_OVERRUN = 20,
};

enum mb_ident_code { MB_IDENT_BASIC = 1, MB_IDENT_REGULAR, MB_IDENT_EXTENDED, MB_IDENT_ONE };

// A word for logs: "read input registers", "illegal data address"; static storage.
const char *mb_fc_name(uint8_t fc);
const char *mb_exception_name(uint8_t exception);

#endif
