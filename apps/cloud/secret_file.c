// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum err secret_file_read(const char *path, char *out, size_t *size, const char **why)
{
    struct stat status;
    char more = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *why = "it cannot be opened";
        return ERR_IO;
    }
    enum err err = OK;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        *why = "others may read it: permissions must be 0600";
        err = ERR_DENIED;
    } else {
        const ssize_t got = read(fd, out, SECRET_SIZE_MAX);
        *size = got > 0 ? (size_t)got : 0;
        if (got <= 0 || read(fd, &more, 1) != 0) {
            *why = "it is empty, too large or cannot be read";
            err = ERR_SIZE;
        }
    }
    close(fd);
    return err;
}
