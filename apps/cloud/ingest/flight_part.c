// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/flight_part.h"

#include "azure/property_bag.h"

#include <string.h>

enum { FIELD_KIND, FIELD_NUMBER, FIELD_PART, FIELD_PARTS, FIELD_COUNT };

static const char *const names[FIELD_COUNT] = {"t", "id", "part", "parts"};

// Digits alone, up to UINT32_MAX.
static bool number_of(struct bytes text, uint32_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 10) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = (uint32_t)value;
    return value <= UINT32_MAX;
}

enum err flight_part_read(struct bytes properties, struct flight_part *out)
{
    static const char kind[] = "flight";
    uint8_t scratch[2 * AZ_PROPERTY_SIZE_MAX];
    uint32_t values[FIELD_COUNT] = {0};
    unsigned seen[FIELD_COUNT] = {0};
    bool is_flight = false;
    bool is_good = true;
    struct az_property p;
    struct bytes rest = properties;
    enum err err = OK;
    while ((err = az_bag_next(&rest, scratch, sizeof(scratch), &p)) == OK) {
        for (unsigned i = 0; i < FIELD_COUNT; i++) {
            if (!bytes_equal(p.key, bytes_of_text(names[i]))) {
                continue;
            }
            seen[i]++;
            if (i == FIELD_KIND) {
                is_flight = is_flight || bytes_equal(p.value, bytes_of_text(kind));
            } else {
                is_good = number_of(p.value, &values[i]) && is_good;
            }
        }
    }
    if (err != ERR_EMPTY || !is_flight) {
        return ERR_NOT_FOUND;
    }
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        is_good = is_good && seen[i] == 1;
    }
    if (!is_good || values[FIELD_PART] == 0 || values[FIELD_PART] > values[FIELD_PARTS] ||
        values[FIELD_PARTS] > FLIGHT_PARTS_MAX) {
        return ERR_CORRUPT;
    }
    *out = (struct flight_part){
        .number = values[FIELD_NUMBER], .part = values[FIELD_PART], .parts = values[FIELD_PARTS]};
    return OK;
}
