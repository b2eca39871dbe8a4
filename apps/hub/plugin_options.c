// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/plugin_options.h"

#include "apps/hub/connections.h"
#include "apps/hub/log_writer.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdio.h>
#include <string.h>

#define LOG_BYTES_DEFAULT (UINT64_C(1) << 30)
#define LOG_BYTES_MAX     (UINT64_C(1) << 40)

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t size = strlen(text);
    if (size == 0 || size > 15 || strspn(text, "0123456789") != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return value >= min && value <= max;
}

static enum err fail(char fault[HUB_FAULT_SIZE], const char *key, const char *message)
{
    snprintf(fault, HUB_FAULT_SIZE, "plugin_opt_%.40s: %s", key, message);
    return ERR_ARG;
}

// NULL, or what would be right.
static const char *read_one(struct hub_options *out, const char *key, const char *value)
{
    uint64_t number = 0;
    if (strcmp(key, "mode") == 0) {
        out->mode = strcmp(value, "dps") == 0 ? HUB_MODE_DPS : HUB_MODE_HUB;
        bool is_known = out->mode == HUB_MODE_DPS || strcmp(value, "hub") == 0;
        return is_known ? NULL : "hub or dps";
    }
    if (strcmp(key, "directory") == 0) {
        out->directory = value;
        return NULL;
    }
    if (strcmp(key, "data_dir") == 0) {
        out->data_dir = value;
        return NULL;
    }
    if (strcmp(key, "log_bytes_max") == 0) {
        bool is_good = parse_number(value, HUB_LOG_BYTES_MIN, LOG_BYTES_MAX, &out->log_bytes_max);
        return is_good ? NULL : "a number of bytes from 4194304 to 1099511627776";
    }
    if (strcmp(key, "connections_max") == 0) {
        bool is_good = parse_number(value, HUB_CONNECTIONS_MIN, HUB_CONNECTIONS_MAX, &number);
        out->connections_max = (uint32_t)number;
        return is_good ? NULL : "a number of devices from 16 to 262144";
    }
    if (strcmp(key, "identities") == 0) {
        return "no more: devices stand in hub.db (plugin_opt_directory); busward-hub import takes "
               "a devices.json";
    }
    return "unknown: mode, directory, data_dir, log_bytes_max, connections_max and quota are known";
}

static enum err read_quota(struct hub_options *out, const char *value, char fault[HUB_FAULT_SIZE])
{
    char right[HUB_QUOTA_FAULT_SIZE];
    return hub_quota_parse(value, &out->quota, right) == OK ? OK : fail(fault, "quota", right);
}

enum err hub_options_read(struct hub_options *out, const struct mosquitto_opt *options, int count,
                          char fault[HUB_FAULT_SIZE])
{
    *out = (struct hub_options){
        .mode = HUB_MODE_HUB,
        .log_bytes_max = LOG_BYTES_DEFAULT,
        .connections_max = HUB_CONNECTIONS_DEFAULT,
    };
    bool has_quota = false;
    for (int i = 0; i < count; i++) {
        const char *value = options[i].value != NULL ? options[i].value : "";
        if (strcmp(options[i].key, "quota") == 0) {
            enum err err = read_quota(out, value, fault);
            if (err != OK) {
                return err;
            }
            has_quota = true;
            continue;
        }
        const char *right = read_one(out, options[i].key, value);
        if (right != NULL) {
            return fail(fault, options[i].key, right);
        }
    }
    if (out->directory == NULL || out->directory[0] == '\0') {
        return fail(fault, "directory", "missing: the path of hub.db");
    }
    bool has_log = out->data_dir != NULL && out->data_dir[0] != '\0';
    if (out->mode == HUB_MODE_HUB && !has_log) {
        return fail(fault, "data_dir", "missing: the folder of the log");
    }
    if (out->mode == HUB_MODE_DPS && has_log) {
        return fail(fault, "data_dir", "not with mode dps: it keeps no log");
    }
    if (out->mode == HUB_MODE_DPS && has_quota) {
        return fail(fault, "quota", "not with mode dps: it is the hub's");
    }
    return OK;
}
