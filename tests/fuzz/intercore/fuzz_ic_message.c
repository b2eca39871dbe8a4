// SPDX-License-Identifier: Apache-2.0
// Any bytes as a message. Invariants: what it borrows lies within the bytes, and a message that is
// taken is written as the very same bytes again.
#include <string.h>

#include "base/assert.h"
#include "intercore/message.h"

static void check_borrowed(struct bytes in, struct bytes part)
{
    ASSERT(part.size == 0 || (part.data >= in.data && part.data + part.size <= in.data + in.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct ic_message message;
    uint8_t again[IC_MESSAGE_MAX];
    struct writer out = writer_of(again, sizeof again);
    enum err err = ic_decode(in, &message);
    ASSERT(err == OK || err == ERR_CORRUPT || err == ERR_UNSUPPORTED);
    if (err != OK) {
        return 0;
    }
    switch ((enum ic_kind)message.head.kind) {
    case IC_HELLO: check_borrowed(in, message.u.hello.firmware); break;
    case IC_SEND: check_borrowed(in, message.u.send.frame); break;
    case IC_DONE: check_borrowed(in, message.u.done.reply); break;
    case IC_SNIFFED: check_borrowed(in, message.u.sniffed.frame); break;
    case IC_LOG:
        check_borrowed(in, message.u.logs.records);
        for (uint32_t i = 0; i < ic_log_count(&message.u.logs); i++) {
            (void)ic_log_at(&message.u.logs, i);
        }
        break;
    case IC_LINE_SETUP:
    case IC_LINE_STATE:
    case IC_CANCEL:
    case IC_RESUME:
    case IC_SYNC_ASK:
    case IC_SYNC:
    case IC_STATS_ASK:
    case IC_STATS:
    case IC_REFUSED: break;
    }
    ASSERT(ic_encode(&message, &out) == OK && out.size == size);
    again[0] = data[0]; // a HELLO of any version is read
    ASSERT(memcmp(again, data, size) == 0);
    return 0;
}
