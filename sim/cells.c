// SPDX-License-Identifier: Apache-2.0
#include "sim/cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name {
    char text[SIM_FILE_NAME_SIZE];
};

static struct name name_of(const char *cell)
{
    struct name name;
    snprintf(name.text, sizeof(name.text), "cell:%s", cell);
    return name;
}

static enum err cell_read(void *ctx, const char *name, void *out, size_t capacity, size_t *size)
{
    struct sim_medium *medium = ctx;
    const struct sim_file *file = sim_medium_find(medium, name_of(name).text);
    if (medium->is_off || file == NULL) {
        return medium->is_off ? ERR_IO : ERR_NOT_FOUND;
    }
    if (file->now_size > capacity) {
        return ERR_SIZE;
    }
    if (file->now_size > 0) {
        memcpy(out, file->now, file->now_size);
    }
    *size = file->now_size;
    return OK;
}

static enum err put(struct sim_medium *medium, const char *name, struct bytes in, bool is_durable)
{
    enum sim_step_fate fate = sim_medium_step(medium);
    if (fate == SIM_STEP_FAILS ||
        (fate == SIM_STEP_CUT && is_durable && sim_random(medium, 2) == 0)) {
        return ERR_IO;
    }
    struct sim_file *file = sim_medium_create(medium, name_of(name).text);
    sim_medium_resize(file, 0);
    bool is_whole = sim_medium_append(medium, file, in);
    if (is_whole && is_durable) {
        sim_medium_keep(medium, file);
    } else if (!is_whole && is_durable && file->kept_size > 0) {
        // The old content stays; the new one never got its name.
        bool is_back = sim_medium_append(medium, file, bytes_of(file->kept, file->kept_size));
        (void)is_back;
    }
    return fate == SIM_STEP_CUT ? ERR_IO : is_whole ? OK : ERR_FULL;
}

static enum err cell_replace(void *ctx, const char *name, struct bytes in)
{
    return put(ctx, name, in, true);
}

static enum err cell_publish(void *ctx, const char *name, struct bytes in)
{
    return put(ctx, name, in, false);
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
    const struct sim_medium *medium = ctx;
    if (medium->is_off) {
        return ERR_IO;
    }
    struct name prefix = name_of(folder);
    size_t size = strlen(prefix.text);
    size_t found = 0;
    for (size_t i = 0; i < SIM_FILES_MAX; i++) {
        const struct sim_file *file = &medium->files[i];
        if (!file->is_used || strncmp(file->name, prefix.text, size) != 0 ||
            file->name[size] != '/') {
            continue;
        }
        if (found == capacity) {
            return ERR_SIZE;
        }
        snprintf(out[found].text, sizeof(out[found].text), "%.*s", CELL_NAME_MAX,
                 file->name + strlen("cell:"));
        found++;
    }
    qsort(out, found, sizeof(out[0]), compare_names);
    *count = found;
    return OK;
}

static enum err cell_remove(void *ctx, const char *name)
{
    struct sim_medium *medium = ctx;
    struct sim_file *file = sim_medium_find(medium, name_of(name).text);
    if (sim_medium_step(medium) != SIM_STEP_WORKS) {
        return ERR_IO;
    }
    if (file == NULL) {
        return ERR_NOT_FOUND;
    }
    sim_medium_remove(file);
    return OK;
}

struct cells sim_cells(struct sim_medium *medium)
{
    static const struct cell_ops ops = {
        .read = cell_read,
        .replace = cell_replace,
        .publish = cell_publish,
        .list = cells_list,
        .remove = cell_remove,
    };
    return (struct cells){.ops = &ops, .ctx = medium};
}
