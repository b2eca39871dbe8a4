// SPDX-License-Identifier: Apache-2.0
// While somebody looks at a site its gateway sends at once instead of collecting: it is told so, by
// a message, again and again as long as somebody looks. Pure; decides when and how.
//
// A message to a device is a route of our own hub; Azure has it over AMQP alone. A hub that does
// not know the route is asked from then on by the method `sync_now`, at the same pace: the gateway
// sends what it has, so a page is live to WATCH_EVERY there.
#ifndef CLOUD_API_WATCH_H
#define CLOUD_API_WATCH_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { WATCH_EVERY_S = 45, WATCH_FOR_S = 60, WATCH_UNKNOWN_S = 600 };

enum watch_answer {
    WATCH_TOLD,
    WATCH_FAILED,   // tried again in its turn
    WATCH_UNKNOWN,  // the hub has no such device: not asked again for WATCH_UNKNOWN_S
    WATCH_NO_ROUTE, // the hub has no such route: by method from now on
};

struct watch {
    bool is_by_method;
    // Private:
    uint64_t *due_us; // per site
    uint32_t site_max;
};

NODISCARD enum err watch_init(struct watch *watch, uint32_t site_max);
void watch_deinit(struct watch *watch);
// For a site that somebody looks at. True: tell its gateway now, or as soon as there is room.
bool watch_is_due(const struct watch *watch, uint32_t site, uint64_t now_us);
// It is being told: not again for WATCH_EVERY_S.
void watch_begun(struct watch *watch, uint32_t site, uint64_t now_us);
void watch_answered(struct watch *watch, uint32_t site, uint64_t now_us, enum watch_answer answer);

#endif
