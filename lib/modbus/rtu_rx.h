// SPDX-License-Identifier: Apache-2.0
// The RTU receiver. Strict: every character has its own stamp, t1.5 breaks a frame and t3.5 ends it
// [SL 2.5.1.1, figure 14]. Coarse, for ttys that deliver bursts: a burst ends after t3.5, or while
// its length says that bytes are missing after gap_us and their time, and must then consist of
// nothing but good frames; a good frame with a tail is rejected.
//
//   idle --byte--> receiving --t3.5--> judged: frame or error --> idle
//                     | pause > t1.5, line error, more than fits
//                     v
//                   broken --t3.5--> error --> idle
#ifndef MB_RTU_RX_H
#define MB_RTU_RX_H

#include "base/time.h"
#include "modbus/rtu.h"
#include "modbus/timing.h"

#define MB_RX_SIZE      512 // two longest frames in one burst
#define MB_RX_GAP_US    20000
#define MB_RX_HELD_MAX  64 // missing bytes waited for: as many as a USB adapter holds back
#define MB_RX_PER_BURST 16

struct mb_rx_config {
    struct mb_silence silence;
    bool coarse;
    uint32_t gap_us; // coarse: how late a burst may be read; 0 = MB_RX_GAP_US, or t3.5 if longer
};

struct mb_rx_stats {
    uint32_t frames;
    uint32_t crc_errors;  // whole, but not to be trusted; also frames with a tail
    uint32_t size_errors; // fewer than 4 bytes or more than fit
    uint32_t pauses;      // broken by a pause longer than t1.5
    uint32_t char_errors; // parity, framing, overrun as the port told
};

enum mb_rx_state { MB_RX_IDLE, MB_RX_RECEIVING, MB_RX_BROKEN, MB_RX_JUDGED };

struct mb_rx {
    struct mb_rx_config config;
    struct mb_rx_stats stats;
    enum mb_rx_state state;
    uint64_t first_us; // end of the first character of the frame (coarse: of the burst)
    uint64_t last_us;  // end of the last character
    uint64_t wait_us;  // silence that ends what came so far
    size_t size;
    size_t taken;  // handed out of a judged burst
    bool overflow; // more than fits came
    uint8_t buffer[MB_RX_SIZE];
};

struct mb_rx_frame {
    struct mb_frame frame; // borrows the receiver's buffer until its next input
    uint64_t first_us;
    uint64_t last_us;
    bool is_last; // false: another frame follows in the same burst; too late to answer this one
};

void mb_rx_init(struct mb_rx *rx, const struct mb_rx_config *config);
// One character whose last stop bit ended at at_us (strict). good: no parity or framing error.
void mb_rx_byte(struct mb_rx *rx, uint64_t at_us, uint8_t byte, bool good);
// A burst read at at_us (coarse).
void mb_rx_burst(struct mb_rx *rx, uint64_t at_us, struct bytes burst);
uint64_t mb_rx_deadline_us(const struct mb_rx *rx);
void mb_rx_tick(struct mb_rx *rx, uint64_t now_us);
// The next frame, false when there is none. Drain before the next input, else frames are lost.
bool mb_rx_next(struct mb_rx *rx, struct mb_rx_frame *out);

#endif
