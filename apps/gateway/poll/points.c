// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/points.h"

#include "apps/gateway/poll/diagnostics_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_units(const struct config *config)
{
    size_t count = 0;
    for (size_t b = 0; b < config->bus_count; b++) {
        count += config->buses[b].device_count;
    }
    return count;
}

static void count_items(const struct config *config, struct points *points)
{
    for (size_t b = 0; b < config->bus_count; b++) {
        points->point_count += figures_count(&config->buses[b]);
        for (size_t d = 0; d < config->buses[b].device_count; d++) {
            const struct config_device *device = &config->buses[b].devices[d];
            if (device->profile == NULL) {
                continue;
            }
            points->relay_count += device->sensor_count;
            points->item_count += device->profile->point_count + device->sensor_count;
            points->point_count += device->profile->point_count +
                                   device->sensor_count * device->profile->sensors.point_count;
        }
    }
}

static struct point *add_point(struct points *points, uint32_t unit,
                               const struct profile_point *profile, uint32_t base,
                               uint32_t interval_ms)
{
    struct point *point = &points->all[points->point_count++];
    *point = (struct point){.profile = profile,
                            .unit = unit,
                            .bus = INDEX_NONE,
                            .relay = INDEX_NONE,
                            .interval_ms = interval_ms,
                            .low = profile->low,
                            .high = profile->high,
                            .hysteresis = profile->hysteresis,
                            .alert_after_s = profile->alert_after_s,
                            .address = (uint16_t)(base + profile->address)};
    return point;
}

static void apply_limits(struct point *point, const struct config_limit *limits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(limits[i].point, point->profile->name) == 0) {
            point->low = limits[i].low;
            point->high = limits[i].high;
            point->hysteresis = limits[i].hysteresis;
            point->alert_after_s = limits[i].alert_after_s;
        }
    }
}

static void add_device_points(struct points *points, uint32_t unit, const struct profile *profile)
{
    for (size_t i = 0; i < profile->point_count; i++) {
        const struct profile_point *p = &profile->points[i];
        uint32_t interval_ms = profile->groups[p->group].interval_ms;
        points->items[points->item_count++] =
            (struct item){.address = (uint16_t)p->address,
                          .size = (uint16_t)profile_point_size(p),
                          .table = (uint8_t)p->table,
                          .interval_ms = interval_ms,
                          .point_first = (uint32_t)points->point_count,
                          .point_count = 1};
        (void)add_point(points, unit, p, 0, interval_ms);
    }
}

static void add_sensor(struct points *points, uint32_t unit, const struct config_sensor *sensor,
                       const struct profile *profile)
{
    const struct profile_sensors *s = &profile->sensors;
    uint32_t interval_ms = profile->groups[s->group].interval_ms;
    uint32_t base = s->base + sensor->slot * s->stride;
    uint32_t relay = (uint32_t)points->relay_count++;
    points->relays[relay] = (struct relay){.sensor = sensor,
                                           .profile = s,
                                           .unit = unit,
                                           .point_first = (uint32_t)points->point_count,
                                           .point_count = (uint32_t)s->point_count,
                                           .address = (uint16_t)base};
    points->items[points->item_count++] =
        (struct item){.address = (uint16_t)base,
                      .size = (uint16_t)s->stride,
                      .table = (uint8_t)s->table,
                      .interval_ms = interval_ms,
                      .point_first = (uint32_t)points->point_count,
                      .point_count = (uint32_t)s->point_count};
    for (size_t i = 0; i < s->point_count; i++) {
        struct point *point = add_point(points, unit, &s->points[i], base, interval_ms);
        point->sensor = sensor;
        point->relay = relay;
    }
}

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    if (a->interval_ms != b->interval_ms) {
        return a->interval_ms < b->interval_ms ? -1 : 1;
    }
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    if (a->address != b->address) {
        return a->address < b->address ? -1 : 1;
    }
    return a->size != b->size ? (a->size < b->size ? -1 : 1) : 0;
}

