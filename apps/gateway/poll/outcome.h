// SPDX-License-Identifier: Apache-2.0
// What a line's outcome means to the Modbus client: neither library knows the other.
#ifndef GATEWAY_OUTCOME_H
#define GATEWAY_OUTCOME_H

#include "line/frame.h"
#include "modbus/client.h"

enum mb_line_outcome poll_outcome(enum line_outcome outcome);

#endif
