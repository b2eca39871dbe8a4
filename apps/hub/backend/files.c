// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/files.h"

#include "port/linux/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err complain(const char *path, enum err err, const char *what)
{
    fprintf(stderr, "busward-hub: %s: %s\n", path, what);
    return err;
}

static enum err read_all(int fd, const char *path, uint8_t *out, size_t capacity, size_t *size)
{
    size_t at = 0;
    ssize_t got = 0;
    do {
        at += (size_t)got;
        got = read(fd, out + at, capacity - at);
    } while (got > 0);
    uint8_t more = 0;
    if (got < 0) {
        return complain(path, file_error(errno), strerror(errno));
    }
    if (at == capacity && read(fd, &more, 1) > 0) {
        return complain(path, ERR_SIZE, "too large");
    }
    *size = at;
    return OK;
}

static enum err read_checked(const char *path, bool is_secret, struct writer *out, size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return complain(path, file_error(errno), strerror(errno));
    }
    enum err err = OK;
    if (is_secret && (fstat(fd, &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)) {
        err = complain(path, ERR_DENIED, "others may read this secret: permissions must be 0600");
    }
    if (err == OK) {
        err = read_all(fd, path, out->data, out->capacity, size);
    }
    close(fd);
    return err;
}

enum err file_read_whole(const char *path, uint8_t *out, size_t capacity, size_t *size)
{
    struct writer w = writer_of(out, capacity);
    return read_checked(path, false, &w, size);
}

enum err file_read_secret(const char *path, uint8_t *out, size_t capacity, size_t *size)
{
    struct writer w = writer_of(out, capacity);
    enum err err = read_checked(path, true, &w, size);
    while (err == OK && *size > 0 && (out[*size - 1] == '\n' || out[*size - 1] == '\r')) {
        (*size)--;
    }
    return err;
}

enum err file_write_secret(const char *path, struct bytes text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        bool is_there = errno == EEXIST;
        return complain(path, is_there ? ERR_EXISTS : file_error(errno),
                        is_there ? "is there already: secrets are never written over"
                                 : strerror(errno));
    }
    enum err err = file_write(fd, &text, 1);
    if (err == OK) {
        err = file_sync_data(fd);
    }
    close(fd);
    return err == OK ? OK : complain(path, err, "could not be written");
}
