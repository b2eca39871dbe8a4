// SPDX-License-Identifier: Apache-2.0
#include "sim/responder.h"

#include "modbus/rtu.h"

#define READ_MAX 125 // registers [Application Protocol V1.1b3, 6.3]

void responder_reply(struct responder *responder, struct bytes request, struct writer *out)
{
    struct mb_frame frame;
    if (mb_rtu_decode(request, &frame) != OK || frame.unit == 0 ||
        frame.unit > responder->unit_count) {
        return;
    }
    struct reader in = reader_of(frame.pdu);
    uint8_t function = get_u8(&in);
    uint16_t start = get_u16be(&in);
    uint16_t count = get_u16be(&in);
    uint8_t data[2 + 2 * READ_MAX];
    struct writer pdu = writer_of(data, sizeof data);
    bool known = function == 3 || function == 4;
    if (!known || !reader_done(&in) || count == 0 || count > READ_MAX) {
        put_u8(&pdu, function | 0x80);
        put_u8(&pdu, known ? 3 : 1); // illegal data value, illegal function
    } else {
        put_u8(&pdu, function);
        put_u8(&pdu, (uint8_t)(2 * count));
        responder->reads++;
        for (unsigned i = 0; i < count; i++) {
            unsigned since = i < responder->changing ? responder->reads : 0;
            put_u16be(&pdu, (uint16_t)(frame.unit * 256U + start + i + since));
        }
    }
    if (mb_rtu_encode(frame.unit, writer_bytes(&pdu), out) != OK) {
        out->size = 0;
    }
}
