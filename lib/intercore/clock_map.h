// SPDX-License-Identifier: Apache-2.0
// The core's clock on the host's: an interval that the difference is sure to lie in. Each exchange
// bounds it from both sides, whatever the way there and back took; between exchanges it widens by
// what the rates may differ, and the next one cuts it down again.
//
// Sure as long as the rates differ by less than IC_RATE_MAX_PPB, and change by less than
// IC_RATE_WANDER_PPB within two windows. Where they do more, an exchange finds out (.jumps).
#ifndef INTERCORE_CLOCK_MAP_H
#define INTERCORE_CLOCK_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define IC_RATE_MAX_PPB    INT64_C(500000) // two crystals, and a host whose clock is being slewed
#define IC_RATE_WANDER_PPB INT64_C(5000)   // temperature, and small corrections
#define IC_RATE_WINDOW_US  (64 * US_PER_S)

// Host minus core at this time of the core, in microseconds.
struct ic_clock_offset {
    uint64_t at_us;
    int64_t low_us, high_us;
};

struct ic_clock {
    // Public to read:
    uint32_t count;                      // of exchanges taken; 0: nothing is known
    uint32_t jumps;                      // exchanges that contradicted what was thought sure
    int64_t rate_low_ppb, rate_high_ppb; // of host against core
    uint32_t round_trip_min_us;
    // Private:
    struct ic_clock_offset now, young, old;
};

void ic_clock_init(struct ic_clock *clock);
// One exchange: asked and answered by the host's clock, received and sent by the core's. False: the
// figures cannot be true, nothing changed.
bool ic_clock_sync(struct ic_clock *clock, uint64_t asked_us, uint64_t received_us,
                   uint64_t sent_us, uint64_t answered_us);
// A time of the core on the host's clock and how far off it may be. False: none is known yet, or it
// lies more than a day from the last exchange.
bool ic_clock_to_host(const struct ic_clock *clock, uint64_t core_us, uint64_t *host_us,
                      uint32_t *error_us);

#endif
