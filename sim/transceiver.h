// SPDX-License-Identifier: Apache-2.0
// port/api/transceiver.h in virtual time, on a node of sim/line.h: as many as a test needs. The
// caller gives it every event of the line, in their order.
#ifndef SIM_TRANSCEIVER_H
#define SIM_TRANSCEIVER_H

#include "port/api/transceiver.h"
#include "sim/line.h"

#define SIM_TRANSCEIVER_EVENTS 600 // more than two frames

struct sim_transceiver {
    // Knobs, changed at will:
    uint32_t late_ns;   // the driver's release comes that much late
    bool is_stuck;      // frames never end
    enum err setup_err; // what the next set-ups give
    // Public to read:
    uint32_t setups, sends, releases;
    // Private:
    struct sim_line *line;
    unsigned node;
    struct transceiver_cfg cfg;
    bool is_set_up;
    bool sending;
    uint64_t start_us, end_us, release_us;
    uint32_t hold_ns;
    bool is_lost;
    uint64_t lost_us;
    uint16_t first, count;
    struct transceiver_event events[SIM_TRANSCEIVER_EVENTS]; // ring
};

void sim_transceiver_init(struct sim_transceiver *t, struct sim_line *line, unsigned node);
NODISCARD enum err sim_transceiver_setup(struct sim_transceiver *t, uint64_t now_us,
                                         const struct transceiver_cfg *cfg,
                                         struct transceiver_timing *out);
void sim_transceiver_drive(struct sim_transceiver *t);
NODISCARD enum err sim_transceiver_send(struct sim_transceiver *t, uint64_t now_us,
                                        struct bytes frame);
void sim_transceiver_release(struct sim_transceiver *t, uint64_t now_us);
// An event of the line, its own frames too.
void sim_transceiver_hear(struct sim_transceiver *t, const struct sim_line_event *event);
uint64_t sim_transceiver_deadline_us(const struct sim_transceiver *t);
void sim_transceiver_tick(struct sim_transceiver *t, uint64_t now_us);
bool sim_transceiver_next(struct sim_transceiver *t, struct transceiver_event *out);

#endif
