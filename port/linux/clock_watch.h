// SPDX-License-Identifier: Apache-2.0
// Steps of the wall clock, told when they happen: nothing wakes up to look for them.
#ifndef PORT_LINUX_CLOCK_WATCH_H
#define PORT_LINUX_CLOCK_WATCH_H

#include "base/err.h"

// *fd becomes readable when somebody sets the clock; the caller closes it. ERR_IO: not to be had.
NODISCARD enum err clock_watch_open(int *fd);
// Makes it wait for the next step; not if the clock came to the last time that the kernel knows.
void clock_watch_rearm(int fd);

#endif
