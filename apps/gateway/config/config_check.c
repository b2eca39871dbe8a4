// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/profile_check.h"

#include "apps/gateway/config/doc.h"
#include "apps/gateway/poll/diagnostics_table.h"
#include "apps/gateway/poll/plan.h"
#include "base/assert.h"
#include "telemetry/catalogue.h"

#include <stdlib.h>
#include <string.h>

static const struct doc_node *key_or(const struct doc_node *object, const char *key)
{
    const struct doc_node *member = doc_member(object, key);
    return member != NULL ? member : object;
}

static bool same(const char *a, const char *b)
{
    return a[0] != '\0' && strcmp(a, b) == 0;
}

static bool begins(const char *text, const char *prefix, const char **rest)
{
    size_t size = strlen(prefix);
    *rest = text + size;
    return strncmp(text, prefix, size) == 0;
}

// "host:port"; an IPv6 address stands in brackets.
static bool split_host(struct arena *arena, const char *text, struct config_bus *bus)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == '\0' || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return false;
    }
    size_t size = (size_t)(colon - text);
    if (text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    bus->tcp_port = (uint32_t)strtoul(colon + 1, NULL, 10);
    bus->host = arena_text(arena, bytes_of(text, size));
    return size > 0 && bus->tcp_port >= 1 && bus->tcp_port <= 65535;
}

bool config_port(struct arena *arena, struct config_bus *bus)
{
    const char *rest = "";
    bool is_right = false;
    bus->path = "";
    bus->host = "";
    if (begins(bus->port, "tty:", &rest)) {
        bus->port_kind = BUS_TTY;
        bus->path = rest;
        is_right = rest[0] == '/' && rest[1] != '\0';
    } else if (begins(bus->port, "rt:", &rest)) {
        bus->port_kind = BUS_RT;
        bus->path = rest;
        is_right = rest[0] == '/' && rest[1] != '\0' && strlen(rest) <= CONFIG_RT_PATH_MAX;
    } else if (begins(bus->port, "tcp:", &rest)) {
        bus->port_kind = BUS_TCP;
        is_right = split_host(arena, rest, bus);
    } else if (begins(bus->port, "rtu+tcp:", &rest)) {
        bus->port_kind = BUS_RTU_TCP;
        is_right = split_host(arena, rest, bus);
    }
    return is_right;
}

static void check_port(struct config_report *report, struct arena *arena, struct config_bus *bus)
{
    if (!config_port(arena, bus) && bus->port[0] != '\0') {
        doc_error(report, key_or(bus->node, "port"), "\"%.80s\" is no port; expected " CONFIG_PORTS,
                  bus->port);
    }
}

static bool is_eighths(double bits)
{
    return bits * 8 == (double)(int)(bits * 8);
}

// What only a real-time core can do is said on its port alone, or it would seem to be done.
static void check_core(struct config_report *report, const struct config_bus *bus)
{
    static const char *const KEYS[] = {"guard_bits", "lead_bits", "de_active_low"};
    const double bits[] = {bus->guard_bits, bus->lead_bits};
    for (size_t i = 0; i < COUNT_OF(KEYS) && bus->port_kind != BUS_RT; i++) {
        if (doc_member(bus->node, KEYS[i]) != NULL) {
            doc_error(report, doc_member(bus->node, KEYS[i]), "is for rt: ports only");
        }
    }
    if (bus->port_kind != BUS_RT) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(bits); i++) {
        if (!is_eighths(bits[i])) {
            doc_error(report, key_or(bus->node, KEYS[i]), "%g is no multiple of 1/8 bit (0.125)",
                      bits[i]);
        }
    }
    if (bus->baud < CONFIG_RT_BAUD_MIN || bus->baud > CONFIG_RT_BAUD_MAX) {
        doc_error(report, key_or(bus->node, "baud"), "a real-time core has %d to %d baud",
                  CONFIG_RT_BAUD_MIN, CONFIG_RT_BAUD_MAX);
    }
    if (bus->direction != DIRECTION_NONE) {
        doc_error(report, key_or(bus->node, "direction"),
                  "is for tty: ports; a real-time core switches the transceiver by itself");
    }
}

static void check_format(struct config_report *report, struct config_bus *bus)
{
    static const char *const FORMATS[] = {"8N1", "8E1", "8O1", "8N2", NULL};
    bus->char_bits = same(bus->format, "8N1") ? 10 : 11;
    for (size_t i = 0; FORMATS[i] != NULL; i++) {
        if (same(bus->format, FORMATS[i])) {
            return;
        }
    }
    doc_error(report, key_or(bus->node, "format"), "\"%s\" is none of 8N1, 8E1, 8O1, 8N2",
              bus->format);
}

static const struct profile_point *find_point(const struct profile *profile, const char *name,
                                              bool is_sensor)
{
    for (size_t i = 0; i < profile->point_count && !is_sensor; i++) {
        if (strcmp(profile->points[i].name, name) == 0) {
            return &profile->points[i];
        }
    }
    for (size_t i = 0; i < profile->sensors.point_count; i++) {
        if (strcmp(profile->sensors.points[i].name, name) == 0) {
            return &profile->sensors.points[i];
        }
    }
    return NULL;
}

