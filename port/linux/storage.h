// SPDX-License-Identifier: Apache-2.0
// Segments as files `%016x.seg` in one folder.
#ifndef PORT_LINUX_STORAGE_H
#define PORT_LINUX_STORAGE_H

#include "port/api/storage.h"

#include <stdbool.h>

struct linux_storage {
    struct storage storage; // give &s->storage to lib/seglog
    // Private:
    int folder_fd;
    bool is_read_only;
    bool is_folder_unsynced; // a name was made or taken away since the folder's last fsync
    uint64_t reserve;        // bytes of disk that each segment has from its beginning
    int append_fd;           // of append_id; -1: none
    uint64_t append_id;
    int read_fd; // of read_id; -1: none
    uint64_t read_id;
};

// Creates the folder (mode 0750) if it is missing and not is_read_only. A writer locks the
// folder: ERR_BUSY if another holds it. ERR_NOT_FOUND, ERR_DENIED, ERR_IO.
NODISCARD enum err linux_storage_open(struct linux_storage *s, const char *folder,
                                      bool is_read_only);
// Each segment that is written to from now on gets this much of the disk at once, as far as the
// disk has it and the file system can (ext4, xfs, btrfs, f2fs, tmpfs): so much more can be appended
// to it when the disk is full. Its size is still that of its content.
void linux_storage_reserve(struct linux_storage *s, uint64_t bytes);
void linux_storage_close(struct linux_storage *s);

#endif
