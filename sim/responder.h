// SPDX-License-Identifier: Apache-2.0
// The fastest device there is: units 1 to N, answers reads of registers (FC 3 and 4) in no time of
// its own, so that a bench measures the client and the line only.
#ifndef SIM_RESPONDER_H
#define SIM_RESPONDER_H

#include "base/bytes.h"

struct responder {
    unsigned unit_count; // it answers for 1 to N
    unsigned changing;   // of each read the first so many registers differ from the read before
    uint32_t reads;      // answered so far
};

// The RTU reply to an RTU request: register r of unit u holds u * 256 + r, and one that changes as
// much more as there were reads. Illegal requests get their exception. Size 0 in out: no reply
// (broadcast, other unit, CRC).
void responder_reply(struct responder *responder, struct bytes request, struct writer *out);

#endif
