// SPDX-License-Identifier: Apache-2.0
// One walk over the fields of each message serves both ways, so that what is written can be read.
#include "intercore/message.h"

#include <string.h>

#include "base/assert.h"

// Either in or out is set; both cursors check bounds and stay failed.
struct pass {
    struct reader *in;
    struct writer *out;
};

static void fail(struct pass *pass)
{
    if (pass->in != NULL) {
        pass->in->failed = true;
    } else {
        pass->out->failed = true;
    }
}

static void field_u8(struct pass *pass, uint8_t *value)
{
    if (pass->in != NULL) {
        *value = get_u8(pass->in);
    } else {
        put_u8(pass->out, *value);
    }
}

static void field_u16(struct pass *pass, uint16_t *value)
{
    if (pass->in != NULL) {
        *value = get_u16le(pass->in);
    } else {
        put_u16le(pass->out, *value);
    }
}

static void field_u32(struct pass *pass, uint32_t *value)
{
    if (pass->in != NULL) {
        *value = get_u32le(pass->in);
    } else {
        put_u32le(pass->out, *value);
    }
}

static void field_u64(struct pass *pass, uint64_t *value)
{
    if (pass->in != NULL) {
        *value = get_u64le(pass->in);
    } else {
        put_u64le(pass->out, *value);
    }
}

// A value of an enum: from least to most.
static void field_word(struct pass *pass, uint8_t *value, uint8_t least, uint8_t most)
{
    field_u8(pass, value);
    if (*value < least || *value > most) {
        fail(pass);
    }
}

// Up to eight answers in the bits of one byte, the first one in bit 0; the others are 0.
static void field_flags(struct pass *pass, bool *const *flags, size_t count)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < count && pass->out != NULL; i++) {
        bits = (uint8_t)(bits | (*flags[i] ? 1U << i : 0U));
    }
    field_word(pass, &bits, 0, (uint8_t)((1U << count) - 1U));
    for (size_t i = 0; i < count && pass->in != NULL; i++) {
        *flags[i] = (bits & 1U << i) != 0;
    }
}

// The rest of the message.
static void field_rest(struct pass *pass, struct bytes *bytes, size_t least, size_t most)
{
    if (pass->in != NULL) {
        *bytes = get_bytes(pass->in, reader_left(pass->in));
    } else {
        put_bytes(pass->out, *bytes);
    }
    if (bytes->size < least || bytes->size > most) {
        fail(pass);
    }
}

static void pass_hello(struct pass *pass, struct ic_hello *hello)
{
    struct ic_crash *crash = &hello->crash;
    field_word(pass, &hello->version_min, 1, UINT8_MAX);
    field_word(pass, &hello->version_max, hello->version_min, UINT8_MAX);
    field_word(pass, &hello->reason, IC_HELLO_START, IC_HELLO_GAP);
    field_word(pass, &hello->queue_length, 0, IC_QUEUE_MAX);
    field_u16(pass, &hello->message_max);
    if (hello->message_max < IC_CORE_MESSAGE_MAX || hello->message_max > IC_MESSAGE_MAX) {
        fail(pass);
    }
    field_word(pass, &crash->end, IC_END_NONE, IC_END_WATCHDOG);
    if (pass->in != NULL) {
        for (size_t i = 0; i < sizeof crash->file; i++) {
            crash->file[i] = (char)get_u8(pass->in);
        }
    } else {
        put_bytes(pass->out, bytes_of(crash->file, sizeof crash->file));
    }
    field_u32(pass, &crash->line);
    for (size_t i = 0; i < IC_REGISTERS; i++) {
        field_u32(pass, &crash->registers[i]);
    }
    field_u32(pass, &crash->cfsr);
    field_u32(pass, &crash->hfsr);
    field_u32(pass, &crash->address);
    field_u32(pass, &crash->count);
    field_rest(pass, &hello->firmware, 0, IC_TEXT_MAX);
}

