// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/catalogue.h"

#include "base/crc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "busward-ids 1\n"
enum { CRC_LINE_SIZE = 13, LINE_SIZE = 300 }; // "crc xxxxxxxx\n"

static int compare_entries(const void *left, const void *right)
{
    const struct id_entry *a = left;
    const struct id_entry *b = right;
    return strcmp(a->name, b->name);
}

// The number before `end`, on to the character after it; 0 if there is none.
static uint32_t take_number(const char **at, char end)
{
    char *stop = NULL;
    unsigned long number = (*at)[0] >= '0' && (*at)[0] <= '9' ? strtoul(*at, &stop, 10) : 0;
    if (stop == NULL || *stop != end || number > UINT32_MAX) {
        return 0;
    }
    *at = stop + 1;
    return (uint32_t)number;
}

// Cuts the lines out of `text`, which the map keeps.
static bool read_lines(struct id_map *map, char *text)
{
    const char *at = text;
    if (strncmp(at, "next ", 5) != 0) {
        return false;
    }
    at += 5;
    map->next = take_number(&at, '\n');
    while (*at != '\0') {
        uint32_t id = take_number(&at, ' ');
        char *end = strchr(text + (at - text), '\n');
        if (id == 0 || id >= map->next || end == NULL || map->count == map->capacity) {
            return false;
        }
        *end = '\0';
        map->entries[map->count++] = (struct id_entry){.name = at, .id = id};
        at = end + 1;
    }
    qsort(map->entries, map->count, sizeof(*map->entries), compare_entries);
    return map->next != 0;
}

static bool has_right_crc(struct bytes file)
{
    char line[CRC_LINE_SIZE + 1];
    if (file.size < strlen(HEAD) + CRC_LINE_SIZE || memcmp(file.data, HEAD, strlen(HEAD)) != 0) {
        return false;
    }
    struct bytes body = bytes_of(file.data, file.size - CRC_LINE_SIZE);
    snprintf(line, sizeof(line), "crc %08x\n", crc32c(0, body));
    return memcmp(file.data + body.size, line, CRC_LINE_SIZE) == 0;
}

enum err id_map_load(struct id_map *map, struct bytes file, size_t room, struct arena *arena)
{
    *map = (struct id_map){.next = 1, .capacity = room};
    for (size_t i = 0; i < file.size; i++) {
        map->capacity += file.data[i] == '\n' ? 1 : 0;
    }
    if (map->capacity > CATALOGUE_IDS_MAX) {
        return ERR_FULL;
    }
    map->entries = arena_take(arena, map->capacity, sizeof(*map->entries));
    if (map->entries == NULL) {
        return ERR_FULL;
    }
    if (file.size == 0) {
        return OK;
    }
    if (!has_right_crc(file)) {
        return ERR_CORRUPT;
    }
    size_t head = strlen(HEAD);
    struct bytes lines = bytes_of(file.data + head, file.size - head - CRC_LINE_SIZE);
    char *text = arena_take(arena, lines.size + 1, 1);
    if (text == NULL) {
        return ERR_FULL;
    }
    memcpy(text, lines.data, lines.size);
    return read_lines(map, text) ? OK : ERR_CORRUPT;
}

