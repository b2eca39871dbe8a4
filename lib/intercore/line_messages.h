// SPDX-License-Identifier: Apache-2.0
// What the messages between a real-time core and the gateway say about the line.
#ifndef INTERCORE_LINE_MESSAGES_H
#define INTERCORE_LINE_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "intercore/intercore_limits.h"

struct ic_line_setup {
    uint32_t id;          // comes back in LINE_STATE
    uint32_t baud;        // bits/s
    uint8_t parity;       // 0 none, 1 even, 2 odd
    uint8_t stop_bits;    // 1 or 2
    uint8_t guard_bits8;  // driver on after the last stop bit, in 1/8 bit
    uint8_t lead_bits8;   // driver on before the first start bit, in 1/8 bit
    uint32_t t1_5_us;     // 0: as the standard says
    uint32_t t3_5_us;     // 0: as the standard says
    uint32_t busy_max_us; // 0: 1 s
    bool de_active_low;
    bool silence_in_chars; // above 19200 baud too
    bool echo;             // the receiver hears what we send
    bool listen_only;
};

enum ic_setup_result {
    IC_SETUP_OK,
    IC_SETUP_RANGE,       // a value outside its range
    IC_SETUP_UNSUPPORTED, // the hardware misses that speed by more than 1 %
    IC_SETUP_FAILED,
};

struct ic_line_state {
    uint32_t id;
    uint8_t result;    // enum ic_setup_result
    uint8_t char_bits; // start to stop
    uint32_t baud;     // that the hardware makes
    uint32_t char_ns;
    uint32_t t1_5_us, t3_5_us;
};

struct ic_send {
    uint32_t token; // comes back in DONE
    bool broadcast; // no reply: DONE after turnaround_us
    bool barrier;   // if no good reply comes, later SENDs hold until RESUME
    uint32_t reply_timeout_us;
    uint32_t turnaround_us;
    struct bytes frame; // 1 to IC_FRAME_MAX bytes
};

struct ic_done {
    uint32_t token;
    uint8_t outcome; // as enum line_outcome, below IC_OUTCOMES
    bool held;
    uint32_t late_bytes;
    uint32_t hold_ns;     // from the last stop bit to the driver's release; 0: unknown
    uint64_t tx_first_us; // first start bit, as all by the core's clock; 0: nothing was sent
    uint64_t tx_end_us;   // end of the last stop bit
    uint64_t rx_first_us; // end of the reply's first byte; 0: none
    uint64_t rx_last_us;  // end of its last byte
    struct bytes reply;   // as heard, whatever the outcome
};

struct ic_sync {
    uint64_t asked_us;    // SYNC_ASK: the host's clock
    uint64_t received_us; // SYNC: the core's clock when the question came
    uint64_t sent_us;     // SYNC: the core's clock before the answer left
};

struct ic_stats {
    uint32_t done_count[IC_OUTCOMES];
    uint64_t tx_bytes, rx_bytes, late_bytes, unsolicited_bytes;
    uint64_t char_errors, t1_5_broken, too_long, heard_frames, wire_us;
    uint32_t hold_count;    // of frames; holds since the last LINE_SETUP
    uint32_t hold_early;    // shorter than the guard
    uint32_t hold_max_ns;   // guard included
    uint64_t hold_sum_ns;   // guard included
    uint32_t overruns;      // times that received bytes were lost
    uint32_t mailbox_waits; // messages that found no room at first
    uint32_t log_dropped;
    uint32_t sniffed_dropped;
    uint32_t messages_bad;              // malformed, unknown or for another boot
    uint16_t hold_steps[IC_HOLD_STEPS]; // beyond the guard, per 1/32 bit; the last: and more;
                                        // each stays at its highest value
};

struct ic_sniffed {
    uint64_t last_us; // end of the last byte
    struct bytes frame;
};

#endif
