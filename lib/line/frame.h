// SPDX-License-Identifier: Apache-2.0
// SEND and DONE: what the user of a line says and is told.
#ifndef LINE_FRAME_H
#define LINE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "line/line_limits.h"

struct line_send {
    uint32_t token; // the user's; comes back in DONE
    bool broadcast; // no reply: DONE (sent) after turnaround_us
    bool barrier;   // if no good reply comes, later SENDs hold until line_resume()
    uint32_t
        reply_timeout_us;   // end of our frame to the reply's first byte; coarse: plus its length
    uint32_t turnaround_us; // broadcast: quiet time for the units to act
    // What the reply will look like, so that coarse times need no silence to find its end. A reply
    // whose byte [alt_index] has a bit of alt_mask set has alt_size bytes, any other reply_size.
    // (Modbus: byte 1, mask 0x80, 5 bytes.) Size 0: unknown. Stamped lines ignore all of it.
    uint16_t reply_size;
    uint16_t alt_size;
    uint8_t alt_index;
    uint8_t alt_mask;
    uint16_t frame_size; // 1 to LINE_FRAME_MAX
    uint8_t frame[LINE_FRAME_MAX];
};

enum line_outcome {
    LINE_REPLY,     // bytes came and ended; whether they are sense is the user's to judge
    LINE_SENT,      // broadcast went out
    LINE_TIMEOUT,   // no byte in time
    LINE_NOISE,     // bytes came that are no frame: t1.5 broken, character errors, too long
    LINE_COLLISION, // echo differs, or bytes while we were sending
    LINE_NO_ECHO,   // echo expected, none heard, a reply or not: receiver off or wire open
    LINE_BUSY,      // the line never became quiet; nothing was sent
    LINE_CANCELLED, // by line_cancel() before it was sent
    LINE_PORT_LOST, // the port was or went down
};
#define LINE_OUTCOME_COUNT 9

struct line_done {
    uint32_t token;
    enum line_outcome outcome;
    bool held;            // a barrier: later SENDs wait for line_resume()
    bool coarse;          // rx times are those of reading, late by up to a scheduling delay
    uint64_t tx_first_us; // first start bit; 0 if nothing was sent
    uint64_t tx_end_us;   // end of the last stop bit
    uint64_t rx_first_us; // end of the reply's first byte; 0 if none
    uint64_t rx_last_us;  // end of its last byte
    uint32_t late_bytes;  // heard since the previous DONE, belonging to no SEND
    uint16_t reply_size;  // bytes heard, kept for diagnosis whatever the outcome
    uint8_t reply[LINE_FRAME_MAX];
};

struct line_stats {
    uint32_t done_count[LINE_OUTCOME_COUNT];
    uint64_t tx_bytes;
    uint64_t rx_bytes;          // replies
    uint64_t late_bytes;        // heard after a reply's time-out or end
    uint64_t unsolicited_bytes; // heard while nothing was asked
    uint64_t char_errors;
    uint64_t t1_5_broken;
    uint64_t too_long;
    uint64_t heard_frames;
    uint64_t wire_us; // time the wire carried our frames and their replies
};

// Static storage, such as "timeout".
const char *line_outcome_name(enum line_outcome outcome);

#endif
