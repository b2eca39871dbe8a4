// SPDX-License-Identifier: Apache-2.0
// The reference device: a Modbus server whose registers are the receiver's. One frame in, one reply
// out.
#ifndef SENSOR_DEVICE_H
#define SENSOR_DEVICE_H

#include "apps/sensor/register_map.h"
#include "modbus/server.h"

enum { DEVICE_OBJECTS = 7 };

struct device_config {
    uint8_t unit;       // 1 to 247
    bool is_serial;     // RTU frames; false: TCP, where units 0 and 255 are this device too
    const char *serial; // at most MAP_SERIAL_CHARS; borrowed
    struct store_config store;
};

struct device {
    struct store_model store;
    struct register_map map;
    struct mb_server server;
    struct mb_object objects[DEVICE_OBJECTS];
    struct mb_ident ident;
    uint64_t requests;
};

// In place: a device must not be moved. ERR_ARG: see store_init; ERR_SIZE: the serial is too long.
NODISCARD enum err device_init(struct device *device, const struct device_config *config,
                               uint64_t now_us);

// True: reply holds the PDU to send back to frame->unit. reply needs room for MB_PDU_SIZE_MAX.
bool device_request(struct device *device, uint64_t now_us, const struct mb_frame *frame,
                    struct writer *reply);

#endif
