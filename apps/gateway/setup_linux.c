// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/setup_linux.h"

#include "apps/gateway/config/config_check.h"
#include "apps/gateway/files_linux.h"
#include "apps/gateway/open_bus_linux.h"
#include "port/linux/file.h"
#include "port/linux/log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 1024 };

enum err setup_config(struct setup *setup, const char *path, const char *profiles_dir,
                      enum files_place place)
{
    struct config_report report;
    setup->path = path;
    setup->profiles_dir = profiles_dir;
    if (config_memory(&setup->arena, &report) != OK) {
        log_error("gateway", "no_memory", "bytes=%d", CONFIG_MEMORY_SIZE);
        return ERR_FULL;
    }
    struct config_source source = {
        .path = path, .profiles_dir = profiles_dir, .files = config_files_linux()};
    enum err err = config_load(&source, &setup->arena, &report, &setup->config);
    if (err == OK) {
        (void)config_check_load(&report, &setup->arena, &setup->config);
        setup->local_hash = setup->config.hash;
    }
    if (err != ERR_FULL) {
        config_check_files(&report, &setup->arena, &setup->config, place);
        err = report.error_count == 0 ? err : ERR_CORRUPT;
    }
    for (size_t i = 0; i < report.count; i++) {
        char line[CONFIG_LINE_SIZE];
        report_line(&report.items[i], line, sizeof(line));
        fprintf(stderr, "%s\n", line);
    }
    if (err != OK) {
        log_error("gateway", "config_wrong", "file=%s errors=%zu", log_quote(path).text,
                  report.error_count);
    }
    return err;
}

static enum err lock_folder(struct setup *setup, const char *folder)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/lock", folder);
    if (mkdir(folder, 0750) != 0 && errno != EEXIST) {
        log_error("gateway", "data_dir", "path=%s error=%s", log_quote(folder).text,
                  log_quote(strerror(errno)).text);
        return ERR_IO;
    }
    setup->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (setup->lock_fd < 0 || flock(setup->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        bool is_busy = errno == EWOULDBLOCK;
        log_error("gateway", "data_dir", "path=%s error=%s", log_quote(folder).text,
                  log_quote(is_busy ? "another gateway runs on it" : strerror(errno)).text);
        return is_busy ? ERR_BUSY : ERR_IO;
    }
    return OK;
}

static bool write_all(int fd, struct bytes in)
{
    while (in.size > 0) {
        ssize_t size = write(fd, in.data, in.size);
        if (size < 0 && errno != EINTR) {
            return false;
        }
        size_t done = size > 0 ? (size_t)size : 0;
        in = bytes_of(in.data + done, in.size - done);
    }
    return true;
}

static bool put_file(const char *path, struct bytes in)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return false;
    }
    bool is_written = write_all(fd, in) && fsync(fd) == 0;
    int problem = errno;
    bool is_closed = close(fd) == 0;
    errno = is_written ? errno : problem;
    return is_written && is_closed;
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool is_synced = fsync(fd) == 0;
    int problem = errno;
    close(fd);
    errno = problem;
    return is_synced;
}

