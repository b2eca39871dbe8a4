// SPDX-License-Identifier: Apache-2.0
// What storage and cells share: errno as enum err, and calls that go on after EINTR.
#ifndef PORT_LINUX_FILE_H
#define PORT_LINUX_FILE_H

#include "base/bytes.h"
#include "base/err.h"

enum err file_error(int error_number);                                             // of errno
NODISCARD enum err file_open(int folder_fd, const char *name, int flags, int *fd); // mode 0640
NODISCARD enum err file_write(int fd, const struct bytes *parts, size_t part_count);
NODISCARD enum err file_read_at(int fd, uint64_t offset, void *out, size_t size, size_t *got);
NODISCARD enum err file_sync_data(int fd);
NODISCARD enum err file_sync_folder(int fd);
void file_close(int *fd); // -1 stays -1

#endif