enum err id_map_take(struct id_map *map, const char *name, struct arena *arena, uint32_t *out)
{
    size_t low = 0;
    size_t high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(map->entries[middle].name, name);
        if (order == 0) {
            *out = map->entries[middle].id;
            return OK;
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    const char *copy =
        map->count < map->capacity ? arena_text(arena, bytes_of(name, strlen(name))) : NULL;
    if (copy == NULL || map->next == UINT32_MAX) {
        return ERR_FULL;
    }
    memmove(map->entries + low + 1, map->entries + low, (map->count - low) * sizeof(*map->entries));
    map->entries[low] = (struct id_entry){.name = copy, .id = map->next++};
    map->count++;
    *out = map->entries[low].id;
    return OK;
}

enum err id_map_write(const struct id_map *map, struct writer *out)
{
    char line[LINE_SIZE];
    put_bytes(out, bytes_of(HEAD, strlen(HEAD)));
    int size = snprintf(line, sizeof(line), "next %u\n", map->next);
    put_bytes(out, bytes_of(line, (size_t)size));
    for (size_t i = 0; i < map->count; i++) {
        size = snprintf(line, sizeof(line), "%u %s\n", map->entries[i].id, map->entries[i].name);
        put_bytes(out, bytes_of(line, (size_t)size));
    }
    size = snprintf(line, sizeof(line), "crc %08x\n", crc32c(0, writer_bytes(out)));
    put_bytes(out, bytes_of(line, (size_t)size));
    return out->failed ? ERR_SIZE : OK;
}

enum err catalogue_assign(struct points *points, struct id_map *map, struct arena *arena,
                          bool *changed)
{
    uint32_t next = map->next;
    char name[POINT_NAME_SIZE];
    for (uint32_t i = 0; i < points->point_count; i++) {
        enum err err = point_name(points, i, name, sizeof(name));
        err = err == OK ? id_map_take(map, name, arena, &points->all[i].id) : err;
        if (err != OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < points->relay_count; i++) {
        struct relay *relay = &points->relays[i];
        // The trailing slash keeps a sensor apart from a point of the device with its name.
        int size = snprintf(name, sizeof(name), "%s/%s/", points->units[relay->unit].device->name,
                            relay->sensor->name);
        enum err err = size > 0 && (size_t)size < sizeof(name) ? OK : ERR_SIZE;
        err = err == OK ? id_map_take(map, name, arena, &relay->id) : err;
        if (err != OK) {
            return err;
        }
    }
    *changed = map->next != next;
    return OK;
}

static int compare_points(const void *left, const void *right)
{
    const struct tm_point *a = left;
    const struct tm_point *b = right;
    return a->id < b->id ? -1 : a->id > b->id ? 1 : 0;
}

static enum err describe_labels(const struct profile_point *p, struct arena *arena,
                                struct tm_point *out)
{
    struct tm_label *labels = arena_take(arena, p->label_count, sizeof(*labels));
    if (labels == NULL) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < p->label_count; i++) {
        labels[i] = (struct tm_label){.code = p->labels[i].value, .text = p->labels[i].text};
    }
    out->labels = labels;
    out->label_count = (uint16_t)p->label_count;
    return OK;
}

// Where a point is, in the words of the catalogue.
static void describe_place(const struct points *points, const struct point *point,
                           struct tm_point *out)
{
    if (point_is_diagnostic(point)) {
        out->is_diagnostic = true;
        out->device = points->config->buses[point->bus].name;
        out->sensor = point->unit != INDEX_NONE ? points->units[point->unit].device->name : NULL;
        out->resolution_ms = 1000; // a message has the finest resolution of its points
        return;
    }
    const struct config_device *device = points->units[point->unit].device;
    const struct relay *relay = point->relay != INDEX_NONE ? &points->relays[point->relay] : NULL;
    out->area = point->sensor != NULL ? point->sensor->area : device->area;
    out->device = device->name;
    out->sensor = point->sensor != NULL ? point->sensor->name : NULL;
    out->resolution_ms = relay != NULL && relay->profile->age_unit_ms >= 1000 ? 1000 : 1;
}

static enum err describe(const struct points *points, uint32_t index, struct arena *arena,
                         struct tm_point *out)
{
    const struct point *point = &points->all[index];
    const struct profile_point *p = point->profile;
    *out = (struct tm_point){
        .id = point->id,
        .type = decode_type(p),
        .exponent = (int8_t)decode_exponent(p),
        .has_low = point->low == point->low,
        .has_high = point->high == point->high,
        .name = p->name,
        .unit = p->unit,
        .interval_ms = p->report.on_change ? 0 : point->interval_ms,
        .low = point->low == point->low ? point->low : 0,
        .high = point->high == point->high ? point->high : 0,
    };
    describe_place(points, point, out);
    return p->label_count > 0 ? describe_labels(p, arena, out) : OK;
}

enum err catalogue_describe(const struct config_gateway *gateway, const struct points *points,
                            struct arena *arena, struct tm_catalogue *out)
{
    const struct tm_site site = {.name = gateway->name, .time_zone = gateway->time_zone};
    struct tm_point *list = arena_take(arena, points->point_count, sizeof(*list));
    if (list == NULL) {
        return ERR_FULL;
    }
    for (uint32_t i = 0; i < points->point_count; i++) {
        enum err err = describe(points, i, arena, &list[i]);
        if (err != OK) {
            return err;
        }
    }
    qsort(list, points->point_count, sizeof(*list), compare_points);
    uint32_t bad;
    return tm_catalogue_init(out, &site, list, (uint32_t)points->point_count, &bad);
}
