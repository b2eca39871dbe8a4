// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/plugin_options.h"

#include "apps/hub/log_writer.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdio.h>
#include <string.h>

#define LOG_BYTES_DEFAULT (UINT64_C(1) << 30)
#define LOG_BYTES_MAX     (UINT64_C(1) << 40)

static bool parse_bytes(const char *text, uint64_t *out)
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
    return value >= HUB_LOG_BYTES_MIN && value <= LOG_BYTES_MAX;
}

static enum err fail(struct hub_fault *fault, const char *key, const char *message)
{
    *fault = (struct hub_fault){0};
    snprintf(fault->message, sizeof(fault->message), "plugin_opt_%.40s: %s", key, message);
    return ERR_ARG;
}

enum err hub_options_read(struct hub_options *out, const struct mosquitto_opt *options, int count,
                          struct hub_fault *fault)
{
    *out = (struct hub_options){.log_bytes_max = LOG_BYTES_DEFAULT};
    for (int i = 0; i < count; i++) {
        const char *key = options[i].key;
        const char *value = options[i].value != NULL ? options[i].value : "";
        if (strcmp(key, "data_dir") == 0) {
            out->data_dir = value;
        } else if (strcmp(key, "identities") == 0) {
            out->identities = value;
        } else if (strcmp(key, "log_bytes_max") == 0) {
            if (!parse_bytes(value, &out->log_bytes_max)) {
                return fail(fault, key, "a number of bytes from 4194304 to 1099511627776");
            }
        } else {
            return fail(fault, key, "unknown: data_dir, identities and log_bytes_max are known");
        }
    }
    if (out->data_dir == NULL || out->data_dir[0] == '\0') {
        return fail(fault, "data_dir", "missing: the folder of the log");
    }
    if (out->identities == NULL || out->identities[0] == '\0') {
        return fail(fault, "identities", "missing: the path of devices.json");
    }
    return OK;
}
