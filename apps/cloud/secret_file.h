// SPDX-License-Identifier: Apache-2.0
// A file that holds a secret: nobody but its owner may read it.
#ifndef CLOUD_SECRET_FILE_H
#define CLOUD_SECRET_FILE_H

#include "base/err.h"

#include <stddef.h>

enum { SECRET_SIZE_MAX = 4096 };

// The whole file into out[SECRET_SIZE_MAX]; wipe it after use. Not OK: *why says so in words
// (static storage).
NODISCARD enum err secret_file_read(const char *path, char *out, size_t *size, const char **why);

#endif
