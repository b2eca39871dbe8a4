// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static enum err read_file(void *ctx, struct arena *arena, const char *path, struct bytes *out)
{
    (void)ctx;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
               : errno == EACCES                   ? ERR_DENIED
                                                   : ERR_IO;
    }
    enum err err = ERR_IO;
    long size = -1;
    if (fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
    }
    if (size >= 0 && size <= CONFIG_FILE_SIZE_MAX && fseek(file, 0, SEEK_SET) == 0) {
        void *data = arena_take(arena, (size_t)size + 1, 1);
        bool is_read = data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size;
        err = data == NULL ? ERR_FULL : is_read ? OK : ERR_IO;
        *out = bytes_of(data, (size_t)size);
    } else if (size > CONFIG_FILE_SIZE_MAX) {
        err = ERR_SIZE;
    }
    fclose(file);
    return err;
}

struct config_files config_files_stdio(void)
{
    return (struct config_files){.read = read_file};
}

enum err config_memory(struct arena *arena, struct config_report *report)
{
    *arena = arena_of(calloc(1, CONFIG_MEMORY_SIZE), CONFIG_MEMORY_SIZE);
    *report = (struct config_report){0};
    if (arena->data == NULL) {
        return ERR_FULL;
    }
    report->items = arena_take(arena, CONFIG_FINDINGS_MAX, sizeof(*report->items));
    return report->items != NULL ? OK : ERR_FULL;
}
