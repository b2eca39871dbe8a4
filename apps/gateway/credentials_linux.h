// SPDX-License-Identifier: Apache-2.0
// Secrets on disk: files that only their owner may read, or systemd's credentials.
#ifndef GATEWAY_CREDENTIALS_LINUX_H
#define GATEWAY_CREDENTIALS_LINUX_H

#include "apps/gateway/sas.h"

enum { CREDENTIAL_PATH_MAX = 1000 }; // leaves room for `.next`

// Each logs what is wrong, without a secret, and returns ERR_ARG then.

// The path behind a file's setting: `credential:NAME` lies in $CREDENTIALS_DIRECTORY.
NODISCARD enum err credential_path(const char *setting, char out[CREDENTIAL_PATH_MAX]);
// A regular file that nobody else may read. systemd guards its credentials by their folder.
NODISCARD enum err credential_check_secret(const char *setting);
// A base64 key or a connection string.
NODISCARD enum err credential_read_key(const char *setting, struct sas_identity *out);

#endif
