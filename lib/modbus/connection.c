// SPDX-License-Identifier: Apache-2.0
#include "modbus/connection.h"

#include <string.h>

#include "base/assert.h"

#define NO_FRAME  ((size_t)0)
#define MUST_WAIT SIZE_MAX // for more bytes

// Room for the longest read behind the longest frame that may still be incomplete, and more noise
// than that ahead of both.
_Static_assert(MB_STREAM_SIZE >= 2 * MB_TCP_SIZE_MAX + MB_RTU_SIZE_MAX, "a frame is never cut");

void mb_connection_init(struct mb_connection *connection, enum mb_stream_kind kind)
{
    memset(connection, 0, sizeof(*connection));
    mb_stream_init(&connection->stream, kind, MB_REPLIES);
    connection->silent_max = MB_SILENCE_FIRST;
}

static void stray(struct mb_connection *connection, size_t size)
{
    connection->stray_bytes += (uint32_t)size;
}

static void drop(struct mb_connection *connection)
{
    stray(connection, mb_stream_drop(&connection->stream));
}

void mb_connection_opened(struct mb_connection *connection)
{
    if (connection->silent_count >= connection->silent_max) {
        uint32_t longer = 2 * connection->silent_max;
        connection->silent_max = longer < MB_SILENCE_MAX ? longer : MB_SILENCE_MAX;
    }
    connection->silent_count = 0;
    connection->is_asked = false;
    connection->is_stalled = false;
    memset(connection->doubt, 0, sizeof(connection->doubt));
    if (connection->stream.kind == MB_STREAM_RTU) {
        drop(connection);
    }
    mb_stream_init(&connection->stream, connection->stream.kind, MB_REPLIES);
}

bool mb_connection_must_renew(const struct mb_connection *connection, struct bytes rtu)
{
    if (connection->is_stalled || connection->silent_count >= connection->silent_max) {
        return true;
    }
    uint8_t unit = rtu.size > 0 ? rtu.data[0] : MB_UNIT_BROADCAST;
    bool is_doubtful = (connection->doubt[unit / 8] >> unit % 8 & 1) != 0;
    return connection->stream.kind == MB_STREAM_RTU && is_doubtful;
}

enum err mb_connection_ask(struct mb_connection *connection, struct bytes rtu, struct writer *out)
{
    struct mb_frame frame;
    if (mb_rtu_decode(rtu, &frame) != OK) {
        return ERR_ARG;
    }
    frame.transaction = (uint16_t)(connection->transaction + 1);
    enum err err = mb_stream_encode(connection->stream.kind, &frame, out);
    if (err != OK) {
        return err;
    }
    if (connection->stream.kind == MB_STREAM_RTU) {
        drop(connection);
    }
    connection->transaction = frame.transaction;
    memcpy(connection->frame, rtu.data, rtu.size);
    struct bytes pdu = bytes_of(connection->frame + 1, frame.pdu.size);
    connection->is_known = mb_request_decode(pdu, &connection->request) == MB_EX_NONE;
    connection->reply_size = connection->is_known ? mb_rtu_reply_size(&connection->request) : 0;
    connection->is_asked = frame.unit != MB_UNIT_BROADCAST;
    if (connection->is_asked) {
        uint8_t *doubt = &connection->doubt[frame.unit / 8];
        *doubt = (uint8_t)(*doubt | 1U << frame.unit % 8);
        connection->silent_count++;
    }
    return OK;
}

void mb_connection_add(struct mb_connection *connection, struct bytes in)
{
    ASSERT(in.size <= MB_TCP_SIZE_MAX);
    struct mb_stream *stream = &connection->stream;
    if (stream->kind == MB_STREAM_RTU) {
        if (!connection->is_asked) {
            drop(connection);
            stray(connection, in.size);
            return;
        }
        // Nothing that old can be the beginning of a frame that is still to come whole.
        size_t held = mb_stream_held(stream).size;
        size_t over = held + in.size > MB_STREAM_SIZE ? held + in.size - MB_STREAM_SIZE : 0;
        mb_stream_skip(stream, over);
        stray(connection, over);
    }
    size_t taken = mb_stream_add(stream, in);
    ASSERT(taken == in.size); // all frames that were whole are taken out
}

