// SPDX-License-Identifier: Apache-2.0
#include "line/frame.h"

const char *line_outcome_name(enum line_outcome outcome)
{
    switch (outcome) {
    case LINE_REPLY: return "reply";
    case LINE_SENT: return "sent";
    case LINE_TIMEOUT: return "timeout";
    case LINE_NOISE: return "noise";
    case LINE_COLLISION: return "collision";
    case LINE_NO_ECHO: return "no_echo";
    case LINE_BUSY: return "busy";
    case LINE_CANCELLED: return "cancelled";
    case LINE_PORT_LOST: return "port_lost";
    }
    return "unknown";
}
