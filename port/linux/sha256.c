// SPDX-License-Identifier: Apache-2.0
#include "port/linux/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD_CTX *context;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->context = EVP_MD_CTX_new();
    if (s->context == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

bool sha256_begin(struct sha256 *s)
{
    return EVP_DigestInit_ex(s->context, EVP_sha256(), NULL) == 1;
}

bool sha256_add(struct sha256 *s, const void *data, size_t size)
{
    return EVP_DigestUpdate(s->context, data, size) == 1;
}

bool sha256_end(struct sha256 *s, char out[SHA256_HEX_SIZE + 1])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(s->context, raw, &size) != 1 || size * 2 != SHA256_HEX_SIZE) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = hex[raw[i] >> 4];
        out[2 * i + 1] = hex[raw[i] & 15];
    }
    out[SHA256_HEX_SIZE] = '\0';
    return true;
}

void sha256_free(struct sha256 *s)
{
    if (s != NULL) {
        EVP_MD_CTX_free(s->context);
        free(s);
    }
}
