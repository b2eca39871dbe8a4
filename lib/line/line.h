// SPDX-License-Identifier: Apache-2.0
// The half-duplex line machine: raw frames in a queue, each sent after the mandatory silence, its
// reply collected, DONE with time stamps and an outcome. It knows no protocol: address and checksum
// are the user's.
//
//   DOWN --port up--> QUIET --silence over, SEND waits--> LEAD --DE settled--> TX
//   TX --last stop bit--> WAIT --first byte--> RX --frame end--> QUIET   (DONE: reply)
//                         WAIT --time-out--> QUIET                       (DONE: time-out)
//   TX --last stop bit--> TURNAROUND (broadcast) --over--> QUIET          (DONE: sent)
//
// Use: give an input (send, rx, tx_done, ...) or line_tick(), then drain line_next() at once.
#ifndef LINE_LINE_H
#define LINE_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/time.h"
#include "line/frame.h"

struct line_cfg {
    uint32_t baud;         // bits/s, LINE_BAUD_MIN to LINE_BAUD_MAX
    uint8_t char_bits;     // start to stop, 10 or 11; 0: 11
    bool silence_in_chars; // count characters above 19200 baud too (default there: 0.75, 1.75 ms)
    uint32_t t1_5_us;      // 0: as the standard says
    uint32_t t3_5_us;      // 0: as the standard says
    uint8_t de_lead_bits8; // driver on before the first start bit, in 1/8 bit, inside the silence
    uint8_t de_hold_bits8; // driver on after the last stop bit, in 1/8 bit
    bool coarse;           // rx comes in bursts stamped when read: t1.5 is not judged
    uint32_t burst_gap_us; // coarse: quiet time that ends a frame of unknown size; 0: t3.5 + 20 ms
    bool early_reply;      // a reply may be read before our frame's computed end (unpaced PTY)
    bool echo;             // the receiver hears our own frames: checked, then removed
    bool listen_only;      // never drives; every frame heard comes out as LINE_OUT_HEARD
    uint32_t busy_max_us;  // longest wait for a quiet line before LINE_BUSY; 0: 1 s
};

enum line_out_kind {
    LINE_OUT_DE_OFF, // release the driver at .at_us (not before: the last stop bit and the guard)
    LINE_OUT_DE_ON,  // drive now
    LINE_OUT_TX,     // send .frame now, then line_tx_done(); bytes stay valid until then
    LINE_OUT_DONE,   // .done
    LINE_OUT_HEARD,  // listen only: .frame was heard, .at_us = end of its last byte
};

struct line_out {
    enum line_out_kind kind;
    uint64_t at_us;
    struct bytes frame;           // borrowed, until the next input
    const struct line_done *done; // borrowed, until the next line_next() or input
};

enum line_rx_flag {
    LINE_RX_GOOD = 0,
    LINE_RX_CHAR_ERROR = 1, // parity, framing or break
    LINE_RX_OVERRUN = 2,    // bytes before this one were lost
};

enum line_state {
    LINE_DOWN,
    LINE_QUIET, // nothing of ours on the line
    LINE_LEAD,  // driver on, settling
    LINE_TX,    // until the last stop bit
    LINE_WAIT,  // for the first byte of the reply
    LINE_RX,    // reply under way
    LINE_TURNAROUND,
};

struct line_slot {
    bool ended; // without having been sent; its DONE is due
    enum line_outcome outcome;
    struct line_send send;
};

// Private but for .stats, .t1_5_us, .t3_5_us and .char_ns, which may be read.
struct line {
    struct line_cfg cfg;
    struct line_stats stats;
    uint32_t char_ns;
    uint32_t t1_5_us;
    uint32_t t3_5_us;
    enum line_state state;
    uint64_t state_until_us; // deadline of the state, TIME_NEVER if none
    uint64_t quiet_from_us;  // end of the last thing the wire was known to carry
    uint64_t wanted_from_us; // since when the line may be waited for: bounds LINE_BUSY
    uint64_t de_off_us;
    bool held;
    bool tx_ended; // line_tx_done() came, tx_end_us is known
    bool collided;
    bool broken;        // the reply (or frame heard) under way is noise
    bool late_possible; // what is heard now may belong to an earlier SEND
    uint32_t late_bytes;
    uint16_t echo_size; // of our frame, heard so far
    uint8_t out_due;    // bits of 1 << enum line_out_kind
    struct line_slot
        queue[LINE_QUEUE_MAX]; // ring; while LEAD to TURNAROUND the first is on the line
    uint8_t queue_first;
    uint8_t queue_count;
    struct line_done done;  // of the frame on the line; its reply buffer also serves listen-only
    struct line_done aside; // of a frame that never was on the line
};

// cfg is copied. The port counts as down until line_port(up).
void line_init(struct line *line, const struct line_cfg *cfg);

// Queues a frame. ERR_FULL: LINE_QUEUE_MAX are waiting. ERR_SIZE: frame_size. ERR_STATE: listen
// only. Every accepted SEND gets exactly one DONE.
NODISCARD enum err line_send(struct line *line, uint64_t now_us, const struct line_send *send);
// Waiting frames with this token end as cancelled; the one on the line goes on.
void line_cancel(struct line *line, uint64_t now_us, uint32_t token);
// The same for all that wait.
void line_cancel_all(struct line *line, uint64_t now_us);
// Ends the hold of a barrier.
void line_resume(struct line *line, uint64_t now_us);
// Changes cfg.early_reply, when only an opened port tells.
void line_set_early(struct line *line, bool early_reply);
// The port opened or went away. Going down ends every SEND as LINE_PORT_LOST.
void line_port(struct line *line, uint64_t now_us, bool up);
// Bytes heard, at_us = end of the last one (stamped: earlier ones back to back before it; coarse:
// when they were read). flags: enum line_rx_flag, for all of them.
void line_rx(struct line *line, uint64_t at_us, struct bytes in, unsigned flags);
// The frame of LINE_OUT_TX: first start bit and end of the last stop bit. end_us may lie in the
// future (the port computed it) or in the past.
void line_tx_done(struct line *line, uint64_t now_us, uint64_t first_us, uint64_t end_us);

// When line_tick() must be called next; TIME_NEVER: nothing to wait for.
uint64_t line_deadline_us(const struct line *line);
void line_tick(struct line *line, uint64_t now_us);
// Drains outputs, in the order in which they must be done.
bool line_next(struct line *line, struct line_out *out);
// What line_next() would give, for a user that has room for some kinds only; false: nothing.
bool line_peek(const struct line *line, enum line_out_kind *kind);

// Coarse ports: no byte that matters can complete the reply before this time, so that a port may
// sleep until then and read once. 0: unknown, wait for the first byte.
uint64_t line_reply_due_us(const struct line *line);
// What the SEND that is on the line allows for its reply.
uint32_t line_reply_timeout_us(const struct line *line);
// The deadline is the end of the silence that a waiting SEND starts at, to the microsecond.
bool line_waits_for_silence(const struct line *line);
// SENDs accepted and not yet DONE.
uint32_t line_queue_count(const struct line *line);
// Time of size characters on the wire, rounded up.
uint64_t line_chars_us(const struct line *line, uint32_t size);

#endif
