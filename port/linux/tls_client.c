// SPDX-License-Identifier: Apache-2.0
#include "port/linux/tls_client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

void *tls_client_context(const char *ca_file, const char *name)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        return NULL;
    }
    X509_VERIFY_PARAM *check = SSL_CTX_get0_param(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // An IP address is looked for among the certificate's addresses, all else among its names.
    bool is_good = (X509_VERIFY_PARAM_set1_ip_asc(check, name) == 1 ||
                    X509_VERIFY_PARAM_set1_host(check, name, 0) == 1) &&
                   SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                   SSL_CTX_load_verify_locations(context, ca_file, NULL) == 1;
    if (!is_good) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

void tls_client_context_free(void *context)
{
    SSL_CTX_free(context);
}

const char *tls_client_verdict(const void *session)
{
    long verdict = session == NULL ? X509_V_OK : SSL_get_verify_result(session);
    return verdict == X509_V_OK ? NULL : X509_verify_cert_error_string(verdict);
}
