// SPDX-License-Identifier: Apache-2.0
// The part of the configuration after the samples: hub, telemetry, journal. Keys:
// config_table_north.c.
#ifndef GATEWAY_CONFIG_NORTH_H
#define GATEWAY_CONFIG_NORTH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct doc_node;

struct config_provisioning {
    const struct doc_node *node; // NULL: the hub is known
    const char *dps_host;
    uint32_t dps_port;
    const char *dps_address; // where to connect if not to `dps_host`; "": dps_host
    const char *id_scope;
    const char *registration_id; // "": the gateway's id
    const char *group_key_file;
    const char *payload;
};

// A file may be `credential:NAME`: of systemd's credentials.
struct config_hub {
    const struct doc_node *node; // NULL: no hub, everything stays in the journal
    const char *host;            // "": as provisioning or the connection string says
    uint32_t port;
    const char *address;   // where to connect if not to `host`; "": host
    const char *device_id; // "": as the connection string says, else the gateway's id
    const char *key_file;
    const char *certificate_file;
    const char *private_key_file;
    const char *ca_file;
    uint32_t keep_alive_s, retry_max_s;
    bool has_will;
    const char *proxy, *proxy_login_file;
    uint32_t expiry_alarm_days;
    struct config_provisioning provisioning;
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
