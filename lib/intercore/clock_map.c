// SPDX-License-Identifier: Apache-2.0
#include "intercore/clock_map.h"

#include <string.h>

#define PPB      INT64_C(1000000000)
#define TIME_MAX (UINT64_MAX / 4) // keeps every difference in an int64_t

void ic_clock_init(struct ic_clock *clock)
{
    memset(clock, 0, sizeof *clock);
    clock->rate_low_ppb = -IC_RATE_MAX_PPB;
    clock->rate_high_ppb = IC_RATE_MAX_PPB;
    clock->round_trip_min_us = UINT32_MAX;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return -floor_div(-a, b);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// The offset at another time of the core, at most a day away.
static struct ic_clock_offset offset_at(const struct ic_clock *clock,
                                        const struct ic_clock_offset *from, uint64_t at_us)
{
    int64_t dt_us = (int64_t)at_us - (int64_t)from->at_us;
    int64_t a = clock->rate_low_ppb * dt_us;
    int64_t b = clock->rate_high_ppb * dt_us;
    return (struct ic_clock_offset){.at_us = at_us,
                                    .low_us = from->low_us + floor_div(smaller(a, b), PPB),
                                    .high_us = from->high_us + ceil_div(larger(a, b), PPB)};
}

static bool is_near(uint64_t a_us, uint64_t b_us)
{
    return a_us < TIME_MAX && (a_us > b_us ? a_us - b_us : b_us - a_us) <= US_PER_DAY;
}

static void begin_at(struct ic_clock *clock, const struct ic_clock_offset *sample)
{
    clock->rate_low_ppb = -IC_RATE_MAX_PPB;
    clock->rate_high_ppb = IC_RATE_MAX_PPB;
    clock->now = *sample;
    clock->young = *sample;
    clock->old = *sample;
}

// What two offsets a good while apart say about the rates.
static void learn_rate(struct ic_clock *clock)
{
    int64_t dt_us = (int64_t)(clock->now.at_us - clock->old.at_us);
    if (dt_us >= (int64_t)US_PER_S) {
        int64_t low = (clock->now.low_us - clock->old.high_us) * PPB;
        int64_t high = (clock->now.high_us - clock->old.low_us) * PPB;
        clock->rate_low_ppb = larger(floor_div(low, dt_us) - IC_RATE_WANDER_PPB, -IC_RATE_MAX_PPB);
        clock->rate_high_ppb = smaller(ceil_div(high, dt_us) + IC_RATE_WANDER_PPB, IC_RATE_MAX_PPB);
    }
    if (clock->now.at_us - clock->young.at_us >= IC_RATE_WINDOW_US) {
        clock->old = clock->young;
        clock->young = clock->now;
    }
}

bool ic_clock_sync(struct ic_clock *clock, uint64_t asked_us, uint64_t received_us,
                   uint64_t sent_us, uint64_t answered_us)
{
    bool is_sense = asked_us <= answered_us && answered_us < TIME_MAX && received_us <= sent_us &&
                    sent_us < TIME_MAX && is_near(asked_us, answered_us) &&
                    is_near(received_us, sent_us) &&
                    (clock->count == 0 || sent_us >= clock->now.at_us);
    if (!is_sense) {
        return false;
    }
    // A stamp is the start of its microsecond, and the core may drift while it holds the question.
    int64_t held_us = (int64_t)(sent_us - received_us);
    int64_t slack_us = 1 + ceil_div(held_us * IC_RATE_MAX_PPB, PPB);
    const struct ic_clock_offset sample = {
        .at_us = sent_us,
        .low_us = (int64_t)asked_us - (int64_t)received_us - slack_us,
        .high_us = (int64_t)answered_us - (int64_t)sent_us + 1,
    };
    if (sample.low_us > sample.high_us) {
        return false; // answered sooner than the core held it
    }
    uint64_t trip_us = (uint64_t)(sample.high_us - sample.low_us);
    clock->round_trip_min_us =
        trip_us < clock->round_trip_min_us ? (uint32_t)trip_us : clock->round_trip_min_us;
    bool begins = clock->count == 0 || !is_near(sent_us, clock->now.at_us);
    clock->count++;
    if (begins) {
        begin_at(clock, &sample);
        return true;
    }
    struct ic_clock_offset now = offset_at(clock, &clock->now, sent_us);
    now.low_us = larger(now.low_us, sample.low_us);
    now.high_us = smaller(now.high_us, sample.high_us);
    if (now.low_us > now.high_us) {
        clock->jumps++;
        begin_at(clock, &sample);
        return true;
    }
    clock->now = now;
    learn_rate(clock);
    return true;
}

bool ic_clock_to_host(const struct ic_clock *clock, uint64_t core_us, uint64_t *host_us,
                      uint32_t *error_us)
{
    if (clock->count == 0 || !is_near(core_us, clock->now.at_us)) {
        return false;
    }
    struct ic_clock_offset at = offset_at(clock, &clock->now, core_us);
    int64_t middle_us = floor_div(at.low_us + at.high_us, 2);
    if ((int64_t)core_us + middle_us < 0) {
        return false;
    }
    *host_us = (uint64_t)((int64_t)core_us + middle_us);
    *error_us = (uint32_t)smaller(at.high_us - middle_us + 1, UINT32_MAX);
    return true;
}
