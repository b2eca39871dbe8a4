// SPDX-License-Identifier: Apache-2.0
#include "port/linux/storage.h"

#include "port/linux/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 16 + 4, LIST_TRIES = 8 };

struct name {
    char text[NAME_SIZE + 1];
};

static struct name name_of(uint64_t id)
{
    struct name name;
    snprintf(name.text, sizeof(name.text), "%016llx.seg", (unsigned long long)id);
    return name;
}

static bool id_of(const char *text, uint64_t *id)
{
    if (strlen(text) != NAME_SIZE || strcmp(text + 16, ".seg") != 0) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef";
        const char *found = strchr(digits, text[i]);
        if (found == NULL) {
            return false;
        }
        value = value << 4 | (uint64_t)(found - digits);
    }
    *id = value;
    return true;
}

// Keeps the lowest `capacity` ids, ascending.
static void keep_lowest(struct storage_segment *out, size_t capacity, size_t *count, uint64_t id)
{
    size_t at = *count;
    while (at > 0 && out[at - 1].id > id) {
        at--;
    }
    if (at == capacity) {
        return;
    }
    size_t kept = *count < capacity ? *count : capacity - 1;
    memmove(out + at + 1, out + at, (kept - at) * sizeof(out[0]));
    out[at] = (struct storage_segment){.id = id};
    *count = kept + 1;
}

static enum err list_ids(const struct linux_storage *s, uint64_t from, struct storage_segment *out,
                         size_t capacity, size_t *count)
{
    int fd = -1;
    enum err err = file_open(s->folder_fd, ".", O_RDONLY | O_DIRECTORY, &fd);
    if (err != OK) {
        return err;
    }
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        file_close(&fd);
        return ERR_IO;
    }
    *count = 0;
    errno = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        uint64_t id = 0;
        if (id_of(entry->d_name, &id) && id >= from) {
            keep_lowest(out, capacity, count, id);
        }
    }
    err = errno == 0 ? OK : ERR_IO;
    closedir(folder);
    return err;
}

static enum err storage_list(void *ctx, uint64_t from, struct storage_segment *out, size_t capacity,
                             size_t *count)
{
    const struct linux_storage *s = ctx;
    for (int try = 0; try < LIST_TRIES; try++) {
        size_t listed = 0;
        enum err err = list_ids(s, from, out, capacity, &listed);
        size_t sized = 0;
        while (err == OK && sized < listed) {
            struct stat status;
            if (fstatat(s->folder_fd, name_of(out[sized].id).text, &status, 0) != 0) {
                err = file_error(errno);
            } else {
                out[sized].size = (uint64_t)status.st_size;
                sized++;
            }
        }
        if (err != ERR_NOT_FOUND) { // else one was removed meanwhile: list anew
            *count = listed;
            return err;
        }
    }
    return ERR_IO;
}

static enum err storage_read(void *ctx, uint64_t id, uint64_t offset, void *out, size_t size,
                             size_t *got)
{
    struct linux_storage *s = ctx;
    if (s->read_fd < 0 || s->read_id != id) {
        file_close(&s->read_fd);
        enum err err = file_open(s->folder_fd, name_of(id).text, O_RDONLY, &s->read_fd);
        if (err != OK) {
            return err;
        }
        s->read_id = id;
    }
    return file_read_at(s->read_fd, offset, out, size, got);
}

// Best effort: without it a full disk takes nothing more, which every append tells.
static void reserve(const struct linux_storage *s)
{
    if (s->reserve > 0) {
        (void)!fallocate(s->append_fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)s->reserve);
    }
}

static enum err open_append(struct linux_storage *s, uint64_t id, int flags)
{
    if (s->is_read_only) {
        return ERR_DENIED;
    }
    if (s->append_fd >= 0 && s->append_id == id) {
        return OK;
    }
    file_close(&s->append_fd);
    enum err err =
        file_open(s->folder_fd, name_of(id).text, O_WRONLY | O_APPEND | flags, &s->append_fd);
    if (err != OK) {
        return err;
    }
    s->append_id = id;
    reserve(s);
    s->is_folder_unsynced |= (flags & O_CREAT) != 0;
    return OK;
}

static enum err storage_append(void *ctx, uint64_t id, const struct bytes *parts, size_t part_count)
{
    struct linux_storage *s = ctx;
    enum err err = open_append(s, id, O_CREAT);
    return err == OK ? file_write(s->append_fd, parts, part_count) : err;
}

static enum err sync_folder(struct linux_storage *s)
{
    if (!s->is_folder_unsynced) {
        return OK;
    }
    enum err err = file_sync_folder(s->folder_fd);
    s->is_folder_unsynced = err != OK;
    return err;
}

static enum err storage_sync(void *ctx, uint64_t id)
{
    struct linux_storage *s = ctx;
    enum err err = open_append(s, id, 0);
    if (err == OK) {
        err = file_sync_data(s->append_fd);
    }
    return err == OK ? sync_folder(s) : err;
}

static enum err storage_truncate(void *ctx, uint64_t id, uint64_t size)
{
    struct linux_storage *s = ctx;
    enum err err = open_append(s, id, 0);
    if (err != OK) {
        return err;
    }
    if (ftruncate(s->append_fd, (off_t)size) != 0) {
        return file_error(errno);
    }
    reserve(s); // which it gave back
    return OK;
}

static enum err storage_remove(void *ctx, uint64_t id)
{
    struct linux_storage *s = ctx;
    if (s->is_read_only) {
        return ERR_DENIED;
    }
    if (s->append_id == id) {
        file_close(&s->append_fd);
    }
    if (s->read_id == id) {
        file_close(&s->read_fd);
    }
    if (unlinkat(s->folder_fd, name_of(id).text, 0) != 0) {
        return file_error(errno);
    }
    s->is_folder_unsynced = true;
    return sync_folder(s);
}

static const struct storage_ops storage_ops = {
    .list = storage_list,
    .read = storage_read,
    .append = storage_append,
    .sync = storage_sync,
    .truncate = storage_truncate,
    .remove = storage_remove,
};

enum err linux_storage_open(struct linux_storage *s, const char *folder, bool is_read_only)
{
    if (!is_read_only && mkdir(folder, 0750) != 0 && errno != EEXIST) {
        return file_error(errno);
    }
    int fd = -1;
    enum err err = file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, &fd);
    if (err != OK) {
        return err;
    }
    if (!is_read_only && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
        file_close(&fd);
        return err;
    }
    *s = (struct linux_storage){
        .storage = {.ops = &storage_ops, .ctx = s},
        .folder_fd = fd,
        .is_read_only = is_read_only,
        .is_folder_unsynced = !is_read_only, // by whoever was here before us, perhaps
        .append_fd = -1,
        .read_fd = -1,
    };
    return OK;
}

void linux_storage_reserve(struct linux_storage *s, uint64_t bytes)
{
    s->reserve = bytes;
}

void linux_storage_close(struct linux_storage *s)
{
    file_close(&s->append_fd);
    file_close(&s->read_fd);
    file_close(&s->folder_fd);
}
