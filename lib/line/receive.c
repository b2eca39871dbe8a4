// SPDX-License-Identifier: Apache-2.0
// What the line machine does with each byte it hears.
#include <string.h>

#include "line/line.h"
#include "line/private.h"

// What size this reply will have once enough of it is here; 0: unknown.
uint32_t line_expected_size(const struct line *line)
{
    const struct line_send *send = line_active(line);
    const struct line_done *done = &line->done;
    if (send->alt_size == 0) {
        return send->reply_size;
    }
    if (done->reply_size <= send->alt_index) {
        return 0;
    }
    bool alt = (done->reply[send->alt_index] & send->alt_mask) != 0;
    return alt ? send->alt_size : send->reply_size;
}

// Whether all that was heard is one whole reply, its first bytes taken for an echo that differs:
// without stamps its length is the only sign that there was no echo.
static bool is_reply_alone(const struct line *line)
{
    const struct line_send *send = line_active(line);
    uint32_t size = (uint32_t)line->echo_size + line->done.reply_size;
    return line->cfg.coarse && line->collided && !send->broadcast &&
           (size == send->reply_size || (size == send->alt_size && size != 0));
}

enum line_outcome line_judged(const struct line *line, enum line_outcome outcome)
{
    if (line->cfg.echo && (line->echo_size == 0 || is_reply_alone(line))) {
        return LINE_NO_ECHO;
    }
    bool is_short = line->cfg.echo && line->echo_size < line_active(line)->frame_size;
    return line->collided || is_short ? LINE_COLLISION : outcome;
}

void line_end_reply(struct line *line, uint64_t now_us)
{
    line_raise_quiet(line, line->done.rx_last_us);
    line->stats.rx_bytes += line->done.reply_size;
    line_finish(line, now_us, line_judged(line, line->broken ? LINE_NOISE : LINE_REPLY));
}

// One byte that belongs to nobody.
static void rx_stray(struct line *line)
{
    if (line->late_possible) {
        line->stats.late_bytes++;
        line->late_bytes++;
    } else {
        line->stats.unsolicited_bytes++;
    }
}

// One byte of a reply, or of a frame heard in listen-only.
static void rx_store(struct line *line, uint64_t at_us, uint8_t byte, unsigned flags)
{
    struct line_done *done = &line->done;
    if (done->reply_size == 0) {
        done->rx_first_us = at_us;
    } else if (!line->cfg.coarse &&
               at_us > done->rx_last_us + line_chars_us(line, 1) + line->t1_5_us) {
        line->stats.t1_5_broken++;
        line->broken = true;
    }
    if (flags != LINE_RX_GOOD) {
        line->stats.char_errors++;
        line->broken = true;
    }
    done->rx_last_us = at_us;
    if (done->reply_size < LINE_FRAME_MAX) {
        done->reply[done->reply_size++] = byte;
    } else if (!line->broken) {
        line->stats.too_long++;
        line->broken = true;
    }
}

static void rx_listen(struct line *line, uint64_t at_us, uint8_t byte, unsigned flags)
{
    if (line->state_until_us == TIME_NEVER) { // a new frame begins
        line_undue(line, LINE_OUT_HEARD);
        line_clear_done(line);
    }
    rx_store(line, at_us, byte, flags);
    line->state_until_us = time_after(at_us, line->cfg.burst_gap_us);
}

// Quiet time after which a coarse reply has ended: what is missing may come as one late burst.
static uint64_t coarse_gap_us(const struct line *line)
{
    uint32_t size = line_expected_size(line);
    uint32_t left = size > line->done.reply_size ? size - line->done.reply_size : 0;
    return line->cfg.burst_gap_us + line_chars_us(line, left);
}

static void rx_reply(struct line *line, uint64_t at_us, uint8_t byte, unsigned flags)
{
    line->state = LINE_RX;
    if (line->done.reply_size == LINE_FRAME_MAX) {
        // Longer than any frame: end it, so that a babbling unit holds us for one frame only.
        line->stats.too_long++;
        line->broken = true;
        line_end_reply(line, at_us);
        rx_stray(line);
        return;
    }
    rx_store(line, at_us, byte, flags);
    uint64_t gap_us = line->cfg.coarse ? coarse_gap_us(line) : line->t3_5_us;
    line->state_until_us = time_after(at_us, gap_us);
}

// The rest of a coarse burst is good bytes of the reply under way, and finds room.
static bool may_take_rest(const struct line *line, size_t size, unsigned flags)
{
    return line->cfg.coarse && line->state == LINE_RX && flags == LINE_RX_GOOD && size > 1 &&
           size <= LINE_FRAME_MAX - (size_t)line->done.reply_size;
}

