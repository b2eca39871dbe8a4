// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/hub/certs.h"

#include "apps/hub/openssl.h"
#include "base/assert.h"

#include <string.h>

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ASSERT(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void add_name(X509 *x509, const char *name)
{
    int result = X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                                            (const unsigned char *)name, -1, -1, 0);
    ASSERT(result == 1);
}

void test_cert_make(struct test_cert *out, const struct test_cert_wish *wish)
{
    static long serial = 1;
    out->key = EVP_EC_gen("P-256");
    out->x509 = X509_new();
    ASSERT(out->key != NULL && out->x509 != NULL);
    const struct test_cert *issuer = wish->issuer != NULL ? wish->issuer : out;
    X509_set_version(out->x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(out->x509), serial++);
    ASN1_TIME_set(X509_getm_notBefore(out->x509), wish->from_utc_s);
    ASN1_TIME_set(X509_getm_notAfter(out->x509), wish->to_utc_s);
    X509_set_pubkey(out->x509, out->key);
    if (wish->name != NULL) {
        add_name(out->x509, wish->name);
    }
    if (wish->second_name != NULL) {
        add_name(out->x509, wish->second_name);
    }
    X509_set_issuer_name(out->x509, X509_get_subject_name(issuer->x509));
    add_extension(out->x509, issuer->x509, NID_basic_constraints,
                  wish->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wish->is_for_servers) {
        add_extension(out->x509, issuer->x509, NID_ext_key_usage, "serverAuth");
    }
    if (wish->may_not_sign) {
        add_extension(out->x509, issuer->x509, NID_key_usage, "critical,digitalSignature");
    }
    if (wish->names != NULL) {
        add_extension(out->x509, issuer->x509, NID_name_constraints, wish->names);
    }
    int size = X509_sign(out->x509, issuer->key, EVP_sha256());
    ASSERT(size > 0);
}

void test_cert_free(struct test_cert *cert)
{
    X509_free(cert->x509);
    EVP_PKEY_free(cert->key);
}

const char *test_cert_pem(const struct test_cert *cert)
{
    static char text[HUB_PEM_SIZE_MAX + 1];
    BIO *bio = BIO_new(BIO_s_mem());
    ASSERT(bio != NULL && PEM_write_bio_X509(bio, cert->x509) == 1);
    int size = BIO_read(bio, text, sizeof(text) - 1);
    ASSERT(size > 0);
    text[size] = '\0';
    BIO_free(bio);
    return text;
}

struct hub_certificate test_cert_shown(const struct test_cert *leaf, const struct test_cert *behind)
{
    struct hub_certificate shown;
    STACK_OF(X509) *chain = NULL;
    if (behind != NULL) {
        chain = sk_X509_new_null();
        ASSERT(chain != NULL && sk_X509_push(chain, behind->x509) == 1);
    }
    enum err err = hub_certificate_read(leaf->x509, chain, &shown);
    ASSERT(err == OK);
    return shown;
}

void test_cert_shown_free(struct hub_certificate *shown)
{
    sk_X509_free(shown->chain);
}
