// SPDX-License-Identifier: Apache-2.0
// The rules of a configuration that concern more than one key; resolves ports and defaults.
#ifndef GATEWAY_CONFIG_CHECK_H
#define GATEWAY_CONFIG_CHECK_H

#include "apps/gateway/config/config.h"

void config_check(struct config_report *report, struct arena *arena, struct config *config);
// config_check_north.c: the hub section, and that a path is absolute; part of config_check.
void config_check_hub(struct config_report *report, struct config *config);
void config_check_path(struct config_report *report, const struct doc_node *object, const char *key,
                       const char *path);

// Does it fit on the buses? Warnings with the predicted use, also with units that do not answer.
// False: not even while all units answer.
bool config_check_load(struct config_report *report, struct arena *arena,
                       const struct config *config);

enum {
    CONFIG_RT_PATH_MAX = 107, // bytes of a Unix socket's path
    CONFIG_RT_BAUD_MIN = 1200,
    CONFIG_RT_BAUD_MAX = 921600,
};
#define CONFIG_GUARD_BITS 1.5 // of a real-time core, unless told
#define CONFIG_PORTS      "tty:/dev/..., rt:/path, tcp:host:port or rtu+tcp:host:port"
// Reads "tty:/dev/...", "rt:/path", "tcp:host:port" or "rtu+tcp:host:port" from bus->port into
// port_kind, path, host and tcp_port; false: none of these.
bool config_port(struct arena *arena, struct config_bus *bus);

#endif
