// SPDX-License-Identifier: Apache-2.0
// The one error enum of the repository: "the world failed". A wrong program ends in ASSERT; a peer
// that says no (a Modbus exception, a refused login) is a value in the result, never one of these.
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
    OK = 0,
    ERR_ARG = -1,          // a value outside its documented range
    ERR_SIZE = -2,         // does not fit: buffer, message or limit
    ERR_CORRUPT = -3,      // bytes that break their format or checksum
    ERR_TIMEOUT = -4,      // nothing came in time
    ERR_FULL = -5,         // a bounded queue or store is full; later tries may succeed
    ERR_EMPTY = -6,        // nothing there (yet)
    ERR_IO = -7,           // the medium failed
    ERR_CLOSED = -8,       // the other side is gone
    ERR_BUSY = -9,         // held by somebody else
    ERR_DENIED = -10,      // not allowed
    ERR_UNSUPPORTED = -11, // understood, but not offered here
    ERR_EXISTS = -12,
    ERR_NOT_FOUND = -13,
    ERR_STATE = -14, // not in this state
    ERR_AGAIN = -15, // would block; come back when told
};

#define NODISCARD __attribute__((warn_unused_result))

// The word for logs, such as "timeout"; "unknown" for a number that is no error. Static storage.
const char *err_name(enum err err);

#endif
