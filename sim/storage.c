// SPDX-License-Identifier: Apache-2.0
#include "sim/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name {
    char text[SIM_FILE_NAME_SIZE];
};

static struct name name_of(uint64_t id)
{
    struct name name;
    snprintf(name.text, sizeof(name.text), "segment:%016llx", (unsigned long long)id);
    return name;
}

static struct sim_file *find(struct sim_medium *medium, uint64_t id)
{
    return sim_medium_find(medium, name_of(id).text);
}

static int compare_ids(const void *a, const void *b)
{
    const struct storage_segment *left = a;
    const struct storage_segment *right = b;
    return left->id < right->id ? -1 : left->id > right->id;
}

static enum err segments_list(void *ctx, uint64_t from, struct storage_segment *out,
                              size_t capacity, size_t *count)
{
    const struct sim_medium *medium = ctx;
    if (medium->is_off) {
        return ERR_IO;
    }
    struct storage_segment all[SIM_FILES_MAX];
    size_t found = 0;
    for (size_t i = 0; i < SIM_FILES_MAX; i++) {
        const struct sim_file *file = &medium->files[i];
        if (!file->is_used || strncmp(file->name, "segment:", 8) != 0) {
            continue;
        }
        uint64_t id = strtoull(file->name + strlen("segment:"), NULL, 16);
        if (id >= from) {
            all[found] = (struct storage_segment){.id = id, .size = file->now_size};
            found++;
        }
    }
    qsort(all, found, sizeof(all[0]), compare_ids);
    *count = found < capacity ? found : capacity;
    memcpy(out, all, *count * sizeof(all[0]));
    return OK;
}

static enum err segment_read(void *ctx, uint64_t id, uint64_t offset, void *out, size_t size,
                             size_t *got)
{
    struct sim_medium *medium = ctx;
    const struct sim_file *file = find(medium, id);
    if (medium->is_off || file == NULL) {
        return medium->is_off ? ERR_IO : ERR_NOT_FOUND;
    }
    size_t left = offset < file->now_size ? file->now_size - (size_t)offset : 0;
    *got = left < size ? left : size;
    if (*got > 0) {
        memcpy(out, file->now + offset, *got);
    }
    return OK;
}

static enum err segment_append(void *ctx, uint64_t id, const struct bytes *parts, size_t part_count)
{
    struct sim_medium *medium = ctx;
    enum sim_step_fate fate = sim_medium_step(medium);
    if (medium->is_off && fate != SIM_STEP_CUT) {
        return ERR_IO;
    }
    struct sim_file *file = sim_medium_create(medium, name_of(id).text);
    for (size_t i = 0; i < part_count; i++) {
        struct bytes part = parts[i];
        if (fate != SIM_STEP_WORKS) { // some of it arrives
            part.size = (size_t)sim_random(medium, part.size + 1);
        }
        if (!sim_medium_append(medium, file, part)) {
            return ERR_FULL;
        }
        if (part.size < parts[i].size) {
            return ERR_IO;
        }
    }
    return fate == SIM_STEP_WORKS ? OK : ERR_IO;
}

static enum err segment_sync(void *ctx, uint64_t id)
{
    struct sim_medium *medium = ctx;
    enum sim_step_fate fate = sim_medium_step(medium);
    struct sim_file *file = find(medium, id);
    if (medium->is_off && fate != SIM_STEP_CUT) {
        return ERR_IO;
    }
    if (file == NULL) {
        return ERR_NOT_FOUND;
    }
    medium->elapsed_us += medium->sync_us;
    if (fate == SIM_STEP_FAILS && file->now_size > file->kept_size) {
        file->doubt_from = file->kept_size;
        file->doubt_to = file->now_size;
        file->same_size = 0; // of what was in doubt before
    }
    if (fate == SIM_STEP_WORKS || (fate == SIM_STEP_CUT && sim_random(medium, 2) == 0)) {
        sim_medium_keep(medium, file);
    }
    return fate == SIM_STEP_WORKS ? OK : ERR_IO;
}

static enum err segment_truncate(void *ctx, uint64_t id, uint64_t size)
{
    struct sim_medium *medium = ctx;
    enum sim_step_fate fate = sim_medium_step(medium);
    struct sim_file *file = find(medium, id);
    if ((medium->is_off && fate != SIM_STEP_CUT) || file == NULL) {
        return medium->is_off ? ERR_IO : ERR_NOT_FOUND;
    }
    if (fate != SIM_STEP_FAILS && size < file->now_size) {
        sim_medium_resize(file, (size_t)size);
    }
    return fate == SIM_STEP_WORKS ? OK : ERR_IO;
}

static enum err segment_remove(void *ctx, uint64_t id)
{
    struct sim_medium *medium = ctx;
    enum sim_step_fate fate = sim_medium_step(medium);
    struct sim_file *file = find(medium, id);
    if ((medium->is_off && fate != SIM_STEP_CUT) || file == NULL) {
        return medium->is_off ? ERR_IO : ERR_NOT_FOUND;
    }
    if (fate == SIM_STEP_WORKS || (fate == SIM_STEP_CUT && sim_random(medium, 2) == 0)) {
        sim_medium_remove(file);
    }
    return fate == SIM_STEP_WORKS ? OK : ERR_IO;
}

struct storage sim_storage(struct sim_medium *medium)
{
    static const struct storage_ops ops = {
        .list = segments_list,
        .read = segment_read,
        .append = segment_append,
        .sync = segment_sync,
        .truncate = segment_truncate,
        .remove = segment_remove,
    };
    return (struct storage){.ops = &ops, .ctx = medium};
}

uint8_t *sim_storage_bytes(struct sim_medium *medium, uint64_t id, size_t *size)
{
    struct sim_file *file = find(medium, id);
    *size = file != NULL ? file->now_size : 0;
    if (file != NULL) {
        file->same_size = 0; // they may be changed
    }
    return file != NULL ? file->now : NULL;
}
