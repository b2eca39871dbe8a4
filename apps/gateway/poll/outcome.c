// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/outcome.h"

enum mb_line_outcome poll_outcome(enum line_outcome outcome)
{
    switch (outcome) {
    case LINE_REPLY: return MB_LINE_REPLY;
    case LINE_SENT: return MB_LINE_SENT;
    case LINE_TIMEOUT: return MB_LINE_TIMEOUT;
    case LINE_NOISE:
    case LINE_COLLISION:
    case LINE_NO_ECHO:
    case LINE_BUSY: return MB_LINE_NOISE;
    case LINE_CANCELLED: return MB_LINE_CANCELLED;
    case LINE_PORT_LOST: break;
    }
    return MB_LINE_LOST;
}
