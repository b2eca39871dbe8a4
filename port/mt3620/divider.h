// SPDX-License-Identifier: Apache-2.0
// The UART's divider: which register values make which speed, and how long a character then is.
// Pure arithmetic on the 26 MHz clock.
#ifndef PORT_MT3620_DIVIDER_H
#define PORT_MT3620_DIVIDER_H

#include <stdint.h>

#include "base/err.h"

#define DIVIDER_BAUD_MIN 1200
#define DIVIDER_BAUD_MAX 921600

struct divider {
    uint16_t latch;        // DLM:DLL
    uint8_t sample_count;  // HIGHSPEED = 3: a bit is sample_count + 1 sample clocks
    uint8_t sample_point;  // where in a bit the receiver looks
    uint16_t fraction;     // FRACDIV_M:FRACDIV_L, each bit set makes one slot of ten longer
    uint8_t fraction_bits; // set in it
    uint32_t baud;         // what comes out, rounded
};

// ERR_ARG: out of range. ERR_UNSUPPORTED: nothing within 1 % of it.
NODISCARD enum err divider_find(uint32_t clock_hz, uint32_t baud, struct divider *out);

// Clock periods of a character. How the ten slots of the mask lie on a frame of 11 or 12 bits is
// not published, so that it has a shortest and a longest length.
uint32_t divider_char_min(const struct divider *divider, uint8_t char_bits);
uint32_t divider_char_max(const struct divider *divider, uint8_t char_bits);

#endif
