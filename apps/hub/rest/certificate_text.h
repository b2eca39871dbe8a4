// SPDX-License-Identifier: Apache-2.0
// What an enrolment's certificate says, by OpenSSL: PEM or the base64 of DER, as the SDKs send it.
// Nothing is trusted here. (Apart from our other headers: OpenSSL's names collide with ours.)
#ifndef HUB_REST_CERTIFICATE_TEXT_H
#define HUB_REST_CERTIFICATE_TEXT_H

#include "base/bytes.h"

enum {
    CERTIFICATE_TEXT_MAX = 8 * 1024 - 1,
    CERTIFICATE_NAME_SIZE = 512,
    CERTIFICATE_SERIAL_SIZE = 65,
};

struct certificate_text {
    char pem[CERTIFICATE_TEXT_MAX + 1];
    char subject[CERTIFICATE_NAME_SIZE]; // RFC 2253
    char issuer[CERTIFICATE_NAME_SIZE];
    char serial[CERTIFICATE_SERIAL_SIZE]; // hexadecimal
    uint8_t sha1[20];
    uint8_t sha256[32];
    int64_t not_before_ms, not_after_ms;
    int version; // 3 for X.509v3
    bool is_authority;
};

// False: no certificate, or a larger one than CERTIFICATE_TEXT_MAX.
bool certificate_text_read(struct bytes text, struct certificate_text *out);

#endif
