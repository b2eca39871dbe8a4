// SPDX-License-Identifier: Apache-2.0
#include "line/line.h"

#include <string.h>

#include "base/assert.h"
#include "line/private.h"

#define STANDARD_BAUD      19200 // at and below it silences are counted in characters
#define STANDARD_T1_5_US   750   // above [Serial Line V1.02, 2.5.1.1]
#define STANDARD_T3_5_US   1750
#define BURST_GAP_EXTRA_US 20000 // more than the latency timer of a USB adapter (16 ms)
#define BUSY_DEFAULT_US    US_PER_S

bool line_is_due(const struct line *line, enum line_out_kind kind)
{
    return (line->out_due & 1U << kind) != 0;
}

void line_due(struct line *line, enum line_out_kind kind)
{
    line->out_due = (uint8_t)(line->out_due | 1U << kind);
}

void line_undue(struct line *line, enum line_out_kind kind)
{
    line->out_due = (uint8_t)(line->out_due & ~(1U << kind));
}

// Half characters, rounded up, in microseconds.
static uint32_t half_chars_us(const struct line *line, uint32_t halves)
{
    return (uint32_t)(((uint64_t)halves * line->char_ns + 1999) / 2000);
}

static uint64_t bits8_us(const struct line *line, uint8_t bits8)
{
    return (bits8 * US_PER_S + 8 * (uint64_t)line->cfg.baud - 1) / (8 * (uint64_t)line->cfg.baud);
}

uint64_t line_chars_us(const struct line *line, uint32_t size)
{
    return ((uint64_t)size * line->char_ns + 999) / 1000;
}

void line_init(struct line *line, const struct line_cfg *cfg)
{
    ASSERT(cfg->baud >= LINE_BAUD_MIN && cfg->baud <= LINE_BAUD_MAX);
    ASSERT(cfg->char_bits == 0 || (cfg->char_bits >= 10 && cfg->char_bits <= 12));
    memset(line, 0, sizeof *line);
    line->cfg = *cfg;
    uint64_t bits = cfg->char_bits == 0 ? 11 : cfg->char_bits;
    line->char_ns = (uint32_t)((bits * UINT64_C(1000000000) + cfg->baud - 1) / cfg->baud);
    bool in_chars = cfg->baud <= STANDARD_BAUD || cfg->silence_in_chars;
    line->t1_5_us = in_chars ? half_chars_us(line, 3) : STANDARD_T1_5_US;
    line->t3_5_us = in_chars ? half_chars_us(line, 7) : STANDARD_T3_5_US;
    line->t1_5_us = cfg->t1_5_us != 0 ? cfg->t1_5_us : line->t1_5_us;
    line->t3_5_us = cfg->t3_5_us != 0 ? cfg->t3_5_us : line->t3_5_us;
    if (cfg->burst_gap_us == 0) {
        line->cfg.burst_gap_us = line->t3_5_us + (cfg->listen_only ? 0 : BURST_GAP_EXTRA_US);
    }
    if (cfg->busy_max_us == 0) {
        line->cfg.busy_max_us = BUSY_DEFAULT_US;
    }
    line->state = LINE_DOWN;
    line->state_until_us = TIME_NEVER;
}

// The slot at a place of the queue, 0 the first.
static struct line_slot *slot_at(struct line *line, uint8_t place)
{
    return &line->queue[(line->queue_first + place) % LINE_QUEUE_MAX];
}

static bool on_line(const struct line *line)
{
    return line->state >= LINE_LEAD;
}

const struct line_send *line_active(const struct line *line)
{
    ASSERT(on_line(line) && line->queue_count > 0);
    return &line->queue[line->queue_first].send;
}

void line_enter(struct line *line, enum line_state state, uint64_t until_us)
{
    line->state = state;
    line->state_until_us = until_us;
}

void line_raise_quiet(struct line *line, uint64_t at_us)
{
    if (at_us > line->quiet_from_us) {
        line->quiet_from_us = at_us;
    }
}

static bool is_good(enum line_outcome outcome)
{
    return outcome == LINE_REPLY || outcome == LINE_SENT;
}

