// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/memory.h"

#include <stddef.h>

#include "base/assert.h"

static const struct {
    uint32_t first, last;
} OURS[] = {
    {0x00000000U, 0x001FFFFFU}, // TCM
    {0x10000000U, 0x101FFFFFU}, // flash
    {0x21000000U, 0x21FFFFFFU}, // our peripherals
    {0x22000000U, 0x2200FFFFU}, // our SYSRAM
    {0x30000000U, 0x3FFFFFFFU}, // peripherals
    {0xE0000000U, 0xFFFFFFFFU}, // the core itself
};

bool memory_is_foreign(uint32_t base, uint32_t size)
{
    if (size == 0 || base > UINT32_MAX - (size - 1)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(OURS); i++) {
        if (base <= OURS[i].last && base + (size - 1) >= OURS[i].first) {
            return false;
        }
    }
    return true;
}
