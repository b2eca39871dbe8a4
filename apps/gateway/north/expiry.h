// SPDX-License-Identifier: Apache-2.0
// Tells weeks before that a certificate ends. Pure.
#ifndef GATEWAY_EXPIRY_H
#define GATEWAY_EXPIRY_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

enum expiry_item {
    EXPIRY_DEVICE,      // our certificate
    EXPIRY_AUTHORITIES, // the last of those that we trust
    EXPIRY_ITEMS,
};

struct expiry {
    uint32_t alarm_days;
    struct {
        bool is_known;
        int64_t end_s;    // UTC
        uint64_t told_us; // not told again before
    } items[EXPIRY_ITEMS];
};

struct expiry_alarm {
    enum expiry_item item;
    int64_t end_s;
    int64_t days; // whole days left; below 0: it has ended
};

void expiry_init(struct expiry *expiry, uint32_t alarm_days);
void expiry_set(struct expiry *expiry, enum expiry_item item, int64_t end_s);
// What is to be told now; each item at most once a day.
bool expiry_next(struct expiry *expiry, uint64_t now_us, struct wall_time utc,
                 struct expiry_alarm *out);

#endif
