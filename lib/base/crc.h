// SPDX-License-Identifier: Apache-2.0
// Checksums. CRC-32C guards records on disk and messages between cores; 64-bit FNV-1a names things
// by content (no defence against somebody who wants a collision).
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "base/bytes.h"

// CRC-32C (Castagnoli, reflected, as in RFC 3720 B.4). Start with 0; feed the result back in to go
// on.
uint32_t crc32c(uint32_t crc, struct bytes in);

#define HASH64_START UINT64_C(0xcbf29ce484222325)
// 64-bit FNV-1a. Start with HASH64_START; feed the result back in to go on.
uint64_t hash64(uint64_t hash, struct bytes in);

#endif
