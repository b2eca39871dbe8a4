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

static enum err refuse(const char *path, const char *problem)
{
    log_error("uplink", "key_file", "file=%s problem=%s", log_quote(path).text,
              log_quote(problem).text);
    return ERR_ARG;
}

// The secret in `text`; logs what is wrong.
static enum err read_secret(const char *path, uint8_t text[KEY_FILE_SIZE_MAX], size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); // a FIFO would wait
    struct stat status;
    if (fd < 0) {
        return refuse(path, strerror(errno));
    }
    const char *problem = NULL;
    ssize_t got = -1;
    if (fstat(fd, &status) != 0) {
        problem = strerror(errno);
    } else if (!S_ISREG(status.st_mode)) {
        problem = "not a regular file";
    } else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        problem = "others may read the key: chmod 600 it";
    } else {
        got = read(fd, text, KEY_FILE_SIZE_MAX);
        problem = got < 0 ? strerror(errno) : NULL;
        problem = got == KEY_FILE_SIZE_MAX ? "larger than 2,047 bytes" : problem;
    }
    close(fd);
    *size = got > 0 ? (size_t)got : 0;
    return problem == NULL ? OK : refuse(path, problem);
}

enum err key_file_read(const char *path, struct sas_identity *out)
{
    uint8_t text[KEY_FILE_SIZE_MAX];
    size_t size = 0;
    enum err err = read_secret(path, text, &size);
    const char *problem = NULL;
    if (err == OK && sas_identity_parse(bytes_of(text, size), out, &problem) != OK) {
        err = refuse(path, problem);
    }
    explicit_bzero(text, sizeof(text));
    return err;
}

enum err proxy_read(const char *address, const char *login_file, struct proxy *out)
{
    if (proxy_parse(address, out) != OK) {
        return refuse(address, "hub.proxy is http://host:port or socks5://host:port, and the login "
                               "stands in hub.proxy_login_file");
    }
    if (login_file == NULL || login_file[0] == 0) {
        return OK;
    }
    uint8_t text[KEY_FILE_SIZE_MAX];
    size_t size = 0;
    enum err err = read_secret(login_file, text, &size);
    if (err == OK && proxy_parse_login(bytes_of(text, size), out) != OK) {
        err = refuse(login_file, "not user:password with at most 255 bytes each");
    }
    explicit_bzero(text, sizeof(text));
    return err;
}
