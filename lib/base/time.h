// SPDX-License-Identifier: Apache-2.0
// Time in every machine: monotonic microseconds as uint64_t, deadlines absolute, TIME_NEVER for
// none. Wall time is another type, so that the two cannot be mixed.
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

#define TIME_NEVER  UINT64_MAX
#define US_PER_MS   UINT64_C(1000)
#define US_PER_S    UINT64_C(1000000)
#define MS_PER_S    UINT64_C(1000)
#define US_PER_MIN  (60 * US_PER_S)
#define US_PER_HOUR (60 * US_PER_MIN)
#define US_PER_DAY  (24 * US_PER_HOUR)

// UTC, milliseconds since 1970-01-01T00:00:00Z; only ever stamps samples and records.
struct wall_time {
    int64_t utc_ms;
};

static inline uint64_t time_min(uint64_t a_us, uint64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

// A deadline this far ahead; saturates at TIME_NEVER.
static inline uint64_t time_after(uint64_t now_us, uint64_t delay_us)
{
    return delay_us >= TIME_NEVER - now_us ? TIME_NEVER : now_us + delay_us;
}

#endif
