// SPDX-License-Identifier: Apache-2.0
// The inputs; what is to be done about them comes out in output.c.
#include "apps/rt/rt.h"

#include <string.h>

#include "apps/rt/rt_private.h"
#include "base/assert.h"

#define STUCK_EXTRA_US  (20 * US_PER_MS)   // no interrupt of a living transceiver is that late
#define STUCK_CHARS     8                  // lead and guard, at their longest
#define END_MAX_US      (1500 * US_PER_MS) // for a reply under way when its session ends
#define MAILBOX_POLL_US US_PER_MS

static struct ic_crash crash_of(const struct core_crash *crash)
{
    struct ic_crash out = {.line = crash->line,
                           .cfsr = crash->cfsr,
                           .hfsr = crash->hfsr,
                           .address = crash->address,
                           .count = crash->count};
    switch (crash->end) {
    case CORE_END_NONE: out.end = IC_END_NONE; break;
    case CORE_END_ASSERT: out.end = IC_END_ASSERT; break;
    case CORE_END_FAULT: out.end = IC_END_FAULT; break;
    case CORE_END_WATCHDOG: out.end = IC_END_WATCHDOG; break;
    }
    _Static_assert(sizeof out.file == sizeof crash->file, "the same piece of a name");
    _Static_assert(IC_REGISTERS == CORE_REGISTERS && (int)IC_PSR == (int)CORE_PSR, "the same ones");
    memcpy(out.file, crash->file, sizeof out.file);
    memcpy(out.registers, crash->registers, sizeof out.registers);
    return out;
}

void rt_init(struct rt *rt, uint64_t now_us, const struct rt_cfg *cfg)
{
    const struct line_cfg idle = {.baud = LINE_BAUD_MIN}; // down until it is set up
    const struct ic_core_cfg core = {.boot_id = cfg->boot_id,
                                     .queue_length = LINE_QUEUE_MAX,
                                     .message_max = cfg->message_max,
                                     .firmware = cfg->firmware,
                                     .crash = crash_of(&cfg->crash)};
    _Static_assert(LINE_QUEUE_MAX <= IC_QUEUE_MAX, "HELLO can say it");
    _Static_assert(LINE_OUTCOME_COUNT == IC_OUTCOMES, "DONE can say it");
    _Static_assert(LINE_FRAME_MAX == IC_FRAME_MAX, "SEND and DONE hold a frame");
    memset(rt, 0, sizeof *rt);
    line_init(&rt->line, &idle);
    ic_core_init(&rt->core, &core);
    rt->now_us = now_us;
    rt->end_us = TIME_NEVER;
    rt->stuck_us = TIME_NEVER;
    rt->full_since_us = TIME_NEVER;
    rt_log_add(&rt->log, now_us, IC_LOG_BOOT, 0, cfg->crash.count);
}

static void advance(struct rt *rt, uint64_t now_us)
{
    rt->now_us = now_us > rt->now_us ? now_us : rt->now_us;
}

// No frame is cut off in the middle, and no reply that is under way is talked into: the line comes
// to rest by itself, what waits is never sent.
static void end_line(struct rt *rt)
{
    if (rt->line_state != RT_LINE_ENDING) {
        rt->end_us = time_after(rt->now_us, END_MAX_US);
    }
    rt->line_state = RT_LINE_ENDING;
    line_cancel_all(&rt->line, rt->now_us);
}

static void check_session(struct rt *rt)
{
    if (rt->core.session == rt->session) {
        return;
    }
    rt->session = rt->core.session;
    rt->message_size = 0; // it was for the last one
    rt->message_waits = false;
    rt->has_setup = false;
    rt->state_due = false;
    rt->stats_due = false;
    rt->discard = true;
    if (rt->core.host != 0) {
        rt_log_add(&rt->log, rt->now_us, IC_LOG_LINKED, 0, rt->core.host);
    } else if (rt->core.timed_out) {
        rt_log_add(&rt->log, rt->now_us, IC_LOG_UNLINKED, 0,
                   (uint32_t)(IC_HOST_SILENT_US / US_PER_MS));
    }
    end_line(rt);
}

static void take_setup(struct rt *rt, const struct ic_line_setup *setup)
{
    rt->setup = *setup;
    rt->has_setup = true;
    rt->state_due = false;
    end_line(rt);
}

static void refuse_send(struct rt *rt, uint32_t token, enum ic_refusal reason)
{
    const struct ic_refused refused = {
        .reason = (uint8_t)reason, .kind = IC_SEND, .version = IC_VERSION, .detail = token};
    ic_core_refuse(&rt->core, &refused);
    rt_log_add(&rt->log, rt->now_us, IC_LOG_SEND_REFUSED, (uint16_t)reason, token);
}

