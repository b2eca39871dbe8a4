// SPDX-License-Identifier: Apache-2.0
// Any bytes as the property bag of a message: a part of a flight record within its bounds, which
// is read back the same when it is written plainly, or refused.
#include "apps/cloud/ingest/flight_part.h"
#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flight_part part = {.part = 77};
    struct flight_part again;
    char plain[128];
    const enum err err = flight_part_read(bytes_of(data, size), &part);
    if (err != OK) {
        ASSERT(err == ERR_NOT_FOUND || err == ERR_CORRUPT);
        ASSERT(part.part == 77 && part.parts == 0);
        return 0;
    }
    ASSERT(part.part >= 1 && part.part <= part.parts && part.parts <= FLIGHT_PARTS_MAX);
    const int written =
        snprintf(plain, sizeof(plain), "t=flight&id=%" PRIu32 "&part=%" PRIu32 "&parts=%" PRIu32,
                 part.number, part.part, part.parts);
    ASSERT(flight_part_read(bytes_of(plain, (size_t)written), &again) == OK);
    ASSERT(again.number == part.number && again.part == part.part && again.parts == part.parts);
    return 0;
}
