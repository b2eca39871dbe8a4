// SPDX-License-Identifier: Apache-2.0
// A byte stream in pieces. Input: flags (bit 0: RTU over TCP, bit 1: replies), then pieces of
// (size, bytes). Frames are within bounds, the stream never clogs, and good bytes work after bad.
#include "modbus/tcp.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t drain(struct mb_stream *stream)
{
    struct mb_frame frame;
    size_t count = 0;
    enum err err = OK;
    while ((err = mb_stream_next(stream, &frame)) != ERR_EMPTY) {
        ASSERT(err == OK || err == ERR_CORRUPT);
        ASSERT(err != OK || (frame.pdu.size >= 1 && frame.pdu.size <= MB_PDU_SIZE_MAX));
        count += err == OK;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(bytes_of(data, size));
    uint8_t flags = get_u8(&r);
    enum mb_stream_kind kind = (flags & 1) != 0 ? MB_STREAM_RTU : MB_STREAM_TCP;
    enum mb_role role = (flags & 2) != 0 ? MB_REPLIES : MB_REQUESTS;
    struct mb_stream stream;
    mb_stream_init(&stream, kind, role);
    while (reader_left(&r) > 0) {
        size_t wanted = get_u8(&r);
        struct bytes piece = get_bytes(&r, wanted < reader_left(&r) ? wanted : reader_left(&r));
        ASSERT(mb_stream_add(&stream, piece) == piece.size);
        (void)drain(&stream);
    }
    mb_stream_init(&stream, kind, role);
    static const uint8_t pdu[] = {6, 0, 1, 0, 2};
    uint8_t good[MB_TCP_SIZE_MAX];
    struct writer w = writer_of(good, sizeof(good));
    struct mb_frame frame = {.transaction = 9, .unit = 1, .pdu = {pdu, sizeof(pdu)}};
    ASSERT(mb_stream_encode(kind, &frame, &w) == OK);
    ASSERT(mb_stream_add(&stream, writer_bytes(&w)) == w.size && drain(&stream) == 1);
    return 0;
}
