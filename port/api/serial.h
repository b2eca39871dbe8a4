// SPDX-License-Identifier: Apache-2.0
// A serial port that moves bytes and tells times. Nothing here blocks.
#ifndef PORT_API_SERIAL_H
#define PORT_API_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum serial_parity { SERIAL_NONE, SERIAL_EVEN, SERIAL_ODD };

struct serial_cfg {
    const char *path; // borrowed while open; any length
    // Any the hardware can do. What it makes instead may be 2.5 % off, or it is refused; the port
    // tells by how much.
    uint32_t baud;
    enum serial_parity parity;
    uint8_t stop_bits; // 1 or 2; 0: 1
    bool rs485;        // the driver switches direction (TIOCSRS485); refused: ERR_UNSUPPORTED
    bool rs485_low;    // DE is active low
    uint32_t rs485_before_ms;
    uint32_t rs485_after_ms;
};

// "8E1" and the like. ERR_ARG: not one of 8N1 8E1 8O1 8N2 8E2 8O2.
NODISCARD enum err serial_format(const char *text, struct serial_cfg *cfg);
// Bits from start to stop, 10 to 12. What the line's timing uses even where a PTY has no parity.
uint8_t serial_char_bits(const struct serial_cfg *cfg);

#endif
