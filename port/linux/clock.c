// SPDX-License-Identifier: Apache-2.0
#include "port/api/clock.h"

#include <time.h>

#include "base/assert.h"

// Older than this program: a clock that was never set.
#define WALL_PLAUSIBLE_S INT64_C(1767225600) // 2026-01-01T00:00:00Z

uint64_t port_now_us(void)
{
    struct timespec now;
    ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

bool port_wall_time(struct wall_time *out)
{
    struct timespec now;
    ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    if (now.tv_sec < WALL_PLAUSIBLE_S) {
        return false;
    }
    out->utc_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    return true;
}
