// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/device.h"

#include <sodium.h>
#include <string.h>

enum { MAC_SIZE = 32 };

static void mac_of(const uint8_t key[DEVICE_KEY_SIZE], struct bytes name,
                   const uint8_t nonce[DEVICE_NONCE_SIZE], uint8_t out[MAC_SIZE])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, DEVICE_KEY_SIZE, MAC_SIZE);
    crypto_generichash_update(&state, nonce, DEVICE_NONCE_SIZE);
    crypto_generichash_update(&state, name.data, name.size);
    crypto_generichash_final(&state, out, MAC_SIZE);
}

void device_cookie_make(const uint8_t key[DEVICE_KEY_SIZE], struct bytes name,
                        char out[DEVICE_COOKIE_SIZE + 1])
{
    uint8_t raw[DEVICE_NONCE_SIZE + MAC_SIZE];
    randombytes_buf(raw, DEVICE_NONCE_SIZE);
    mac_of(key, name, raw, raw + DEVICE_NONCE_SIZE);
    sodium_bin2hex(out, DEVICE_COOKIE_SIZE + 1, raw, sizeof(raw));
}

bool device_cookie_check(const uint8_t key[DEVICE_KEY_SIZE], struct bytes name, struct bytes cookie,
                         uint8_t nonce[DEVICE_NONCE_SIZE])
{
    uint8_t raw[DEVICE_NONCE_SIZE + MAC_SIZE];
    uint8_t mac[MAC_SIZE];
    size_t size = 0;
    if (cookie.size != DEVICE_COOKIE_SIZE ||
        sodium_hex2bin(raw, sizeof(raw), (const char *)cookie.data, cookie.size, NULL, &size,
                       NULL) != 0 ||
        size != sizeof(raw)) {
        return false;
    }
    mac_of(key, name, raw, mac);
    if (sodium_memcmp(mac, raw + DEVICE_NONCE_SIZE, MAC_SIZE) != 0) {
        return false;
    }
    memcpy(nonce, raw, DEVICE_NONCE_SIZE);
    return true;
}
