// SPDX-License-Identifier: Apache-2.0
// A light that a person looks for. How one is opened is the place's (port/linux/led.h).
#ifndef PORT_API_LED_H
#define PORT_API_LED_H

#include <stdbool.h>

#include "base/err.h"

struct led;

// Never blocks. ERR_IO: it did not change.
NODISCARD enum err led_set(struct led *led, bool is_on);

#endif
