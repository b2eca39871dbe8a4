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
    int append_fd;           // of append_id; -1: none
    uint64_t append_id;
    int read_fd; // of read_id; -1: none
    uint64_t read_id;
};

// Creates the folder (mode 0750) if it is missing and not is_read_only. A writer locks the
// folder: ERR_BUSY if another holds it. ERR_NOT_FOUND, ERR_DENIED, ERR_IO.
NODISCARD enum err linux_storage_open(struct linux_storage *s, const char *folder,
                                      bool is_read_only);
void linux_storage_close(struct linux_storage *s);

#endif