static void fill(struct line *line, struct line_done *done, const struct line_send *send,
                 enum line_outcome outcome)
{
    done->token = send->token;
    done->outcome = outcome;
    done->coarse = line->cfg.coarse;
    done->late_bytes = line->late_bytes;
    line->late_bytes = 0;
    line->stats.done_count[outcome]++;
}

// Ends the first SEND of the queue, whether it got onto the line or not.
void line_finish(struct line *line, uint64_t now_us, enum line_outcome outcome)
{
    const struct line_send *send = &line->queue[line->queue_first].send;
    struct line_done *done = &line->done;
    if (done->tx_first_us != 0) {
        line->stats.wire_us += done->tx_end_us - done->tx_first_us;
        line->stats.wire_us += line_chars_us(line, done->reply_size);
        line->late_possible = !send->broadcast;
    }
    line->held = send->barrier && !is_good(outcome) && outcome != LINE_PORT_LOST;
    done->held = line->held;
    fill(line, done, send, outcome);
    line->queue_first = (uint8_t)((line->queue_first + 1) % LINE_QUEUE_MAX);
    line->queue_count--;
    line_due(line, LINE_OUT_DONE);
    line->wanted_from_us = now_us;
    line_enter(line, LINE_QUIET, TIME_NEVER);
}

void line_clear_done(struct line *line)
{
    struct line_done *done = &line->done;
    done->held = false;
    done->tx_first_us = 0;
    done->tx_end_us = 0;
    done->rx_first_us = 0;
    done->rx_last_us = 0;
    done->reply_size = 0;
    line->tx_ended = false;
    line->collided = false;
    line->broken = false;
    line->echo_size = 0;
}

// A SEND could go as soon as the line is quiet.
static bool is_wanted(const struct line *line)
{
    const struct line_slot *first = &line->queue[line->queue_first];
    return line->state == LINE_QUIET && line->queue_count > 0 && !line->held && !first->ended &&
           !line_is_due(line, LINE_OUT_DONE);
}

enum err line_send(struct line *line, uint64_t now_us, const struct line_send *send)
{
    if (send->frame_size == 0 || send->frame_size > LINE_FRAME_MAX) {
        return ERR_SIZE;
    }
    if (line->cfg.listen_only) {
        return ERR_STATE;
    }
    if (line->queue_count == LINE_QUEUE_MAX) {
        return ERR_FULL;
    }
    struct line_slot *slot = slot_at(line, line->queue_count);
    slot->send = *send;
    slot->ended = line->state == LINE_DOWN;
    slot->outcome = LINE_PORT_LOST;
    if (line->queue_count == 0) {
        line->wanted_from_us = now_us;
    }
    line->queue_count++;
    line_tick(line, now_us);
    return OK;
}

void line_cancel(struct line *line, uint64_t now_us, uint32_t token)
{
    for (uint8_t place = on_line(line) ? 1 : 0; place < line->queue_count; place++) {
        struct line_slot *slot = slot_at(line, place);
        if (slot->send.token == token && !slot->ended) {
            slot->ended = true;
            slot->outcome = LINE_CANCELLED;
        }
    }
    line_tick(line, now_us);
}

void line_cancel_all(struct line *line, uint64_t now_us)
{
    for (uint8_t place = on_line(line) ? 1 : 0; place < line->queue_count; place++) {
        struct line_slot *slot = slot_at(line, place);
        if (!slot->ended) {
            slot->ended = true;
            slot->outcome = LINE_CANCELLED;
        }
    }
    line_tick(line, now_us);
}

void line_set_early(struct line *line, bool early_reply)
{
    line->cfg.early_reply = early_reply;
}

void line_resume(struct line *line, uint64_t now_us)
{
    if (line->held) {
        line->held = false;
        line->wanted_from_us = now_us;
    }
    line_tick(line, now_us);
}

