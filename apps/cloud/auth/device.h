// SPDX-License-Identifier: Apache-2.0
// A browser that somebody logged in with before is known by a cookie: 128 random bits and a keyed
// hash of them and the account's name. It opens nothing; it only lets its owner's attempts count
// apart from those of strangers who guess at the same account (OWASP: device cookies).
#ifndef CLOUD_AUTH_DEVICE_H
#define CLOUD_AUTH_DEVICE_H

#include "base/bytes.h"

#include <stdbool.h>

enum {
    DEVICE_KEY_SIZE = 32,
    DEVICE_NONCE_SIZE = 16,
    DEVICE_COOKIE_SIZE = 2 * (DEVICE_NONCE_SIZE + 32), // hex
    DEVICE_COOKIE_DAYS = 365,
};

void device_cookie_make(const uint8_t key[DEVICE_KEY_SIZE], struct bytes name,
                        char out[DEVICE_COOKIE_SIZE + 1]);
// Whether it was made here for that name; *nonce is then what tells it from others.
bool device_cookie_check(const uint8_t key[DEVICE_KEY_SIZE], struct bytes name, struct bytes cookie,
                         uint8_t nonce[DEVICE_NONCE_SIZE]);

#endif
