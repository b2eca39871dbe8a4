// SPDX-License-Identifier: Apache-2.0
// The property bag at the end of a device topic: `k=v&k2=v2`, percent-encoded. A key alone has the
// value null, `k=` the empty one; system properties are `$.x`, which may come as `%24.x`.
#ifndef AZURE_PROPERTY_BAG_H
#define AZURE_PROPERTY_BAG_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum { AZ_PROPERTY_SIZE_MAX = 4096 }; // decoded key or value

struct az_property {
    struct bytes key;   // decoded; lies in the caller's scratch
    struct bytes value; // decoded; empty if has_value is false
    bool has_value;
};

// Walks a bag: *rest begins as the whole bag and loses what was read. ERR_EMPTY at the end,
// ERR_CORRUPT for a wrong escape, ERR_SIZE if key and value do not fit scratch_size.
NODISCARD enum err az_bag_next(struct bytes *rest, uint8_t *scratch, size_t scratch_size,
                               struct az_property *out);

// The first property of that (decoded) name. ERR_NOT_FOUND, else as az_bag_next.
NODISCARD enum err az_bag_find(struct bytes bag, const char *key, uint8_t *scratch,
                               size_t scratch_size, struct az_property *out);

// `in` with %XX replaced; *size is what was written. ERR_CORRUPT, ERR_SIZE.
NODISCARD enum err az_percent_decode(struct bytes in, uint8_t *out, size_t capacity, size_t *size);

#endif
