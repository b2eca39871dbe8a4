// SPDX-License-Identifier: Apache-2.0
// What a line's outcome means to the Modbus client, and to people: neither library knows the other.
#ifndef GATEWAY_OUTCOME_H
#define GATEWAY_OUTCOME_H

#include "line/frame.h"
#include "modbus/client.h"
#include "telemetry/sample.h"

// Why a request got no data.
enum poll_failure {
    POLL_OK,
    POLL_TIMEOUT,     // no byte came
    POLL_BAD_CRC,     // a frame's worth of bytes, but not those that were sent
    POLL_CUT_SHORT,   // too few bytes for any frame
    POLL_WRONG_UNIT,  // a good frame of another unit
    POLL_WRONG_REPLY, // a good frame of this unit that answers another question
    POLL_NOISE,       // bytes that are no frame
    POLL_COLLISION,   // our own frame came back changed
    POLL_NO_ECHO,     // it did not come back, though the line is said to have an echo
    POLL_BUSY,        // nothing was sent: the line was never quiet
    POLL_UNREACHED,   // a gateway on the way says that it cannot reach the unit
    POLL_EXCEPTION,   // the unit said no
};

enum mb_line_outcome poll_outcome(enum line_outcome outcome);
// Of an answer that is TIMEOUT, BAD or BUSY. heard, reply: what the line said and brought.
enum poll_failure poll_failure_of(const struct mb_answer *answer, enum line_outcome heard,
                                  struct bytes reply);
// Static storage: "bad_crc" and the like, and a sentence about what to look at.
const char *poll_failure_name(enum poll_failure failure);
const char *poll_failure_hint(enum poll_failure failure);
// How it is told in samples.
enum tm_reason poll_failure_reason(enum poll_failure failure);

#endif
