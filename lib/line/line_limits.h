// SPDX-License-Identifier: Apache-2.0
// Capacities of the line machine.
#ifndef LINE_LINE_LIMITS_H
#define LINE_LINE_LIMITS_H

#include "line/line_queue.h"

#define LINE_FRAME_MAX 256 // bytes of one frame [Serial Line V1.02, 2.5.1: RTU frame]
#define LINE_BAUD_MIN  300
#define LINE_BAUD_MAX  4000000

_Static_assert(LINE_QUEUE_MAX >= 8, "the line must not wait for its user between two frames");

#endif
