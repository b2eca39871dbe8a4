// SPDX-License-Identifier: Apache-2.0
#include "apps/sensor/register_map.h"

#include "base/time.h"

bool map_covers(const struct register_map *map, uint16_t address, uint16_t count)
{
    uint32_t end = (uint32_t)address + count;
    uint32_t sensors_end =
        MAP_SENSOR_BASE + (uint32_t)map->store->config.sensor_count * MAP_SENSOR_STRIDE;
    bool in_receiver = end <= MAP_RECEIVER_COUNT;
    bool in_sensors = address >= MAP_SENSOR_BASE && end <= sensors_end;
    return count > 0 && (in_receiver || in_sensors);
}

static uint16_t receiver_register(const struct register_map *map, uint64_t now_us, uint16_t address)
{
    const struct store_model *store = map->store;
    uint32_t uptime_s = (uint32_t)((now_us - store->start_us) / US_PER_S);
    switch (address) {
    case 0: return MAP_VERSION;
    case 1: return store->config.sensor_count;
    case 2: return (uint16_t)(uptime_s >> 16);
    case 3: return (uint16_t)uptime_s;
    case 4: return (uint16_t)(store->reports_heard >> 16);
    case 5: return (uint16_t)store->reports_heard;
    case 6: return MAP_FIRMWARE;
    case MAP_STATUS: return map->restarted ? 1 : 0;
    default: break;
    }
    unsigned at = (unsigned)(address - 8) * 2;
    return (uint16_t)((uint8_t)map->serial[at] << 8 | (uint8_t)map->serial[at + 1]);
}

static uint16_t sensor_register(const struct store_sensor *sensor, uint64_t now_us, uint16_t offset)
{
    const struct store_report *last = &sensor->last;
    switch (offset) {
    case 0: return last->sequence;
    case 1: return store_age_s(sensor, now_us);
    case 2: return (uint16_t)last->temperature_cc;
    case 3: return last->humidity_pm;
    case 4: return last->battery_mv;
    case 5: return (uint16_t)last->signal_dbm;
    case 6: return last->status;
    case 7: return last->firmware;
    case 8: return (uint16_t)(last->serial >> 16);
    default: return (uint16_t)last->serial;
    }
}

enum err map_read(struct register_map *map, uint64_t now_us, uint16_t address, uint16_t count,
                  uint16_t *values)
{
    if (!map_covers(map, address, count)) {
        return ERR_NOT_FOUND;
    }
    store_advance(map->store, now_us);
    for (uint16_t i = 0; i < count; i++) {
        uint16_t at = (uint16_t)(address + i);
        if (at < MAP_SENSOR_BASE) {
            values[i] = receiver_register(map, now_us, at);
        } else {
            uint16_t slot = (uint16_t)((at - MAP_SENSOR_BASE) / MAP_SENSOR_STRIDE);
            uint16_t offset = (uint16_t)((at - MAP_SENSOR_BASE) % MAP_SENSOR_STRIDE);
            values[i] = sensor_register(&map->store->sensors[slot], now_us, offset);
        }
    }
    return OK;
}
