// SPDX-License-Identifier: Apache-2.0
// A byte stream in pieces. Input: flags (bit 0: RTU over TCP, bit 1: replies), then pieces of
// (size, bytes); a piece whose size has bit 7 comes after a pause. Frames are within bounds, and
// whatever came, the stream is in step again: RTU after a pause, or once frames that come whole
// have pushed out what was ahead of them; Modbus TCP, when its connection is opened anew after
// ERR_CORRUPT, which comes at once.
#include "modbus/tcp.h"

#include "base/assert.h"
#include "base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t PDU[] = {6, 0, 1, 0, 2};

// Noise that is a frame may leave another one's beginning behind it.
enum { PUSHED_OUT_MAX = 2 * MB_RTU_SIZE_MAX };

// Counts the frames like the good one; *corrupt: something was dropped.
static size_t drain(struct mb_stream *stream, bool *corrupt)
{
    struct mb_frame frame;
    size_t count = 0;
    enum err err = OK;
    *corrupt = false;
    while ((err = mb_stream_next(stream, &frame)) != ERR_EMPTY) {
        ASSERT(err == OK || err == ERR_CORRUPT);
        ASSERT(err != OK || (frame.pdu.size >= 1 && frame.pdu.size <= MB_PDU_SIZE_MAX));
        ASSERT(err == OK || mb_stream_held(stream).size == 0);
        *corrupt = *corrupt || err != OK;
        count += err == OK && bytes_equal(frame.pdu, bytes_of(PDU, sizeof(PDU)));
    }
    size_t most = stream->kind == MB_STREAM_RTU ? MB_RTU_SIZE_MAX : MB_TCP_SIZE_MAX;
    ASSERT(mb_stream_held(stream).size < most);
    return count;
}

static void add(struct mb_stream *stream, struct bytes in)
{
    ASSERT(mb_stream_add(stream, in) == in.size);
}

static void check_pushed_out(const struct mb_stream *stream, struct bytes good)
{
    struct mb_stream copy = *stream;
    bool corrupt;
    size_t pushed = 0;
    add(&copy, good);
    while (drain(&copy, &corrupt) == 0) {
        pushed += good.size;
        ASSERT(pushed <= PUSHED_OUT_MAX);
        add(&copy, good);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(bytes_of(data, size));
    uint8_t flags = get_u8(&r);
    enum mb_stream_kind kind = (flags & 1) != 0 ? MB_STREAM_RTU : MB_STREAM_TCP;
    enum mb_role role = (flags & 2) != 0 ? MB_REPLIES : MB_REQUESTS;
    uint8_t buffer[MB_TCP_SIZE_MAX];
    struct writer w = writer_of(buffer, sizeof(buffer));
    struct mb_frame frame = {.transaction = 9, .unit = 1, .pdu = {PDU, sizeof(PDU)}};
    ASSERT(mb_stream_encode(kind, &frame, &w) == OK);
    struct bytes good = writer_bytes(&w);
    struct mb_stream stream;
    mb_stream_init(&stream, kind, role);
    uint64_t now_us = 0;
    bool corrupt = false;
    while (reader_left(&r) > 0) {
        uint8_t head = get_u8(&r);
        size_t wanted = head & 0x7f;
        now_us += (head & 0x80) != 0 ? MB_STREAM_PAUSE_US : US_PER_MS;
        bool held = mb_stream_held(&stream).size > 0;
        bool dropped = mb_stream_pause(&stream, now_us);
        ASSERT(dropped == (kind == MB_STREAM_RTU && (head & 0x80) != 0 && held));
        add(&stream, get_bytes(&r, wanted < reader_left(&r) ? wanted : reader_left(&r)));
        (void)drain(&stream, &corrupt);
        if (corrupt && kind == MB_STREAM_TCP) {
            mb_stream_init(&stream, kind, role); // as the connection is
        }
    }
    if (kind == MB_STREAM_RTU) {
        check_pushed_out(&stream, good);
        (void)mb_stream_pause(&stream, now_us + MB_STREAM_PAUSE_US);
    } else {
        // A frame whose header was good only lacks its rest.
        for (int n = 0; mb_stream_held(&stream).size > 0; n++) {
            ASSERT(n < MB_TCP_SIZE_MAX);
            add(&stream, bytes_of("", 1));
            (void)drain(&stream, &corrupt);
        }
    }
    add(&stream, good);
    ASSERT(drain(&stream, &corrupt) == 1 && !corrupt);
    return 0;
}
