// SPDX-License-Identifier: Apache-2.0
// Whom a TLS client trusts, looked for when a chain asks for it: of a system's 140 authorities, who
// take a megabyte in OpenSSL's memory, the one is kept. A file of its own: OpenSSL's names and ours
// clash.
#ifndef PORT_LINUX_TLS_TRUST_H
#define PORT_LINUX_TLS_TRUST_H

#include <stdbool.h>

// context: an SSL_CTX *, which trusts the authorities (a PEM file or a hashed folder:
// authorities.h) from then on. False: authorities_problem() says why, or the file holds no
// certificate or one that is broken, or there is no memory.
bool tls_trust(void *context, const char *authorities);
// The file holds certificates and nothing that looks like one but is broken.
bool tls_trust_is_whole(const char *path);

#endif