static void take_send(struct rt *rt, const struct ic_send *in)
{
    struct line_send send = {.token = in->token,
                             .broadcast = in->broadcast,
                             .barrier = in->barrier,
                             .reply_timeout_us = in->reply_timeout_us,
                             .turnaround_us = in->turnaround_us,
                             .frame_size = (uint16_t)in->frame.size};
    memcpy(send.frame, in->frame.data, in->frame.size);
    bool may = rt->has_setup && !rt->discard;
    enum err err = may ? line_send(&rt->line, rt->now_us, &send) : ERR_STATE;
    if (err != OK) {
        refuse_send(rt, in->token, err == ERR_FULL ? IC_REFUSED_FULL : IC_REFUSED_STATE);
    } else if (rt->line_state == RT_LINE_ENDING) {
        line_cancel(&rt->line, rt->now_us, in->token); // too late for this set-up
    }
}

void rt_message(struct rt *rt, uint64_t now_us, struct bytes message)
{
    struct ic_message in;
    advance(rt, now_us);
    bool is_ours = ic_core_message(&rt->core, now_us, message, &in);
    check_session(rt);
    if (!is_ours) {
        return;
    }
    switch ((enum ic_kind)in.head.kind) {
    case IC_LINE_SETUP: take_setup(rt, &in.u.line_setup); break;
    case IC_SEND: take_send(rt, &in.u.send); break;
    case IC_CANCEL: line_cancel(&rt->line, rt->now_us, in.u.cancel); break;
    case IC_RESUME: line_resume(&rt->line, rt->now_us); break;
    case IC_STATS_ASK: rt->stats_due = true; break;
    case IC_HELLO: // the session's own, and what only a core says
    case IC_LINE_STATE:
    case IC_DONE:
    case IC_SYNC_ASK:
    case IC_SYNC:
    case IC_STATS:
    case IC_SNIFFED:
    case IC_LOG:
    case IC_REFUSED: break;
    }
}

static void rx(struct rt *rt, uint64_t at_us, uint8_t byte, unsigned flags)
{
    enum line_out_kind kind;
    // What ended before this byte ends first. But a frame does not start into a byte that is known.
    if (rt->line.state > LINE_LEAD || rt->line.cfg.listen_only) {
        line_tick(&rt->line, at_us);
    }
    rt_keep_heard(rt);
    bool was_heard = line_peek(&rt->line, &kind) && kind == LINE_OUT_HEARD;
    line_rx(&rt->line, at_us, bytes_of(&byte, 1), flags);
    if (was_heard && !(line_peek(&rt->line, &kind) && kind == LINE_OUT_HEARD)) {
        rt->figures.sniffed_dropped++; // the mailbox had no room for it until the next one began
    }
}

static void sent(struct rt *rt, const struct transceiver_event *event)
{
    if (!rt->driving) {
        return; // of a frame that was given up
    }
    rt->driving = false;
    rt->stuck_us = TIME_NEVER;
    rt->hold_ns = event->hold_ns;
    if (rt_figures_hold(&rt->figures, event->hold_ns, rt->setup.guard_bits8, rt->line.cfg.baud)) {
        rt_log_add(&rt->log, event->end_us, IC_LOG_DE_EARLY, rt->setup.guard_bits8, event->hold_ns);
    }
    line_tx_done(&rt->line, event->end_us + event->hold_ns / 1000, event->at_us, event->end_us);
}

void rt_event(struct rt *rt, const struct transceiver_event *event)
{
    switch (event->kind) {
    case TRANSCEIVER_RX:
        advance(rt, event->at_us);
        if ((event->flags & TRANSCEIVER_OVERRUN_ERROR) != 0) {
            rt->figures.overruns++;
        }
        rx(rt, event->at_us, event->byte,
           ((event->flags & TRANSCEIVER_CHAR_ERROR) != 0 ? (unsigned)LINE_RX_CHAR_ERROR : 0U) |
               ((event->flags & TRANSCEIVER_OVERRUN_ERROR) != 0 ? (unsigned)LINE_RX_OVERRUN : 0U));
        break;
    case TRANSCEIVER_SENT:
        advance(rt, event->end_us);
        sent(rt, event);
        break;
    case TRANSCEIVER_LOST:
        advance(rt, event->at_us);
        rt->figures.overruns++;
        rt_log_add(&rt->log, event->at_us, IC_LOG_RX_LOST, 0, 0);
        rx(rt, event->at_us, '?', LINE_RX_OVERRUN);
        break;
    }
}

static uint64_t stuck_after_us(const struct rt *rt, uint32_t size)
{
    return line_chars_us(&rt->line, size + STUCK_CHARS) + STUCK_EXTRA_US;
}

