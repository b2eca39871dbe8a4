// SPDX-License-Identifier: Apache-2.0
#include "port/linux/tls_trust.h"

#include "port/linux/authorities.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static X509_LOOKUP_METHOD *method; // made once, then constant

// Nobody is asked for a password.
static int no_password(char *out, int capacity, int writes, void *ctx)
{
    (void)out;
    (void)capacity;
    (void)writes;
    (void)ctx;
    return -1;
}

static X509 *read_next(FILE *file)
{
    return PEM_read_X509_AUX(file, NULL, no_password, NULL);
}

// The file holds certificates, and each can be read: one that is broken ends the reading, and those
// behind it would be missed.
bool tls_trust_is_whole(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    ERR_clear_error();
    size_t count = 0;
    X509 *certificate = read_next(file);
    while (certificate != NULL) {
        count++;
        X509_free(certificate);
        certificate = read_next(file);
    }
    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error(); // its end is told as an error
    fclose(file);
    return is_end && count > 0;
}

// All of that name go into the store. *out is one of them: the store's reference, since who asked
// counts its own [X509_LOOKUP_meth_new(3)].
static bool keep(X509_LOOKUP *lookup, X509 *certificate, X509_OBJECT *out, bool is_first)
{
    if (X509_STORE_add_cert(X509_LOOKUP_get_store(lookup), certificate) != 1) {
        return false;
    }
    if (is_first) {
        if (X509_OBJECT_set1_X509(out, certificate) != 1) {
            return false;
        }
        X509_free(certificate);
    }
    return true;
}

static int find(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *out)
{
    const char *path = X509_LOOKUP_get_method_data(lookup);
    FILE *file = type == X509_LU_X509 && path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return 0;
    }
    bool is_found = false;
    (void)ERR_set_mark();
    X509 *certificate = read_next(file);
    while (certificate != NULL) {
        if (X509_NAME_cmp(X509_get_subject_name(certificate), name) == 0) {
            is_found = keep(lookup, certificate, out, !is_found) || is_found;
        }
        X509_free(certificate);
        certificate = read_next(file);
    }
    (void)ERR_pop_to_mark();
    fclose(file);
    return is_found;
}

static void forget(X509_LOOKUP *lookup)
{
    free(X509_LOOKUP_get_method_data(lookup));
}

static void make_method(void)
{
    method = X509_LOOKUP_meth_new("authorities of a file, on demand");
    if (method != NULL && (X509_LOOKUP_meth_set_get_by_subject(method, find) != 1 ||
                           X509_LOOKUP_meth_set_free(method, forget) != 1)) {
        X509_LOOKUP_meth_free(method);
        method = NULL;
    }
}

static bool trust_file(SSL_CTX *context, const char *path)
{
    if (pthread_once(&once, make_method) != 0 || method == NULL || !tls_trust_is_whole(path)) {
        return false;
    }
    char *copy = strdup(path);
    X509_LOOKUP *lookup =
        copy == NULL ? NULL : X509_STORE_add_lookup(SSL_CTX_get_cert_store(context), method);
    if (lookup == NULL) {
        free(copy);
        return false;
    }
    return X509_LOOKUP_set_method_data(lookup, copy) == 1;
}

bool tls_trust(void *context, const char *authorities)
{
    if (authorities_problem(authorities) != NULL) {
        return false;
    }
    return authorities_is_folder(authorities) ? SSL_CTX_load_verify_dir(context, authorities) == 1
                                              : trust_file(context, authorities);
}
