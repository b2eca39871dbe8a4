// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA256 by OpenSSL.
#include "port/api/hmac.h"

#include "base/assert.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

void hmac_sha256(struct bytes key, struct bytes message, uint8_t out[HMAC_SHA256_SIZE])
{
    unsigned int size = 0;
    const unsigned char *mac =
        HMAC(EVP_sha256(), key.data, (int)key.size, message.data, message.size, out, &size);
    ASSERT(mac != NULL && size == HMAC_SHA256_SIZE);
}
