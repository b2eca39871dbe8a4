// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/log_folder.h"

#include <sys/stat.h>

void log_folder_init(struct log_folder *folder, const char *path)
{
    *folder = (struct log_folder){.path = path};
}

enum err log_folder_open(struct log_folder *folder)
{
    struct stat status;
    log_folder_close(folder);
    // Asked first: should the folder be exchanged in between, it looks so at the next look.
    if (stat(folder->path, &status) == 0) {
        folder->device = status.st_dev;
        folder->inode = status.st_ino;
    }
    enum err err = linux_storage_open(&folder->storage, folder->path, true);
    if (err != OK) {
        return err;
    }
    err = linux_cells_open(&folder->cells, folder->path);
    if (err != OK) {
        linux_storage_close(&folder->storage);
    }
    folder->is_open = err == OK;
    return err;
}

void log_folder_close(struct log_folder *folder)
{
    if (folder->is_open) {
        linux_cells_close(&folder->cells);
        linux_storage_close(&folder->storage);
        folder->is_open = false;
    }
}

bool log_folder_is_current(const struct log_folder *folder)
{
    struct stat status;
    return folder->is_open && stat(folder->path, &status) == 0 && status.st_dev == folder->device &&
           status.st_ino == folder->inode;
}