// A reply to the last request that was sent came, and in order: nothing is owed from before.
static void answered(struct mb_connection *connection)
{
    memset(connection->doubt, 0, sizeof(connection->doubt));
    connection->silent_count = 0;
    connection->silent_max = MB_SILENCE_FIRST;
}

// The size of the whole frame that begins here; else one of the two above.
static size_t frame_at(const struct mb_connection *connection, struct bytes in)
{
    if (in.data[0] != connection->frame[0]) {
        return NO_FRAME;
    }
    if (in.size < 2) {
        return MUST_WAIT;
    }
    bool is_exception = (in.data[1] & MB_EXCEPTION_BIT) != 0;
    if ((in.data[1] | MB_EXCEPTION_BIT) != (connection->frame[1] | MB_EXCEPTION_BIT)) {
        return NO_FRAME;
    }
    size_t size = mb_rtu_size(MB_REPLIES, in);
    if (size == MB_SIZE_MORE) {
        return MUST_WAIT;
    }
    if (size == MB_SIZE_OPEN && connection->reply_size == 0) {
        // Nothing says how long it is: a frame if all that came is one, else more must come.
        size = in.size <= MB_RTU_SIZE_MAX ? in.size : MB_RTU_SIZE_MAX;
        bool is_whole =
            size >= MB_RTU_SIZE_MIN && mb_crc16(MB_CRC_START, bytes_of(in.data, size)) == 0;
        return is_whole ? size : size < MB_RTU_SIZE_MAX ? MUST_WAIT : NO_FRAME;
    }
    size = size == MB_SIZE_OPEN ? connection->reply_size : size;
    if (size > in.size) {
        bool may_be = is_exception || connection->reply_size == 0 || size == connection->reply_size;
        return may_be ? MUST_WAIT : NO_FRAME;
    }
    return mb_crc16(MB_CRC_START, bytes_of(in.data, size)) == 0 ? size : NO_FRAME;
}

static enum err next_rtu(struct mb_connection *connection, struct mb_frame *out)
{
    struct bytes in = mb_stream_held(&connection->stream);
    for (size_t at = 0; at < in.size && connection->is_asked; at++) {
        size_t size = frame_at(connection, bytes_of(in.data + at, in.size - at));
        if (size == MUST_WAIT) {
            break;
        }
        if (size == NO_FRAME) {
            continue;
        }
        enum err err = mb_rtu_decode(bytes_of(in.data + at, size), out);
        ASSERT(err == OK);
        stray(connection, in.size - size);
        mb_stream_skip(&connection->stream, in.size);
        connection->is_asked = false;
        struct mb_reply reply;
        if (!connection->is_known ||
            mb_reply_decode(out->pdu, &connection->request, &reply) == OK) {
            answered(connection);
        }
        return OK;
    }
    return ERR_EMPTY;
}

static enum err next_tcp(struct mb_connection *connection, struct mb_frame *out)
{
    for (;;) {
        struct mb_frame frame;
        enum err err = mb_stream_next(&connection->stream, &frame);
        if (err != OK) {
            return err;
        }
        connection->silent_count = 0; // late or not, somebody is there
        connection->silent_max = MB_SILENCE_FIRST;
        // An answer to an earlier transaction is dropped here, where its number shows it.
        if (connection->is_asked && frame.transaction == connection->transaction) {
            connection->is_asked = false;
            *out = frame;
            return OK;
        }
    }
}

enum err mb_connection_next(struct mb_connection *connection, struct mb_frame *out)
{
    return connection->stream.kind == MB_STREAM_TCP ? next_tcp(connection, out)
                                                    : next_rtu(connection, out);
}

struct bytes mb_connection_give_up(struct mb_connection *connection, bool is_stalled)
{
    if (connection->stream.kind == MB_STREAM_TCP || !connection->is_asked) {
        return bytes_of(NULL, 0);
    }
    connection->is_asked = false;
    connection->is_stalled = is_stalled;
    struct bytes held = mb_stream_held(&connection->stream);
    mb_stream_skip(&connection->stream, held.size);
    if (held.size > MB_RTU_SIZE_MAX) {
        stray(connection, held.size - MB_RTU_SIZE_MAX);
        held.size = MB_RTU_SIZE_MAX;
    }
    return held;
}
