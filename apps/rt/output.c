// SPDX-License-Identifier: Apache-2.0
// What is to be done, in the order in which the line needs it.
#include "apps/rt/rt_private.h"
#include "base/assert.h"

#define FULL_TOLD_US (100 * US_PER_MS)

static void put_message(struct rt *rt, struct ic_message *message)
{
    struct writer out = writer_of(rt->message, sizeof rt->message);
    ic_core_encode(&rt->core, message, &out);
    rt->message_size = (uint16_t)out.size;
}

static void put_done(struct rt *rt, const struct line_done *done)
{
    struct ic_message message = {.head = {.kind = IC_DONE},
                                 .u.done = {.token = done->token,
                                            .outcome = (uint8_t)done->outcome,
                                            .held = done->held,
                                            .late_bytes = done->late_bytes,
                                            .hold_ns = done->tx_first_us != 0 ? rt->hold_ns : 0,
                                            .tx_first_us = done->tx_first_us,
                                            .tx_end_us = done->tx_end_us,
                                            .rx_first_us = done->rx_first_us,
                                            .rx_last_us = done->rx_last_us,
                                            .reply = bytes_of(done->reply, done->reply_size)}};
    put_message(rt, &message);
}

static void put_sniffed(struct rt *rt, uint64_t at_us, struct bytes frame)
{
    struct ic_message message = {.head = {.kind = IC_SNIFFED},
                                 .u.sniffed = {.last_us = at_us, .frame = frame}};
    put_message(rt, &message);
}

static void put_stats(struct rt *rt)
{
    const struct line_stats *line = &rt->line.stats;
    const struct rt_figures *figures = &rt->figures;
    struct ic_message message = {.head = {.kind = IC_STATS},
                                 .u.stats = {.tx_bytes = line->tx_bytes,
                                             .rx_bytes = line->rx_bytes,
                                             .late_bytes = line->late_bytes,
                                             .unsolicited_bytes = line->unsolicited_bytes,
                                             .char_errors = line->char_errors,
                                             .t1_5_broken = line->t1_5_broken,
                                             .too_long = line->too_long,
                                             .heard_frames = line->heard_frames,
                                             .wire_us = line->wire_us,
                                             .hold_count = figures->hold_count,
                                             .hold_early = figures->hold_early,
                                             .hold_max_ns = figures->hold_max_ns,
                                             .hold_sum_ns = figures->hold_sum_ns,
                                             .overruns = figures->overruns,
                                             .mailbox_waits = figures->mailbox_waits,
                                             .log_dropped = rt->log.dropped,
                                             .sniffed_dropped = figures->sniffed_dropped,
                                             .messages_bad = rt->core.bad}};
    struct ic_stats *stats = &message.u.stats;
    for (size_t i = 0; i < IC_OUTCOMES; i++) {
        stats->done_count[i] = line->done_count[i];
    }
    for (size_t i = 0; i < IC_HOLD_STEPS; i++) {
        stats->hold_steps[i] = figures->hold_steps[i];
    }
    put_message(rt, &message);
}

static void put_state(struct rt *rt)
{
    struct ic_message message = {.head = {.kind = IC_LINE_STATE}, .u.line_state = rt->state};
    put_message(rt, &message);
}

static void put_log(struct rt *rt)
{
    uint8_t records[RT_LOG_MAX * IC_LOG_SIZE];
    struct writer out = writer_of(records, sizeof records);
    struct ic_message message = {.head = {.kind = IC_LOG}};
    message.u.logs.dropped = rt_log_take(&rt->log, &out);
    message.u.logs.records = writer_bytes(&out);
    put_message(rt, &message);
}

void rt_keep_heard(struct rt *rt)
{
    enum line_out_kind kind;
    struct line_out out;
    if (!line_peek(&rt->line, &kind) || kind != LINE_OUT_HEARD || rt->message_size != 0 ||
        rt->core.host == 0 || rt->core.hello_due) {
        return;
    }
    if (line_next(&rt->line, &out) && !rt->discard) {
        put_sniffed(rt, out.at_us, out.frame);
    }
}

// What the line has to say: becomes a message, or is dropped with its session.
static void take_news(struct rt *rt, const struct line_out *from)
{
    if (rt->discard || rt->core.host == 0) {
        return;
    }
    if (from->kind == LINE_OUT_DONE) {
        put_done(rt, from->done);
    } else {
        put_sniffed(rt, from->at_us, from->frame);
    }
}

