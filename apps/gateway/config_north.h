// SPDX-License-Identifier: Apache-2.0
// The part of the configuration after the samples: hub, telemetry, journal. Keys:
// config_table_north.c.
#ifndef GATEWAY_CONFIG_NORTH_H
#define GATEWAY_CONFIG_NORTH_H
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

#endif