static void add_unit(struct points *points, const struct config_device *device, uint32_t bus)
{
    uint32_t index = (uint32_t)points->unit_count++;
    struct unit *unit = &points->units[index];
    *unit = (struct unit){.device = device,
                          .bus = bus,
                          .point_first = (uint32_t)points->point_count,
                          .item_first = (uint32_t)points->item_count};
    if (device->profile != NULL) {
        add_device_points(points, index, device->profile);
        for (size_t i = 0; i < device->sensor_count; i++) {
            add_sensor(points, index, &device->sensors[i], device->profile);
        }
    }
    unit->point_count = (uint32_t)points->point_count - unit->point_first;
    unit->item_count = (uint32_t)points->item_count - unit->item_first;
    for (uint32_t i = unit->point_first; i < points->point_count; i++) {
        struct point *point = &points->all[i];
        apply_limits(point, device->limits, device->limit_count);
        if (point->sensor != NULL) {
            apply_limits(point, point->sensor->limits, point->sensor->limit_count);
        }
    }
    qsort(points->items + unit->item_first, unit->item_count, sizeof(struct item), compare_items);
}

static void add_figures(struct points *points, uint32_t bus, uint32_t unit, int first, int end)
{
    const struct config_bus *config = &points->config->buses[bus];
    for (int f = first; f < end; f++) {
        if (figure_exists((enum figure)f, figures_known(config))) {
            struct point *point =
                add_point(points, unit, &FIGURE_POINTS[f], 0, config->diagnostics_s * 1000);
            point->bus = bus;
            apply_limits(point, config->limits, config->limit_count);
        }
    }
}

// The bus as a whole, then each of its units.
static void add_diagnostics(struct points *points, uint32_t bus)
{
    struct point_range *range = &points->diagnostics[bus];
    range->first = (uint32_t)points->point_count;
    if (points->config->buses[bus].diagnostics_s == 0) {
        return;
    }
    add_figures(points, bus, INDEX_NONE, 0, FIGURE_OF_UNIT);
    for (uint32_t u = 0; u < points->unit_count; u++) {
        if (points->units[u].bus == bus) {
            add_figures(points, bus, u, FIGURE_OF_UNIT, FIGURE_COUNT);
        }
    }
    range->count = (uint32_t)points->point_count - range->first;
}

enum err points_build(const struct config *config, struct arena *arena, struct points *out)
{
    struct points points = {.config = config};
    count_items(config, &points);
    points.units = arena_take(arena, count_units(config), sizeof(*points.units));
    points.all = arena_take(arena, points.point_count, sizeof(*points.all));
    points.relays = arena_take(arena, points.relay_count, sizeof(*points.relays));
    points.items = arena_take(arena, points.item_count, sizeof(*points.items));
    points.diagnostics = arena_take(arena, config->bus_count, sizeof(*points.diagnostics));
    if (arena->is_full) {
        return ERR_FULL;
    }
    points.unit_count = points.point_count = points.relay_count = points.item_count = 0;
    for (uint32_t b = 0; b < config->bus_count; b++) {
        for (size_t d = 0; d < config->buses[b].device_count; d++) {
            add_unit(&points, &config->buses[b].devices[d], b);
        }
    }
    for (uint32_t b = 0; b < config->bus_count; b++) {
        add_diagnostics(&points, b);
    }
    *out = points;
    return OK;
}

enum err point_name(const struct points *points, uint32_t point, char *out, size_t capacity)
{
    const struct point *p = &points->all[point];
    const char *device = p->unit != INDEX_NONE ? points->units[p->unit].device->name : NULL;
    const char *sensor = p->sensor != NULL ? p->sensor->name : NULL;
    const char *mark = "";
    if (point_is_diagnostic(p)) {
        mark = "/";
        sensor = device;
        device = points->config->buses[p->bus].name;
    }
    int size = sensor != NULL
                   ? snprintf(out, capacity, "%s%s/%s/%s", mark, device, sensor, p->profile->name)
                   : snprintf(out, capacity, "%s%s/%s", mark, device, p->profile->name);
    return size >= 0 && (size_t)size < capacity ? OK : ERR_SIZE;
}