static void check_limits(struct config_report *report, const struct profile *profile,
                         const struct config_limit *limits, size_t count, bool is_sensor)
{
    for (size_t i = 0; i < count && profile != NULL; i++) {
        const struct config_limit *limit = &limits[i];
        if (limit->node == NULL || limit->point[0] == '\0') {
            continue;
        }
        const struct profile_point *point = find_point(profile, limit->point, is_sensor);
        if (point == NULL) {
            doc_error(report, key_or(limit->node, "point"),
                      "the profile \"%s\" has no point \"%s\"", profile->name, limit->point);
        } else if (point->type == TYPE_STRING || point->type == TYPE_BOOL) {
            doc_error(report, key_or(limit->node, "point"), "\"%s\" is no number", limit->point);
        }
        profile_check_band(report, limit->node, limit->low, limit->high, limit->hysteresis);
    }
}

static void check_sensors(struct config_report *report, struct config_device *device)
{
    const struct profile_sensors *profile =
        device->profile != NULL ? &device->profile->sensors : NULL;
    if (profile != NULL && profile->node == NULL && device->sensor_count > 0) {
        doc_error(report, key_or(device->node, "sensors"),
                  "the profile \"%s\" relays no sensors: it has no \"sensors\"",
                  device->profile_name);
        return;
    }
    for (size_t i = 0; i < device->sensor_count; i++) {
        struct config_sensor *sensor = &device->sensors[i];
        if (sensor->node == NULL) {
            continue;
        }
        check_limits(report, device->profile, sensor->limits, sensor->limit_count, true);
        sensor->area = sensor->area[0] == '\0' ? device->area : sensor->area;
        if (profile != NULL && sensor->slot >= profile->slots) {
            doc_error(report, key_or(sensor->node, "slot"),
                      "slot %u is not there; the profile \"%s\" has 0 to %u", sensor->slot,
                      device->profile_name, profile->slots - 1);
        }
        for (size_t k = 0; k < i; k++) {
            if (device->sensors[k].node == NULL) {
                continue;
            }
            if (device->sensors[k].slot == sensor->slot) {
                doc_error(report, key_or(sensor->node, "slot"), "slot %u is already \"%s\"",
                          sensor->slot, device->sensors[k].name);
            }
            if (same(device->sensors[k].name, sensor->name)) {
                doc_error(report, key_or(sensor->node, "name"),
                          "a sensor of this device is already called \"%s\"", sensor->name);
            }
        }
    }
}

static void check_device(struct config_report *report, const struct config_bus *bus, size_t index)
{
    struct config_device *device = &bus->devices[index];
    if (device->retries > 10 && device->retries != CONFIG_RETRIES_BUS) {
        doc_error(report, key_or(device->node, "retries"),
                  "expected 0 to 10, or 255 for the bus's");
        device->retries = CONFIG_RETRIES_BUS;
    }
    for (size_t k = 0; k < index; k++) {
        if (bus->devices[k].unit == device->unit && bus->devices[k].node != NULL &&
            device->unit != 0) {
            doc_error(report, key_or(device->node, "unit"), "unit %u is already \"%s\" on this bus",
                      device->unit, bus->devices[k].name);
        }
    }
    check_limits(report, device->profile, device->limits, device->limit_count, false);
    check_sensors(report, device);
}

// Device names name points, so they are unique in the whole gateway.
static void check_names(struct config_report *report, const struct config *config, size_t bus,
                        size_t device)
{
    const struct config_device *this = &config->buses[bus].devices[device];
    for (size_t b = 0; b <= bus; b++) {
        size_t count = b == bus ? device : config->buses[b].device_count;
        for (size_t d = 0; d < count; d++) {
            if (same(config->buses[b].devices[d].name, this->name)) {
                doc_error(report, key_or(this->node, "name"), "a device is already called \"%s\"",
                          this->name);
            }
        }
    }
}

static bool has_figure(const struct config_bus *bus, const char *name)
{
    for (int f = 0; f < FIGURE_COUNT; f++) {
        if (same(FIGURE_POINTS[f].name, name) &&
            figure_exists((enum figure)f, figures_known(bus))) {
            return FIGURE_POINTS[f].label_count == 0;
        }
    }
    return false;
}

static void check_bus_limits(struct config_report *report, const struct config_bus *bus)
{
    for (size_t i = 0; i < bus->limit_count; i++) {
        const struct config_limit *limit = &bus->limits[i];
        if (limit->node == NULL || limit->point[0] == '\0') {
            continue;
        }
        if (!has_figure(bus, limit->point)) {
            doc_error(report, key_or(limit->node, "point"),
                      "a bus of this kind has no figure \"%s\"; docs/gateway.md lists them",
                      limit->point);
        } else if (bus->diagnostics_s == 0) {
            doc_error(report, key_or(limit->node, "point"),
                      "has no diagnostics: diagnostics_s is 0");
        }
        profile_check_band(report, limit->node, limit->low, limit->high, limit->hysteresis);
    }
}

