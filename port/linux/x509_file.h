// SPDX-License-Identifier: Apache-2.0
// Certificates and private keys in PEM files, by OpenSSL. A file of its own: OpenSSL's names and
// ours clash. Each function returns NULL if all went well, else what is wrong, in static words.
#ifndef PORT_LINUX_X509_FILE_H
#define PORT_LINUX_X509_FILE_H

#include <stddef.h>
#include <stdint.h>

// When the first certificate of the file ends, in UTC seconds.
const char *x509_file_end(const char *path, int64_t *end_s);
// When the last of all certificates in the file, or in the hashed folder (authorities.h), ends.
const char *x509_file_last_end(const char *path, int64_t *end_s);
// Does the private key belong to the first certificate?
const char *x509_file_is_pair(const char *certificate, const char *key);
// The common name of the first certificate.
const char *x509_file_name(const char *path, char *out, size_t capacity);

// A new EC key on P-256, in a file that only its owner may read; never over one that is there.
const char *x509_new_key(const char *path);
// A request to a certificate authority, for the key and a common name.
const char *x509_new_request(const char *key, const char *name, const char *path);

#endif
