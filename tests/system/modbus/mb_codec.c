// SPDX-License-Identifier: Apache-2.0
// A filter for sys_mb_peers.py. Per line of stdin, in hex: a request PDU, or a request and its
// reply PDU. Prints the fields, then the PDU encoded again and the RTU frame of unit 17; or
// "exception N" or "error NAME".
#include "modbus/rtu.h"

#include <stdio.h>
#include <string.h>

static struct bytes parse_hex(const char *text, uint8_t *out, size_t capacity)
{
    size_t size = 0;
    unsigned byte;
    while (size < capacity && sscanf(text + 2 * size, "%2x", &byte) == 1) {
        out[size++] = (uint8_t)byte;
    }
    return bytes_of(out, size);
}

static void print_hex(const char *name, struct bytes in)
{
    printf(" %s=", name);
    for (size_t i = 0; i < in.size; i++) {
        printf("%02x", in.data[i]);
    }
}

static void print_pdu(struct bytes pdu)
{
    uint8_t frame[MB_RTU_SIZE_MAX];
    struct writer w = writer_of(frame, sizeof(frame));
    if (mb_rtu_encode(17, pdu, &w) == OK) {
        print_hex("pdu", pdu);
        print_hex("rtu", writer_bytes(&w));
    }
    printf("\n");
}

static void show_request(struct bytes in)
{
    struct mb_request r;
    uint8_t again[MB_PDU_SIZE_MAX];
    struct writer w = writer_of(again, sizeof(again));
    enum mb_exception no = mb_request_decode(in, &r);
    if (no != MB_EX_NONE || mb_request_encode(&r, &w) != OK) {
        printf("exception %d\n", (int)no);
        return;
    }
    printf("fc=%u address=%u count=%u value=%u and=%u or=%u waddress=%u wcount=%u sub=%u code=%u "
           "object=%u records=%u",
           r.fc, r.address, r.count, r.value, r.and_mask, r.or_mask, r.write_address, r.write_count,
           r.subfunction, r.ident_code, r.object_id, r.record_count);
    print_hex("data", r.data);
    print_pdu(writer_bytes(&w));
}

static void show_reply(struct bytes asked, struct bytes in)
{
    struct mb_request request;
    struct mb_reply r;
    uint8_t again[MB_PDU_SIZE_MAX];
    struct writer w = writer_of(again, sizeof(again));
    enum mb_exception no = mb_request_decode(asked, &request);
    if (no != MB_EX_NONE) {
        printf("exception %d\n", (int)no);
        return;
    }
    enum err err = mb_reply_decode(in, &request, &r);
    if (err != OK || mb_reply_encode(&r, &w) != OK) {
        printf("error %s\n", err_name(err));
        return;
    }
    printf("fc=%u exception=%u address=%u count=%u value=%u status=%u events=%u messages=%u "
           "objects=%u records=%u",
           r.fc, r.exception, r.address, r.count, r.value, r.status, r.event_count, r.message_count,
           r.object_count, r.record_count);
    print_hex("data", r.data);
    print_pdu(writer_bytes(&w));
}

int main(void)
{
    char line[1100];
    char asked[600];
    char answered[600];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        uint8_t request[MB_RTU_SIZE_MAX];
        uint8_t reply[MB_RTU_SIZE_MAX];
        int count = sscanf(line, "%599s %599s", asked, answered);
        if (count == 1) {
            show_request(parse_hex(asked, request, sizeof(request)));
        } else if (count == 2) {
            show_reply(parse_hex(asked, request, sizeof(request)),
                       parse_hex(answered, reply, sizeof(reply)));
        }
        fflush(stdout);
    }
    return 0;
}
