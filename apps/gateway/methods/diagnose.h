// SPDX-License-Identifier: Apache-2.0
// The answer of the method `diagnostics`: the figures there are already, as JSON members. Pure.
#ifndef GATEWAY_DIAGNOSE_H
#define GATEWAY_DIAGNOSE_H

#include "apps/gateway/app.h"
#include "apps/gateway/methods/methods.h"
#include "apps/gateway/methods/nudge.h"
#include "apps/gateway/north/inbox.h"
#include "apps/gateway/north/uplink.h"

// What only the place knows.
struct diagnose_facts {
    const char *version;
    uint64_t uptime_us;
    uint64_t memory_kb; // resident
    bool is_clock_known;
    int64_t utc_ms;
    enum uplink_state state;
    struct uplink_stats uplink;
    struct journal_stats journal;
    bool is_failing; // the journal's medium
    uint64_t queue_dropped, bytes_today;
    const struct bus_figures *figures; // one per bus
};

void diagnose_write(const struct app *app, const struct diagnose_facts *facts,
                    const struct methods *methods, const struct nudge *nudge,
                    struct json_writer *out);

#endif