// As byte by byte, at once: they all have one time.
static void rx_rest(struct line *line, uint64_t at_us, struct bytes rest)
{
    struct line_done *done = &line->done;
    memcpy(done->reply + done->reply_size, rest.data, rest.size);
    done->reply_size = (uint16_t)(done->reply_size + rest.size);
    done->rx_last_us = at_us;
    line->state_until_us = time_after(at_us, coarse_gap_us(line));
}

// A stamped byte whose start bit lies before our last stop bit cannot answer us.
static bool is_overlap(const struct line *line, uint64_t at_us)
{
    return !line->cfg.coarse && at_us < line->done.tx_end_us + line_chars_us(line, 1) / 2;
}

// True: the byte is our own, heard back (or not ours where ours had to be: a collision). One that
// began behind our last stop bit is neither, and a line that promised an echo has none, or lost it.
static bool rx_echo(struct line *line, uint64_t at_us, uint8_t byte)
{
    const struct line_send *send = line_active(line);
    if (!line->cfg.echo || line->echo_size >= send->frame_size) {
        return false;
    }
    if (line->tx_ended && !line->cfg.coarse && !is_overlap(line, at_us)) {
        return false;
    }
    if (byte != send->frame[line->echo_size]) {
        line->collided = true;
    }
    line->echo_size++;
    return true;
}

// We drive the line, as far as is known.
static void rx_during_tx(struct line *line, uint64_t at_us, uint8_t byte, unsigned flags)
{
    if (rx_echo(line, at_us, byte)) {
        return;
    }
    bool early = line->cfg.early_reply && line->tx_ended && !line_active(line)->broadcast;
    if (!early) {
        line->collided = true;
        rx_stray(line);
        return;
    }
    line_after_tx(line);
    rx_reply(line, at_us, byte, flags);
}

static void rx_wait(struct line *line, uint64_t at_us, uint8_t byte, unsigned flags)
{
    if (!rx_echo(line, at_us, byte)) {
        line->collided = line->collided || is_overlap(line, at_us);
        rx_reply(line, at_us, byte, flags);
    }
}

static void rx_turnaround(struct line *line, uint64_t at_us, uint8_t byte)
{
    if (!rx_echo(line, at_us, byte)) {
        rx_stray(line);
    }
}

static void rx_byte(struct line *line, uint64_t at_us, uint8_t byte, unsigned flags)
{
    if (line->state == LINE_TX && line->tx_ended && at_us >= line->done.tx_end_us) {
        line_after_tx(line); // the byte was read before the end of our frame was ticked
    }
    line_raise_quiet(line, at_us); // whoever it belongs to
    switch (line->state) {
    case LINE_DOWN: break;
    case LINE_QUIET:
        if (line->cfg.listen_only) {
            rx_listen(line, at_us, byte, flags);
        } else {
            rx_stray(line);
        }
        break;
    case LINE_LEAD: // somebody talks after all: let go and wait for silence again
        rx_stray(line);
        line->de_off_us = at_us;
        line_undue(line, LINE_OUT_DE_ON);
        line_due(line, LINE_OUT_DE_OFF);
        line_enter(line, LINE_QUIET, TIME_NEVER);
        break;
    case LINE_TX: rx_during_tx(line, at_us, byte, flags); break;
    case LINE_WAIT: rx_wait(line, at_us, byte, flags); break;
    case LINE_RX: rx_reply(line, at_us, byte, flags); break;
    case LINE_TURNAROUND: rx_turnaround(line, at_us, byte); break;
    }
}

void line_rx(struct line *line, uint64_t at_us, struct bytes in, unsigned flags)
{
    for (size_t i = 0; i < in.size; i++) {
        if (may_take_rest(line, in.size - i, flags)) {
            rx_rest(line, at_us, bytes_of(in.data + i, in.size - i));
            break;
        }
        uint64_t later_us = line->cfg.coarse ? 0 : line_chars_us(line, (uint32_t)(in.size - 1 - i));
        rx_byte(line, at_us - later_us, in.data[i], flags);
    }
    // A coarse reply ends with the burst that completes it; a longer burst is kept whole, so that a
    // frame with a tail is never taken for a good one.
    if (line->cfg.coarse && line->state == LINE_RX) {
        uint32_t size = line_expected_size(line);
        if (size != 0 && line->done.reply_size >= size) {
            line_end_reply(line, at_us);
        }
    }
}
