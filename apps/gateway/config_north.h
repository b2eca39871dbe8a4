// SPDX-License-Identifier: Apache-2.0
// The part of the configuration after the samples: hub, telemetry, journal. Keys:
// config_table_north.c.
#ifndef GATEWAY_CONFIG_NORTH_H
#define GATEWAY_CONFIG_NORTH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct doc_node;

struct config_hub {
    const struct doc_node *node; // NULL: no hub, everything stays in the journal
    const char *host;
    uint32_t port;
    const char *address;   // where to connect if not to `host`; "": host
    const char *device_id; // "": the gateway's id
    const char *key_file;
    const char *ca_file;
};

struct config_telemetry {
    const struct doc_node *node;
    uint32_t max_age_ms, watch_age_ms, sync_ms;
};

struct config_journal {
    const struct doc_node *node;
    uint32_t bytes_max, segment_size;
};

// A key that stays as the local file has it, such as buses[line 1].baud.
struct config_mark {
    const struct doc_node *node;
    const char *path;
};

struct config_remote {
    const struct doc_node *node;
    bool is_enabled;
    uint32_t trial_s, lost_percent;
    const char *ca_file;
    struct config_mark *marks;
    size_t mark_count;
};

#endif
