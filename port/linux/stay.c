// SPDX-License-Identifier: Apache-2.0
#include "port/linux/stay.h"

#define LATE_US    400 // an idle CPU wakes a thread within 200
#define BLAME_LATE 40  // more than one late wake-up in so many is too often
#define BLAME_MAX  120
#define ROAM_WAKES 32

static void blame(struct stay *stay, uint64_t late_us)
{
    if (late_us <= LATE_US) {
        stay->blame -= stay->blame > 0;
    } else if (stay->blame < BLAME_MAX) {
        stay->blame += BLAME_LATE;
    }
}

enum stay_move stay_woke(struct stay *stay, uint64_t late_us)
{
    blame(stay, late_us);
    if (stay->stays && stay->blame >= BLAME_MAX) {
        stay->stays = false;
        stay->roamed = 0;
        return STAY_FREE;
    }
    if (stay->stays || stay->blame > 0) {
        return STAY_AS_IT_IS; // where no CPU is better there is no reason to settle either
    }
    stay->roamed++;
    stay->stays = stay->roamed >= ROAM_WAKES;
    return stay->stays ? STAY_HERE : STAY_AS_IT_IS;
}
