// SPDX-License-Identifier: Apache-2.0
// Carries questions to a hub's service REST: ours or Azure's, the same. A thread of its own with
// libcurl; TLS is always verified, times and sizes are bounded, a few calls run side by side.
//
//   hub_client_start -> { hub_client_submit ... done(call) from hub_client_collect }* ->
//   hub_client_stop
#ifndef CLOUD_HUB_CLIENT_H
#define CLOUD_HUB_CLIENT_H

#include "apps/cloud/hub_client/hub_call.h"
#include "apps/cloud/hub_client/service_sas.h"

#include <stdatomic.h>

enum {
    HUB_CALLS_MAX = 64,   // submitted and not collected
    HUB_RUNNING_MAX = 16, // at the hub at a time; a method may take minutes
};

struct hub_client;

struct hub_client_config {
    const char *url;      // https://host[:port]
    const char *policy;   // NULL: as the key file's connection string says
    const char *key_file; // 0600
    const char *ca;       // PEM file; NULL: the system's authorities
};

struct hub_client_stats {
    atomic_uint_fast64_t calls;
    atomic_uint_fast64_t failures; // that ended other than HUB_DONE
    atomic_uint_fast64_t retries;
    atomic_uint_fast64_t tokens;
};

// Reads the key once: *why says what is wrong with which setting. Texts are borrowed.
NODISCARD enum err hub_client_start(const struct hub_client_config *cfg, struct hub_client **out,
                                    const char **why);
// Never blocks. ERR_FULL: HUB_CALLS_MAX are under way; ERR_SIZE, ERR_ARG: this call cannot be
// asked. Then the call stays the caller's.
NODISCARD enum err hub_client_submit(struct hub_client *client, struct hub_call *call);
// Readable while answers wait.
int hub_client_fd(const struct hub_client *client);
void hub_client_collect(struct hub_client *client);
// Ends the thread; what is under way ends as HUB_UNREACHABLE, collected here. NULL is fine.
void hub_client_stop(struct hub_client *client);
const struct hub_client_stats *hub_client_stats(const struct hub_client *client);

#endif