static void check_bus(struct config_report *report, struct arena *arena, struct config *config,
                      size_t index)
{
    struct config_bus *bus = &config->buses[index];
    if (bus->node == NULL) {
        return;
    }
    check_port(report, arena, bus);
    check_format(report, bus);
    check_bus_limits(report, bus);
    check_core(report, bus);
    for (size_t k = 0; k < index; k++) {
        const struct config_bus *other = &config->buses[k];
        if (other->node != NULL && same(other->name, bus->name)) {
            doc_error(report, key_or(bus->node, "name"), "a bus is already called \"%s\"",
                      bus->name);
        }
        if (other->node != NULL && same(other->port, bus->port)) {
            doc_error(report, key_or(bus->node, "port"), "is already the port of \"%s\"",
                      other->name);
        }
    }
    if (bus->reply_timeout_min_ms > bus->reply_timeout_ms) {
        doc_error(report, key_or(bus->node, "reply_timeout_min_ms"),
                  "%u lies above reply_timeout_ms, %u", bus->reply_timeout_min_ms,
                  bus->reply_timeout_ms);
    }
    if (bus->probe_min_ms > bus->probe_max_ms) {
        doc_error(report, key_or(bus->node, "probe_min_ms"), "%u lies above probe_max_ms, %u",
                  bus->probe_min_ms, bus->probe_max_ms);
    }
    for (size_t d = 0; d < bus->device_count; d++) {
        if (bus->devices[d].node != NULL) {
            check_device(report, bus, d);
            check_names(report, config, index, d);
        }
    }
}

static void count_points(struct config_report *report, struct config *config)
{
    size_t diagnostics = 0;
    for (size_t b = 0; b < config->bus_count; b++) {
        diagnostics += figures_count(&config->buses[b]);
        for (size_t d = 0; d < config->buses[b].device_count; d++) {
            const struct config_device *device = &config->buses[b].devices[d];
            if (device->profile != NULL) {
                config->point_count += device->profile->point_count +
                                       device->sensor_count * device->profile->sensors.point_count;
            }
        }
    }
    config->point_count += diagnostics;
    if (config->point_count > CONFIG_POINTS_MAX) {
        doc_error(report, key_or(config->node, "buses"),
                  "makes %zu points; at most %d are possible (%zu are diagnostics: diagnostics_s 0 "
                  "leaves them out)",
                  config->point_count, CONFIG_POINTS_MAX, diagnostics);
    }
}

void config_check(struct config_report *report, struct arena *arena, struct config *config)
{
    if (config->hub.node != NULL) {
        config_check_hub(report, config);
    }
    if (config->gateway.node != NULL) {
        config_check_path(report, config->gateway.node, "data_dir", config->gateway.data_dir);
    }
    if (config->remote.node != NULL) {
        config_check_path(report, config->remote.node, "ca_file", config->remote.ca_file);
    }
    const char *zone = config->gateway.time_zone;
    if (zone != NULL && zone[0] != '\0' && !tm_time_zone_is_plausible(zone)) {
        doc_error(report, key_or(config->gateway.node, "time_zone"),
                  "\"%s\" is no time zone; expected a name as IANA has it, such as Europe/Berlin",
                  zone);
    }
    if (config->journal.bytes_max / 6 < config->journal.segment_size) {
        const struct doc_node *node =
            config->journal.node != NULL ? config->journal.node : config->node;
        doc_error(report, key_or(node, "bytes_max"), "must hold at least 6 segments of %u bytes",
                  config->journal.segment_size);
    }
    for (size_t b = 0; b < config->bus_count; b++) {
        check_bus(report, arena, config, b);
    }
    count_points(report, config);
    config_check_methods(report, config);
}

bool config_check_load(struct config_report *report, struct arena *arena,
                       const struct config *config)
{
    struct points points;
    if (points_build(config, arena, &points) != OK) {
        return false;
    }
    bool fits = true;
    struct block *scratch = arena_take(arena, points.item_count, sizeof(*scratch));
    for (uint32_t b = 0; b < config->bus_count && scratch != NULL; b++) {
        struct plan_load load = plan_bus_load(&points, b, scratch);
        const struct config_bus *bus = &config->buses[b];
        fits = fits && load.all_alive_ppm <= PLAN_PPM;
        if (load.all_alive_ppm > PLAN_PPM) {
            doc_warn(report, bus->node,
                     "does not fit: its %zu requests need %u %% of the bus's time; polls will be "
                     "late by up to %llu ms",
                     load.block_count, load.all_alive_ppm / 10000,
                     (unsigned long long)(load.cycle_us / 1000));
        } else if (load.with_dead_ppm > PLAN_PPM) {
            doc_warn(report, bus->node,
                     "fits (%u %%) only while all units answer; with dead units it needs %u %%",
                     load.all_alive_ppm / 10000, load.with_dead_ppm / 10000);
        }
    }
    return fits && scratch != NULL;
}
