// SPDX-License-Identifier: Apache-2.0
// Which CPU a thread of many short wake-ups runs on. Where it ran last its caches are warm and it
// is woken without disturbing another CPU, so it stays there; but when others keep that CPU
// busy and it wakes late, the scheduler may find it a better one. Pure: the caller tells the
// kernel.
//
//   roams --punctual for a while--> stays --late too often--> roams
#ifndef PORT_LINUX_STAY_H
#define PORT_LINUX_STAY_H

#include <stdbool.h>
#include <stdint.h>

enum stay_move {
    STAY_AS_IT_IS,
    STAY_HERE, // from now on only the CPU it runs on
    STAY_FREE, // any CPU it was allowed at its start
};

struct stay { // all zero: roams
    bool stays;
    uint32_t blame;  // grows with late wake-ups, shrinks with punctual ones
    uint32_t roamed; // punctual wake-ups since it roams
};

// After each wake-up by a timer; late_us: how long after it.
enum stay_move stay_woke(struct stay *stay, uint64_t late_us);

#endif