void line_port(struct line *line, uint64_t now_us, bool up)
{
    if (up) {
        if (line->state == LINE_DOWN) {
            // What the line carried until now is unknown, so silence starts here.
            line->quiet_from_us = now_us;
            line->wanted_from_us = now_us;
            line->late_possible = false;
            line_enter(line, LINE_QUIET, TIME_NEVER);
        }
        return;
    }
    if (line->state == LINE_DOWN) {
        return;
    }
    line_undue(line, LINE_OUT_TX);
    line_undue(line, LINE_OUT_DE_ON);
    if (on_line(line)) {
        line->de_off_us = now_us;
        line_due(line, LINE_OUT_DE_OFF);
        line_finish(line, now_us, LINE_PORT_LOST);
    }
    for (uint8_t place = 0; place < line->queue_count; place++) {
        struct line_slot *slot = slot_at(line, place);
        if (!slot->ended) {
            slot->ended = true;
            slot->outcome = LINE_PORT_LOST;
        }
    }
    line->held = false;
    line_enter(line, LINE_DOWN, TIME_NEVER);
}

// When the reply's or the units' time is over. A coarse port may hand over a reply only as a whole,
// at its end, so that its first byte is seen as late as its last.
static uint64_t wait_end_us(const struct line *line)
{
    const struct line_send *send = line_active(line);
    uint64_t wait_us = send->broadcast ? send->turnaround_us : send->reply_timeout_us;
    if (line->cfg.coarse && !send->broadcast) {
        wait_us += line_chars_us(line, send->reply_size != 0 ? send->reply_size : LINE_FRAME_MAX);
    }
    return time_after(line->done.tx_end_us, wait_us);
}

void line_after_tx(struct line *line)
{
    bool broadcast = line_active(line)->broadcast;
    line_enter(line, broadcast ? LINE_TURNAROUND : LINE_WAIT, wait_end_us(line));
}

static void start_tx(struct line *line)
{
    line_enter(line, LINE_TX, TIME_NEVER);
    line_due(line, LINE_OUT_TX);
}

void line_tx_done(struct line *line, uint64_t now_us, uint64_t first_us, uint64_t end_us)
{
    if (line->state != LINE_TX || line->tx_ended || line_is_due(line, LINE_OUT_TX)) {
        return; // of a frame that the port's loss has ended already
    }
    line->done.tx_first_us = first_us;
    line->done.tx_end_us = end_us;
    line->stats.tx_bytes += line_active(line)->frame_size;
    line->tx_ended = true;
    line->de_off_us = end_us + bits8_us(line, line->cfg.de_hold_bits8);
    // Held until then, the line is not silent yet; and where the port knows the end to a bit only,
    // the hold covers what it may be wrong by.
    line_raise_quiet(line, line->de_off_us);
    line_due(line, LINE_OUT_DE_OFF);
    line->state_until_us = end_us;
    line_tick(line, now_us);
}

static uint64_t lead_us(const struct line *line)
{
    uint64_t lead = bits8_us(line, line->cfg.de_lead_bits8);
    return lead < line->t3_5_us ? lead : line->t3_5_us;
}

static uint64_t start_us(const struct line *line)
{
    return line->quiet_from_us + line->t3_5_us - lead_us(line);
}

static uint64_t busy_us(const struct line *line)
{
    return time_after(line->wanted_from_us, (uint64_t)line->t3_5_us + line->cfg.busy_max_us);
}

uint64_t line_deadline_us(const struct line *line)
{
    if (is_wanted(line)) {
        return time_min(start_us(line), busy_us(line));
    }
    if (line->state == LINE_TX && line->tx_ended) {
        return wait_end_us(line); // nothing to do at the last stop bit itself: one wake-up less
    }
    return line->state_until_us;
}

static void tick_quiet(struct line *line, uint64_t now_us)
{
    if (line->cfg.listen_only && now_us >= line->state_until_us) {
        line->state_until_us = TIME_NEVER;
        if (line->broken) {
            line_clear_done(line);
        } else {
            line->stats.heard_frames++;
            line_due(line, LINE_OUT_HEARD);
        }
    }
    if (!is_wanted(line)) {
        return;
    }
    if (now_us >= start_us(line)) {
        line_clear_done(line);
        line_due(line, LINE_OUT_DE_ON);
        uint64_t lead = lead_us(line);
        if (lead == 0) {
            start_tx(line);
        } else {
            line_enter(line, LINE_LEAD, now_us + lead);
        }
    } else if (now_us >= busy_us(line)) {
        line_clear_done(line);
        line_finish(line, now_us, LINE_BUSY);
    }
}

