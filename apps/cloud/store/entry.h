// SPDX-License-Identifier: Apache-2.0
// One stored sample of one series in 16 bytes, as it stands in memory, and its value as a number.
#ifndef CLOUD_STORE_ENTRY_H
#define CLOUD_STORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

enum entry_kind {
    ENTRY_NONE,    // no value: a sample that is not good
    ENTRY_DECIMAL, // value / 10^decimals
    ENTRY_DOUBLE,  // value holds the bits of a double
    ENTRY_TEXT,    // value is the id of an interned text
};

enum { ENTRY_DECIMALS_MAX = 15, ENTRY_QUALITY_MAX = 3 };

// Times are UTC milliseconds within +-2^47 (the year 6429).
#define ENTRY_AT_MAX ((INT64_C(1) << 47) - 1)

struct entry {
    int64_t value;
    uint32_t at_low; // the lower 32 bits of the time, its upper 16 in at_high
    int16_t at_high;
    uint8_t form; // kind in bits 0-1, quality in bits 2-3, decimals in bits 4-7
    uint8_t reason;
};

_Static_assert(sizeof(struct entry) == 16, "an entry is 16 bytes");

static inline int64_t entry_at(const struct entry *e)
{
    return (int64_t)e->at_high * (INT64_C(1) << 32) + (int64_t)e->at_low;
}

static inline void entry_set_at(struct entry *e, int64_t at_ms)
{
    e->at_low = (uint32_t)((uint64_t)at_ms & UINT32_MAX);
    e->at_high = (int16_t)((at_ms - (int64_t)e->at_low) / (INT64_C(1) << 32));
}

static inline enum entry_kind entry_kind_of(const struct entry *e)
{
    return (enum entry_kind)(e->form & 3U);
}

static inline uint8_t entry_quality(const struct entry *e)
{
    return (uint8_t)((e->form >> 2) & 3U);
}

static inline uint8_t entry_decimals(const struct entry *e)
{
    return (uint8_t)(e->form >> 4);
}

static inline uint8_t entry_form(enum entry_kind kind, uint8_t quality, uint8_t decimals)
{
    return (uint8_t)((unsigned)kind | (unsigned)(quality & 3U) << 2 | (unsigned)decimals << 4);
}

// True and the number if it is one (text and no value are not).
bool entry_number(const struct entry *e, double *out);

// 10^decimals, exact up to ENTRY_DECIMALS_MAX.
double power_of_ten(unsigned decimals);

#endif
