// SPDX-License-Identifier: Apache-2.0
// Modbus TCP (MBAP header) and RTU frames over TCP: frames out of a byte stream, in bounded memory.
#ifndef MB_TCP_H
#define MB_TCP_H

#include "modbus/rtu.h"

#define MB_STREAM_SIZE     1024   // bytes that wait for their frame to be taken
#define MB_STREAM_PAUSE_US 100000 // longer than TCP parts one frame, shorter than a client's wait

enum mb_stream_kind { MB_STREAM_TCP, MB_STREAM_RTU };

struct mb_stream {
    enum mb_stream_kind kind;
    enum mb_role role; // what comes in
    size_t size;       // bytes held
    size_t taken;      // of these, already handed out
    uint64_t heard_us; // when the latest of them came, as mb_stream_pause() was told
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
// bytes held are dropped; close a TCP connection, an RTU stream may go on. Bytes that make no frame
// end so before they are MB_RTU_SIZE_MAX, or MB_TCP_SIZE_MAX: frames that are added whole come out
// again after that many bytes at the latest, and at once after mb_stream_drop().
NODISCARD enum err mb_stream_next(struct mb_stream *stream, struct mb_frame *out);

// The bytes held and not handed out; borrowed until the next call of any function.
struct bytes mb_stream_held(const struct mb_stream *stream);
// Forgets the first of them, all at most.
void mb_stream_skip(struct mb_stream *stream, size_t size);
// Forgets all, and says how many they were.
size_t mb_stream_drop(struct mb_stream *stream);
// To be called before bytes are added that came at now_us. RTU: what was held MB_STREAM_PAUSE_US
// before is the beginning of a frame that never came whole, or noise, and is dropped: true. A TCP
// stream keeps its step over any pause.
bool mb_stream_pause(struct mb_stream *stream, uint64_t now_us);

#endif
