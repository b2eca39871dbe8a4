// SPDX-License-Identifier: Apache-2.0
// Small files of an operator's: read whole, and secrets written for their owner alone.
#ifndef HUB_BACKEND_FILES_H
#define HUB_BACKEND_FILES_H

#include "base/bytes.h"
#include "base/err.h"

// ERR_SIZE: larger than capacity. *size is what was read. Says what went wrong on stderr.
NODISCARD enum err file_read_whole(const char *path, uint8_t *out, size_t capacity, size_t *size);
// The same, refused if others may read the file; ends of lines at the end are cut off.
NODISCARD enum err file_read_secret(const char *path, uint8_t *out, size_t capacity, size_t *size);
// A new file, 0600, synced. One that is there is left alone: ERR_EXISTS.
NODISCARD enum err file_write_secret(const char *path, struct bytes text);

#endif
