// SPDX-License-Identifier: Apache-2.0
// The model paced to real time: its transceiver is the client of a paced line, its mailbox a
// socket. Virtual time follows real time and never runs ahead; after a stall of the host it catches
// up in the order of events.
#ifndef SIM_MT3620_PACED_CORE_H
#define SIM_MT3620_PACED_CORE_H

#include "sim/mt3620/gate.h"
#include "sim/mt3620/judge.h"
#include "sim/paced.h"

struct paced_core_cfg {
    struct mt_cfg model;
    struct paced_cfg line;     // without a client
    const char *mailbox;       // path of the socket
    enum serial_parity parity; // of the devices
    uint8_t stop_bits;
};

struct paced_core {
    struct paced_core_cfg cfg;
    struct mt *mt;
    struct paced paced;
    struct gate gate;
    struct mt_judge judge;
    uint64_t epoch_us; // real time at which virtual time was 0
    uint64_t ran_us;   // real time up to which the core has run
    bool driving;
    size_t frame_size;
    uint64_t frame_start_u;
    uint8_t frame[SIM_LINE_BURST];
    uint64_t mismatched; // characters at another speed or format than the line's
    uint64_t slipped_us; // worst lag of the core behind real time
    char problem[512];
};

// ERR_IO: .problem says what.
NODISCARD enum err paced_core_open(struct paced_core *core, const struct paced_core_cfg *cfg);
// One turn; false: stop_fd is readable, or the model failed (.problem is not empty then).
bool paced_core_turn(struct paced_core *core, int stop_fd, uint64_t until_us);
void paced_core_reset(struct paced_core *core);
// One JSON object, with all that busward-line reports.
void paced_core_report(const struct paced_core *core, FILE *out);
void paced_core_close(struct paced_core *core);

#endif
