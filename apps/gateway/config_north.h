// SPDX-License-Identifier: Apache-2.0
// The part of the configuration after the samples: hub, telemetry, journal. Keys:
// config_table_north.c.
#ifndef GATEWAY_CONFIG_NORTH_H
#define GATEWAY_CONFIG_NORTH_H
#include <stdbool.h>
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
    uint32_t keep_alive_s, retry_max_s;
    bool has_will;
    const char *proxy, *proxy_login_file;
};

struct config_telemetry {
    const struct doc_node *node;
    uint32_t max_age_ms, watch_age_ms, sync_ms;
    uint32_t age_max_h;
    uint32_t backfill_messages_per_min;
    uint32_t budget_per_day, meter_block_size;
};

struct config_journal {
    const struct doc_node *node;
    uint32_t bytes_max, segment_size;
    uint32_t order; // enum journal_order
};

#endif
