// SPDX-License-Identifier: Apache-2.0
#include "port/linux/http_tls.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <sys/stat.h>

// Nothing of ours: the handle is OpenSSL's own.
static SSL_CTX *context_of(struct tls *tls)
{
    return (SSL_CTX *)(void *)tls;
}

struct tls *tls_load(const char *cert, const char *key, const char **why)
{
    struct stat status;
    if (stat(key, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        *why = "others may read the key: its permissions must be 0600";
        return NULL;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        *why = reason != NULL ? reason : "not usable";
        SSL_CTX_free(context);
        return NULL;
    }
    return (struct tls *)(void *)context;
}

void tls_unload(struct tls *tls)
{
    SSL_CTX_free(context_of(tls));
}

struct bufferevent *tls_accept(struct tls *tls, struct event_base *base, int fd)
{
    SSL *ssl = SSL_new(context_of(tls));
    struct bufferevent *bev =
        ssl != NULL ? bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                     BEV_OPT_CLOSE_ON_FREE)
                    : NULL;
    if (bev == NULL) {
        SSL_free(ssl);
    }
    return bev;
}

void tls_goodbye(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (ssl != NULL) {
        SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
        (void)SSL_shutdown(ssl);
    }
}
