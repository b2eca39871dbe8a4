// SPDX-License-Identifier: Apache-2.0
#include "port/linux/tls_client.h"

#include "port/linux/tls_trust.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>

// The server is asked for by the name that its certificate must carry. Who makes the session may
// know only where it connects: an address, or the socket of a tunnel. Of an address nothing is
// said.
static void name_server(const SSL *session, int where, int ret)
{
    (void)ret;
    if (where == SSL_CB_HANDSHAKE_START) {
        SSL *own = (SSL *)(uintptr_t)session; // the callback's type has it const
        SSL_set_tlsext_host_name(own, X509_VERIFY_PARAM_get0_host(SSL_get0_param(own), 0));
    }
}

void *tls_client_context(const char *authorities, const char *name)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        return NULL;
    }
    X509_VERIFY_PARAM *check = SSL_CTX_get0_param(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_info_callback(context, name_server);
    X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // An IP address is looked for among the certificate's addresses, all else among its names.
    bool is_good = (X509_VERIFY_PARAM_set1_ip_asc(check, name) == 1 ||
                    X509_VERIFY_PARAM_set1_host(check, name, 0) == 1) &&
                   SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                   tls_trust(context, authorities);
    if (!is_good) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

const char *tls_client_identity(void *context, const char *certificate_file, const char *key_file)
{
    // What earlier calls of this thread left would be taken for the reason.
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
        return "the device's certificate file cannot be read: is it PEM, the device's own first?";
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1) {
        return ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH
                   ? "the device's private key does not belong to its certificate"
                   : "the device's private key file cannot be read: is it PEM, without a password?";
    }
    return NULL;
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
