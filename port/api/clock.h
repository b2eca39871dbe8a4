// SPDX-License-Identifier: Apache-2.0
// The clocks. Only main loops and ports read them; machines get the time as an argument.
#ifndef PORT_API_CLOCK_H
#define PORT_API_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

// Monotonic microseconds, the same for all processes of this machine; never goes back.
uint64_t port_now_us(void);

// False: the clock was never set (no RTC, no NTP yet: it is before 2026), and out is untouched.
bool port_wall_time(struct wall_time *out);

#endif
