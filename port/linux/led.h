// SPDX-License-Identifier: Apache-2.0
// A light of the kernel's class "leds". While it is open its trigger is "none"; what it was comes
// back when it closes.
#ifndef PORT_LINUX_LED_H
#define PORT_LINUX_LED_H

#include "port/api/led.h"

enum { LED_PATH_SIZE = 300, LED_TRIGGER_SIZE = 64 };

struct led {
    char folder[LED_PATH_SIZE];
    char trigger[LED_TRIGGER_SIZE]; // that it had; "": unknown
    unsigned brightness_max;
};

// name: as in /sys/class/leds, or the path of such a folder. ERR_NOT_FOUND: there is none or it
// cannot be written; ERR_SIZE.
NODISCARD enum err led_open(struct led *led, const char *name);
void led_close(struct led *led);

#endif
