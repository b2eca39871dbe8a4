// SPDX-License-Identifier: Apache-2.0
// The receiver's registers, made from the store model when they are read
// (docs/protocol/receiver.md).
#ifndef SENSOR_REGISTER_MAP_H
#define SENSOR_REGISTER_MAP_H

#include "apps/sensor/store_model.h"

enum {
    MAP_VERSION = 1,
    MAP_STATUS = 7,
    MAP_RECEIVER_COUNT = 16, // registers of the receiver block, at address 0
    MAP_SENSOR_BASE = 100,   // address of slot 0
    MAP_SENSOR_STRIDE = 10,  // registers of a sensor block
    MAP_SERIAL_CHARS = 16,
    MAP_FIRMWARE = 0x0100,
};

struct register_map {
    struct store_model *store;
    char serial[MAP_SERIAL_CHARS + 1];
    bool restarted; // bit 0 of the status register, until a client was told
};

// True if all of `count` registers from `address` on exist.
bool map_covers(const struct register_map *map, uint16_t address, uint16_t count);

// Fills values[count] with one consistent snapshot at now_us. ERR_NOT_FOUND: outside the map
// (exception 02).
NODISCARD enum err map_read(struct register_map *map, uint64_t now_us, uint16_t address,
                            uint16_t count, uint16_t *values);

#endif
