// SPDX-License-Identifier: Apache-2.0
// Rules of names and keys, and base64: text that comes from operators and devices.
#ifndef HUB_BACKEND_IDS_H
#define HUB_BACKEND_IDS_H

#include "apps/hub/log_record.h"
#include "apps/hub/sas.h"

enum {
    ID_SIZE = HUB_ID_SIZE_MAX + 1, // with its NUL
    THUMBPRINT_SHA1_SIZE = 20,
    THUMBPRINT_SHA256_SIZE = 32,
    KEY_TEXT_SIZE = (HUB_KEY_SIZE_MAX + 2) / 3 * 4 + 1, // base64 and a NUL
    THUMBPRINT_TEXT_SIZE = 2 * THUMBPRINT_SHA256_SIZE + 1,
};

// Of a certificate: SHA-1 or SHA-256; size 0: none.
struct thumbprint {
    uint8_t bytes[THUMBPRINT_SHA256_SIZE];
    size_t size;
};

// NULL, or what is wrong with a registration id: 1 to 128 of letters, digits and - . _ :, and no
// special character at the end. (hub_id_fault in user_name.h judges device ids.)
const char *registration_id_fault(struct bytes id);

// Base64 of 16 to 64 bytes; empty text: no key. ERR_CORRUPT, ERR_SIZE; *out is then untouched.
NODISCARD enum err key_parse(struct bytes text, struct hub_sas_key *out);
void key_text(const struct hub_sas_key *key, char out[KEY_TEXT_SIZE]);
// 32 random bytes. ERR_IO.
NODISCARD enum err key_generate(struct hub_sas_key *out);
// base64(HMAC-SHA256(group, registration id)) decoded: the key of a device of a group.
void key_derive(const struct hub_sas_key *group, struct bytes registration_id,
                struct hub_sas_key *out);

// 40 or 64 hex digits, colons and spaces between them passed over; empty text: none. ERR_CORRUPT.
NODISCARD enum err thumbprint_parse(struct bytes text, struct thumbprint *out);
void thumbprint_text(const struct thumbprint *in, char out[THUMBPRINT_TEXT_SIZE]); // capitals

// Random bytes for ids and keys. ERR_IO.
NODISCARD enum err random_bytes(void *out, size_t size);

#endif
