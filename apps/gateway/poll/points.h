// SPDX-License-Identifier: Apache-2.0
// The gateway's points, resolved from the configuration: one flat table per kind, indexed by small
// numbers, allocated once. Points of one device are neighbours; points of one sensor too.
#ifndef GATEWAY_POINTS_H
#define GATEWAY_POINTS_H

#include "apps/gateway/config/config.h"

#define INDEX_NONE UINT32_MAX

struct unit { // one device on one bus
    const struct config_device *device;
    uint32_t bus; // index in the configuration
    uint32_t point_first;
    uint32_t point_count; // with those of its sensors
    uint32_t item_first;  // what the planner works on
    uint32_t item_count;
};

struct point {
    const struct profile_point *profile;
    const struct config_sensor *sensor; // NULL: the device's own
    uint32_t unit;                      // index in points.units; INDEX_NONE: of a bus as a whole
    uint32_t bus;                       // of a diagnostic: index in the configuration; INDEX_NONE
    uint32_t relay;                     // index in points.relays, or INDEX_NONE
    uint32_t id;                        // of the catalogue; 0 before catalogue_assign
    uint32_t interval_ms;
    uint16_t address; // zero-based, absolute
    double low;       // limits here; NAN: none
    double high;
    double hysteresis;      // an alert ends once the value is back inside by so much
    uint32_t alert_after_s; // and begins once it was beyond for so long
};

struct point_range {
    uint32_t first;
    uint32_t count;
};

struct relay { // one sensor behind a receiver
    const struct config_sensor *sensor;
    const struct profile_sensors *profile;
    uint32_t unit;
    uint32_t id; // stable, as a point's
    uint32_t point_first;
    uint32_t point_count;
    uint16_t address; // of its block
};

struct item { // what one request must read as a whole: a point, or a sensor's block (a snapshot)
    uint16_t address;
    uint16_t size; // registers, or bits in a table of bits
    uint8_t table; // enum table
    bool is_split; // no request may read it together with the item before it
    uint32_t interval_ms;
    uint32_t point_first;
    uint32_t point_count;
};

struct points {
    const struct config *config;
    struct unit *units;
    size_t unit_count;
    struct point *all;
    size_t point_count;
    struct relay *relays;
    size_t relay_count;
    struct item *items; // per unit: sorted by interval, table, address
    size_t item_count;
    struct point_range *diagnostics; // per bus: behind all points that are read from devices
};

static inline bool point_is_diagnostic(const struct point *point)
{
    return point->bus != INDEX_NONE;
}

// Resolves the configuration; config and arena must outlive it. ERR_FULL: the arena is too small.
NODISCARD enum err points_build(const struct config *config, struct arena *arena,
                                struct points *out);

// "device/point" or "device/sensor/point"; what names a point for ever. Of a diagnostic
// "/bus/point" or "/bus/device/point": no device's name begins with a slash. ERR_SIZE.
enum { POINT_NAME_SIZE = 200 };
NODISCARD enum err point_name(const struct points *points, uint32_t point, char *out,
                              size_t capacity);

#endif
