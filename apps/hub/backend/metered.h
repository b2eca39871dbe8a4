// SPDX-License-Identifier: Apache-2.0
// The quota as the backend speaks of it: in verdicts, and kept in hub.db.
#ifndef HUB_BACKEND_METERED_H
#define HUB_BACKEND_METERED_H

#include "apps/hub/backend/store.h"
#include "apps/hub/quota.h"

// True: it may pass, and took a token. HUB_THROTTLED with retry_s, HUB_QUOTA_EXCEEDED. quota NULL:
// no limits.
NODISCARD bool metered_admit(struct hub_quota *quota, enum hub_quota_kind kind,
                             struct hub_quota_time now, struct verdict *why);
// quota NULL: nothing.
void metered_charge(struct hub_quota *quota, int64_t utc_ms, size_t size);

// The day's count of the last life.
NODISCARD enum err metered_load(struct hub_quota *quota, struct store *store);
NODISCARD enum err metered_save(const struct hub_quota *quota, struct store *store);

#endif
