// SPDX-License-Identifier: Apache-2.0
// A message from the cloud: its properties up to the first NUL, then its body. Each is counted as
// exactly one thing.
#include "apps/gateway/methods/nudge.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    size_t bag_size = end != NULL ? (size_t)(end - data) : size;
    size_t from = end != NULL ? bag_size + 1 : size;
    struct nudge nudge;
    struct nudge_out out;
    nudge_init(&nudge);
    nudge_message(&nudge, 1, bytes_of(data, bag_size), bytes_of(data + from, size - from));
    if (nudge.watched + nudge.syncs + nudge.twins + nudge.unknown != 1) {
        abort();
    }
    while (nudge_next(&nudge, &out)) {
        if (out.kind == NUDGE_OUT_UNKNOWN && strlen(out.word) >= NUDGE_WORD_SIZE) {
            abort();
        }
    }
    nudge_tick(&nudge, (NUDGE_WATCH_S_MAX + 1) * US_PER_S);
    if (nudge_deadline_us(&nudge) != TIME_NEVER) {
        abort();
    }
    return 0;
}
