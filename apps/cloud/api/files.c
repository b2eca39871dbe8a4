// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/files.h"

#include "apps/cloud/api/answer.h"
#include "base/assert.h"
#include "base/crc.h"
#include "port/linux/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE "files"

static const char *type_of(const char *name)
{
    static const struct {
        const char *suffix;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < COUNT_OF(types); i++) {
        if (strcmp(dot, types[i].suffix) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

// "app-GCYTTN2P.css": a dash, eight capitals or digits, a dot.
static bool has_hash(const char *name)
{
    for (const char *dash = strchr(name, '-'); dash != NULL; dash = strchr(dash + 1, '-')) {
        const size_t run = strspn(dash + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
        if (run == 8 && dash[9] == '.') {
            return true;
        }
    }
    return false;
}

static bool ends_in(const char *name, const char *suffix)
{
    const size_t size = strlen(name);
    const size_t tail = strlen(suffix);
    return size > tail && strcmp(name + size - tail, suffix) == 0;
}

static uint8_t *read_all(const char *path, size_t *size)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILES_BYTES_MAX) {
        *size = (size_t)st.st_size;
        data = malloc(*size + 1);
        if (data != NULL && read(fd, data, *size) != (ssize_t)*size) {
            free(data);
            data = NULL;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return data;
}

static enum err add_file(struct files *files, const char *path, const char *name)
{
    char twin[4100];
    if (files->count == FILES_MAX || strlen(name) >= FILE_NAME_MAX) {
        log_error(MODULE, "too_many", "path=%s max=%d", log_quote(path).text, FILES_MAX);
        return ERR_SIZE;
    }
    struct file *file = &files->list[files->count];
    *file = (struct file){.type = type_of(name), .is_immutable = has_hash(name)};
    memcpy(file->name, name, strlen(name) + 1);
    file->data = read_all(path, &file->size);
    if (file->data == NULL) {
        log_error(MODULE, "unreadable", "path=%s", log_quote(path).text);
        return ERR_IO;
    }
    files->count++;
    if (snprintf(twin, sizeof(twin), "%s.gz", path) < (int)sizeof(twin) &&
        access(twin, R_OK) == 0) {
        file->gzip = read_all(twin, &file->gzip_size);
    }
    snprintf(file->tag, sizeof(file->tag), "\"%016" PRIx64 "\"",
             hash64(HASH64_START, bytes_of(file->data, file->size)));
    files->bytes += file->size + file->gzip_size;
    return files->bytes <= FILES_BYTES_MAX ? OK : ERR_SIZE;
}

static enum err add_folder(struct files *files, const char *folder, const char *prefix)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return ERR_NOT_FOUND;
    }
    enum err err = OK;
    for (struct dirent *e = readdir(dir); err == OK && e != NULL; e = readdir(dir)) {
        char path[4096];
        char name[1024];
        struct stat st;
        if (e->d_name[0] == '.' || ends_in(e->d_name, ".gz") ||
            snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= (int)sizeof(path) ||
            snprintf(name, sizeof(name), "%s%s", prefix, e->d_name) >= (int)sizeof(name) ||
            stat(path, &st) != 0) {
            continue;
        }
        if (S_ISREG(st.st_mode)) {
            err = add_file(files, path, name);
        } else if (S_ISDIR(st.st_mode) && prefix[0] == '\0') {
            char deeper[1026];
            snprintf(deeper, sizeof(deeper), "%s/", name);
            err = add_folder(files, path, deeper);
        }
    }
    closedir(dir);
    return err;
}

enum err files_load(struct files *files, const char *folder)
{
    *files = (struct files){.list = calloc(FILES_MAX, sizeof(struct file))};
    enum err err = files->list != NULL ? add_folder(files, folder, "") : ERR_FULL;
    if (err != OK) {
        log_error(MODULE, "load", "folder=%s err=%s", log_quote(folder).text, err_name(err));
        files_unload(files);
        return err;
    }
    log_info(MODULE, "load", "folder=%s files=%u bytes=%zu", log_quote(folder).text, files->count,
             files->bytes);
    return OK;
}

void files_unload(struct files *files)
{
    for (unsigned i = 0; i < files->count; i++) {
        free(files->list[i].data);
        free(files->list[i].gzip);
    }
    free(files->list);
    *files = (struct files){.list = NULL};
}

static const struct file *find(const struct files *files, const char *name)
{
    for (unsigned i = 0; i < files->count; i++) {
        if (strcmp(files->list[i].name, name) == 0) {
            return &files->list[i];
        }
    }
    return NULL;
}

static const struct file *file_for(const struct files *files, const struct http_request *request)
{
    char name[HTTP_PATH_SIZE_MAX + HTTP_SEGMENTS_MAX];
    size_t size = 0;
    for (unsigned i = 0; i < request->segment_count; i++) {
        if (i > 0) {
            name[size++] = '/';
        }
        memcpy(name + size, request->segments[i].data, request->segments[i].size);
        size += request->segments[i].size;
    }
    name[size] = '\0';
    const struct file *file = size > 0 ? find(files, name) : NULL;
    // The page routes by itself: whatever does not look like a file is the page.
    return file == NULL && strchr(name, '.') == NULL ? find(files, "index.html") : file;
}

void files_reply(const struct files *files, struct http_conn *conn,
                 const struct http_request *request)
{
    const struct file *file = file_for(files, request);
    char headers[256];
    if (file == NULL) {
        answer_error(conn, 404, "not_found", "there is no such file");
        return;
    }
    const bool is_gzip = request->takes_gzip && file->gzip != NULL;
    snprintf(headers, sizeof(headers), "ETag: %s\r\nCache-Control: %s\r\n%s%s", file->tag,
             file->is_immutable ? "public, max-age=31536000, immutable" : "no-cache",
             file->gzip != NULL ? "Vary: Accept-Encoding\r\n" : "",
             is_gzip ? "Content-Encoding: gzip\r\n" : "");
    if (bytes_equal(http_header(request, "if-none-match"),
                    bytes_of(file->tag, strlen(file->tag)))) {
        http_reply(conn, &(struct http_reply){.status = 304, .headers = headers});
        return;
    }
    http_reply(conn, &(struct http_reply){
                         .status = 200,
                         .type = file->type,
                         .headers = headers,
                         .body = is_gzip ? bytes_of(file->gzip, file->gzip_size)
                                         : bytes_of(file->data, file->size),
                         .is_static = true,
                     });
}
