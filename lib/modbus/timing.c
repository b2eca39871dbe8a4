// SPDX-License-Identifier: Apache-2.0
#include "modbus/timing.h"

#include "base/assert.h"

#define US UINT64_C(1000000)

static uint64_t div_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

struct mb_silence mb_silence(uint32_t baud, uint32_t bits, bool char_times)
{
    ASSERT(baud > 0 && (bits == MB_BITS_8N1 || bits == MB_BITS_8E1));
    struct mb_silence silence = {
        .char_us = (uint32_t)div_up(bits * US, baud),
        .t15_us = MB_T15_FIXED_US,
        .t35_us = MB_T35_FIXED_US,
    };
    if (baud <= MB_BAUD_FIXED || char_times) {
        silence.t15_us = (uint32_t)div_up(3 * bits * US, 2 * (uint64_t)baud);
        silence.t35_us = (uint32_t)div_up(7 * bits * US, 2 * (uint64_t)baud);
    }
    return silence;
}
