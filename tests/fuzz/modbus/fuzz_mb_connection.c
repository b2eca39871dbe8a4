// SPDX-License-Identifier: Apache-2.0
// What comes over a client's connection. Input: flags (bit 0: RTU over TCP), the size of a request
// PDU and the PDU, then pieces of (size, bytes); size 0: the reply's time is over and the request
// is asked again. Replies are of the unit and function asked, no byte is lost or counted twice, and
// after whatever came the next good reply is taken.
#include "modbus/connection.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNIT = 10 };

struct tally {
    uint32_t in, out;
};

static void ask(struct mb_connection *connection, struct bytes request)
{
    uint8_t out[MB_TCP_SIZE_MAX];
    struct writer w = writer_of(out, sizeof(out));
    ASSERT(mb_connection_ask(connection, request, &w) == OK);
}

// Counts the replies. A connection that is out of step is opened anew.
static size_t drain(struct mb_connection *connection, const uint8_t *request, struct tally *tally)
{
    struct mb_frame frame;
    size_t count = 0;
    enum err err = OK;
    while ((err = mb_connection_next(connection, &frame)) == OK) {
        bool is_rtu = connection->stream.kind == MB_STREAM_RTU;
        ASSERT(!is_rtu || frame.unit == UNIT);
        ASSERT(!is_rtu || (frame.pdu.data[0] & 0x7f) == (request[1] & 0x7f));
        ASSERT(frame.pdu.size >= 1 && frame.pdu.size <= MB_PDU_SIZE_MAX);
        tally->out += (uint32_t)frame.pdu.size + MB_RTU_OVERHEAD;
        count++;
    }
    ASSERT(err == ERR_EMPTY || connection->stream.kind == MB_STREAM_TCP);
    if (err != ERR_EMPTY) {
        mb_connection_opened(connection);
    }
    ASSERT(count <= 1);
    return count;
}

static void check(const struct mb_connection *connection, const struct tally *tally)
{
    uint32_t held = (uint32_t)mb_stream_held(&connection->stream).size;
    ASSERT(connection->stream.kind == MB_STREAM_TCP ||
           tally->in == tally->out + connection->stray_bytes + held);
}

static void give_up(struct mb_connection *connection, struct tally *tally)
{
    tally->out += (uint32_t)mb_connection_give_up(connection, false).size;
    check(connection, tally);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(bytes_of(data, size));
    enum mb_stream_kind kind = (get_u8(&r) & 1) != 0 ? MB_STREAM_RTU : MB_STREAM_TCP;
    size_t wanted = get_u8(&r);
    struct bytes pdu = get_bytes(&r, wanted);
    uint8_t request[MB_RTU_SIZE_MAX];
    struct writer w = writer_of(request, sizeof(request));
    if (r.failed || mb_rtu_encode(UNIT, pdu, &w) != OK) {
        return 0;
    }
    struct tally tally = {0};
    struct mb_connection connection;
    mb_connection_init(&connection, kind);
    mb_connection_opened(&connection);
    ask(&connection, writer_bytes(&w));
    while (reader_left(&r) > 0) {
        wanted = get_u8(&r);
        if (wanted == 0) {
            give_up(&connection, &tally);
            ask(&connection, writer_bytes(&w));
        }
        struct bytes piece = get_bytes(&r, wanted < reader_left(&r) ? wanted : reader_left(&r));
        tally.in += (uint32_t)piece.size;
        mb_connection_add(&connection, piece);
        (void)drain(&connection, request, &tally);
        check(&connection, &tally);
    }
    give_up(&connection, &tally);
    if (kind == MB_STREAM_TCP) {
        mb_connection_opened(&connection); // as if what it still holds were over
    }
    static const uint8_t READ[] = {UNIT, 4, 0, 8, 0, 1};
    static const uint8_t VALUE[] = {4, 2, 0x12, 0x34};
    struct writer again = writer_of(request, sizeof(request));
    ASSERT(mb_rtu_encode(UNIT, bytes_of(READ + 1, sizeof(READ) - 1), &again) == OK);
    ask(&connection, writer_bytes(&again));
    uint8_t good[MB_TCP_SIZE_MAX];
    struct writer reply = writer_of(good, sizeof(good));
    struct mb_frame frame = {
        .transaction = connection.transaction, .unit = UNIT, .pdu = bytes_of(VALUE, sizeof(VALUE))};
    ASSERT(mb_stream_encode(kind, &frame, &reply) == OK);
    mb_connection_add(&connection, writer_bytes(&reply));
    ASSERT(drain(&connection, request, &tally) == 1);
    return 0;
}
