// SPDX-License-Identifier: Apache-2.0
// Modbus TCP (MBAP header) and RTU frames over TCP: frames out of a byte stream, in bounded memory.
#ifndef MB_TCP_H
#define MB_TCP_H

#include "modbus/rtu.h"

#define MB_STREAM_SIZE 1024 // bytes that wait for their frame to be taken

enum mb_stream_kind { MB_STREAM_TCP, MB_STREAM_RTU };

struct mb_stream {
    enum mb_stream_kind kind;
    enum mb_role role; // what comes in
    size_t size;       // bytes held
    size_t taken;      // of these, already handed out
    uint8_t buffer[MB_STREAM_SIZE];
};

// Appends header and PDU. ERR_SIZE: the PDU is empty, longer than 253, or out is too small.
NODISCARD enum err mb_tcp_encode(const struct mb_frame *frame, struct writer *out);
// The same for either kind; the transaction does not travel over MB_STREAM_RTU.
NODISCARD enum err mb_stream_encode(enum mb_stream_kind kind, const struct mb_frame *frame,
                                    struct writer *out);

void mb_stream_init(struct mb_stream *stream, enum mb_stream_kind kind, enum mb_role role);
// Takes what fits and says how many bytes that were; 0 until frames are taken out.
size_t mb_stream_add(struct mb_stream *stream, struct bytes in);
// OK and a frame that borrows the stream's buffer until the next call; ERR_EMPTY: more bytes must
// come; ERR_CORRUPT: wrong protocol id, length or CRC: nothing behind it can be trusted, so the
// bytes held are dropped; close a TCP connection, an RTU stream may go on.
NODISCARD enum err mb_stream_next(struct mb_stream *stream, struct mb_frame *out);

#endif
