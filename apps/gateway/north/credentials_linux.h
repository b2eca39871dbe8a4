// SPDX-License-Identifier: Apache-2.0
// Secrets on disk: files that only their owner may read, or systemd's credentials.
#ifndef GATEWAY_CREDENTIALS_LINUX_H
#define GATEWAY_CREDENTIALS_LINUX_H

#include "apps/gateway/north/sas.h"

#include <stdbool.h>

enum {
    CREDENTIAL_PATH_MAX = 1000, // leaves room for `.next`
    CREDENTIAL_SIZE_MAX = 2048, // a byte more than a secret may have
};

// `credential:NAME`, which lies in $CREDENTIALS_DIRECTORY; else it is a path.
bool credential_is_named(const char *setting);

// Each returns NULL, or what is wrong, without a secret, in static words or the C library's.

// The path behind a file's setting.
const char *credential_find(const char *setting, char out[CREDENTIAL_PATH_MAX]);
// A regular file that nobody else may read. systemd guards its credentials by their folder.
const char *credential_look(const char *setting);
// The secret; the caller wipes it.
const char *credential_take(const char *setting, uint8_t out[CREDENTIAL_SIZE_MAX], size_t *size);
// A base64 key or a connection string.
const char *credential_take_key(const char *setting, struct sas_identity *out);
// The same from what is open already, up to its end: whoever opened it answers for who may read it.
const char *credential_take_key_from(int fd, struct sas_identity *out);

// The same; each logs what is wrong and returns ERR_ARG then.
NODISCARD enum err credential_path(const char *setting, char out[CREDENTIAL_PATH_MAX]);
NODISCARD enum err credential_check_secret(const char *setting);
NODISCARD enum err credential_read(const char *setting, uint8_t out[CREDENTIAL_SIZE_MAX],
                                   size_t *size);
NODISCARD enum err credential_read_key(const char *setting, struct sas_identity *out);
NODISCARD enum err credential_read_key_from(int fd, const char *name, struct sas_identity *out);

#endif
