// SPDX-License-Identifier: Apache-2.0
// Secrets on disk: files that only their owner may read, or systemd's credentials.
#ifndef GATEWAY_CREDENTIALS_LINUX_H
#define GATEWAY_CREDENTIALS_LINUX_H

#include "apps/gateway/north/sas.h"

enum {
    CREDENTIAL_PATH_MAX = 1000, // leaves room for `.next`
    CREDENTIAL_SIZE_MAX = 2048, // a byte more than a secret may have
};

// Each logs what is wrong, without a secret, and returns ERR_ARG then.

// The path behind a file's setting: `credential:NAME` lies in $CREDENTIALS_DIRECTORY.
NODISCARD enum err credential_path(const char *setting, char out[CREDENTIAL_PATH_MAX]);
// A regular file that nobody else may read. systemd guards its credentials by their folder.
NODISCARD enum err credential_check_secret(const char *setting);
// The secret; the caller wipes it.
NODISCARD enum err credential_read(const char *setting, uint8_t out[CREDENTIAL_SIZE_MAX],
                                   size_t *size);
// A base64 key or a connection string.
NODISCARD enum err credential_read_key(const char *setting, struct sas_identity *out);

#endif
