// SPDX-License-Identifier: Apache-2.0
#include "bench/hub_crowd_tls.h"

#include <openssl/ssl.h>

struct ssl_st *crowd_tls_session(void *context)
{
    SSL *session = SSL_new(context);
    if (session != NULL) {
        SSL_set_mode(session, SSL_MODE_RELEASE_BUFFERS); // ten thousand of them
    }
    return session;
}
