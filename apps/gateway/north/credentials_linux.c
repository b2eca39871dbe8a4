// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/credentials_linux.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef NTFS_SB_MAGIC // these two, the kernel keeps to itself
#define NTFS_SB_MAGIC  0x5346544E
#define NTFS3_SB_MAGIC 0x7366746E
#endif

static const char PREFIX[] = "credential:";

bool credential_is_named(const char *setting)
{
    return strncmp(setting, PREFIX, sizeof(PREFIX) - 1) == 0;
}

const char *credential_find(const char *setting, char out[CREDENTIAL_PATH_MAX])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    const char *name = credential_is_named(setting) ? setting + sizeof(PREFIX) - 1 : setting;
    if (credential_is_named(setting) &&
        (name[0] == 0 || name[0] == '.' || strchr(name, '/') != NULL)) {
        return "no name of a credential; expected credential:NAME";
    }
    if (credential_is_named(setting) && folder == NULL) {
        return "CREDENTIALS_DIRECTORY is not set: the unit needs LoadCredential= or "
               "LoadCredentialEncrypted=";
    }
    int size = credential_is_named(setting)
                   ? snprintf(out, CREDENTIAL_PATH_MAX, "%s/%s", folder, name)
                   : snprintf(out, CREDENTIAL_PATH_MAX, "%s", setting);
    return size < CREDENTIAL_PATH_MAX ? NULL : "the path is too long";
}

// Others may read the file: what would change that. Sticks have file systems where no mode can.
static const char *open_to_others(int fd)
{
    struct statfs system;
    if (fstatfs(fd, &system) != 0) {
        return "others may read it: chmod 600 it";
    }
    switch ((uint32_t)system.f_type) {
    case MSDOS_SUPER_MAGIC:
    case EXFAT_SUPER_MAGIC:
    case NTFS_SB_MAGIC:
    case NTFS3_SB_MAGIC:
        return "others may read it, and its file system knows no modes: mount that with "
               "-o umask=077";
    case FUSE_SUPER_MAGIC: // exFAT and NTFS also come this way
    case (uint32_t)CIFS_SUPER_MAGIC:
    case (uint32_t)SMB2_SUPER_MAGIC:
        return "others may read it: chmod 600 it, or, where that changes nothing, mount its file "
               "system with -o umask=077 (cifs: file_mode=0600)";
    default: return "others may read it: chmod 600 it";
    }
}

static const char *open_secret(const char *setting, int *out)
{
    char path[CREDENTIAL_PATH_MAX];
    const char *problem = credential_find(setting, path);
    if (problem != NULL) {
        return problem;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); // a FIFO would wait
    struct stat status;
    if (fd < 0) {
        return errno == ELOOP ? "a symbolic link, which is not followed" : strerror(errno);
    }
    if (fstat(fd, &status) != 0) {
        problem = strerror(errno);
    } else if (!S_ISREG(status.st_mode)) {
        problem = "not a regular file";
    } else if (!credential_is_named(setting) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        problem = open_to_others(fd);
    }
    if (problem != NULL) {
        close(fd);
        return problem;
    }
    *out = fd;
    return NULL;
}

const char *credential_look(const char *setting)
{
    int fd = -1;
    const char *problem = open_secret(setting, &fd);
    if (problem == NULL) {
        close(fd);
    }
    return problem;
}

const char *credential_take(const char *setting, uint8_t out[CREDENTIAL_SIZE_MAX], size_t *size)
{
    int fd = -1;
    const char *problem = open_secret(setting, &fd);
    if (problem != NULL) {
        return problem;
    }
    ssize_t got = read(fd, out, CREDENTIAL_SIZE_MAX);
    if (got < 0) {
        problem = strerror(errno);
    } else if (got == CREDENTIAL_SIZE_MAX) {
        problem = "larger than 2,047 bytes";
    }
    close(fd);
    *size = problem == NULL ? (size_t)got : 0;
    return problem;
}

// problem: what went wrong with it so far. Wipes the text.
static const char *parse_key(uint8_t text[CREDENTIAL_SIZE_MAX], size_t size, const char *problem,
                             struct sas_identity *out)
{
    if (problem == NULL) {
        const enum err err = sas_identity_parse(bytes_of(text, size), out, &problem);
        ASSERT((err == OK) == (problem == NULL));
    }
    explicit_bzero(text, CREDENTIAL_SIZE_MAX);
    return problem;
}

const char *credential_take_key(const char *setting, struct sas_identity *out)
{
    uint8_t text[CREDENTIAL_SIZE_MAX];
    size_t size = 0;
    const char *problem = credential_take(setting, text, &size);
    return parse_key(text, size, problem, out);
}

const char *credential_take_key_from(int fd, struct sas_identity *out)
{
    uint8_t text[CREDENTIAL_SIZE_MAX];
    size_t size = 0;
    const char *problem = NULL;
    ssize_t got = 1;
    while (got != 0 && problem == NULL) {
        got = read(fd, text + size, sizeof(text) - size);
        size += got > 0 ? (size_t)got : 0;
        if (got < 0 && errno != EINTR) {
            problem = strerror(errno);
        } else if (size == sizeof(text)) {
            problem = "larger than 2,047 bytes";
        }
    }
    return parse_key(text, size, problem, out);
}

static enum err told(const char *setting, const char *problem)
{
    if (problem != NULL) {
        log_error("uplink", "key_file", "file=%s problem=%s", log_quote(setting).text,
                  log_quote(problem).text);
    }
    return problem == NULL ? OK : ERR_ARG;
}

enum err credential_path(const char *setting, char out[CREDENTIAL_PATH_MAX])
{
    return told(setting, credential_find(setting, out));
}

enum err credential_check_secret(const char *setting)
{
    return told(setting, credential_look(setting));
}

enum err credential_read(const char *setting, uint8_t out[CREDENTIAL_SIZE_MAX], size_t *size)
{
    return told(setting, credential_take(setting, out, size));
}

enum err credential_read_key_from(int fd, const char *name, struct sas_identity *out)
{
    return told(name, credential_take_key_from(fd, out));
}

enum err credential_read_key(const char *setting, struct sas_identity *out)
{
    return told(setting, credential_take_key(setting, out));
}
