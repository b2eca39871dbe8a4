// SPDX-License-Identifier: Apache-2.0
#include "port/linux/nap.h"

// Settles where one wake-up in BACK_US + 1 comes earlier than the lead assumes.
#define AHEAD_US 1
#define BACK_US  8

uint64_t nap_timer_us(const struct nap *nap, uint64_t until_us)
{
    return until_us > nap->lead_us ? until_us - nap->lead_us : 0;
}

uint64_t nap_woke(struct nap *nap, uint64_t timer_us, uint64_t woke_us)
{
    uint64_t late_us = woke_us > timer_us ? woke_us - timer_us : 0;
    if (late_us < nap->lead_us) {
        nap->lead_us = nap->lead_us > BACK_US ? nap->lead_us - BACK_US : 0;
    } else if (nap->lead_us < NAP_LEAD_MAX_US) {
        nap->lead_us += AHEAD_US;
    }
    return late_us;
}
