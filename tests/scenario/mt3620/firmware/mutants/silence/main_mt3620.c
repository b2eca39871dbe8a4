// SPDX-License-Identifier: Apache-2.0
// Wrong on purpose: the application without the mandatory silence between frames.
#include "apps/rt/rt.h"

static void setup_done(struct rt *rt, uint64_t now_us, enum err err,
                       const struct transceiver_timing *timing)
{
    rt_setup_done(rt, now_us, err, timing);
    rt->line.t3_5_us = 1;
}

#define rt_setup_done setup_done
#include "apps/rt/main_mt3620.c"
