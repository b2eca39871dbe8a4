// SPDX-License-Identifier: Apache-2.0
// What a message says that carries a part of a flight record: t=flight&id=7&part=2&parts=9. Pure.
#ifndef CLOUD_FLIGHT_PART_H
#define CLOUD_FLIGHT_PART_H

#include "base/bytes.h"
#include "base/err.h"

enum { FLIGHT_PARTS_MAX = 4096 }; // more than the largest recorder of a gateway fills

struct flight_part {
    uint32_t number; // of the record, as its gateway counts
    uint32_t part;   // 1 to parts
    uint32_t parts;  // 1 to FLIGHT_PARTS_MAX
};

// Order is free, foreign properties are passed over, percent-encoding is resolved. ERR_NOT_FOUND:
// not such a message, or no property bag at all. ERR_CORRUPT: it says so, but not which part it is.
NODISCARD enum err flight_part_read(struct bytes properties, struct flight_part *out);

#endif
