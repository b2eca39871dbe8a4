// SPDX-License-Identifier: Apache-2.0
// Any bytes as a chunk: refused, or samples that encode and decode to themselves.
#include "apps/cloud/store/chunk.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct entry entries[CHUNK_SAMPLES_MAX];
    struct entry again[CHUNK_SAMPLES_MAX];
    uint8_t buffer[CHUNK_SIZE_MAX];
    size_t count = 0;
    if (chunk_decode(bytes_of(data, size), 0, entries, &count) != OK) {
        return 0;
    }
    for (size_t at = 0; at < count;) {
        struct writer w = writer_of(buffer, sizeof(buffer));
        size_t taken = 0;
        size_t got = 0;
        chunk_encode(entries + at, count - at, &w, &taken);
        ASSERT(chunk_decode(writer_bytes(&w), entry_at(&entries[at]), again, &got) == OK);
        ASSERT(got == taken);
        for (size_t i = 0; i < got; i++) {
            ASSERT(memcmp(&entries[at + i], &again[i], sizeof(again[i])) == 0);
        }
        at += taken;
    }
    return 0;
}
