// SPDX-License-Identifier: Apache-2.0
// The line of sim/line.h in real time between PTYs: what one end writes arrives at the others when
// its last bit would have. Node 0 is the client, the rest are devices.
#ifndef SIM_PACED_H
#define SIM_PACED_H

#include <stdio.h>

#include "sim/judge.h"
#include "sim/line.h"

#define PACED_ENDS_MAX (SIM_LINE_NODES - 1)
#define PACED_STALL_US 1000

struct paced_cfg {
    struct sim_line_cfg line;
    uint32_t t3_5_us;
    const char *client;         // link to the client's PTY
    const char *const *devices; // links to the devices' PTYs
    size_t device_count;        // up to PACED_ENDS_MAX - 1
    unsigned responder_units;   // built-in responder, 0: none
    uint64_t responder_delay_us;
    uint32_t late_ppm; // replies that come late, by ...
    uint64_t late_us;
    const char *log; // one JSON line per reply carried; NULL: none
};

struct paced_end {
    int master_fd;
    int slave_fd; // kept open, so that a client that ends does not hang up the PTY
    const char *link;
};

struct paced {
    struct paced_cfg cfg;
    struct sim_line line;
    struct judge judge;
    FILE *log;
    struct paced_end ends[PACED_ENDS_MAX];
    size_t end_count;
    uint64_t late_at_us; // a reply held back until then; TIME_NEVER: none
    unsigned late_node;
    size_t late_size;
    uint8_t late[SIM_LINE_BURST];
    size_t request_size; // last frame of the client, for the log
    uint8_t request[SIM_LINE_BURST];
    size_t reply_size; // bursts of the reply so far
    uint64_t reply_start_us;
    bool reply_spoilt;
    uint8_t reply[SIM_LINE_BURST];
    uint64_t
        stalls; // bytes handed over later than PACED_STALL_US: the machine slept, not the client
    uint64_t late_max_us;
    char problem[256];
};

// ERR_IO: .problem says what.
NODISCARD enum err paced_open(struct paced *paced, const struct paced_cfg *cfg);
// One turn: waits for bytes, the wire, stop_fd or until_us; false when stop_fd is readable.
bool paced_turn(struct paced *paced, int stop_fd, uint64_t until_us);
// The judge's report as one JSON object.
void paced_report(const struct paced *paced, FILE *out);
void paced_close(struct paced *paced);

#endif
