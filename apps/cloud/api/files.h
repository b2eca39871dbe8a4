// SPDX-License-Identifier: Apache-2.0
// The page's files, read into memory at the start, with their .gz twins.
#ifndef CLOUD_API_FILES_H
#define CLOUD_API_FILES_H

#include "port/linux/http_server.h"

enum { FILES_MAX = 256, FILE_NAME_MAX = 128, FILES_BYTES_MAX = 16 * 1024 * 1024 };

struct file {
    char name[FILE_NAME_MAX]; // "app-1234.js", "icons/x.svg"
    const char *type;
    uint8_t *data;
    size_t size;
    uint8_t *gzip; // NULL: none
    size_t gzip_size;
    char tag[24];      // ETag, quoted
    bool is_immutable; // its name holds a hash of it
};

struct files {
    struct file *list;
    unsigned count;
    size_t bytes;
};

// Two levels deep at most. ERR_NOT_FOUND: no such folder; ERR_SIZE: more than the limits.
NODISCARD enum err files_load(struct files *files, const char *folder);
void files_unload(struct files *files);
// Answers a GET or HEAD outside /api; unknown paths without a dot get the page itself.
void files_reply(const struct files *files, struct http_conn *conn,
                 const struct http_request *request);

#endif
