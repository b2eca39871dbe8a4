// SPDX-License-Identifier: Apache-2.0
// Inside the plugin: its state, how it starts, and how it carries out what the hub decided.
#ifndef HUB_PLUGIN_H
#define HUB_PLUGIN_H

#include "apps/hub/hub.h"
#include "apps/hub/plugin_options.h"
#include "port/linux/cells.h"
#include "port/linux/storage.h"

#include <time.h>

struct plugin {
    struct hub_options options;
    struct hub hub;
    struct hub_directory directory;
    struct hub_connections connections;
    struct hub_log log;
    struct linux_storage storage;
    struct linux_cells cells;
    struct hub_quota quota;
    struct linux_cells quota_cells; // one of its own, which keeps its file open
    void *id;                       // the broker's
    time_t ticked_s;
    bool was_full;              // and said so
    char topic[UINT16_MAX + 1]; // of what is being sent
};

// Opens everything; what is wrong is logged. plugin_free afterwards either way.
NODISCARD enum err plugin_open(struct plugin *plugin, const struct mosquitto_opt *options,
                               int count);
void plugin_free(struct plugin *plugin);

// The day's messages into their file, if they are others than before.
void plugin_keep_quota(struct plugin *plugin, struct hub_quota_day before);

// Sends and closes what the hub has put out.
void plugin_drain(struct plugin *plugin);

#endif
