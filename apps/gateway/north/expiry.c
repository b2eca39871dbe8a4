// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/expiry.h"

#define S_PER_DAY INT64_C(86400)

void expiry_init(struct expiry *expiry, uint32_t alarm_days)
{
    *expiry = (struct expiry){.alarm_days = alarm_days};
}

void expiry_set(struct expiry *expiry, enum expiry_item item, int64_t end_s)
{
    bool is_new = !expiry->items[item].is_known || expiry->items[item].end_s != end_s;
    expiry->items[item].is_known = true;
    expiry->items[item].end_s = end_s;
    expiry->items[item].told_us = is_new ? 0 : expiry->items[item].told_us;
}

bool expiry_next(struct expiry *expiry, uint64_t now_us, struct wall_time utc,
                 struct expiry_alarm *out)
{
    for (size_t i = 0; i < EXPIRY_ITEMS; i++) {
        int64_t left_s = expiry->items[i].end_s - utc.utc_ms / (int64_t)MS_PER_S;
        bool is_near = left_s < (int64_t)expiry->alarm_days * S_PER_DAY;
        if (expiry->items[i].is_known && is_near && now_us >= expiry->items[i].told_us) {
            expiry->items[i].told_us = time_after(now_us, US_PER_DAY);
            *out = (struct expiry_alarm){
                .item = (enum expiry_item)i,
                .end_s = expiry->items[i].end_s,
                // Rounded down, so that an hour ago is a day too late.
                .days = left_s >= 0 ? left_s / S_PER_DAY : -((-left_s - 1) / S_PER_DAY) - 1,
            };
            return true;
        }
    }
    return false;
}
