// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/certificate_text.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static X509 *parse(struct bytes text)
{
    static const char mark[] = "-----BEGIN ";
    if (text.size > sizeof(mark) && memcmp(text.data, mark, sizeof(mark) - 1) == 0) {
        BIO *bio = BIO_new_mem_buf(text.data, (int)text.size);
        X509 *x509 = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
        BIO_free(bio);
        return x509;
    }
    uint8_t der[CERTIFICATE_TEXT_MAX];
    char plain[CERTIFICATE_TEXT_MAX + 1];
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) { // some wrap the lines
        if (text.data[i] != '\r' && text.data[i] != '\n' && text.data[i] != ' ') {
            plain[size++] = (char)text.data[i];
        }
    }
    if (size == 0 || size % 4 != 0) {
        return NULL;
    }
    // The bytes that padding stands for come out as zeros behind the certificate: no harm.
    const int der_size = EVP_DecodeBlock(der, (const unsigned char *)plain, (int)size);
    const unsigned char *at = der;
    return der_size > 0 ? d2i_X509(NULL, &at, der_size) : NULL;
}

static bool take_name(const X509_NAME *name, char out[CERTIFICATE_NAME_SIZE])
{
    BIO *bio = BIO_new(BIO_s_mem());
    const bool is_good = bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0;
    const int size = is_good ? BIO_read(bio, out, CERTIFICATE_NAME_SIZE - 1) : 0;
    out[size > 0 ? size : 0] = '\0';
    BIO_free(bio);
    return is_good;
}

static bool take_thumbprint(const X509 *x509, const EVP_MD *digest, uint8_t *out, unsigned size)
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned made = 0;
    if (X509_digest(x509, digest, bytes, &made) != 1 || made != size) {
        return false;
    }
    memcpy(out, bytes, size);
    return true;
}

static bool take_time(const ASN1_TIME *time, int64_t *out)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    const bool is_good = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    *out = ((int64_t)days * 86400 + seconds) * 1000;
    ASN1_TIME_free(epoch);
    return is_good;
}

static bool take_serial(X509 *x509, char out[CERTIFICATE_SERIAL_SIZE])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    const bool is_good = hex != NULL && strlen(hex) < CERTIFICATE_SERIAL_SIZE;
    if (is_good) {
        memcpy(out, hex, strlen(hex) + 1);
    }
    OPENSSL_free(hex);
    BN_free(number);
    return is_good;
}

static bool take_pem(const X509 *x509, char out[CERTIFICATE_TEXT_MAX + 1])
{
    BIO *bio = BIO_new(BIO_s_mem());
    const bool is_good = bio != NULL && PEM_write_bio_X509(bio, x509) == 1 &&
                         BIO_pending(bio) <= CERTIFICATE_TEXT_MAX;
    const int size = is_good ? BIO_read(bio, out, CERTIFICATE_TEXT_MAX) : 0;
    out[size > 0 ? size : 0] = '\0';
    BIO_free(bio);
    return size > 0;
}

bool certificate_text_read(struct bytes text, struct certificate_text *out)
{
    if (text.size > CERTIFICATE_TEXT_MAX) {
        return false;
    }
    X509 *x509 = parse(text);
    const bool is_good = x509 != NULL && take_pem(x509, out->pem) &&
                         take_name(X509_get_subject_name(x509), out->subject) &&
                         take_name(X509_get_issuer_name(x509), out->issuer) &&
                         take_serial(x509, out->serial) &&
                         take_thumbprint(x509, EVP_sha1(), out->sha1, sizeof(out->sha1)) &&
                         take_thumbprint(x509, EVP_sha256(), out->sha256, sizeof(out->sha256)) &&
                         take_time(X509_get0_notBefore(x509), &out->not_before_ms) &&
                         take_time(X509_get0_notAfter(x509), &out->not_after_ms);
    if (is_good) {
        out->version = (int)X509_get_version(x509) + 1;
        out->is_authority = X509_check_ca(x509) > 0;
    }
    X509_free(x509);
    ERR_clear_error();
    return is_good;
}
