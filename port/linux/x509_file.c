// SPDX-License-Identifier: Apache-2.0
#include "port/linux/x509_file.h"

#include "port/linux/authorities.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CERTIFICATES_MAX = 100000 };

// Nobody is asked for a password.
static int no_password(char *out, int capacity, int writes, void *ctx)
{
    (void)out;
    (void)capacity;
    (void)writes;
    (void)ctx;
    return -1;
}

static X509 *read_certificate(FILE *file)
{
    return PEM_read_X509(file, NULL, no_password, NULL);
}

static bool end_of(const X509 *certificate, int64_t *end_s)
{
    struct tm broken;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &broken) != 1) {
        return false;
    }
    *end_s = (int64_t)timegm(&broken);
    return true;
}

static const char *last_end(const char *path, int count_max, int64_t *end_s)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return strerror(errno);
    }
    int count = 0;
    int64_t last_s = INT64_MIN;
    X509 *certificate = read_certificate(file);
    while (certificate != NULL) {
        int64_t one_s = INT64_MIN;
        count += end_of(certificate, &one_s);
        last_s = one_s > last_s ? one_s : last_s;
        X509_free(certificate);
        certificate = count < count_max ? read_certificate(file) : NULL;
    }
    fclose(file);
    ERR_clear_error(); // its end is told as an error
    if (count == 0) {
        return "no certificate in PEM form";
    }
    *end_s = last_s;
    return NULL;
}

const char *x509_file_end(const char *path, int64_t *end_s)
{
    return last_end(path, 1, end_s);
}

static bool take_later(void *ctx, const char *path)
{
    int64_t *last_s = ctx;
    int64_t one_s;
    if (last_end(path, CERTIFICATES_MAX, &one_s) == NULL && one_s > *last_s) {
        *last_s = one_s;
    }
    return true;
}

const char *x509_file_last_end(const char *path, int64_t *end_s)
{
    if (!authorities_is_folder(path)) {
        return last_end(path, CERTIFICATES_MAX, end_s);
    }
    int64_t last_s = INT64_MIN;
    (void)authorities_each(path, take_later, &last_s);
    if (last_s == INT64_MIN) {
        return "no certificate under its hash";
    }
    *end_s = last_s;
    return NULL;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, no_password, NULL);
    if (file != NULL) {
        fclose(file);
    }
    ERR_clear_error();
    return key;
}

static X509 *read_first(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file == NULL ? NULL : read_certificate(file);
    if (file != NULL) {
        fclose(file);
    }
    ERR_clear_error();
    return certificate;
}

const char *x509_file_is_pair(const char *certificate, const char *key)
{
    X509 *first = read_first(certificate);
    EVP_PKEY *private_key = read_key(key);
    const char *problem = NULL;
    if (first == NULL) {
        problem = "the certificate cannot be read: is it PEM?";
    } else if (private_key == NULL) {
        problem = "the private key cannot be read: is it PEM, without a password?";
    } else if (X509_check_private_key(first, private_key) != 1) {
        problem = "the private key does not belong to the certificate";
    }
    ERR_clear_error();
    EVP_PKEY_free(private_key);
    X509_free(first);
    return problem;
}

const char *x509_file_name(const char *path, char *out, size_t capacity)
{
    X509 *first = read_first(path);
    if (first == NULL) {
        return "the certificate cannot be read: is it PEM?";
    }
    int size =
        X509_NAME_get_text_by_NID(X509_get_subject_name(first), NID_commonName, out, (int)capacity);
    X509_free(first);
    return size > 0 && (size_t)size < capacity - 1 ? NULL
                                                   : "the certificate has no common name, or a "
                                                     "very long one";
}

static const char *create(const char *path, int mode, FILE **out)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return errno == EEXIST ? "the file is there already: move it away first" : strerror(errno);
    }
    *out = fdopen(fd, "w");
    return *out == NULL ? strerror(errno) : NULL;
}

// Whole and on disk, or not there.
static const char *finish(FILE *file, const char *path, bool is_good)
{
    is_good = is_good && fflush(file) == 0 && fsync(fileno(file)) == 0;
    const char *problem = is_good ? NULL : "cannot be written whole";
    if (fclose(file) != 0 || problem != NULL) {
        (void)unlink(path);
        return "cannot be written whole";
    }
    return NULL;
}

const char *x509_new_key(const char *path)
{
    FILE *file = NULL;
    const char *problem = create(path, 0600, &file);
    if (problem != NULL) {
        return problem;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    bool is_good = key != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    EVP_PKEY_free(key);
    return finish(file, path, is_good);
}

static X509_REQ *make_request(EVP_PKEY *key, const char *name)
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME *subject = X509_NAME_new();
    bool is_good =
        request != NULL && subject != NULL &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                   -1, 0) == 1 &&
        X509_REQ_set_version(request, 0) == 1 && X509_REQ_set_subject_name(request, subject) == 1 &&
        X509_REQ_set_pubkey(request, key) == 1 && X509_REQ_sign(request, key, EVP_sha256()) > 0;
    X509_NAME_free(subject);
    if (!is_good) {
        X509_REQ_free(request);
        return NULL;
    }
    return request;
}

const char *x509_new_request(const char *key, const char *name, const char *path)
{
    EVP_PKEY *private_key = read_key(key);
    if (private_key == NULL) {
        return "the private key cannot be read: is it PEM, without a password?";
    }
    X509_REQ *request = make_request(private_key, name);
    EVP_PKEY_free(private_key);
    FILE *file = NULL;
    const char *problem =
        request == NULL ? "the name is too long for a certificate (64)" : create(path, 0644, &file);
    if (problem == NULL) {
        problem = finish(file, path, PEM_write_X509_REQ(file, request) == 1);
    }
    X509_REQ_free(request);
    ERR_clear_error();
    return problem;
}
