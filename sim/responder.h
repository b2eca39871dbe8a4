// SPDX-License-Identifier: Apache-2.0
// The fastest device there is: units 1 to N, answers reads of registers (FC 3 and 4) in no time of
// its own, so that a bench measures the client and the line only.
#ifndef SIM_RESPONDER_H
#define SIM_RESPONDER_H

#include "base/bytes.h"

// The RTU reply to an RTU request: register r of unit u holds u * 256 + r. Illegal requests get
// their exception. Size 0 in out: no reply (broadcast, other unit, CRC).
void responder_reply(struct bytes request, unsigned unit_count, struct writer *out);

#endif
