// SPDX-License-Identifier: Apache-2.0
// Why a TLS session's certificate was refused. A file of its own: OpenSSL's names and ours clash.
#ifndef PORT_LINUX_TLS_VERDICT_H
#define PORT_LINUX_TLS_VERDICT_H

// session: an SSL *, may be NULL. NULL if the certificate is fine or was not looked at yet; static
// storage.
const char *tls_verdict(const void *session);

#endif
