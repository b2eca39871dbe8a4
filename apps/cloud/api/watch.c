// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/watch.h"

#include "base/assert.h"
#include "base/time.h"

#include <stdlib.h>

enum err watch_init(struct watch *watch, uint32_t site_max)
{
    *watch = (struct watch){.site_max = site_max};
    watch->due_us = calloc(site_max, sizeof(watch->due_us[0]));
    return watch->due_us != NULL ? OK : ERR_FULL;
}

void watch_deinit(struct watch *watch)
{
    free(watch->due_us);
    watch->due_us = NULL;
}

bool watch_is_due(const struct watch *watch, uint32_t site, uint64_t now_us)
{
    ASSERT(site < watch->site_max);
    return now_us >= watch->due_us[site];
}

void watch_begun(struct watch *watch, uint32_t site, uint64_t now_us)
{
    ASSERT(site < watch->site_max);
    watch->due_us[site] = now_us + WATCH_EVERY_S * US_PER_S;
}

void watch_answered(struct watch *watch, uint32_t site, uint64_t now_us, enum watch_answer answer)
{
    ASSERT(site < watch->site_max);
    switch (answer) {
    case WATCH_TOLD:
    case WATCH_FAILED: break;
    case WATCH_UNKNOWN: watch->due_us[site] = now_us + WATCH_UNKNOWN_S * US_PER_S; break;
    case WATCH_NO_ROUTE:
        watch->is_by_method = true;
        watch->due_us[site] = now_us;
        break;
    }
}