// Old or new content, whatever happens: written aside, synced, renamed, folder synced.
static enum err store_file(const char *folder, const char *name, struct bytes in, bool is_told)
{
    char path[PATH_SIZE];
    char aside[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    snprintf(aside, sizeof(aside), "%s/%s.new", folder, name);
    if (put_file(aside, in) && rename(aside, path) == 0 && sync_folder(folder)) {
        return OK;
    }
    enum err err = file_error(errno);
    if (!is_told) {
        log_error("gateway", "store", "file=%s problem=%s", log_quote(path).text,
                  log_quote(strerror(errno)).text);
    }
    (void)unlink(aside); // what it holds of a full disk
    return err;
}

static enum err load_ids(struct setup *setup, const char *folder)
{
    char path[PATH_SIZE];
    struct bytes file = bytes_of(NULL, 0);
    struct config_files files = config_files_linux();
    snprintf(path, sizeof(path), "%s/ids", folder);
    enum err err = files.read(files.ctx, &setup->arena, path, &file);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    // Sensors have an id of their own beside their points.
    size_t room = 2 * setup->config.point_count + 1;
    return id_map_load(&setup->ids, file, room, &setup->arena);
}

static enum err write_ids(struct setup *setup)
{
    size_t capacity = 64 + setup->ids.count * (POINT_NAME_SIZE + 12);
    uint8_t *text = arena_take(&setup->arena, capacity, 1);
    if (text == NULL) {
        return ERR_FULL;
    }
    struct writer w = writer_of(text, capacity);
    setup->must_store_ids = true;
    enum err err = id_map_write(&setup->ids, &w);
    setup->ids_text = writer_bytes(&w);
    return err;
}

enum err setup_store_ids(void *ctx)
{
    struct setup *setup = ctx;
    enum err err = setup->must_store_ids ? store_file(setup->config.gateway.data_dir, "ids",
                                                      setup->ids_text, setup->is_told)
                                         : OK;
    setup->must_store_ids = setup->is_told = err != OK;
    return err;
}

static enum err list_keys(struct setup *setup)
{
    const struct points *points = &setup->app.points;
    size_t most = points->relay_count + points->point_count;
    setup->keys = arena_take(&setup->arena, most + 1, sizeof(*setup->keys));
    if (setup->keys == NULL) {
        return ERR_FULL;
    }
    setup->key_count = 0;
    for (size_t i = 0; i < points->relay_count; i++) {
        setup->keys[setup->key_count++] = points->relays[i].id;
    }
    for (size_t i = 0; i < points->point_count; i++) {
        const struct point *point = &points->all[i];
        if (!isnan(point->low) || !isnan(point->high)) {
            setup->keys[setup->key_count++] = point->id;
        }
    }
    return OK;
}

enum err setup_app(struct setup *setup)
{
    const char *folder = setup->config.gateway.data_dir;
    enum err err = lock_folder(setup, folder);
    err = err == OK ? remote_setup(&setup->remote, &setup->arena, setup->path, setup->profiles_dir,
                                   &setup->config)
                    : err;
    if (err != OK) {
        return err;
    }
    err = load_ids(setup, folder);
    if (err != OK) {
        // Guessed ids would join the wrong histories: somebody must look at the file.
        log_error("gateway", "ids", "folder=%s error=%s use=%s", log_quote(folder).text,
                  err_name(err),
                  log_quote("put back the file ids from a copy, or remove it and every point "
                            "becomes a new one")
                      .text);
        return err;
    }
    bool is_changed = false;
    err = app_init(&setup->app, &setup->config, &setup->arena, &setup->ids, &is_changed);
    err = err == OK ? list_keys(setup) : err;
    if (err != OK) {
        log_error("gateway", "points", "error=%s", err_name(err));
        return err;
    }
    err = is_changed ? write_ids(setup) : OK;
    enum err stored = err == OK ? setup_store_ids(setup) : err;
    if (stored == ERR_FULL && err == OK) {
        log_warn("gateway", "ids_wait", "folder=%s error=%s use=%s", log_quote(folder).text,
                 err_name(stored),
                 log_quote("make room: until the new points' ids are stored nothing is journalled "
                           "or sent, samples wait in memory")
                     .text);
        return OK;
    }
    if (stored != OK) {
        log_error("gateway", "ids", "folder=%s error=%s", log_quote(folder).text, err_name(stored));
    }
    return stored;
}

enum err setup_bus(const struct config *config, uint32_t index, struct bus **out)
{
    const struct config_bus *b = &config->buses[index];
    enum err err = open_bus(b, out);
    if (err != OK) {
        log_error("bus", "open", "bus=%s port=%s error=%s", log_quote(b->name).text,
                  log_quote(b->port).text, err_name(err));
    }
    return err;
}