// The line's next output, unless it is news that must wait for room. True: *out is to be done.
static bool take_line(struct rt *rt, struct rt_out *out)
{
    enum line_out_kind kind;
    struct line_out from;
    while (line_peek(&rt->line, &kind)) {
        bool is_news = kind == LINE_OUT_DONE || kind == LINE_OUT_HEARD;
        bool is_free = rt->message_size == 0 && !rt->core.hello_due;
        if (is_news && !is_free && !rt->discard) {
            return false;
        }
        (void)line_next(&rt->line, &from);
        switch (from.kind) {
        case LINE_OUT_DE_OFF: // by itself after a frame; else we were only about to send
            rt->release_due = rt->driving;
            break;
        case LINE_OUT_DE_ON:
            rt->driving = true;
            if (rt->line.state == LINE_LEAD) { // else the frame follows, and drives
                out->kind = RT_OUT_DRIVE;
                return true;
            }
            break;
        case LINE_OUT_TX:
            rt_sending(rt, (uint16_t)from.frame.size);
            out->kind = RT_OUT_SEND;
            out->bytes = from.frame;
            return true;
        case LINE_OUT_DONE:
        case LINE_OUT_HEARD:
            take_news(rt, &from);
            line_tick(&rt->line, rt->now_us); // the next frame may be due already
            break;
        }
        if (rt->release_due) {
            rt->release_due = false;
            rt->driving = false;
            rt->stuck_us = TIME_NEVER;
            out->kind = RT_OUT_RELEASE;
            return true;
        }
    }
    return false;
}

// Another message, if there is room for one and something to say.
static void make_message(struct rt *rt)
{
    struct writer out = writer_of(rt->message, sizeof rt->message);
    if (rt->message_size != 0) {
        return;
    }
    if (ic_core_next(&rt->core, rt->now_us, &out)) {
        rt->message_size = (uint16_t)out.size;
    } else if (rt->core.host == 0) {
        return;
    } else if (rt->state_due) {
        rt->state_due = false;
        put_state(rt);
    } else if (rt->stats_due) {
        rt->stats_due = false;
        put_stats(rt);
    } else if (rt->log.count > 0) {
        put_log(rt);
    }
}

static struct transceiver_cfg transceiver_cfg_of(const struct ic_line_setup *setup)
{
    static const enum serial_parity PARITY[] = {SERIAL_NONE, SERIAL_EVEN, SERIAL_ODD};
    return (struct transceiver_cfg){.baud = setup->baud,
                                    .parity = PARITY[setup->parity],
                                    .stop_bits = setup->stop_bits,
                                    .guard_bits8 = setup->guard_bits8,
                                    .de_active_low = setup->de_active_low,
                                    .hears_itself = setup->echo};
}

static bool take_light(struct rt *rt, struct rt_out *out)
{
    enum core_light light = rt->core.host == 0                ? CORE_LIGHT_RED
                            : rt->line_state != RT_LINE_READY ? CORE_LIGHT_BLUE
                                                              : CORE_LIGHT_GREEN;
    if (light == rt->light) {
        return false;
    }
    rt->light = light;
    out->kind = RT_OUT_LIGHT;
    out->light = light;
    return true;
}

bool rt_next(struct rt *rt, struct rt_out *out)
{
    if (take_line(rt, out)) {
        return true;
    }
    rt_check_ending(rt);
    if (rt->setup_due && line_queue_count(&rt->line) == 0) {
        rt->setup_due = false;
        out->kind = RT_OUT_SETUP;
        out->setup = transceiver_cfg_of(&rt->setup);
        return true;
    }
    make_message(rt);
    if (rt->message_size != 0 && !rt->message_waits) {
        out->kind = RT_OUT_MESSAGE;
        out->bytes = bytes_of(rt->message, rt->message_size);
        return true;
    }
    return take_light(rt, out);
}

void rt_mailbox(struct rt *rt, enum err err)
{
    if (err == ERR_AGAIN) {
        rt->message_waits = true;
        if (rt->full_since_us == TIME_NEVER) {
            rt->full_since_us = rt->now_us;
            rt->figures.mailbox_waits++;
        }
        return;
    }
    rt->message_size = 0; // sent, or it never can be
    if (rt->full_since_us != TIME_NEVER) {
        uint64_t full_us = rt->now_us - rt->full_since_us;
        if (full_us >= FULL_TOLD_US) {
            rt_log_add(&rt->log, rt->now_us, IC_LOG_MAILBOX_FULL, 0,
                       (uint32_t)(full_us / US_PER_MS));
        }
        rt->full_since_us = TIME_NEVER;
    }
}
