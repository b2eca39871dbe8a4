// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/plugin_tls.h"

#include "apps/hub/openssl.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>

enum { CHAIN_MAX = 8 }; // certificates kept behind a leaf

// OpenSSL's indices are of the process, as is the hook.
static int ssl_index = -1;
static int chain_index = -1;

// Keeps what the peer sent behind its leaf, as extra data of the leaf, so that it lives as long:
// without the leaf itself, or it would hold itself.
static int keep_chain(int is_good, X509_STORE_CTX *context)
{
    (void)is_good;
    X509 *leaf = X509_STORE_CTX_get0_cert(context);
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(context);
    if (leaf != NULL && X509_get_ex_data(leaf, chain_index) == NULL) {
        STACK_OF(X509) *kept = sk_X509_new_null();
        for (int i = 0; kept != NULL && i < sk_X509_num(sent) && i <= CHAIN_MAX; i++) {
            X509 *certificate = sk_X509_value(sent, i);
            if (certificate != leaf && X509_up_ref(certificate) == 1 &&
                sk_X509_push(kept, certificate) == 0) {
                X509_free(certificate);
            }
        }
        if (X509_set_ex_data(leaf, chain_index, kept) != 1) {
            sk_X509_pop_free(kept, X509_free);
        }
    }
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

static void free_chain(void *parent, void *chain, CRYPTO_EX_DATA *data, int index, long number,
                       void *pointer)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)pointer;
    sk_X509_pop_free(chain, X509_free);
}

// A TLS connection begins. One whose listener demands certificates by itself stays as it is.
static void on_ssl_new(void *parent, void *nothing, CRYPTO_EX_DATA *data, int index, long number,
                       void *pointer)
{
    (void)nothing;
    (void)data;
    (void)index;
    (void)number;
    (void)pointer;
    static const unsigned char context[] = "busward";
    SSL *ssl = parent;
    if (!SSL_is_server(ssl) || SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
        return;
    }
    SSL_set_verify(ssl, SSL_VERIFY_PEER, keep_chain);
    SSL_set_verify_depth(ssl, CHAIN_MAX); // a long chain costs no more than this
    // A resumed session would come without the chain.
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_num_tickets(ssl, 0);
    SSL_set_session_id_context(ssl, context, sizeof(context) - 1);
}

enum err hub_tls_install(void)
{
    chain_index = X509_get_ex_new_index(0, NULL, NULL, NULL, free_chain);
    ssl_index = SSL_get_ex_new_index(0, NULL, on_ssl_new, NULL, NULL);
    return chain_index >= 0 && ssl_index >= 0 ? OK : ERR_FULL;
}

void hub_tls_remove(void)
{
    if (ssl_index >= 0) {
        CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL, ssl_index);
    }
    if (chain_index >= 0) {
        CRYPTO_free_ex_index(CRYPTO_EX_INDEX_X509, chain_index);
    }
    ssl_index = -1;
    chain_index = -1;
}

bool hub_tls_certificate(const struct mosquitto *client, struct hub_certificate *out)
{
    X509 *leaf = mosquitto_client_certificate(client); // a reference of our own
    if (leaf == NULL) {
        return false;
    }
    if (hub_certificate_read(leaf, X509_get_ex_data(leaf, chain_index), out) != OK) {
        X509_free(leaf);
        return false;
    }
    return true;
}

void hub_tls_release(struct hub_certificate *certificate)
{
    X509_free(certificate->leaf);
    certificate->leaf = NULL;
}
