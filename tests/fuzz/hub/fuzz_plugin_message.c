// SPDX-License-Identifier: Apache-2.0
// Boundary: what a device says to the hub, and what its backend says. Also each input as a stored
// record. Judged: nothing is stored but by a known client on its own topic, what is stored reads
// back as it was sent, and nothing reaches anybody but whom it concerns (hub_fuzz.c).
#include "base/assert.h"
#include "tests/fuzz/hub/hub_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes all = bytes_of(data, size);
    hub_fuzz_run(HUB_MODE_HUB,
                 "INSERT INTO policy VALUES ('device', " HUB_BENCH_KEY_SQL ", NULL, 8, 'hub')",
                 all);
    struct hub_record record;
    enum err err = hub_record_decode(all, &record);
    ASSERT(err != OK || record.device_id.size > 0);
    return 0;
}