static void pass_line_setup(struct pass *pass, struct ic_line_setup *setup)
{
    bool *const flags[] = {&setup->de_active_low, &setup->silence_in_chars, &setup->echo,
                           &setup->listen_only};
    field_u32(pass, &setup->id);
    field_u32(pass, &setup->baud);
    field_word(pass, &setup->parity, 0, 2);
    field_word(pass, &setup->stop_bits, 1, 2);
    field_u8(pass, &setup->guard_bits8);
    field_u8(pass, &setup->lead_bits8);
    field_u32(pass, &setup->t1_5_us);
    field_u32(pass, &setup->t3_5_us);
    field_u32(pass, &setup->busy_max_us);
    field_flags(pass, flags, COUNT_OF(flags));
}

static void pass_line_state(struct pass *pass, struct ic_line_state *state)
{
    field_u32(pass, &state->id);
    field_word(pass, &state->result, IC_SETUP_OK, IC_SETUP_FAILED);
    field_u8(pass, &state->char_bits);
    field_u32(pass, &state->baud);
    field_u32(pass, &state->char_ns);
    field_u32(pass, &state->t1_5_us);
    field_u32(pass, &state->t3_5_us);
}

static void pass_send(struct pass *pass, struct ic_send *send)
{
    bool *const flags[] = {&send->broadcast, &send->barrier};
    field_u32(pass, &send->token);
    field_flags(pass, flags, COUNT_OF(flags));
    field_u32(pass, &send->reply_timeout_us);
    field_u32(pass, &send->turnaround_us);
    field_rest(pass, &send->frame, 1, IC_FRAME_MAX);
}

static void pass_done(struct pass *pass, struct ic_done *done)
{
    bool *const flags[] = {&done->held};
    field_u32(pass, &done->token);
    field_word(pass, &done->outcome, 0, IC_OUTCOMES - 1);
    field_flags(pass, flags, COUNT_OF(flags));
    field_u32(pass, &done->late_bytes);
    field_u32(pass, &done->hold_ns);
    field_u64(pass, &done->tx_first_us);
    field_u64(pass, &done->tx_end_us);
    field_u64(pass, &done->rx_first_us);
    field_u64(pass, &done->rx_last_us);
    field_rest(pass, &done->reply, 0, IC_FRAME_MAX);
}

static void pass_stats(struct pass *pass, struct ic_stats *stats)
{
    uint64_t *const counts[] = {
        &stats->tx_bytes,    &stats->rx_bytes,    &stats->late_bytes, &stats->unsolicited_bytes,
        &stats->char_errors, &stats->t1_5_broken, &stats->too_long,   &stats->heard_frames,
        &stats->wire_us,     &stats->hold_sum_ns};
    uint32_t *const small[] = {&stats->hold_count,      &stats->hold_early,    &stats->hold_max_ns,
                               &stats->overruns,        &stats->mailbox_waits, &stats->log_dropped,
                               &stats->sniffed_dropped, &stats->messages_bad};
    for (size_t i = 0; i < IC_OUTCOMES; i++) {
        field_u32(pass, &stats->done_count[i]);
    }
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        field_u64(pass, counts[i]);
    }
    for (size_t i = 0; i < COUNT_OF(small); i++) {
        field_u32(pass, small[i]);
    }
    for (size_t i = 0; i < IC_HOLD_STEPS; i++) {
        field_u16(pass, &stats->hold_steps[i]);
    }
}

static void pass_logs(struct pass *pass, struct ic_logs *logs)
{
    field_u32(pass, &logs->dropped);
    field_rest(pass, &logs->records, 0, (size_t)IC_LOG_MAX * IC_LOG_SIZE);
    if (logs->records.size % IC_LOG_SIZE != 0) {
        fail(pass);
    }
}

static void pass_refused(struct pass *pass, struct ic_refused *refused)
{
    field_word(pass, &refused->reason, IC_REFUSED_VERSION, IC_REFUSED_STATE);
    field_u8(pass, &refused->kind);
    field_u8(pass, &refused->version);
    field_u32(pass, &refused->detail);
}

static void pass_sync(struct pass *pass, struct ic_sync *sync, bool is_answer)
{
    field_u64(pass, &sync->asked_us);
    if (is_answer) {
        field_u64(pass, &sync->received_us);
        field_u64(pass, &sync->sent_us);
    }
}

static void pass_sniffed(struct pass *pass, struct ic_sniffed *sniffed)
{
    field_u64(pass, &sniffed->last_us);
    field_rest(pass, &sniffed->frame, 1, IC_FRAME_MAX);
}

