// SPDX-License-Identifier: Apache-2.0
// Any bytes as a property bag. Holds: what was read is written and read again as the same.
#include "base/assert.h"
#include "telemetry/property_bag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tm_bag bag;
    struct tm_bag again;
    char out[TM_BAG_SIZE_MAX];
    size_t written = 0;
    if (tm_bag_read(bytes_of(data, size), &bag) == OK) {
        enum err err = tm_bag_write(&bag, out, sizeof(out), &written);
        ASSERT(err == OK);
        err = tm_bag_read(bytes_of(out, written), &again);
        ASSERT(err == OK && again.kind == bag.kind && again.number == bag.number);
        ASSERT(again.journal_id == bag.journal_id);
    }
    return 0;
}
