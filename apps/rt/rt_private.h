// SPDX-License-Identifier: Apache-2.0
// Shared by the parts of the core's application only.
#ifndef RT_RT_PRIVATE_H
#define RT_RT_PRIVATE_H

#include "apps/rt/rt.h"

// A frame of this size goes onto the line now.
void rt_sending(struct rt *rt, uint16_t size);
// Where the line's work was to end and has ended, the next set-up comes.
void rt_check_ending(struct rt *rt);

// output.c: a frame heard in listen-only becomes a message, if there is room for one.
void rt_keep_heard(struct rt *rt);

#endif
