// SPDX-License-Identifier: Apache-2.0
// From a bus of the configuration to an open one.
#ifndef GATEWAY_OPEN_BUS_LINUX_H
#define GATEWAY_OPEN_BUS_LINUX_H

#include "apps/gateway/config/config.h"
#include "port/linux/bus.h"

// As bus_open_tty() and bus_open_tcp().
NODISCARD enum err open_bus(const struct config_bus *b, struct bus **out);

#endif
