// SPDX-License-Identifier: Apache-2.0
// An RS-485 line in virtual time: every byte takes its time, two talkers at once garble each other,
// and noise comes from one seed. The times may as well be real ones (sim/paced.h paces it).
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/time.h"

#define SIM_LINE_NODES 16
#define SIM_LINE_TX    32  // bursts remembered, on the wire or just past
#define SIM_LINE_BURST 512 // bytes of one

struct sim_line_cfg {
    uint32_t baud;
    uint8_t char_bits; // 10 to 12
    bool by_byte;      // events byte by byte; else a burst as a whole at its end
    uint32_t drop_ppm; // bytes that nobody hears
    uint32_t flip_ppm; // bytes with a flipped bit, flagged as a character error
    uint64_t seed;
};

struct sim_line_event {
    uint64_t start_us; // of the first start bit of the burst
    uint64_t at_us;    // end of the last byte given here
    unsigned from;     // node that sent; all others hear it (the sender too, if it has an echo)
    bool last;         // the burst ends here
    bool spoilt;       // collision, noise or loss in the burst so far
    unsigned flags;    // enum line_rx_flag for data, by_byte only
    struct bytes data; // as heard; borrowed until the next call; empty if all was lost
};

struct sim_line_stats {
    uint64_t bytes;
    uint64_t collisions; // bursts that began while another node's was on the wire
    uint64_t fights;     // two drivers on at once
    uint64_t undriven;   // bursts without the sender's driver on
    uint64_t dropped;
    uint64_t flipped;
};

struct sim_line_tx {
    bool used;
    uint8_t node;
    bool spoilt;
    uint16_t size;
    uint16_t given;
    uint64_t start_us;
    uint8_t data[SIM_LINE_BURST];
    uint8_t noise[SIM_LINE_BURST]; // per byte: bits flipped, or the byte lost
};

// Private but for .stats.
struct sim_line {
    struct sim_line_cfg cfg;
    struct sim_line_stats stats;
    uint64_t random;
    bool uses_de[SIM_LINE_NODES];
    bool de[SIM_LINE_NODES];
    uint64_t tx_end_us[SIM_LINE_NODES];
    struct sim_line_tx tx[SIM_LINE_TX];
    uint8_t heard[SIM_LINE_BURST];
};

void sim_line_init(struct sim_line *line, const struct sim_line_cfg *cfg);
uint64_t sim_line_chars_us(const struct sim_line *line, size_t size);
// A node's driver. Nodes that never call this are taken to switch by themselves.
void sim_line_de(struct sim_line *line, unsigned node, bool on);
// The node sends, at at_us or behind what it is still sending. ERR_SIZE: more than SIM_LINE_BURST.
// ERR_FULL: SIM_LINE_TX bursts are on the wire.
NODISCARD enum err sim_line_drive(struct sim_line *line, unsigned node, uint64_t at_us,
                                  struct bytes data, uint64_t *start_us, uint64_t *end_us);
// The node stops in the middle of what it sends: the byte on the wire and those after it never
// were.
void sim_line_cut(struct sim_line *line, unsigned node, uint64_t at_us);
// One byte of the burst that the node sent last, as noise leaves it; collisions come on top. For a
// node that hears bit by bit and makes its own of collisions. False: nobody hears it.
bool sim_line_foretell(const struct sim_line *line, unsigned node, size_t index, uint8_t *byte,
                       unsigned *flags);
// When the next event is due.
uint64_t sim_line_deadline_us(const struct sim_line *line);
// The earliest event up to now_us; false: none.
bool sim_line_next(struct sim_line *line, uint64_t now_us, struct sim_line_event *out);
// xorshift64 of the line's seed, for whoever shares its fate.
uint64_t sim_line_random(struct sim_line *line);

#endif
