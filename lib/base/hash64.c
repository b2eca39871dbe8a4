// SPDX-License-Identifier: Apache-2.0
#include "base/crc.h"

uint64_t hash64(uint64_t hash, struct bytes in)
{
    for (size_t i = 0; i < in.size; i++) {
        hash = (hash ^ in.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}
