// SPDX-License-Identifier: Apache-2.0
// Judges the core's transceiver on the wire: that the driver is on before the first start bit,
// falls after the last stop bit and not long after, and that every frame is preceded by the
// silence.
#ifndef SIM_MT3620_JUDGE_H
#define SIM_MT3620_JUDGE_H

#include <stdio.h>

#include "sim/mt3620/mt3620.h"

#define MT_JUDGE_HOLDS 65536 // kept for percentiles; later ones replace old ones in turn

// What went out between one rise and fall of DE.
struct mt_frame {
    uint64_t drive_u, release_u; // DE rose, fell
    uint64_t start_u, end_u;     // first start bit, end of the last stop bit
    int64_t hold_u;              // from that end to the fall; negative: the frame was cut
    uint64_t setup_u;            // from the rise to the first start bit; 0: too late, or at once
    uint64_t gap_u;              // since anything else was on the wire; MT_NEVER: nothing yet
    uint32_t bit_u;
    uint32_t instructions; // from the interrupt's entry to the fall
    unsigned chars;
    bool damaged; // the other nodes did not hear what was sent
    bool cut;     // the core was reset meanwhile
};

// Private but for the counts.
struct mt_judge {
    uint64_t t3_5_u;
    uint64_t frames, chars;
    uint64_t early;    // DE fell before the end of the last stop bit
    uint64_t undriven; // a character began before DE rose
    uint64_t damaged;  // frames that the others did not hear as sent
    uint64_t silence;  // frames sooner than t3.5
    uint64_t empty;    // DE rose and fell with nothing sent
    uint64_t cut;      // frames that a reset of the core cut; nothing else is said of them
    double hold_bits_min, hold_bits_max;
    int64_t hold_u_min, hold_u_max;
    uint32_t instructions_max;
    bool driving;
    unsigned expected; // characters that still leave after DE fell
    struct mt_frame frame;
    uint64_t first_u, last_u, closed_u, minimal_u;
    uint32_t hold_count;
    uint64_t holds_seen;
    float holds[MT_JUDGE_HOLDS]; // in bits
};

void mt_judge_init(struct mt_judge *judge, uint64_t t3_5_u);
// Every event of the model in turn; true: a frame is complete, in out.
bool mt_judge_event(struct mt_judge *judge, const struct mt_event *event, struct mt_frame *out);
// The core is about to be reset.
void mt_judge_reset(struct mt_judge *judge);
// Anything on the wire that another node sent.
void mt_judge_heard(struct mt_judge *judge, uint64_t start_u, uint64_t end_u);
// What the line must do for its traffic / the time it took: 1 is the limit of the wire.
double mt_judge_utilisation(const struct mt_judge *judge);
// In bits; share 0 to 1.
double mt_judge_hold_bits(const struct mt_judge *judge, double share);
// Members of a JSON object, without its braces.
void mt_judge_report(const struct mt_judge *judge, FILE *out);

#endif
