// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/identity_files_linux.h"

#include "base/crc.h"
#include "port/linux/authorities.h"
#include "port/linux/log.h"
#include "port/linux/x509_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char CELL[] = "assignment";

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void name_next(const char *path, char out[IDENTITY_PATH_MAX])
{
    snprintf(out, IDENTITY_PATH_MAX, "%.*s.next", CREDENTIAL_PATH_MAX, path);
}

static uint64_t version_of(const char *path, uint64_t hash)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return hash;
    }
    const int64_t parts[] = {(int64_t)status.st_ino, (int64_t)status.st_size,
                             (int64_t)status.st_mtim.tv_sec, (int64_t)status.st_mtim.tv_nsec};
    return hash64(hash, bytes_of(parts, sizeof(parts)));
}

// A renewed certificate may be for the present key, or come with a key of its own.
static bool find_next(const struct identity_pair *pair, struct identity_pair *next)
{
    name_next(pair->certificate, next->certificate);
    name_next(pair->private_key, next->private_key);
    if (!exists(next->certificate)) {
        return false;
    }
    if (exists(next->private_key) &&
        x509_file_is_pair(next->certificate, next->private_key) == NULL) {
        return true;
    }
    snprintf(next->private_key, sizeof(next->private_key), "%s", pair->private_key);
    return x509_file_is_pair(next->certificate, next->private_key) == NULL;
}

const char *identity_pair_problem(const char *certificate, const char *private_key)
{
    struct identity_pair pair;
    struct identity_pair next;
    const char *problem = credential_find(certificate, pair.certificate);
    problem = problem == NULL ? credential_find(private_key, pair.private_key) : problem;
    if (problem != NULL) {
        return problem;
    }
    problem = x509_file_is_pair(pair.certificate, pair.private_key);
    bool may_have_next = !credential_is_named(certificate) && !credential_is_named(private_key);
    return problem != NULL && may_have_next && find_next(&pair, &next) ? NULL : problem;
}

static void sync_folder_of(const char *path)
{
    char copy[IDENTITY_PATH_MAX];
    snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

// The key first: a cut in between leaves the next certificate with the present key, a next pair
// like any other, beside a present one that does not fit; identity_files_open then goes on.
static const char *adopt(const struct identity_pair *pair, const struct identity_pair *next)
{
    bool has_new_key = strcmp(pair->private_key, next->private_key) != 0;
    if (has_new_key && rename(next->private_key, pair->private_key) != 0) {
        return strerror(errno);
    }
    if (has_new_key) {
        sync_folder_of(pair->private_key);
    }
    if (rename(next->certificate, pair->certificate) != 0) {
        return strerror(errno);
    }
    sync_folder_of(pair->certificate);
    return NULL;
}

static enum err open_pair(struct identity_files *files, const char *certificate,
                          const char *private_key)
{
    struct identity_pair *pair = &files->pair;
    enum err err = credential_path(certificate, pair->certificate);
    err = err == OK ? credential_path(private_key, pair->private_key) : err;
    err = err == OK ? credential_check_secret(private_key) : err;
    if (err != OK) {
        return err;
    }
    files->may_have_next =
        strcmp(certificate, pair->certificate) == 0 && strcmp(private_key, pair->private_key) == 0;
    const char *problem = x509_file_is_pair(pair->certificate, pair->private_key);
    struct identity_pair next;
    if (problem != NULL && files->may_have_next && find_next(pair, &next)) {
        log_warn("identity", "adopt", "certificate=%s problem=%s use=%s",
                 log_quote(pair->certificate).text, log_quote(problem).text,
                 log_quote(next.certificate).text);
        problem = adopt(pair, &next);
    }
    if (problem != NULL) {
        log_error("identity", "certificate", "file=%s private_key=%s problem=%s",
                  log_quote(pair->certificate).text, log_quote(pair->private_key).text,
                  log_quote(problem).text);
        return ERR_ARG;
    }
    return OK;
}

enum err identity_files_open(struct identity_files *files, const char *data_dir,
                             const char *certificate, const char *private_key)
{
    *files = (struct identity_files){.cells = {.folder_fd = -1, .publish_fd = -1}};
    char folder[IDENTITY_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/identity", data_dir);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        log_error("identity", "folder", "path=%s problem=%s", log_quote(folder).text,
                  log_quote(strerror(errno)).text);
        return ERR_IO;
    }
    enum err err = linux_cells_open(&files->cells, folder);
    if (err != OK) {
        log_error("identity", "folder", "path=%s problem=%s", log_quote(folder).text,
                  err_name(err));
        return err;
    }
    return certificate[0] == 0 ? OK : open_pair(files, certificate, private_key);
}

void identity_files_close(struct identity_files *files)
{
    linux_cells_close(&files->cells);
}

bool identity_files_load(struct identity_files *files, struct assignment *out)
{
    uint8_t text[ASSIGNMENT_SIZE_MAX];
    size_t size = 0;
    struct cells *cells = &files->cells.cells;
    enum err err = cells->ops->read(cells->ctx, CELL, text, sizeof(text), &size);
    if (err == ERR_NOT_FOUND) {
        return false;
    }
    err = err == OK ? assignment_parse(bytes_of(text, size), out) : err;
    if (err != OK) {
        log_warn("identity", "assignment", "file=%s problem=%s use=\"asks the service again\"",
                 CELL, err_name(err));
    }
    return err == OK;
}

static void look_for_next(struct identity_files *files)
{
    files->next_version = 0;
    if (files->may_have_next && find_next(&files->pair, &files->next)) {
        uint64_t hash = version_of(files->next.certificate, HASH64_START);
        files->next_version = version_of(files->next.private_key, hash) | 1;
    }
}

static bool add_version(void *ctx, const char *path)
{
    uint64_t *sum = ctx; // a sum, since they come in no order
    *sum += version_of(path, HASH64_START);
    return true;
}

static uint64_t authorities_version(const char *path)
{
    uint64_t version = version_of(path, HASH64_START);
    if (authorities_is_folder(path)) {
        (void)authorities_each(path, add_version, &version);
    }
    return version;
}

static void look(struct identity_files *files)
{
    const struct identity_pair *pair = &files->pair;
    look_for_next(files);
    files->has_device_end =
        pair->certificate[0] != 0 && x509_file_end(pair->certificate, &files->device_end_s) == NULL;
    // Two hundred authorities take a while to read: only when the file is another one.
    uint64_t version = authorities_version(files->ca_file);
    if (version != files->authorities_version) {
        files->authorities_version = version;
        files->has_authorities_end =
            x509_file_last_end(files->ca_file, &files->authorities_end_s) == NULL;
    }
}

void identity_files_run(void *ctx)
{
    struct identity_files *files = ctx;
    if (files->must_store) {
        char text[ASSIGNMENT_SIZE_MAX];
        size_t size = assignment_write(&files->assignment, text);
        struct cells *cells = &files->cells.cells;
        files->store_error = cells->ops->replace(cells->ctx, CELL, bytes_of(text, size));
    }
    if (files->must_adopt) {
        look_for_next(files);
        files->adopt_problem = files->next_version == files->adopt_version
                                   ? adopt(&files->pair, &files->next)
                                   : "it is another one than the hub accepted";
    }
    look(files);
}
