// SPDX-License-Identifier: Apache-2.0
#include "port/linux/file.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PARTS_MAX = 16 };

enum err file_error(int error_number)
{
    switch (error_number) {
    case ENOSPC:
    case EDQUOT: return ERR_FULL;
    case ENOENT: return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
    case EBADF: return ERR_DENIED;
    default: return ERR_IO;
    }
}

enum err file_open(int folder_fd, const char *name, int flags, int *fd)
{
    int opened = -1;
    do {
        opened = openat(folder_fd, name, flags | O_CLOEXEC, 0640);
    } while (opened < 0 && errno == EINTR);
    if (opened < 0) {
        return file_error(errno);
    }
    *fd = opened;
    return OK;
}

enum err file_write(int fd, const struct bytes *parts, size_t part_count)
{
    ASSERT(part_count <= PARTS_MAX);
    struct iovec list[PARTS_MAX] = {0};
    for (size_t i = 0; i < part_count; i++) {
        // writev only reads, yet its type says otherwise.
        union {
            const uint8_t *in;
            void *out;
        } base = {.in = parts[i].data};
        list[i] = (struct iovec){.iov_base = base.out, .iov_len = parts[i].size};
    }
    size_t at = 0;
    while (at < part_count) {
        if (list[at].iov_len == 0) {
            at++;
            continue;
        }
        ssize_t written = writev(fd, list + at, (int)(part_count - at));
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return file_error(errno);
        }
        if (written == 0) {
            return ERR_IO;
        }
        size_t left = (size_t)written;
        while (at < part_count && left >= list[at].iov_len) {
            left -= list[at].iov_len;
            at++;
        }
        if (left > 0) {
            list[at].iov_base = (uint8_t *)list[at].iov_base + left;
            list[at].iov_len -= left;
        }
    }
    return OK;
}

enum err file_read_at(int fd, uint64_t offset, void *out, size_t size, size_t *got)
{
    size_t at = 0;
    while (at < size) {
        ssize_t count = pread(fd, (uint8_t *)out + at, size - at, (off_t)(offset + at));
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return file_error(errno);
        }
        if (count == 0) {
            break;
        }
        at += (size_t)count;
    }
    *got = at;
    return OK;
}

enum err file_sync_data(int fd)
{
    return fdatasync(fd) == 0 ? OK : errno == EINTR ? ERR_IO : file_error(errno);
}

enum err file_sync_folder(int fd)
{
    return fsync(fd) == 0 ? OK : file_error(errno);
}

void file_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}
