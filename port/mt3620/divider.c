// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/divider.h"

#define SLOTS 10

// Index: tenths of a sample clock; as many bits set, spread over the frame.
static const uint16_t FRACTIONS[SLOTS] = {
    0x000, 0x010, 0x044, 0x092, 0x059, 0x0AB, 0x0B7, 0x0DF, 0x0FF, 0x1FF,
};

enum err divider_find(uint32_t clock_hz, uint32_t baud, struct divider *out)
{
    if (baud < DIVIDER_BAUD_MIN || baud > DIVIDER_BAUD_MAX) {
        return ERR_ARG;
    }
    uint32_t latch = clock_hz / baud / 256 + 1;
    // Sample clocks of ten bits, rounded; the ones are the fraction.
    uint32_t tenths = (clock_hz * SLOTS + baud * latch / 2) / (baud * latch);
    uint32_t real = (clock_hz * SLOTS + latch * tenths / 2) / (latch * tenths);
    uint32_t off = real > baud ? real - baud : baud - real;
    if (off * 100 > baud || tenths / SLOTS < 8 || tenths / SLOTS > 256) {
        return ERR_UNSUPPORTED;
    }
    *out = (struct divider){
        .latch = (uint16_t)latch,
        .sample_count = (uint8_t)(tenths / SLOTS - 1),
        .sample_point = (uint8_t)(tenths / SLOTS / 2 - 2),
        .fraction = FRACTIONS[tenths % SLOTS],
        .fraction_bits = (uint8_t)(tenths % SLOTS),
        .baud = real,
    };
    return OK;
}

uint32_t divider_char_min(const struct divider *divider, uint8_t char_bits)
{
    return divider->latch * (char_bits * (divider->sample_count + 1U) + divider->fraction_bits);
}

uint32_t divider_char_max(const struct divider *divider, uint8_t char_bits)
{
    uint32_t more = divider->fraction_bits == 0 ? 0 : char_bits - (uint32_t)SLOTS;
    return divider_char_min(divider, char_bits) + divider->latch * more;
}
