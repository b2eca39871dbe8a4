// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/sniff_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VALUES_SHOWN 10

struct words {
    char *text;
    size_t size, capacity;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *words, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size =
        vsnprintf(words->text + words->size, words->capacity - words->size, format, arguments);
    va_end(arguments);
    const size_t room = words->capacity - words->size - 1;
    words->size += size < 0 ? 0 : (size_t)size < room ? (size_t)size : room;
}

static void add_range(struct words *words, uint16_t address, uint16_t count)
{
    add(words, count > 1 ? " %u to %u" : " %u", address, address + count - 1U);
}

static void add_registers(struct words *words, struct bytes data)
{
    const size_t count = data.size / 2;
    add(words, ":");
    for (size_t i = 0; i < count && i < VALUES_SHOWN; i++) {
        add(words, " %u", mb_reg(data, i));
    }
    add(words, count > VALUES_SHOWN ? " ..." : "");
}

static void add_bits(struct words *words, struct bytes data, size_t count)
{
    add(words, ":");
    for (size_t i = 0; i < count && i < VALUES_SHOWN; i++) {
        add(words, " %d", mb_bit(data, i) ? 1 : 0);
    }
    add(words, count > VALUES_SHOWN ? " ..." : "");
}

static void add_name(struct words *words, uint8_t fc)
{
    add(words, "%s", mb_fc_name(fc));
}

static void request_words(const struct mb_request *request, struct words *words)
{
    add_name(words, request->fc);
    switch (request->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE:
    case MB_READ_HOLDING:
    case MB_READ_INPUT: add_range(words, request->address, request->count); break;
    case MB_WRITE_COIL:
        add(words, " %u: %s", request->address, request->value != 0 ? "on" : "off");
        break;
    case MB_WRITE_REG: add(words, " %u: %u", request->address, request->value); break;
    case MB_WRITE_COILS:
        add_range(words, request->address, request->count);
        add_bits(words, request->data, request->count);
        break;
    case MB_WRITE_REGS:
        add_range(words, request->address, request->count);
        add_registers(words, request->data);
        break;
    case MB_MASK_WRITE:
        add(words, " %u: and %04x, or %04x", request->address, request->and_mask, request->or_mask);
        break;
    case MB_READ_WRITE:
        add(words, ": read");
        add_range(words, request->address, request->count);
        add(words, ", write");
        add_range(words, request->write_address, request->write_count);
        add_registers(words, request->data);
        break;
    case MB_READ_FIFO: add(words, " %u", request->address); break;
    default: break; // its name says it
    }
}

// request: what it answers; NULL: not heard.
static void reply_words(const struct mb_reply *reply, const struct mb_request *request,
                        struct words *words)
{
    add_name(words, reply->fc);
    switch (reply->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE:
        if (request != NULL) {
            add_range(words, request->address, request->count);
        }
        add_bits(words, reply->data, request != NULL ? request->count : 8 * reply->data.size);
        break;
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
    case MB_READ_WRITE:
        if (request != NULL) {
            add_range(words, request->address, request->count);
        }
        add_registers(words, reply->data);
        break;
    case MB_WRITE_COIL:
        add(words, " %u: %s", reply->address, reply->value != 0 ? "on" : "off");
        break;
    case MB_WRITE_REG: add(words, " %u: %u", reply->address, reply->value); break;
    case MB_WRITE_COILS:
    case MB_WRITE_REGS: add_range(words, reply->address, reply->count); break;
    case MB_READ_FIFO: add_registers(words, reply->data); break;
    default: break; // its name says it
    }
}

size_t sniff_first(struct bytes heard)
{
    uint16_t crc = MB_CRC_START;
    size_t first = 0;
    for (size_t size = 1; size <= heard.size; size++) {
        crc = mb_crc16(crc, bytes_of(heard.data + size - 1, 1));
        if (crc == 0 && size >= MB_RTU_SIZE_MIN && first == 0) { // over a frame and its own CRC
            first = size;
        }
    }
    return crc == 0 || first == 0 ? heard.size : first;
}

static bool take_reply(struct sniff *sniff, const struct mb_frame *frame, struct sniff_text *out,
                       struct words *words)
{
    struct mb_reply reply;
    const bool is_asked = sniff->has_request && sniff->unit == frame->unit;
    const struct mb_request *request = is_asked ? &sniff->request : NULL;
    if (mb_reply_decode(frame->pdu, request, &reply) != OK) {
        return false;
    }
    out->kind = reply.exception != MB_EX_NONE ? SNIFF_REFUSAL : SNIFF_REPLY;
    if (out->kind == SNIFF_REFUSAL) {
        add_name(words, reply.fc);
        add(words, ": %s (exception %u)", mb_exception_name(reply.exception), reply.exception);
    } else {
        reply_words(&reply, request, words);
    }
    sniff->has_request = false;
    return true;
}

static bool take_request(struct sniff *sniff, const struct mb_frame *frame, struct sniff_text *out,
                         struct words *words)
{
    memcpy(sniff->frame, frame->pdu.data, frame->pdu.size); // what was asked outlives the frame
    if (mb_request_decode(bytes_of(sniff->frame, frame->pdu.size), &sniff->request) != MB_EX_NONE) {
        sniff->has_request = false;
        return false;
    }
    sniff->unit = frame->unit;
    sniff->has_request = frame->unit != 0; // nobody answers a broadcast
    out->kind = SNIFF_REQUEST;
    request_words(&sniff->request, words);
    return true;
}

void sniff_words(struct sniff *sniff, struct bytes bytes, struct sniff_text *out)
{
    struct mb_frame frame;
    struct words words = {.text = out->words, .capacity = sizeof out->words};
    *out = (struct sniff_text){.kind = SNIFF_BROKEN};
    if (mb_rtu_decode(bytes, &frame) != OK) {
        add(&words, "%u bytes", (unsigned)bytes.size);
        return;
    }
    out->unit = frame.unit;
    const bool is_asked = sniff->has_request && sniff->unit == frame.unit;
    if ((is_asked && take_reply(sniff, &frame, out, &words)) ||
        take_request(sniff, &frame, out, &words) || take_reply(sniff, &frame, out, &words)) {
        return;
    }
    out->kind = SNIFF_UNKNOWN;
    add(&words, "function %u", frame.pdu.data[0]);
}
