// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request and as a reply. What decodes must encode to the same bytes, and a length
// told from the beginning must be the real one. Input: size of the request, request, reply.
#include "modbus/rtu.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_size(enum mb_role role, struct bytes pdu)
{
    uint8_t frame[MB_RTU_SIZE_MAX];
    struct writer w = writer_of(frame, sizeof(frame));
    ASSERT(mb_rtu_encode(1, pdu, &w) == OK);
    for (size_t i = 0; i <= w.size; i++) {
        size_t told = mb_rtu_size(role, bytes_of(frame, i));
        ASSERT(told == MB_SIZE_MORE || told == MB_SIZE_OPEN || told == w.size);
    }
}

static void check_request(struct bytes pdu, struct mb_request *request)
{
    uint8_t again[MB_PDU_SIZE_MAX];
    struct writer w = writer_of(again, sizeof(again));
    ASSERT(mb_request_encode(request, &w) == OK);
    ASSERT(bytes_equal(writer_bytes(&w), pdu));
    ASSERT(mb_rtu_reply_size(request) <= MB_RTU_SIZE_MAX);
    check_size(MB_REQUESTS, pdu);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(bytes_of(data, size));
    size_t request_size = get_u8(&r);
    struct bytes asked = get_bytes(&r, request_size);
    struct bytes answered = get_bytes(&r, reader_left(&r));
    struct mb_request request;
    bool is_request = mb_request_decode(asked, &request) == MB_EX_NONE;
    if (is_request) {
        check_request(asked, &request);
    }
    struct mb_reply reply;
    if (mb_reply_decode(answered, is_request ? &request : NULL, &reply) != OK) {
        return 0;
    }
    uint8_t again[MB_PDU_SIZE_MAX];
    struct writer w = writer_of(again, sizeof(again));
    ASSERT(mb_reply_encode(&reply, &w) == OK);
    ASSERT(bytes_equal(writer_bytes(&w), answered));
    check_size(MB_REPLIES, answered);
    if (is_request && reply.exception == MB_EX_NONE) {
        size_t hint = mb_rtu_reply_size(&request);
        ASSERT(hint == 0 || hint == answered.size + MB_RTU_OVERHEAD);
    }
    return 0;
}
