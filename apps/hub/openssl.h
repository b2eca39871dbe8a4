// SPDX-License-Identifier: Apache-2.0
// OpenSSL's headers, whose type ERR_STATE would hide our error of that name.
#ifndef HUB_OPENSSL_H
#define HUB_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
