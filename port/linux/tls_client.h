// SPDX-License-Identifier: Apache-2.0
// How a TLS client judges its server's certificate. A file of its own: OpenSSL's names and ours
// clash.
#ifndef PORT_LINUX_TLS_CLIENT_H
#define PORT_LINUX_TLS_CLIENT_H

// An SSL_CTX * for TLS 1.2 or better that accepts nothing but a chain to one of the authorities (a
// PEM file or a hashed folder: authorities.h) and a certificate for `name`, a host name or an IP
// address, and that asks the server for that name (SNI), wherever the connection goes. NULL:
// authorities_problem() says why, or the file holds no certificate, or no memory.
void *tls_client_context(const char *authorities, const char *name);
// Gives the context a certificate (PEM, the device's own first) and its private key. NULL: done;
// else what is wrong, in static words.
const char *tls_client_identity(void *context, const char *certificate_file, const char *key_file);
void tls_client_context_free(void *context);

// session: an SSL *, may be NULL. NULL if the certificate is fine or was not looked at yet, else
// why it was refused; static storage.
const char *tls_client_verdict(const void *session);

#endif
