// SPDX-License-Identifier: Apache-2.0
#include "intercore/core_session.h"

#include <string.h>

#include "base/assert.h"

void ic_core_init(struct ic_core *core, const struct ic_core_cfg *cfg)
{
    memset(core, 0, sizeof *core);
    core->cfg = *cfg;
    if (core->cfg.boot_id == 0) {
        core->cfg.boot_id = 1;
    }
    if (core->cfg.message_max == 0) {
        core->cfg.message_max = IC_MESSAGE_MAX;
    }
    core->hello_due = true; // tells a host that waited, or talked to the boot before this one
    core->hello_reason = IC_HELLO_START;
}

static void hello_next(struct ic_core *core, uint32_t to, enum ic_hello_reason reason)
{
    core->hello_due = true;
    core->hello_to = to;
    core->hello_reason = (uint8_t)reason;
}

static void end_session(struct ic_core *core)
{
    core->host = 0;
    core->session++;
    core->sync_due = false;
    core->refused_due = false;
}

static void take_hello(struct ic_core *core, uint64_t now_us, const struct ic_message *in)
{
    const struct ic_hello *hello = &in->u.hello;
    end_session(core);
    core->timed_out = false;
    hello_next(core, in->head.from, IC_HELLO_ANSWER);
    // A host that speaks no version of ours is told which ones are, and not served.
    if (hello->version_min <= IC_VERSION && hello->version_max >= IC_VERSION) {
        core->host = in->head.from;
        core->heard_us = now_us;
        core->sequence_in = (uint16_t)(in->head.sequence + 1);
    }
}

static void refuse(struct ic_core *core, const struct ic_head *head, enum ic_refusal reason)
{
    if (head->kind != IC_REFUSED) { // or two that do not understand each other would never stop
        const struct ic_refused refused = {
            .reason = (uint8_t)reason, .kind = head->kind, .version = head->version};
        ic_core_refuse(core, &refused);
    }
}

void ic_core_refuse(struct ic_core *core, const struct ic_refused *refused)
{
    core->refused = *refused;
    core->refused_due = true;
}

// Whether a message is of this session; if not, the sender is told how to begin one.
static bool is_ours(struct ic_core *core, const struct ic_head *head)
{
    if (core->host == 0 || head->from != core->host || head->to != core->cfg.boot_id) {
        hello_next(core, head->from, IC_HELLO_STALE);
        return false;
    }
    if (head->sequence != core->sequence_in) {
        hello_next(core, head->from, IC_HELLO_GAP);
        end_session(core);
        return false;
    }
    core->sequence_in++;
    return true;
}

static bool take_message(struct ic_core *core, uint64_t now_us, const struct ic_message *in)
{
    switch ((enum ic_kind)in->head.kind) {
    case IC_LINE_SETUP:
    case IC_SEND:
    case IC_CANCEL:
    case IC_RESUME:
    case IC_STATS_ASK: return true;
    case IC_SYNC_ASK:
        core->sync = (struct ic_sync){.asked_us = in->u.sync.asked_us, .received_us = now_us};
        core->sync_due = true;
        return false;
    case IC_REFUSED: return false;
    case IC_HELLO: // has been taken
    case IC_LINE_STATE:
    case IC_DONE:
    case IC_SYNC:
    case IC_STATS:
    case IC_SNIFFED:
    case IC_LOG: break;
    }
    core->bad++;
    refuse(core, &in->head, IC_REFUSED_KIND); // a core's message, sent to a core
    return false;
}

bool ic_core_message(struct ic_core *core, uint64_t now_us, struct bytes in, struct ic_message *out)
{
    enum err err = ic_decode(in, out);
    if (out->head.from == 0) {
        core->bad++; // not even a head: nobody to tell
        return false;
    }
    if (out->head.kind == IC_HELLO) {
        if (err == OK) {
            take_hello(core, now_us, out);
        } else {
            core->bad++;
        }
        return false;
    }
    if (!is_ours(core, &out->head)) {
        core->bad++;
        return false;
    }
    core->heard_us = now_us;
    if (err != OK) {
        bool is_version = err == ERR_UNSUPPORTED && out->head.version != IC_VERSION;
        core->bad++;
        refuse(core, &out->head,
               is_version               ? IC_REFUSED_VERSION
               : err == ERR_UNSUPPORTED ? IC_REFUSED_KIND
                                        : IC_REFUSED_MALFORMED);
        return false;
    }
    return take_message(core, now_us, out);
}

uint64_t ic_core_deadline_us(const struct ic_core *core)
{
    return core->host == 0 ? TIME_NEVER : time_after(core->heard_us, IC_HOST_SILENT_US);
}

void ic_core_tick(struct ic_core *core, uint64_t now_us)
{
    if (now_us >= ic_core_deadline_us(core)) {
        end_session(core);
        core->timed_out = true;
    }
}

static void put_hello(struct ic_core *core, struct writer *out)
{
    struct ic_message message = {
        .head = {.kind = IC_HELLO, .from = core->cfg.boot_id, .to = core->hello_to},
        .u.hello = {.version_min = IC_VERSION,
                    .version_max = IC_VERSION,
                    .reason = core->hello_reason,
                    .queue_length = core->cfg.queue_length,
                    .message_max = core->cfg.message_max,
                    .crash = core->cfg.crash,
                    .firmware = bytes_of(core->cfg.firmware, 0)}};
    struct bytes *firmware = &message.u.hello.firmware;
    while (firmware->size < IC_TEXT_MAX && core->cfg.firmware[firmware->size] != '\0') {
        firmware->size++;
    }
    core->hello_due = false;
    core->sequence_out = 1;
    ASSERT(ic_encode(&message, out) == OK);
}

bool ic_core_next(struct ic_core *core, uint64_t now_us, struct writer *out)
{
    struct ic_message message = {.head = {.kind = IC_SYNC}};
    if (core->hello_due) {
        put_hello(core, out);
        return true;
    }
    if (core->host == 0) {
        return false;
    }
    if (core->sync_due) {
        core->sync_due = false;
        message.u.sync = core->sync;
        message.u.sync.sent_us = now_us;
    } else if (core->refused_due) {
        core->refused_due = false;
        message.head.kind = IC_REFUSED;
        message.u.refused = core->refused;
    } else {
        return false;
    }
    ic_core_encode(core, &message, out);
    return true;
}

void ic_core_encode(struct ic_core *core, struct ic_message *message, struct writer *out)
{
    ASSERT(core->host != 0 && !core->hello_due);
    message->head.from = core->cfg.boot_id;
    message->head.to = core->host;
    message->head.sequence = core->sequence_out++;
    ASSERT(ic_encode(message, out) == OK);
}
