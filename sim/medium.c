// SPDX-License-Identifier: Apache-2.0
#include "sim/medium.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

void sim_medium_init(struct sim_medium *medium, uint64_t seed)
{
    *medium = (struct sim_medium){.random = seed};
}

void sim_medium_deinit(struct sim_medium *medium)
{
    for (size_t i = 0; i < SIM_FILES_MAX; i++) {
        sim_medium_remove(&medium->files[i]);
    }
}

// splitmix64: small, seeded, good enough to choose where to strike.
uint64_t sim_random(struct sim_medium *medium, uint64_t below)
{
    medium->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = medium->random;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return below > 0 ? z % below : 0;
}

void sim_medium_cut(struct sim_medium *medium)
{
    medium->is_off = true;
}

enum sim_step_fate sim_medium_step(struct sim_medium *medium)
{
    if (medium->is_off) {
        return SIM_STEP_FAILS;
    }
    medium->steps++;
    if (medium->steps == medium->cut_at_step) {
        medium->is_off = true;
        return SIM_STEP_CUT;
    }
    if (medium->error_at_step != 0 &&
        (medium->steps == medium->error_at_step ||
         (medium->is_error_lasting && medium->steps > medium->error_at_step))) {
        return SIM_STEP_FAILS;
    }
    return SIM_STEP_WORKS;
}

struct sim_file *sim_medium_find(struct sim_medium *medium, const char *name)
{
    for (size_t i = 0; i < SIM_FILES_MAX; i++) {
        if (medium->files[i].is_used && strcmp(medium->files[i].name, name) == 0) {
            return &medium->files[i];
        }
    }
    return NULL;
}

struct sim_file *sim_medium_create(struct sim_medium *medium, const char *name)
{
    struct sim_file *file = sim_medium_find(medium, name);
    for (size_t i = 0; file == NULL && i < SIM_FILES_MAX; i++) {
        if (!medium->files[i].is_used) {
            file = &medium->files[i];
            *file = (struct sim_file){.is_used = true};
            ASSERT(strlen(name) < SIM_FILE_NAME_SIZE);
            memcpy(file->name, name, strlen(name) + 1);
        }
    }
    ASSERT(file != NULL);
    return file;
}

void sim_medium_remove(struct sim_file *file)
{
    free(file->now);
    free(file->kept);
    *file = (struct sim_file){0};
}

static uint8_t *resized(uint8_t *data, size_t size)
{
    uint8_t *grown = realloc(data, size > 0 ? size : 1);
    ASSERT(grown != NULL);
    return grown;
}

// Room for so many bytes, and for many more: files grow by small steps.
static uint8_t *roomy(uint8_t *data, size_t *room, size_t size)
{
    if (data != NULL && size <= *room) {
        return data;
    }
    *room = size + size / 2;
    return resized(data, *room);
}

void sim_medium_resize(struct sim_file *file, size_t size)
{
    ASSERT(size <= file->now_size);
    file->now_size = size;
    file->same_size = file->same_size < size ? file->same_size : size;
    file->doubt_to = file->doubt_to < size ? file->doubt_to : size;
}

bool sim_medium_append(struct sim_medium *medium, struct sim_file *file, struct bytes in)
{
    uint64_t used = 0;
    for (size_t i = 0; medium->capacity != 0 && i < SIM_FILES_MAX; i++) {
        used += medium->files[i].now_size;
    }
    size_t size = in.size;
    if (medium->capacity != 0 && used + size > medium->capacity) {
        size = used < medium->capacity ? (size_t)(medium->capacity - used) : 0;
    }
    if (size > 0) {
        file->now = roomy(file->now, &file->now_room, file->now_size + size);
        memcpy(file->now + file->now_size, in.data, size);
        file->now_size += size;
    }
    return size == in.size;
}

void sim_medium_keep(struct sim_medium *medium, struct sim_file *file)
{
    file->kept = roomy(file->kept, &file->kept_room, file->now_size);
    file->kept_size = file->now_size;
    file->is_durable = true;
    if (file->now_size > file->same_size) {
        memcpy(file->kept + file->same_size, file->now + file->same_size,
               file->now_size - file->same_size);
    }
    file->same_size = file->now_size;
    for (size_t i = file->doubt_from; i < file->doubt_to; i++) {
        file->kept[i] = (uint8_t)sim_random(medium, 256);
    }
}

// The bytes of a file after the power returned: sector by sector old, new or nothing.
static void settle(struct sim_medium *medium, struct sim_file *file)
{
    size_t low = file->now_size < file->kept_size ? file->now_size : file->kept_size;
    size_t high = file->now_size < file->kept_size ? file->kept_size : file->now_size;
    size_t size = low + (size_t)sim_random(medium, high - low + 1);
    uint8_t *out = resized(NULL, size);
    size_t sector = 1 + (size_t)sim_random(medium, 1 + sim_random(medium, 600));
    bool is_orderly = sim_random(medium, 2) == 0; // then only the end is torn
    for (size_t at = 0; at < size; at += sector) {
        size_t end = at + sector < size ? at + sector : size;
        uint64_t choice = is_orderly ? 0 : sim_random(medium, 3);
        for (size_t i = at; i < end; i++) {
            bool has_now = i < file->now_size && (i < file->doubt_from || i >= file->doubt_to);
            bool has_kept = i < file->kept_size;
            if (has_now && (choice == 0 || (has_kept && file->kept[i] == file->now[i]))) {
                out[i] = file->now[i];
            } else if (has_kept && (choice <= 1 || has_now)) {
                out[i] = file->kept[i];
            } else {
                out[i] = has_kept ? file->kept[i] : choice == 2 ? (uint8_t)0 : (uint8_t)0xa5;
            }
        }
    }
    free(file->now);
    file->now = out;
    file->now_size = file->now_room = size;
    file->same_size = 0;
    file->doubt_from = 0;
    file->doubt_to = 0;
}

void sim_medium_power_on(struct sim_medium *medium)
{
    for (size_t i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &medium->files[i];
        if (!file->is_used) {
            continue;
        }
        if (!file->is_durable && sim_random(medium, 3) == 0) {
            sim_medium_remove(file);
            continue;
        }
        settle(medium, file);
        sim_medium_keep(medium, file);
    }
    medium->is_off = false;
    medium->cut_at_step = 0;
}
