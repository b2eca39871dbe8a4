// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/metered.h"

bool metered_admit(struct hub_quota *quota, enum hub_quota_kind kind, struct hub_quota_time now,
                   struct verdict *why)
{
    switch (quota != NULL ? hub_quota_take(quota, kind, now) : HUB_QUOTA_PASS) {
    case HUB_QUOTA_THROTTLED:
        (void)refuse(why, HUB_THROTTLED, "more than the quota allows of this kind, try again");
        why->retry_s = (uint32_t)hub_quota_wait_s(quota, kind, now.now_us);
        return false;
    case HUB_QUOTA_USED_UP:
        return refuse(why, HUB_QUOTA_EXCEEDED,
                      "the %llu messages of this day are used up; the next begins at 00:00 UTC",
                      (unsigned long long)quota->limits.messages_per_day);
    case HUB_QUOTA_PASS: break;
    }
    return grant(why);
}

void metered_charge(struct hub_quota *quota, int64_t utc_ms, size_t size)
{
    if (quota != NULL) {
        hub_quota_charge(quota, utc_ms, size);
    }
}

enum err metered_load(struct hub_quota *quota, struct store *store)
{
    sqlite3_stmt *s = store_get(store, "SELECT day, messages FROM counter");
    enum err err = store_row(store, s);
    if (err == OK) {
        quota->own = (struct hub_quota_day){.number = sqlite3_column_int64(s, 0),
                                            .used = (uint64_t)sqlite3_column_int64(s, 1)};
        sqlite3_reset(s);
    }
    return err;
}

enum err metered_save(const struct hub_quota *quota, struct store *store)
{
    sqlite3_stmt *s = store_get(store, "UPDATE counter SET day=?1, messages=?2");
    store_bind_number(s, 1, quota->own.number);
    store_bind_number(s, 2, (int64_t)quota->own.used);
    return store_run(store, s);
}