static void pass_body(struct pass *pass, struct ic_message *message)
{
    switch ((enum ic_kind)message->head.kind) {
    case IC_HELLO: pass_hello(pass, &message->u.hello); break;
    case IC_LINE_SETUP: pass_line_setup(pass, &message->u.line_setup); break;
    case IC_LINE_STATE: pass_line_state(pass, &message->u.line_state); break;
    case IC_SEND: pass_send(pass, &message->u.send); break;
    case IC_CANCEL: field_u32(pass, &message->u.cancel); break;
    case IC_DONE: pass_done(pass, &message->u.done); break;
    case IC_SYNC_ASK: pass_sync(pass, &message->u.sync, false); break;
    case IC_SYNC: pass_sync(pass, &message->u.sync, true); break;
    case IC_STATS: pass_stats(pass, &message->u.stats); break;
    case IC_SNIFFED: pass_sniffed(pass, &message->u.sniffed); break;
    case IC_LOG: pass_logs(pass, &message->u.logs); break;
    case IC_REFUSED: pass_refused(pass, &message->u.refused); break;
    case IC_RESUME:
    case IC_STATS_ASK: break;
    }
}

enum err ic_decode(struct bytes in, struct ic_message *out)
{
    struct reader r = reader_of(in);
    struct pass pass = {.in = &r};
    struct ic_head *head = &out->head;
    memset(out, 0, sizeof *out);
    head->version = get_u8(&r);
    head->kind = get_u8(&r);
    uint16_t size = get_u16le(&r);
    head->from = get_u32le(&r);
    head->to = get_u32le(&r);
    head->sequence = get_u16le(&r);
    uint16_t reserved = get_u16le(&r);
    bool is_whole = !r.failed && size == in.size && in.size <= IC_MESSAGE_MAX && head->from != 0;
    if (!is_whole) {
        *head = (struct ic_head){.version = 0};
        return ERR_CORRUPT;
    }
    // Head and HELLO are the same in every version.
    if (head->kind != IC_HELLO && head->version != IC_VERSION) {
        return ERR_UNSUPPORTED;
    }
    if (head->kind == 0 || head->kind >= IC_KIND_COUNT) {
        return ERR_UNSUPPORTED;
    }
    if (reserved != 0 || (head->to == 0 && head->kind != IC_HELLO)) {
        return ERR_CORRUPT;
    }
    pass_body(&pass, out);
    return reader_done(&r) ? OK : ERR_CORRUPT;
}

enum err ic_encode(const struct ic_message *message, struct writer *out)
{
    ASSERT(message->head.kind != 0 && message->head.kind < IC_KIND_COUNT);
    struct ic_message copy = *message; // the walk is the decoder's, which writes
    struct writer body = writer_of(out->data + out->size, out->capacity - out->size);
    struct pass pass = {.out = &body};
    put_u8(&body, IC_VERSION);
    put_u8(&body, copy.head.kind);
    put_u16le(&body, 0); // the size, below
    put_u32le(&body, copy.head.from);
    put_u32le(&body, copy.head.to);
    put_u16le(&body, copy.head.sequence);
    put_u16le(&body, 0);
    pass_body(&pass, &copy);
    if (body.failed || body.size > IC_MESSAGE_MAX) {
        return ERR_SIZE;
    }
    body.data[2] = (uint8_t)body.size;
    body.data[3] = (uint8_t)(body.size >> 8);
    out->size += body.size;
    return OK;
}

uint32_t ic_log_count(const struct ic_logs *logs)
{
    return (uint32_t)(logs->records.size / IC_LOG_SIZE);
}

struct ic_log ic_log_at(const struct ic_logs *logs, uint32_t i)
{
    ASSERT(i < ic_log_count(logs));
    struct reader r =
        reader_of(bytes_of(logs->records.data + (size_t)i * IC_LOG_SIZE, IC_LOG_SIZE));
    struct ic_log log = {.at_us = get_u64le(&r)};
    log.event = get_u16le(&r);
    log.a = get_u16le(&r);
    log.b = get_u32le(&r);
    return log;
}

void ic_log_put(const struct ic_log *log, struct writer *out)
{
    put_u64le(out, log->at_us);
    put_u16le(out, log->event);
    put_u16le(out, log->a);
    put_u32le(out, log->b);
}
