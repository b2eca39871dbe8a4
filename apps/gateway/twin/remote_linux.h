// SPDX-License-Identifier: Apache-2.0
// The twin on Linux: the machines of twin and configuration on the loop's thread, checks, downloads
// and writes on a thread named "remote".
#ifndef GATEWAY_REMOTE_LINUX_H
#define GATEWAY_REMOTE_LINUX_H

#include "apps/gateway/app.h"
#include "apps/gateway/north/north_linux.h"
#include "apps/gateway/twin/remote_setup_linux.h"

struct remote;

struct remote_options {
    struct loop *loop;
    struct north *north;        // before its first turn
    struct remote_setup *setup; // borrowed
    const struct app *app;      // borrowed: whose units answer
};

// Without a hub, or not allowed: *out is NULL, which the other functions take. ERR_FULL, ERR_IO:
// logged.
NODISCARD enum err remote_open(struct remote **out, const struct remote_options *options);
// In each turn, before north_turn; returns the next deadline.
uint64_t remote_turn(struct remote *remote, uint64_t now_us);
// Merges a patch (an object) into the reported properties, beside what is reported of the
// configuration.
void remote_report(struct remote *remote, uint64_t now_us, struct bytes patch);
// Asks the hub for the twin again, as a nudge has it.
void remote_refresh(struct remote *remote, uint64_t now_us);
// The process must begin anew: the loop was stopped for it.
bool remote_wants_restart(const struct remote *remote);
// Before north_close. A download that hangs is left behind.
void remote_close(struct remote *remote);

#endif
