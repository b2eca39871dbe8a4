// SPDX-License-Identifier: Apache-2.0
#include "apps/sensor/device.h"

#include <string.h>

enum { READ_COUNT_MAX = 125 };

static enum mb_exception read_data(void *ctx, const struct mb_access *access, struct writer *out)
{
    struct device *device = ctx;
    uint16_t values[READ_COUNT_MAX];
    if (access->table != MB_INPUT && access->table != MB_HOLDING) {
        return MB_EX_ADDRESS;
    }
    if (access->count > READ_COUNT_MAX ||
        !map_covers(&device->map, access->address, access->count)) {
        return MB_EX_ADDRESS;
    }
    if (access->is_check) {
        return MB_EX_NONE;
    }
    if (map_read(&device->map, access->now_us, access->address, access->count, values) != OK) {
        return MB_EX_FAILURE;
    }
    uint32_t end = (uint32_t)access->address + access->count;
    if (access->fc == MB_READ_INPUT && access->address <= MAP_STATUS && end > MAP_STATUS) {
        device->map.restarted = false; // told
    }
    for (uint16_t i = 0; i < access->count; i++) {
        put_u16be(out, values[i]);
    }
    return MB_EX_NONE;
}

static const struct mb_server_ops ops = {.read = read_data};

static struct mb_object object(uint8_t id, const char *text)
{
    return (struct mb_object){.id = id, .value = bytes_of(text, strlen(text))};
}

enum err device_init(struct device *device, const struct device_config *config, uint64_t now_us)
{
    memset(device, 0, sizeof(*device));
    size_t serial_size = strlen(config->serial);
    if (serial_size > MAP_SERIAL_CHARS) {
        return ERR_SIZE;
    }
    enum err err = store_init(&device->store, &config->store, now_us);
    if (err != OK) {
        return err;
    }
    device->map.store = &device->store;
    device->map.restarted = true;
    memcpy(device->map.serial, config->serial, serial_size);

    const struct mb_object objects[DEVICE_OBJECTS] = {
        object(MB_OBJECT_VENDOR, "Busward"),
        object(MB_OBJECT_PRODUCT_CODE, "BW-RX"),
        object(MB_OBJECT_REVISION, "1.0"),
        object(MB_OBJECT_VENDOR_URL, "https://busward.example"),
        object(MB_OBJECT_PRODUCT_NAME, "Reference receiver"),
        object(MB_OBJECT_MODEL_NAME, "Receiver for battery sensors"),
        object(MB_OBJECT_PRIVATE, device->map.serial),
    };
    memcpy(device->objects, objects, sizeof(objects));
    device->ident = (struct mb_ident){.objects = device->objects, .count = DEVICE_OBJECTS};
    struct mb_server_config server = {
        .unit = config->unit,
        .is_serial = config->is_serial,
        .any_unit = !config->is_serial,
        .ops = &ops,
        .ctx = device,
        .ident = &device->ident,
        .server_id = bytes_of("BW-RX", 5),
    };
    mb_server_init(&device->server, &server);
    return OK;
}

bool device_request(struct device *device, uint64_t now_us, const struct mb_frame *frame,
                    struct writer *reply)
{
    device->requests++;
    return mb_server_handle(&device->server, now_us, frame, reply);
}
