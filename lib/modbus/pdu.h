// SPDX-License-Identifier: Apache-2.0
// Modbus PDUs, every public function code, both directions. Register data stays as the big-endian
// bytes of the wire (mb_reg reads one), bits stay packed, first bit in bit 0 of the first byte.
// Spans in decoded structs borrow the input. All bounds are checked in mb_request_check().
#ifndef MB_PDU_H
#define MB_PDU_H

#include "base/bytes.h"
#include "base/err.h"
#include "modbus/codes.h"
#include "modbus/limits.h"

struct mb_record {     // one sub-request of FC 20 and 21
    uint16_t file;     // 1 to 65535
    uint16_t number;   // first record, 0 to 9999
    uint16_t count;    // registers
    struct bytes data; // FC 21 and the reply of FC 20: 2 x count bytes
};

struct mb_request {
    uint8_t fc;
    uint8_t ident_code;     // FC 43
    uint8_t object_id;      // FC 43
    uint8_t record_count;   // FC 20, 21
    uint16_t address;       // FC 1-6, 15, 16, 22, 23 (read), 24
    uint16_t count;         // FC 1-4, 15, 16, 23 (read): coils or registers
    uint16_t value;         // FC 5, 6
    uint16_t and_mask;      // FC 22
    uint16_t or_mask;       // FC 22
    uint16_t write_address; // FC 23
    uint16_t write_count;   // FC 23
    uint16_t subfunction;   // FC 8, enum mb_diag
    struct bytes data;      // FC 8 (a multiple of 2 bytes), 15, 16, 23
    struct mb_record records[MB_RECORDS_MAX];
};

struct mb_reply {
    uint8_t fc;             // without the exception bit
    uint8_t exception;      // enum mb_exception or any other code the peer sent; then no more
    uint8_t status;         // FC 7
    uint8_t record_count;   // FC 20, 21
    uint8_t ident_code;     // FC 43
    uint8_t conformity;     // FC 43
    uint8_t next_object;    // FC 43: where to go on, if more_follows
    uint8_t object_count;   // FC 43
    bool more_follows;      // FC 43
    uint16_t address;       // FC 5, 6, 15, 16, 22
    uint16_t count;         // FC 15, 16; FC 24: registers in the queue
    uint16_t value;         // FC 5, 6
    uint16_t and_mask;      // FC 22
    uint16_t or_mask;       // FC 22
    uint16_t subfunction;   // FC 8
    uint16_t status_word;   // FC 11, 12
    uint16_t event_count;   // FC 11, 12
    uint16_t message_count; // FC 12
    // FC 1-4, 23, 24: the values; 8: the data; 12: events, newest first; 17: the server's own
    // bytes; 43: the objects, walked with mb_ident_object().
    struct bytes data;
    struct mb_record records[MB_RECORDS_MAX];
};

// The one place of all bounds. MB_EX_NONE, or what a server answers: MB_EX_FUNCTION for a function
// or sub-function nobody knows, MB_EX_VALUE for a quantity, size or value, MB_EX_ADDRESS when
// address and quantity pass 65536 (or a file's end).
enum mb_exception mb_request_check(const struct mb_request *request);

// Appends the PDU. ERR_ARG: mb_request_check() says no; ERR_SIZE: out is too small. Then out is as
// it was.
NODISCARD enum err mb_request_encode(const struct mb_request *request, struct writer *out);

// MB_EX_NONE and a request within all bounds, or the exception to answer; then only out->fc is set.
enum mb_exception mb_request_decode(struct bytes pdu, struct mb_request *out);

// Appends the PDU. ERR_ARG: a count the function code cannot carry; ERR_SIZE: does not fit.
NODISCARD enum err mb_reply_encode(const struct mb_reply *reply, struct writer *out);

// The PDU of a reply. ERR_CORRUPT: not a well-formed reply of any known function. With `request`
// given, ERR_ARG: well-formed, but no answer to it (function, sizes, echoed fields). Without it
// (a sniffer) only the form is judged. out is untouched on failure.
NODISCARD enum err mb_reply_decode(struct bytes pdu, const struct mb_request *request,
                                   struct mb_reply *out);

static inline struct mb_reply mb_exception_reply(uint8_t fc, enum mb_exception exception)
{
    return (struct mb_reply){.fc = fc, .exception = (uint8_t)exception};
}

// Register or bit number `index` of a data span; 0 or false past its end.
uint16_t mb_reg(struct bytes data, size_t index);
bool mb_bit(struct bytes data, size_t index);

struct mb_object {
    uint8_t id;
    struct bytes value; // ASCII for the standard objects; not terminated
};

// The next object of an FC 43/14 reply; start with reader_of(reply->data). False at the end.
bool mb_ident_object(struct reader *objects, struct mb_object *out);

#endif
