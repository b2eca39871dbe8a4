// SPDX-License-Identifier: Apache-2.0
// The key file: a secret on disk that only its owner may read.
#include "apps/gateway/north_internal.h"

#include "port/linux/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_SIZE_MAX = 2048 };

static enum err refuse(const char *path, const char *problem, int fd)
{
    log_error("uplink", "key_file", "file=%s problem=%s", log_quote(path).text,
              log_quote(problem).text);
    if (fd >= 0) {
        close(fd);
    }
    return ERR_ARG;
}

enum err key_file_read(const char *path, struct sas_identity *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); // a FIFO would wait
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return refuse(path, strerror(errno), fd);
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(path, "not a regular file", fd);
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return refuse(path, "others may read the key: chmod 600 it", fd);
    }
    uint8_t text[KEY_FILE_SIZE_MAX];
    ssize_t got = read(fd, text, sizeof(text));
    if (got < 0 || (size_t)got == sizeof(text)) {
        return refuse(path, got < 0 ? strerror(errno) : "larger than 2,047 bytes", fd);
    }
    const char *problem = NULL;
    enum err err = sas_identity_parse(bytes_of(text, (size_t)got), out, &problem);
    explicit_bzero(text, sizeof(text));
    if (err != OK) {
        return refuse(path, problem, fd);
    }
    close(fd);
    return OK;
}