void rt_sending(struct rt *rt, uint16_t size)
{
    rt->driving = true;
    rt->hold_ns = 0;
    rt->sending_size = size;
    rt->stuck_us = time_after(rt->now_us, stuck_after_us(rt, size));
}

static struct line_cfg line_cfg_of(const struct ic_line_setup *setup,
                                   const struct transceiver_timing *timing)
{
    return (struct line_cfg){.baud = timing->baud,
                             .char_bits = timing->char_bits,
                             .silence_in_chars = setup->silence_in_chars,
                             .t1_5_us = setup->t1_5_us,
                             .t3_5_us = setup->t3_5_us,
                             .de_lead_bits8 = setup->lead_bits8,
                             .de_hold_bits8 = setup->guard_bits8,
                             .echo = setup->echo,
                             .listen_only = setup->listen_only,
                             .busy_max_us = setup->busy_max_us};
}

// The figures of the core's life are not those of one set-up.
static void init_line(struct rt *rt, const struct line_cfg *cfg)
{
    struct line_stats stats = rt->line.stats;
    line_init(&rt->line, cfg);
    rt->line.stats = stats;
}

static enum ic_setup_result result_of(enum err err)
{
    switch ((int)err) {
    case OK: return IC_SETUP_OK;
    case ERR_ARG: return IC_SETUP_RANGE;
    case ERR_UNSUPPORTED: return IC_SETUP_UNSUPPORTED;
    default: return IC_SETUP_FAILED;
    }
}

void rt_setup_done(struct rt *rt, uint64_t now_us, enum err err,
                   const struct transceiver_timing *timing)
{
    advance(rt, now_us);
    ASSERT(rt->line_state == RT_LINE_ASKED && line_queue_count(&rt->line) == 0);
    rt->state = (struct ic_line_state){.id = rt->setup.id, .result = (uint8_t)result_of(err)};
    rt->state_due = true;
    if (err != OK) {
        rt->line_state = RT_LINE_NONE;
        rt_log_add(&rt->log, now_us, IC_LOG_SETUP_REFUSED, rt->state.result, rt->setup.baud);
        return;
    }
    const struct line_cfg cfg = line_cfg_of(&rt->setup, timing);
    init_line(rt, &cfg);
    rt_figures_forget_holds(&rt->figures);
    rt->line_state = RT_LINE_READY;
    rt->state.baud = timing->baud;
    rt->state.char_bits = timing->char_bits;
    rt->state.char_ns = rt->line.char_ns;
    rt->state.t1_5_us = rt->line.t1_5_us;
    rt->state.t3_5_us = rt->line.t3_5_us;
    rt_log_add(&rt->log, now_us, IC_LOG_SETUP, timing->char_bits, timing->baud);
    line_port(&rt->line, rt->now_us, true);
}

void rt_check_ending(struct rt *rt)
{
    enum line_out_kind kind;
    if (rt->line_state != RT_LINE_ENDING) {
        return;
    }
    if (line_queue_count(&rt->line) == 0 || rt->now_us >= rt->end_us) {
        line_port(&rt->line, rt->now_us, false);
        rt->end_us = TIME_NEVER;
    }
    if (line_queue_count(&rt->line) != 0 || line_peek(&rt->line, &kind)) {
        return; // every SEND has its DONE before the machine begins anew
    }
    rt->discard = false;
    rt->line_state = rt->has_setup ? RT_LINE_ASKED : RT_LINE_NONE;
    rt->setup_due = rt->has_setup;
}

// A frame that never ends is a transceiver that forgot it: take it into use anew.
static void check_stuck(struct rt *rt)
{
    if (rt->now_us < rt->stuck_us) {
        return;
    }
    uint64_t after_us = stuck_after_us(rt, rt->sending_size);
    rt_log_add(&rt->log, rt->now_us, IC_LOG_TX_STUCK, rt->sending_size, (uint32_t)after_us);
    rt->stuck_us = TIME_NEVER;
    line_port(&rt->line, rt->now_us, false);
    rt->line_state = RT_LINE_ENDING;
}

uint64_t rt_deadline_us(const struct rt *rt)
{
    uint64_t at_us = time_min(ic_core_deadline_us(&rt->core), line_deadline_us(&rt->line));
    at_us = time_min(at_us, time_min(rt->stuck_us, rt->end_us));
    return rt->message_waits ? time_min(at_us, time_after(rt->now_us, MAILBOX_POLL_US)) : at_us;
}

void rt_tick(struct rt *rt, uint64_t now_us)
{
    advance(rt, now_us);
    ic_core_tick(&rt->core, now_us);
    check_session(rt);
    check_stuck(rt);
    line_tick(&rt->line, now_us);
    rt_check_ending(rt);
    rt->message_waits = false;
}
