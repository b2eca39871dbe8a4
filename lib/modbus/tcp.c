// SPDX-License-Identifier: Apache-2.0
#include "modbus/tcp.h"

#include <string.h>

enum err mb_tcp_encode(const struct mb_frame *frame, struct writer *out)
{
    if (frame->pdu.size < 1 || frame->pdu.size > MB_PDU_SIZE_MAX) {
        return ERR_SIZE;
    }
    struct writer w = *out;
    put_u16be(&w, frame->transaction);
    put_u16be(&w, 0); // protocol id: Modbus
    put_u16be(&w, (uint16_t)(1 + frame->pdu.size));
    put_u8(&w, frame->unit);
    put_bytes(&w, frame->pdu);
    if (w.failed) {
        return ERR_SIZE;
    }
    *out = w;
    return OK;
}

enum err mb_stream_encode(enum mb_stream_kind kind, const struct mb_frame *frame,
                          struct writer *out)
{
    return kind == MB_STREAM_TCP ? mb_tcp_encode(frame, out)
                                 : mb_rtu_encode(frame->unit, frame->pdu, out);
}

void mb_stream_init(struct mb_stream *stream, enum mb_stream_kind kind, enum mb_role role)
{
    memset(stream, 0, sizeof(*stream));
    stream->kind = kind;
    stream->role = role;
}

size_t mb_stream_add(struct mb_stream *stream, struct bytes in)
{
    if (stream->taken > 0) {
        memmove(stream->buffer, stream->buffer + stream->taken, stream->size - stream->taken);
        stream->size -= stream->taken;
        stream->taken = 0;
    }
    size_t room = MB_STREAM_SIZE - stream->size;
    size_t size = in.size < room ? in.size : room;
    if (size > 0) {
        memcpy(stream->buffer + stream->size, in.data, size);
        stream->size += size;
    }
    return size;
}

struct bytes mb_stream_held(const struct mb_stream *stream)
{
    return bytes_of(stream->buffer + stream->taken, stream->size - stream->taken);
}

void mb_stream_skip(struct mb_stream *stream, size_t size)
{
    size_t held = stream->size - stream->taken;
    stream->taken += size < held ? size : held;
}

size_t mb_stream_drop(struct mb_stream *stream)
{
    size_t held = stream->size - stream->taken;
    stream->size = 0;
    stream->taken = 0;
    return held;
}

bool mb_stream_pause(struct mb_stream *stream, uint64_t now_us)
{
    bool is_over = now_us >= stream->heard_us + MB_STREAM_PAUSE_US;
    stream->heard_us = now_us;
    return stream->kind == MB_STREAM_RTU && is_over && mb_stream_drop(stream) > 0;
}

static enum err drop(struct mb_stream *stream)
{
    (void)mb_stream_drop(stream);
    return ERR_CORRUPT;
}

static enum err next_tcp(struct mb_stream *stream, struct bytes in, struct mb_frame *out)
{
    if (in.size < MB_TCP_HEADER_SIZE) {
        return ERR_EMPTY;
    }
    struct reader r = reader_of(in);
    uint16_t transaction = get_u16be(&r);
    uint16_t protocol = get_u16be(&r);
    size_t size = get_u16be(&r); // of the unit and the PDU
    uint8_t unit = get_u8(&r);
    if (protocol != 0 || size < 2 || size > 1 + MB_PDU_SIZE_MAX) {
        return drop(stream);
    }
    struct bytes pdu = get_bytes(&r, size - 1);
    if (r.failed) {
        return ERR_EMPTY;
    }
    stream->taken += r.at;
    *out = (struct mb_frame){.transaction = transaction, .unit = unit, .pdu = pdu};
    return OK;
}

static enum err next_rtu(struct mb_stream *stream, struct bytes in, struct mb_frame *out)
{
    size_t size = mb_rtu_size(stream->role, in);
    if (size == MB_SIZE_MORE) {
        return ERR_EMPTY;
    }
    if (size == MB_SIZE_OPEN) {
        // Nothing says how long it is: a frame if all that came is one, else more must come.
        size = in.size;
        if (size < MB_RTU_SIZE_MAX && mb_crc16(MB_CRC_START, in) != 0) {
            return ERR_EMPTY;
        }
    }
    if (size > in.size) {
        return ERR_EMPTY;
    }
    if (mb_rtu_decode(bytes_of(in.data, size), out) != OK) {
        return drop(stream);
    }
    stream->taken += size;
    return OK;
}

enum err mb_stream_next(struct mb_stream *stream, struct mb_frame *out)
{
    struct bytes in = mb_stream_held(stream);
    return stream->kind == MB_STREAM_TCP ? next_tcp(stream, in, out) : next_rtu(stream, in, out);
}
