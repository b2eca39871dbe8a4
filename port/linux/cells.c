// SPDX-License-Identifier: Apache-2.0
#include "port/linux/cells.h"

#include "port/linux/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Splits "folder/name"; false if the text breaks the rules of struct cell_ops.
static bool split(const char *text, struct cell_name *folder, struct cell_name *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t size = strlen(text);
    const char *slash = strchr(text, '/');
    const char *last = slash != NULL ? slash + 1 : text;
    size_t folder_size = slash != NULL ? (size_t)(slash - text) : 0;
    bool is_good = size <= CELL_NAME_MAX && *last != '\0' && *last != '.' && text[0] != '.' &&
                   strspn(last, allowed) == strlen(last) &&
                   (slash == NULL || (folder_size > 0 && strspn(text, allowed) == folder_size));
    if (!is_good) {
        return false;
    }
    memcpy(folder->text, slash != NULL ? text : ".", slash != NULL ? folder_size : 1);
    folder->text[slash != NULL ? folder_size : 1] = '\0';
    memcpy(name->text, last, strlen(last) + 1);
    return true;
}

static enum err cells_read(void *ctx, const char *name, void *out, size_t capacity, size_t *size)
{
    const struct linux_cells *c = ctx;
    struct cell_name folder;
    struct cell_name last;
    if (!split(name, &folder, &last)) {
        return ERR_ARG;
    }
    int fd = -1;
    enum err err = file_open(c->folder_fd, name, O_RDONLY, &fd);
    if (err != OK) {
        return err;
    }
    size_t got = 0;
    err = file_read_at(fd, 0, out, capacity, &got);
    if (err == OK) {
        uint8_t more = 0;
        size_t more_size = 0;
        err = file_read_at(fd, got, &more, 1, &more_size);
        err = err == OK && more_size > 0 ? ERR_SIZE : err;
    }
    file_close(&fd);
    if (err == OK) {
        *size = got;
    }
    return err;
}

static enum err open_folder(const struct linux_cells *c, const char *folder, int *fd)
{
    if (mkdirat(c->folder_fd, folder, 0750) == 0) {
        enum err err = file_sync_folder(c->folder_fd);
        if (err != OK) {
            return err;
        }
    } else if (errno != EEXIST) {
        return file_error(errno);
    }
    return file_open(c->folder_fd, folder, O_RDONLY | O_DIRECTORY, fd);
}

static enum err write_new(int folder_fd, const char *name, struct bytes in)
{
    int fd = -1;
    enum err err = file_open(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC, &fd);
    if (err != OK) {
        return err;
    }
    err = file_write(fd, &in, 1);
    if (err == OK) {
        err = file_sync_data(fd);
    }
    file_close(&fd);
    return err;
}

static enum err cells_replace(void *ctx, const char *name, struct bytes in)
{
    const struct linux_cells *c = ctx;
    struct cell_name folder;
    struct cell_name last;
    if (!split(name, &folder, &last)) {
        return ERR_ARG;
    }
    int fd = -1;
    enum err err = open_folder(c, folder.text, &fd);
    if (err != OK) {
        return err;
    }
    char fresh[CELL_NAME_MAX + 8];
    snprintf(fresh, sizeof(fresh), ".%s.new", last.text);
    err = write_new(fd, fresh, in);
    if (err == OK && renameat(fd, fresh, fd, last.text) != 0) {
        err = file_error(errno);
    }
    if (err == OK) {
        err = file_sync_folder(fd);
    }
    file_close(&fd);
    return err;
}

static enum err cells_publish(void *ctx, const char *name, struct bytes in)
{
    struct linux_cells *c = ctx;
    if (c->publish_fd < 0 || strcmp(c->publish_name.text, name) != 0) {
        struct cell_name folder;
        struct cell_name last;
        if (!split(name, &folder, &last) || strcmp(folder.text, ".") != 0) {
            return ERR_ARG;
        }
        file_close(&c->publish_fd);
        enum err err = file_open(c->folder_fd, name, O_WRONLY | O_CREAT, &c->publish_fd);
        if (err != OK) {
            return err;
        }
        c->publish_name = last;
    }
    ssize_t written = pwrite(c->publish_fd, in.data, in.size, 0);
    if (written != (ssize_t)in.size) {
        return written < 0 ? file_error(errno) : ERR_FULL;
    }
    return OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct cell_name *left = a;
    const struct cell_name *right = b;
    return strcmp(left->text, right->text);
}

static enum err cells_list(void *ctx, const char *folder, struct cell_name *out, size_t capacity,
                           size_t *count)
{
    const struct linux_cells *c = ctx;
    int fd = -1;
    enum err err = file_open(c->folder_fd, folder, O_RDONLY | O_DIRECTORY, &fd);
    if (err != OK) {
        *count = 0;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        file_close(&fd);
        return ERR_IO;
    }
    size_t found = 0;
    errno = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL && err == OK; entry = readdir(dir)) {
        struct cell_name full;
        struct cell_name parts[2];
        int size =
            snprintf(full.text, sizeof(full.text), "%s/%.*s", folder, CELL_NAME_MAX, entry->d_name);
        if (size < 0 || size > CELL_NAME_MAX || !split(full.text, &parts[0], &parts[1])) {
            continue; // not a cell: dot files, half-written ones
        }
        if (found == capacity) {
            err = ERR_SIZE;
        } else {
            out[found] = full;
            found++;
        }
    }
    err = err == OK && errno != 0 ? ERR_IO : err;
    closedir(dir);
    if (err == OK) {
        qsort(out, found, sizeof(out[0]), compare_names);
        *count = found;
    }
    return err;
}

static enum err cells_remove(void *ctx, const char *name)
{
    const struct linux_cells *c = ctx;
    struct cell_name folder;
    struct cell_name last;
    if (!split(name, &folder, &last)) {
        return ERR_ARG;
    }
    if (unlinkat(c->folder_fd, name, 0) != 0) {
        return file_error(errno);
    }
    int fd = -1;
    enum err err = file_open(c->folder_fd, folder.text, O_RDONLY | O_DIRECTORY, &fd);
    if (err == OK) {
        err = file_sync_folder(fd);
        file_close(&fd);
    }
    return err;
}

static const struct cell_ops cell_ops = {
    .read = cells_read,
    .replace = cells_replace,
    .publish = cells_publish,
    .list = cells_list,
    .remove = cells_remove,
};

enum err linux_cells_open(struct linux_cells *c, const char *folder)
{
    int fd = -1;
    enum err err = file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, &fd);
    if (err != OK) {
        return err;
    }
    *c = (struct linux_cells){
        .cells = {.ops = &cell_ops, .ctx = c}, .folder_fd = fd, .publish_fd = -1};
    return OK;
}

void linux_cells_close(struct linux_cells *c)
{
    file_close(&c->publish_fd);
    file_close(&c->folder_fd);
}
