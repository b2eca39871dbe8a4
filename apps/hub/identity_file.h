// SPDX-License-Identifier: Apache-2.0
// devices.json on a Linux host: read when it changed, believed only if nobody else may read it.
#ifndef HUB_IDENTITY_FILE_H
#define HUB_IDENTITY_FILE_H

#include "apps/hub/identities.h"

#include <sys/types.h>
#include <time.h>

enum { HUB_IDENTITY_FILE_SIZE_MAX = 2 << 20 };

struct hub_identity_file {
    const char *path; // borrowed
    struct timespec changed;
    off_t size;
    ino_t inode;
    uint8_t *buffer; // HUB_IDENTITY_FILE_SIZE_MAX bytes, the caller's
};

// Has the file changed since the last load, good or bad? (A missing one has.)
bool hub_identity_file_is_new(const struct hub_identity_file *file);

// ERR_CORRUPT, ERR_DENIED (permissions wider than 0600), ERR_NOT_FOUND, ERR_SIZE, ERR_IO: *fault
// tells; *out is undefined then.
NODISCARD enum err hub_identity_file_load(struct hub_identity_file *file,
                                          struct hub_identities *out, struct hub_fault *fault);

#endif
