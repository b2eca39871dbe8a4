// SPDX-License-Identifier: Apache-2.0
// SHA-256 in pieces, by OpenSSL. A file of its own: OpenSSL's names and ours clash.
#ifndef PORT_LINUX_SHA256_H
#define PORT_LINUX_SHA256_H

#include <stdbool.h>
#include <stddef.h>

enum { SHA256_HEX_SIZE = 64 };

struct sha256;

// NULL: no memory.
struct sha256 *sha256_new(void);
// Begins; what was added before is forgotten.
bool sha256_begin(struct sha256 *s);
bool sha256_add(struct sha256 *s, const void *data, size_t size);
// Small hex digits and a final 0. Nothing can be added after it.
bool sha256_end(struct sha256 *s, char out[SHA256_HEX_SIZE + 1]);
void sha256_free(struct sha256 *s); // NULL is fine

#endif
