// SPDX-License-Identifier: Apache-2.0
// The plugin_opt_* lines of mosquitto.conf.
#ifndef HUB_PLUGIN_OPTIONS_H
#define HUB_PLUGIN_OPTIONS_H

#include "apps/hub/identities.h"

struct mosquitto_opt;

struct hub_options {
    const char *data_dir;   // the broker's memory
    const char *identities; // the broker's memory
    uint64_t log_bytes_max;
};

// ERR_ARG: unknown, missing or out of range; *fault tells which and what would be right.
NODISCARD enum err hub_options_read(struct hub_options *out, const struct mosquitto_opt *options,
                                    int count, struct hub_fault *fault);

#endif
