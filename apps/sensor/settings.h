// SPDX-License-Identifier: Apache-2.0
// busward-sensor's command line, checked: where the device is and how its store lives.
#ifndef SENSOR_SETTINGS_H
#define SENSOR_SETTINGS_H

#include "apps/sensor/device.h"
#include "apps/sensor/serial_link.h"
#include "port/linux/options.h"

enum port_kind { PORT_TTY, PORT_PTY, PORT_TCP, PORT_RTU_TCP };

struct settings {
    enum port_kind kind;
    char host[64];
    uint16_t tcp_port;
    struct serial_link_config serial;
    struct device_config device;
};

// OPTIONS_WRONG: every mistake was said on stderr.
enum option_result settings_parse(int argc, char **argv, struct settings *out);

#endif
