// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/intercore/steps.h"

#include <string.h>

// Ops from here on carry a message; odd ones as it comes, even ones with a right head.
#define OP_MESSAGE 8

bool step_next(struct reader *in, uint32_t from, uint32_t to, uint16_t sequence, struct step *out)
{
    out->op = get_u8(in);
    out->value = get_u8(in);
    out->size = 0;
    if (in->failed) {
        return false;
    }
    if (out->op < OP_MESSAGE) {
        return true;
    }
    struct bytes body = get_bytes(in, get_u8(in));
    struct writer w = writer_of(out->message, sizeof out->message);
    if (out->op % 2 == 0) {
        put_u8(&w, IC_VERSION);
        put_u8(&w, out->value);
        put_u16le(&w, (uint16_t)(IC_HEAD_SIZE + body.size));
        put_u32le(&w, from);
        put_u32le(&w, to);
        put_u16le(&w, sequence);
        put_u16le(&w, 0);
    }
    put_bytes(&w, body);
    out->size = w.size;
    return !in->failed;
}
