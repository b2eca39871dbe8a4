// SPDX-License-Identifier: Apache-2.0
// Certificates as text; apart, since OpenSSL's headers and base/err.h claim one name.
#ifndef HUB_BACKEND_PEM_H
#define HUB_BACKEND_PEM_H

#include <stdbool.h>
#include <stdint.h>

enum { PEM_THUMBPRINT_SIZE = 32 };

// SHA-256 of the first certificate of a PEM text. False: there is none.
bool pem_thumbprint(const char *pem, uint8_t out[PEM_THUMBPRINT_SIZE]);

#endif