void line_tick(struct line *line, uint64_t now_us)
{
    if (line->state == LINE_TX && now_us >= line->state_until_us) {
        line_after_tx(line);
    }
    if (line->state != LINE_QUIET && now_us < line->state_until_us) {
        return;
    }
    switch (line->state) {
    case LINE_DOWN:
    case LINE_TX: break;
    case LINE_QUIET: tick_quiet(line, now_us); break;
    case LINE_LEAD: start_tx(line); break;
    case LINE_WAIT: line_finish(line, now_us, line_judged(line, LINE_TIMEOUT)); break;
    case LINE_RX: line_end_reply(line, now_us); break;
    case LINE_TURNAROUND: line_finish(line, now_us, line_judged(line, LINE_SENT)); break;
    }
}

// The next SEND that ended without the line, into .aside.
static bool take_ended(struct line *line)
{
    for (uint8_t place = on_line(line) ? 1 : 0; place < line->queue_count; place++) {
        struct line_slot *slot = slot_at(line, place);
        if (slot->ended) {
            line->aside = (struct line_done){.token = 0};
            fill(line, &line->aside, &slot->send, slot->outcome);
            line->queue_count--;
            for (uint8_t i = place; i < line->queue_count; i++) {
                *slot_at(line, i) = *slot_at(line, (uint8_t)(i + 1));
            }
            return true;
        }
    }
    return false;
}

bool line_peek(const struct line *line, enum line_out_kind *kind)
{
    static const enum line_out_kind ORDER[] = {LINE_OUT_DE_OFF, LINE_OUT_DONE, LINE_OUT_HEARD,
                                               LINE_OUT_DE_ON, LINE_OUT_TX};
    for (size_t i = 0; i < COUNT_OF(ORDER); i++) {
        if (line_is_due(line, ORDER[i])) {
            *kind = ORDER[i];
            return true;
        }
    }
    *kind = LINE_OUT_DONE;
    for (uint8_t place = on_line(line) ? 1 : 0; place < line->queue_count; place++) {
        if (line->queue[(line->queue_first + place) % LINE_QUEUE_MAX].ended) {
            return true;
        }
    }
    return false;
}

bool line_next(struct line *line, struct line_out *out)
{
    *out = (struct line_out){.kind = LINE_OUT_DONE};
    if (!line_peek(line, &out->kind)) {
        return false;
    }
    if (!line_is_due(line, out->kind)) {
        out->done = &line->aside;
        return take_ended(line);
    }
    switch (out->kind) {
    case LINE_OUT_DE_OFF: out->at_us = line->de_off_us; break;
    case LINE_OUT_DONE: out->done = &line->done; break;
    case LINE_OUT_HEARD:
        out->at_us = line->done.rx_last_us;
        out->frame = bytes_of(line->done.reply, line->done.reply_size);
        break;
    case LINE_OUT_DE_ON: break;
    case LINE_OUT_TX:
        out->frame = bytes_of(line_active(line)->frame, line_active(line)->frame_size);
        break;
    }
    line_undue(line, out->kind);
    return true;
}

uint64_t line_reply_due_us(const struct line *line)
{
    if (!line->cfg.coarse || line->cfg.echo) {
        return 0;
    }
    bool waiting = line->state == LINE_WAIT || (line->state == LINE_TX && line->tx_ended);
    if (waiting && !line->cfg.early_reply) {
        const struct line_send *send = line_active(line);
        uint32_t least = send->reply_size;
        if (send->alt_size != 0 && send->alt_size < least) {
            least = send->alt_size;
        }
        return line->done.tx_end_us + line_chars_us(line, least);
    }
    if (line->state == LINE_RX) {
        uint32_t size = line_expected_size(line);
        uint32_t have = line->done.reply_size;
        return size <= have ? 0 : line->done.rx_last_us + line_chars_us(line, size - have);
    }
    return 0;
}

uint32_t line_reply_timeout_us(const struct line *line)
{
    return line_active(line)->reply_timeout_us;
}

bool line_waits_for_silence(const struct line *line)
{
    return is_wanted(line) && start_us(line) <= busy_us(line);
}

uint32_t line_queue_count(const struct line *line)
{
    return line->queue_count;
}
