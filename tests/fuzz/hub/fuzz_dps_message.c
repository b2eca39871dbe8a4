// SPDX-License-Identifier: Apache-2.0
// Boundary: what a device says to DPS, and what its backend says; judged by hub_fuzz.c. There is an
// enrolment for a and a group.
#include "tests/fuzz/hub/hub_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hub_fuzz_run(HUB_MODE_DPS,
                 "INSERT INTO enrolment(registration_id, attestation, key1) VALUES "
                 "('a', 0, " HUB_BENCH_KEY_SQL ");"
                 "INSERT INTO enrolment_group(group_id, attestation, key1) VALUES "
                 "('g', 0, " HUB_BENCH_KEY_SQL ")",
                 bytes_of(data, size));
    return 0;
}
