// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/files_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err open_error(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EACCES:
    case EPERM: return ERR_DENIED;
    case ENXIO: return ERR_UNSUPPORTED; // a socket
    default: return ERR_IO;
    }
}

static enum err read_open(int fd, struct arena *arena, struct bytes *out)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return ERR_IO;
    }
    if (!S_ISREG(status.st_mode)) {
        return ERR_UNSUPPORTED;
    }
    if (status.st_size > CONFIG_FILE_SIZE_MAX) {
        return ERR_SIZE;
    }
    size_t size = (size_t)status.st_size;
    uint8_t *data = arena_take(arena, size + 1, 1);
    if (data == NULL) {
        return ERR_FULL;
    }
    size_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, data + got, size - got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return ERR_IO; // or somebody is just shortening it
        }
        got += (size_t)n;
    }
    *out = bytes_of(data, size);
    return OK;
}

static enum err read_file(void *ctx, struct arena *arena, const char *path, struct bytes *out)
{
    (void)ctx;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); // a FIFO would wait
    if (fd < 0) {
        return open_error(errno);
    }
    enum err err = read_open(fd, arena, out);
    close(fd);
    return err;
}

struct config_files config_files_linux(void)
{
    return (struct config_files){.read = read_file};
}

enum err config_memory(struct arena *arena, struct config_report *report)
{
    *arena = arena_of_zeros(calloc(1, CONFIG_MEMORY_SIZE), CONFIG_MEMORY_SIZE);
    *report = (struct config_report){0};
    if (arena->data == NULL) {
        return ERR_FULL;
    }
    report->items = arena_take(arena, CONFIG_FINDINGS_MAX, sizeof(*report->items));
    return report->items != NULL ? OK : ERR_FULL;
}
