// SPDX-License-Identifier: Apache-2.0
#include "port/linux/tls_verdict.h"

#include <openssl/ssl.h>

const char *tls_verdict(const void *session)
{
    long verdict = session == NULL ? X509_V_OK : SSL_get_verify_result(session);
    if (verdict == X509_V_ERR_UNSPECIFIED) {
        // The chain is good: libmosquitto's own check of the host name said no, without a word.
        return "hostname mismatch";
    }
    return verdict == X509_V_OK ? NULL : X509_verify_cert_error_string(verdict);
}
