// SPDX-License-Identifier: Apache-2.0
// Goal: a file of authorities that is read on demand gives the verdict that OpenSSL gives when it
// has read the file whole, and keeps but those that were asked for. Method: certificates made here,
// in files of every order; OpenSSL's own reading is the oracle.
#include "port/linux/tls_trust.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

// Two of one name, as an authority that has a new key; a stranger; one below the first.
enum {
    OLD,
    NEW,
    STRANGER,
    MIDDLE,
    AUTHORITIES,
    OF_OLD = AUTHORITIES,
    OF_NEW,
    OF_MIDDLE,
    CERTIFICATES
};

static const struct {
    const char *name;
    int issuer;
} MADE[CERTIFICATES] = {
    [OLD] = {"authority", OLD},          [NEW] = {"authority", NEW},
    [STRANGER] = {"stranger", STRANGER}, [MIDDLE] = {"middle", OLD},
    [OF_OLD] = {"device", OLD},          [OF_NEW] = {"device", NEW},
    [OF_MIDDLE] = {"device", MIDDLE},
};

static EVP_PKEY *keys[CERTIFICATES];
static X509 *made[CERTIFICATES];
static char path[] = "/tmp/busward-trust-XXXXXX";

static void extend(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void make(int which)
{
    X509 *certificate = X509_new();
    int issuer = MADE[which].issuer;
    made[which] = certificate;
    keys[which] = EVP_EC_gen("P-256");
    assert_non_null(keys[which]);
    X509_NAME *name = X509_get_subject_name(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), which + 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)MADE[which].name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(made[issuer])), 1);
    assert_int_equal(X509_set_pubkey(certificate, keys[which]), 1);
    extend(certificate, made[issuer], NID_basic_constraints,
           which < AUTHORITIES ? "critical,CA:TRUE" : "CA:FALSE");
    extend(certificate, made[issuer], NID_subject_key_identifier, "hash");
    extend(certificate, made[issuer], NID_authority_key_identifier, "keyid");
    assert_true(X509_sign(certificate, keys[issuer], EVP_sha256()) > 0);
}

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < CERTIFICATES; i++) {
        make(i);
    }
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < CERTIFICATES; i++) {
        X509_free(made[i]);
        EVP_PKEY_free(keys[i]);
    }
    return unlink(path);
}

// The digits of `order`, from the last on, name who is in the file: 1 is OLD.
static void write_file(uint32_t order, const char *tail)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (uint32_t left = order; left > 0; left /= 10) {
        assert_int_equal(PEM_write_X509(file, made[left % 10 - 1]), 1);
    }
    assert_true(fputs(tail, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int verdict(SSL_CTX *context, int which)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(context), made[which], NULL),
                     1);
    int verified = X509_verify_cert(ctx);
    int error = X509_STORE_CTX_get_error(ctx);
    assert_true(verified == (error == X509_V_OK));
    X509_STORE_CTX_free(ctx);
    return error;
}

static int kept(SSL_CTX *context)
{
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context)));
}

static void test_the_verdict_is_that_of_the_whole_file(void **state)
{
    (void)state;
    static const uint32_t ORDERS[] = {1,  2,  3,   4,   12,  21,   31,   13,   14,
                                      41, 42, 123, 321, 213, 1234, 4321, 3214, 112};
    uint32_t good = 0;
    for (size_t i = 0; i < sizeof(ORDERS) / sizeof(ORDERS[0]); i++) {
        write_file(ORDERS[i], "");
        for (int which = 0; which < CERTIFICATES; which++) {
            SSL_CTX *whole = SSL_CTX_new(TLS_client_method());
            SSL_CTX *ours = SSL_CTX_new(TLS_client_method());
            assert_int_equal(SSL_CTX_load_verify_file(whole, path), 1);
            assert_true(tls_trust(ours, path));
            int error = verdict(whole, which);
            assert_int_equal(verdict(ours, which), error);
            assert_int_equal(verdict(ours, which), error); // now that some are kept
            good += error == X509_V_OK;
            SSL_CTX_free(whole);
            SSL_CTX_free(ours);
        }
    }
    assert_in_range(good, 30, 100); // of 126: both happen
}

static void test_those_are_kept_that_were_asked_for(void **state)
{
    (void)state;
    write_file(3214, "");
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_true(tls_trust(context, path));
    assert_int_equal(kept(context), 0);
    assert_int_equal(verdict(context, OF_NEW), X509_V_OK);
    assert_int_equal(kept(context), 2); // both of that name
    assert_int_equal(verdict(context, OF_MIDDLE), X509_V_OK);
    assert_int_equal(kept(context), 3);
    // The file counts as it is when it is asked.
    SSL_CTX *other = SSL_CTX_new(TLS_client_method());
    assert_true(tls_trust(other, path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(verdict(other, OF_OLD), X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    write_file(1, "");
    assert_int_equal(verdict(other, OF_OLD), X509_V_OK);
    SSL_CTX_free(other);
    SSL_CTX_free(context);
}

static void test_what_is_broken_is_no_file_of_authorities(void **state)
{
    (void)state;
    static const char TORN[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    write_file(0, "");
    assert_false(tls_trust(context, path));
    write_file(0, "Nobody.\n");
    assert_false(tls_trust(context, path));
    write_file(1, TORN);
    assert_false(tls_trust(context, path));
    assert_false(tls_trust(context, "/tmp/busward-trust/absent"));
    assert_int_equal(verdict(context, OF_OLD), X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    write_file(1, "Words behind it.\n");
    assert_true(tls_trust(context, path));
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(verdict(context, OF_OLD), X509_V_OK);
    SSL_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_verdict_is_that_of_the_whole_file),
        cmocka_unit_test(test_those_are_kept_that_were_asked_for),
        cmocka_unit_test(test_what_is_broken_is_no_file_of_authorities),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
