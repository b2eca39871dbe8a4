// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/credentials_linux.h"

#include "port/linux/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char PREFIX[] = "credential:";

static bool is_credential(const char *setting)
{
    return strncmp(setting, PREFIX, sizeof(PREFIX) - 1) == 0;
}

static enum err refuse(const char *path, const char *problem, int fd)
{
    log_error("uplink", "key_file", "file=%s problem=%s", log_quote(path).text,
              log_quote(problem).text);
    if (fd >= 0) {
        close(fd);
    }
    return ERR_ARG;
}

enum err credential_path(const char *setting, char out[CREDENTIAL_PATH_MAX])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    const char *name = is_credential(setting) ? setting + sizeof(PREFIX) - 1 : setting;
    if (is_credential(setting) && (name[0] == 0 || name[0] == '.' || strchr(name, '/') != NULL)) {
        return refuse(setting, "no name of a credential; expected credential:NAME", -1);
    }
    if (is_credential(setting) && folder == NULL) {
        return refuse(setting,
                      "CREDENTIALS_DIRECTORY is not set: the unit needs LoadCredential= or "
                      "LoadCredentialEncrypted=",
                      -1);
    }
    int size = is_credential(setting) ? snprintf(out, CREDENTIAL_PATH_MAX, "%s/%s", folder, name)
                                      : snprintf(out, CREDENTIAL_PATH_MAX, "%s", setting);
    return size < CREDENTIAL_PATH_MAX ? OK : refuse(setting, "the path is too long", -1);
}

static enum err open_secret(const char *setting, int *out)
{
    char path[CREDENTIAL_PATH_MAX];
    enum err err = credential_path(setting, path);
    if (err != OK) {
        return err;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); // a FIFO would wait
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return refuse(path, strerror(errno), fd);
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(path, "not a regular file", fd);
    }
    if (!is_credential(setting) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return refuse(path, "others may read the key: chmod 600 it", fd);
    }
    *out = fd;
    return OK;
}

enum err credential_check_secret(const char *setting)
{
    int fd = -1;
    enum err err = open_secret(setting, &fd);
    if (err == OK) {
        close(fd);
    }
    return err;
}

enum err credential_read(const char *setting, uint8_t out[CREDENTIAL_SIZE_MAX], size_t *size)
{
    int fd = -1;
    enum err err = open_secret(setting, &fd);
    if (err != OK) {
        return err;
    }
    ssize_t got = read(fd, out, CREDENTIAL_SIZE_MAX);
    if (got < 0 || got == CREDENTIAL_SIZE_MAX) {
        return refuse(setting, got < 0 ? strerror(errno) : "larger than 2,047 bytes", fd);
    }
    close(fd);
    *size = (size_t)got;
    return OK;
}

enum err credential_read_key(const char *setting, struct sas_identity *out)
{
    uint8_t text[CREDENTIAL_SIZE_MAX];
    size_t size = 0;
    const char *problem = NULL;
    enum err err = credential_read(setting, text, &size);
    if (err == OK && sas_identity_parse(bytes_of(text, size), out, &problem) != OK) {
        err = refuse(setting, problem, -1);
    }
    explicit_bzero(text, sizeof(text));
    return err;
}
