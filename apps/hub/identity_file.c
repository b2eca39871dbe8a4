// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/identity_file.h"

#include "port/linux/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_known(const struct hub_identity_file *file, const struct stat *status)
{
    return status->st_ctim.tv_sec == file->changed.tv_sec &&
           status->st_ctim.tv_nsec == file->changed.tv_nsec && status->st_size == file->size &&
           status->st_ino == file->inode;
}

bool hub_identity_file_is_new(const struct hub_identity_file *file)
{
    struct stat status;
    if (stat(file->path, &status) != 0) {
        return file->inode != 0;
    }
    return !is_known(file, &status);
}

static enum err fail(struct hub_fault *fault, enum err err, const char *message)
{
    *fault = (struct hub_fault){0};
    snprintf(fault->message, sizeof(fault->message), "%s", message);
    return err;
}

static enum err read_whole(struct hub_identity_file *file, int fd, size_t *size,
                           struct hub_fault *fault)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail(fault, ERR_IO, strerror(errno));
    }
    file->changed = status.st_ctim;
    file->size = status.st_size;
    file->inode = status.st_ino;
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return fail(fault, ERR_DENIED, "others may read the keys: permissions must be 0600");
    }
    if (status.st_size > HUB_IDENTITY_FILE_SIZE_MAX) {
        return fail(fault, ERR_SIZE, "file above 2 MiB");
    }
    enum err err = file_read_at(fd, 0, file->buffer, HUB_IDENTITY_FILE_SIZE_MAX, size);
    return err == OK ? OK : fail(fault, err, "cannot be read");
}

enum err hub_identity_file_load(struct hub_identity_file *file, struct hub_identities *out,
                                struct hub_fault *fault)
{
    int fd = -1;
    enum err err = file_open(AT_FDCWD, file->path, O_RDONLY, &fd);
    if (err != OK) {
        file->inode = 0;
        return fail(fault, err, "cannot be opened");
    }
    size_t size = 0;
    err = read_whole(file, fd, &size, fault);
    file_close(&fd);
    if (err == OK) {
        err = hub_identities_parse(bytes_of(file->buffer, size), out, fault);
        memset(file->buffer, 0, size);
    }
    return err;
}
