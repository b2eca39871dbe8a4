// SPDX-License-Identifier: Apache-2.0
// The gateway's loop: bus events in, frames, samples and log lines out.
#ifndef GATEWAY_RUN_LINUX_H
#define GATEWAY_RUN_LINUX_H

#include "apps/gateway/methods/service_linux.h"
#include "apps/gateway/setup_linux.h"
#include "apps/gateway/twin/remote_linux.h"
#include "port/linux/loop.h"

struct run {
    // Set before run_gateway:
    struct setup setup; // after setup_config
    const char *sync_trace;
    bool trust_clock;
    // Private:
    bool must_restart; // somebody asked for it
    struct loop loop;
    struct north *north;
    struct remote *remote; // NULL: the local file alone
    struct service service;
    struct bus *buses[CONFIG_BUSES_MAX];
    uint64_t skipped[CONFIG_BUSES_MAX]; // periods told so far
    uint64_t told_us[CONFIG_BUSES_MAX];
    uint64_t unsent[CONFIG_BUSES_MAX]; // requests told so far
    uint64_t unsent_told_us[CONFIG_BUSES_MAX];
};

// Until SIGTERM or SIGINT, then OK; ERR_AGAIN: the program must begin anew, with another
// configuration or because somebody asked for it. Else the reason has been logged.
NODISCARD enum err run_gateway(struct run *run);

#endif
