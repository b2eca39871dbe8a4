// SPDX-License-Identifier: Apache-2.0
// The line of sim/line.h in real time between PTYs: what one end writes arrives at the others when
// its last bit would have. Node 0 is the client, the rest are devices. The client may be in this
// process instead; it then hears bit by bit, so it is told of a burst when that starts.
#ifndef SIM_PACED_H
#define SIM_PACED_H

#include <poll.h>
#include <stdio.h>

#include "sim/judge.h"
#include "sim/line.h"
#include "sim/responder.h"

#define PACED_STALL_US  1000
#define PACED_ENDS_MAX  (SIM_LINE_NODES - 1)
#define PACED_HEARD_MAX 8 // bursts that the client in this process has not fetched

struct paced_cfg {
    struct sim_line_cfg line;
    uint32_t t3_5_us;
    const char *client;          // link to the client's PTY; NULL: it is in this process
    const char *const *devices;  // links to the devices' PTYs
    size_t device_count;         // up to PACED_ENDS_MAX - 1
    unsigned responder_units;    // built-in responder, 0: none
    unsigned responder_changing; // registers of each of its reads
    uint64_t responder_delay_us;
    uint32_t late_ppm; // replies that come late, by ...
    uint64_t late_us;
    const char *log; // one JSON line per reply carried; NULL: none
};

// What a device sends, for a client in this process. Nobody hears a byte that is lost.
struct paced_burst {
    uint64_t start_us; // of its first start bit; characters follow without a pause
    size_t size;
    uint8_t data[SIM_LINE_BURST];
    bool lost[SIM_LINE_BURST];
};

struct paced_end {
    int master_fd; // -1: the client in this process
    int slave_fd;  // kept open, so that a client that ends does not hang up the PTY
    const char *link;
};

struct paced {
    struct paced_cfg cfg;
    struct sim_line line;
    struct judge judge;
    struct responder responder;
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
    // Bytes handed over later than PACED_STALL_US: the machine slept, not the client.
    uint64_t stalls, late_max_us;
    uint64_t now_us; // what the client in this process has lived through
    size_t heard_head, heard_count;
    struct paced_burst heard[PACED_HEARD_MAX];
    char problem[256];
};

// ERR_IO: .problem says what.
NODISCARD enum err paced_open(struct paced *paced, const struct paced_cfg *cfg);
// One turn: waits for bytes, the wire, stop_fd or until_us; false when stop_fd is readable.
bool paced_turn(struct paced *paced, int stop_fd, uint64_t until_us);

// The parts of a turn, for a loop that waits for more. Fills in one entry per end.
size_t paced_fds(const struct paced *paced, struct pollfd *fds);
// When the wire next has something to do.
uint64_t paced_deadline_us(const struct paced *paced);
// Takes what the devices wrote, as of at_us.
void paced_read(struct paced *paced, const struct pollfd *fds, uint64_t at_us);
// Hands over everything whose last bit is past.
void paced_deliver(struct paced *paced, uint64_t now_us);
// A frame of the client in this process, that was on the wire from start_us on.
void paced_send(struct paced *paced, uint64_t start_us, struct bytes frame);
// Drains what that client hears; false: nothing.
bool paced_heard(struct paced *paced, struct paced_burst *out);

// The members of the judge's report as a JSON object, without its braces.
void paced_report(const struct paced *paced, FILE *out);
void paced_close(struct paced *paced);

#endif
