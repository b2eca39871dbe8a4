// SPDX-License-Identifier: Apache-2.0
// The plugin_opt_* lines of mosquitto.conf.
#ifndef HUB_PLUGIN_OPTIONS_H
#define HUB_PLUGIN_OPTIONS_H

#include "apps/hub/filter.h"
#include "apps/hub/quota.h"

#include <stdint.h>

enum { HUB_FAULT_SIZE = 320 };

struct mosquitto_opt;

struct hub_options {
    enum hub_mode mode;
    const char *directory; // path of hub.db; the broker's memory
    const char *data_dir;  // of the log; the broker's memory; NULL in DPS
    uint64_t log_bytes_max;
    uint32_t connections_max;
    struct hub_quota_limits quota;
};

// ERR_ARG: unknown, missing or out of range; *fault tells which and what would be right.
NODISCARD enum err hub_options_read(struct hub_options *out, const struct mosquitto_opt *options,
                                    int count, char fault[HUB_FAULT_SIZE]);

#endif
