// SPDX-License-Identifier: Apache-2.0
// The board: what is wired where. This one is the MT3620 reference board with an RS-485 transceiver
// at ISU0 (GPIO26 TX, GPIO28 RX), DE at GPIO42 and RE# at GPIO43. Another board is another header.
#ifndef PORT_MT3620_BOARD_H
#define PORT_MT3620_BOARD_H

#include <stdint.h>

#include "port/mt3620/regs.h"

enum {
    BOARD_ISU = 0,
    BOARD_DE_GPIO = 42,
    BOARD_RE_GPIO = 43, // low: the receiver is on
    BOARD_RED_GPIO = 8, // the light's colours are low when lit
    BOARD_GREEN_GPIO = 9,
    BOARD_BLUE_GPIO = 10,
    // Where in the first stop bit the receiver takes a byte, before that bit's end, in 1/8 bit.
    BOARD_RX_POINT_BITS8 = 4,
};

// A block of GPIOs belongs to one core as a whole, so DE and RE# share one, and so do the colours.
_Static_assert(BOARD_ISU >= 0 && BOARD_ISU <= 4, "no such ISU");
_Static_assert(BOARD_DE_GPIO >= 41 && BOARD_DE_GPIO <= 48, "DE is in the ADC block");
_Static_assert(BOARD_RE_GPIO >= 41 && BOARD_RE_GPIO <= 48, "one write turns DE and RE# round");
_Static_assert(BOARD_DE_GPIO != BOARD_RE_GPIO, "two pins");
_Static_assert(BOARD_RED_GPIO >= 8 && BOARD_BLUE_GPIO <= 11, "the colours share block 8 to 11");
_Static_assert(BOARD_RX_POINT_BITS8 >= 0 && BOARD_RX_POINT_BITS8 <= 8, "within the stop bit");

struct board {
    uint32_t uart; // base addresses
    uint32_t direction_gpio;
    uint32_t light_gpio;
    uint32_t uart_hz;
    uint8_t uart_irq;
    uint8_t de_mask; // bits of direction_gpio
    uint8_t re_mask;
    uint8_t red_mask; // bits of light_gpio
    uint8_t green_mask;
    uint8_t blue_mask;
    uint8_t rx_point_bits8;
};

static const struct board board = {
    .uart = 0x38070500U + 0x10000U * BOARD_ISU,
    .direction_gpio = 0x38000000U,
    .light_gpio = 0x38030000U,
    .uart_hz = 26000000,
    .uart_irq = IRQ_ISU_UART(BOARD_ISU),
    .de_mask = 1U << (BOARD_DE_GPIO - 41),
    .re_mask = 1U << (BOARD_RE_GPIO - 41),
    .red_mask = 1U << (BOARD_RED_GPIO - 8),
    .green_mask = 1U << (BOARD_GREEN_GPIO - 8),
    .blue_mask = 1U << (BOARD_BLUE_GPIO - 8),
    .rx_point_bits8 = BOARD_RX_POINT_BITS8,
};

#endif
