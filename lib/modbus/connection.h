// SPDX-License-Identifier: Apache-2.0
// The client's end of a TCP connection, Modbus TCP or RTU over TCP: what goes out for a request,
// which of the bytes that come are its reply, and when only another connection can tell.
//
// TCP delivers whatever was sent, however late: a request that waited in the send queue is answered
// when the link is back, and so is one whose reply waited at the other end. Modbus TCP numbers its
// transactions; RTU bytes tell nothing, but a connection delivers in order. So a unit that owes a
// reply is in doubt: it is asked again only after another unit's reply to a later request, behind
// which no reply from before can come, or over a new connection. And what was not even received at
// the other end when its reply's time was over is taken back with the connection.
//
//   ask --reply--> nobody is in doubt          ask --give_up, or nothing--> its unit is in doubt
//
// A peer that left several requests in a row without a reply may be gone and nobody told us: it is
// left for a new connection too, ever more rarely while that changes nothing.
#ifndef MB_CONNECTION_H
#define MB_CONNECTION_H

#include "modbus/tcp.h"

#define MB_SILENCE_FIRST 3 // requests in a row without a reply until the connection is renewed
#define MB_SILENCE_MAX   48

struct mb_connection {
    // Public to read:
    uint32_t stray_bytes; // of no reply that was asked for; RTU only, wraps
    // Private:
    struct mb_stream stream;
    struct mb_request request; // asked last; borrows from frame
    uint8_t frame[MB_RTU_SIZE_MAX];
    size_t reply_size; // of the normal reply to it; 0: unknown
    bool is_asked;     // and may still be answered
    bool is_known;     // .request is
    uint16_t transaction;
    bool is_stalled; // the other end has not received what was sent
    uint32_t silent_count, silent_max;
    uint8_t doubt[32]; // a bit for each unit
};

void mb_connection_init(struct mb_connection *connection, enum mb_stream_kind kind);
// A new connection stands; what the one before owed cannot come over it.
void mb_connection_opened(struct mb_connection *connection);

// This frame needs a new connection first.
bool mb_connection_must_renew(const struct mb_connection *connection, struct bytes rtu);
// Appends what to send for a frame in RTU form. What was held before is stray. ERR_ARG: it is no
// frame; ERR_SIZE: out is too small.
NODISCARD enum err mb_connection_ask(struct mb_connection *connection, struct bytes rtu,
                                     struct writer *out);
// Bytes that came, MB_TCP_SIZE_MAX at most. Drain mb_connection_next() before the next ones.
void mb_connection_add(struct mb_connection *connection, struct bytes in);
// OK and the reply, which borrows until the next call of any function. ERR_EMPTY: nothing more.
// ERR_CORRUPT: not Modbus TCP; close. RTU: noise ahead of the reply is passed over; a frame of the
// unit and function that were asked comes out also if its sizes are wrong.
NODISCARD enum err mb_connection_next(struct mb_connection *connection, struct mb_frame *out);
// RTU: the reply's time is over. The bytes held instead of one, MB_RTU_SIZE_MAX of them at most and
// borrowed until the next call; none: nothing came. is_stalled: not all that was sent is
// acknowledged.
struct bytes mb_connection_give_up(struct mb_connection *connection, bool is_stalled);

#endif
