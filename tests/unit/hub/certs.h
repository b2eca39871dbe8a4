// SPDX-License-Identifier: Apache-2.0
// Certificates made in a test, by OpenSSL.
#ifndef HUB_TEST_CERTS_H
#define HUB_TEST_CERTS_H

#include "apps/hub/certificate.h"

#include <time.h>

struct evp_pkey_st;

struct test_cert {
    struct x509_st *x509;
    struct evp_pkey_st *key;
};

struct test_cert_wish {
    const char *name;               // common name; NULL: none
    const char *second_name;        // another common name; NULL: none
    const struct test_cert *issuer; // NULL: itself
    bool is_authority;
    bool is_for_servers; // extended key usage: server alone
    bool may_not_sign;   // key usage: no certificates, though it says that it is an authority
    const char *names;   // name constraints; NULL: none
    time_t from_utc_s;
    time_t to_utc_s;
};

void test_cert_make(struct test_cert *out, const struct test_cert_wish *wish);
void test_cert_free(struct test_cert *cert);
// Terminated; lives until the next call.
const char *test_cert_pem(const struct test_cert *cert);
// As the plugin would have it, with one certificate behind it or none.
struct hub_certificate test_cert_shown(const struct test_cert *leaf,
                                       const struct test_cert *behind);
void test_cert_shown_free(struct hub_certificate *shown);

#endif
