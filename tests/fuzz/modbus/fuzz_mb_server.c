// SPDX-License-Identifier: Apache-2.0
// Any requests at a server. Input: pieces of (unit, size, PDU). Every reply decodes as an answer to
// its request, and a read still works at the end.
#include "modbus/tables.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum mb_exception read_file(void *ctx, const struct mb_record *record, struct writer *out)
{
    (void)ctx;
    for (size_t i = 0; i < record->count; i++) {
        put_u16be(out, (uint16_t)i);
    }
    return MB_EX_NONE;
}

static enum mb_exception write_file(void *ctx, const struct mb_record *record)
{
    (void)ctx;
    return record->data.size == 2 * (size_t)record->count ? MB_EX_NONE : MB_EX_FAILURE;
}

static enum mb_exception read_fifo(void *ctx, uint16_t address, struct writer *out)
{
    (void)ctx;
    for (size_t i = 0; i < address % 64; i++) {
        put_u16be(out, address);
    }
    return MB_EX_NONE;
}

static uint8_t status(void *ctx)
{
    (void)ctx;
    return 1;
}

static void check(const struct mb_frame *frame, struct bytes answer)
{
    struct mb_request request;
    struct mb_reply reply;
    enum mb_exception no = mb_request_decode(frame->pdu, &request);
    ASSERT(mb_reply_decode(answer, no == MB_EX_NONE ? &request : NULL, &reply) == OK);
    ASSERT(no == MB_EX_NONE || reply.exception == no);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool coils[100] = {false};
    uint16_t holding[100] = {0};
    struct mb_tables tables = {coils, coils, holding, holding, 100, 100, 100, 100};
    struct mb_server_ops ops = mb_tables_ops;
    ops.read_file = read_file;
    ops.write_file = write_file;
    ops.read_fifo = read_fifo;
    ops.status = status;
    static const uint8_t text[200];
    const struct mb_object objects[] = {
        {0, {text, 200}}, {1, {text, 100}}, {2, {text, 1}}, {0x80, {text, 200}}};
    struct mb_ident ident = {objects, COUNT_OF(objects)};
    struct mb_server server;
    mb_server_init(&server, &(struct mb_server_config){.unit = 1,
                                                       .is_serial = true,
                                                       .ops = &ops,
                                                       .ctx = &tables,
                                                       .ident = &ident,
                                                       .server_id = {text, 2}});
    struct reader r = reader_of(bytes_of(data, size));
    uint8_t buffer[MB_PDU_SIZE_MAX];
    while (reader_left(&r) > 0) {
        struct mb_frame frame = {.unit = get_u8(&r) % 3};
        size_t pdu_size = get_u8(&r);
        frame.pdu = get_bytes(&r, pdu_size);
        struct writer out = writer_of(buffer, sizeof(buffer));
        if (mb_server_handle(&server, 0, &frame, &out)) {
            check(&frame, writer_bytes(&out));
        }
    }
    static const uint8_t restart[] = {8, 0, 1, 0, 0};
    static const uint8_t read[] = {3, 0, 0, 0, 100};
    struct mb_frame frame = {.unit = 1, .pdu = {restart, sizeof(restart)}};
    struct writer out = writer_of(buffer, sizeof(buffer));
    (void)mb_server_handle(&server, 0, &frame, &out);
    frame.pdu = bytes_of(read, sizeof(read));
    out = writer_of(buffer, sizeof(buffer));
    ASSERT(mb_server_handle(&server, 0, &frame, &out) && out.size == 202);
    return 0;
}
