// SPDX-License-Identifier: Apache-2.0
// A line machine with a clock of its own that records every output.
#ifndef TESTS_UNIT_LINE_RIG_H
#define TESTS_UNIT_LINE_RIG_H

#include "line/line.h"

#define RIG_DONE_MAX 64

struct rig {
    struct line line;
    uint64_t now_us;
    uint64_t char_us;
    bool auto_tx; // a frame is on the wire the moment it is asked for
    bool de;
    uint64_t de_on_us;
    uint64_t de_off_us;
    uint64_t tx_us; // when the last TX was asked for; 0: none yet
    unsigned tx_count;
    size_t tx_size;
    uint8_t tx[LINE_FRAME_MAX];
    unsigned heard_count;
    size_t heard_size;
    unsigned done_count;
    struct line_done done[RIG_DONE_MAX];
};

// Port up at 0, auto_tx on, and the first silence over.
void rig_init(struct rig *rig, const struct line_cfg *cfg);
// Runs all deadlines up to then.
void rig_run(struct rig *rig, uint64_t until_us);
// A SEND of size bytes 1, 2, 3 ...; time-out 100 ms, turn-around 50 ms.
struct line_send rig_frame(uint32_t token, uint16_t size);
void rig_send(struct rig *rig, const struct line_send *send);
// Bytes end at at_us (runs deadlines before), one after another by char_us; then flags.
void rig_rx(struct rig *rig, uint64_t first_us, const void *data, size_t size);
void rig_rx_flagged(struct rig *rig, uint64_t at_us, uint8_t byte, unsigned flags);
void rig_burst(struct rig *rig, uint64_t at_us, const void *data, size_t size);
const struct line_done *rig_last(const struct rig *rig);

#endif
