// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/pem.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

bool pem_thumbprint(const char *pem, uint8_t out[PEM_THUMBPRINT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    BIO *in = BIO_new_mem_buf(pem, -1);
    X509 *certificate = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    bool is_good = certificate != NULL &&
                   X509_digest(certificate, EVP_sha256(), digest, &size) == 1 &&
                   size == PEM_THUMBPRINT_SIZE;
    if (is_good) {
        memcpy(out, digest, PEM_THUMBPRINT_SIZE);
    }
    X509_free(certificate);
    BIO_free(in);
    return is_good;
}
