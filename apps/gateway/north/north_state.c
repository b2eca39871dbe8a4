// SPDX-License-Identifier: Apache-2.0
// What the journal keeps of sensors and of points at their limits, for the next run.
#include "apps/gateway/north/north_internal.h"

#include "port/api/clock.h"

bool north_find_relay(const struct north *north, uint32_t key, uint32_t *sequence, uint64_t *at_us)
{
    struct journal_relay relay;
    if (!journal_find_relay(&north->side->journal, key, &relay)) {
        return false;
    }
    *sequence = relay.sequence;
    *at_us = relay.at_us;
    if (relay.boot == north->side->journal.cfg.boot) {
        return true;
    }
    // Another boot: the monotonic times compare by way of UTC only.
    struct wall_time utc;
    *at_us = 0;
    if (relay.utc_ms != JOURNAL_UTC_UNKNOWN && north_clock(north, &utc)) {
        int64_t age_ms = utc.utc_ms - relay.utc_ms;
        int64_t now_ms = (int64_t)(port_now_us() / US_PER_MS);
        *at_us = age_ms >= 0 && age_ms < now_ms ? (uint64_t)(now_ms - age_ms) * US_PER_MS : 0;
    }
    return true;
}

// A point's place in the table of relays: their ids are of one map. Its sequence is the side.
enum { BEYOND_NONE, BEYOND_LOW, BEYOND_HIGH };

void north_set_beyond(struct north *north, uint64_t now_us, uint32_t point, int beyond,
                      uint64_t beyond_from_us)
{
    uint32_t side = beyond < 0 ? BEYOND_LOW : beyond > 0 ? BEYOND_HIGH : BEYOND_NONE;
    north_set_relay(north, now_us, point, side, beyond_from_us);
}

void north_find_limit(const struct north *north, uint32_t point, int *side, int *beyond,
                      uint64_t *beyond_from_us)
{
    uint32_t kept = BEYOND_NONE;
    *side = journal_find_side(&north->side->journal, point);
    *beyond_from_us = 0;
    bool is_known = north_find_relay(north, point, &kept, beyond_from_us);
    *beyond = !is_known ? 0 : kept == BEYOND_LOW ? -1 : kept == BEYOND_HIGH ? 1 : 0;
}
