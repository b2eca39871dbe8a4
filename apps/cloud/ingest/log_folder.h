// SPDX-License-Identifier: Apache-2.0
// The folder of the hub's log on a Linux host. The hub makes it, maybe later than the cloud starts,
// and an operator may put another one in its place at any time.
#ifndef CLOUD_INGEST_LOG_FOLDER_H
#define CLOUD_INGEST_LOG_FOLDER_H

#include "port/linux/cells.h"
#include "port/linux/storage.h"

#include <sys/types.h>

struct log_folder {
    const char *path; // borrowed
    struct linux_storage storage;
    struct linux_cells cells;
    bool is_open;
    // Private: which folder it was.
    dev_t device;
    ino_t inode;
};

void log_folder_init(struct log_folder *folder, const char *path);
// Anew if it is open. ERR_NOT_FOUND: there is no such folder; ERR_DENIED, ERR_IO.
NODISCARD enum err log_folder_open(struct log_folder *folder);
void log_folder_close(struct log_folder *folder);
// Whether the path still leads to the folder that is open.
bool log_folder_is_current(const struct log_folder *folder);

#endif
