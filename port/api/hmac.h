// SPDX-License-Identifier: Apache-2.0
// The seam to HMAC-SHA256 (RFC 2104, FIPS 180-4): OpenSSL on Linux, the TLS library elsewhere.
#ifndef PORT_API_HMAC_H
#define PORT_API_HMAC_H

#include "base/bytes.h"

enum { HMAC_SHA256_SIZE = 32 };

// Never fails, blocks, allocates for good or keeps the key.
void hmac_sha256(struct bytes key, struct bytes message, uint8_t out[HMAC_SHA256_SIZE]);

#endif
