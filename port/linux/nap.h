// SPDX-License-Identifier: Apache-2.0
// Waking at a point in time although the system wakes us late: the timer is set ahead by what
// nearly every wake-up was late; what then is left is waited out awake, a few microseconds.
// Pure: the caller sleeps and reads the clock.
#ifndef PORT_LINUX_NAP_H
#define PORT_LINUX_NAP_H

#include <stdint.h>

#define NAP_LEAD_MAX_US 200 // bounds what a wrong guess costs in CPU time

struct nap { // all zero: nothing known yet
    uint32_t lead_us;
};

// When the timer of a sleep until then should fire.
uint64_t nap_timer_us(const struct nap *nap, uint64_t until_us);
// It did, and we ran at woke_us. Returns how late that was.
uint64_t nap_woke(struct nap *nap, uint64_t timer_us, uint64_t woke_us);

#endif
