// SPDX-License-Identifier: Apache-2.0
// The mailbox's rings with another core that writes anything anywhere in the shared memory, at any
// time. Invariants: our positions stay inside, nothing outside is touched, receiving comes to an
// end.
#include <string.h>

#include "base/assert.h"
#include "port/mt3620/rings.h"

#define DATA 128

static void check(const struct rings *rings)
{
    ASSERT(rings->in_read < DATA && rings->in_read % RING_ALIGN == 0);
    ASSERT(rings->out_write < DATA && rings->out_write % RING_ALIGN == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t id[RING_ID_SIZE];
    _Alignas(16) uint8_t in[RING_HEADER_SIZE + DATA] = {0};
    _Alignas(16) uint8_t out[RING_HEADER_SIZE + DATA] = {0};
    struct rings rings;
    ASSERT(rings_open(&rings, (struct ring_half){.base = in, .data_size = DATA},
                      (struct ring_half){.base = out, .data_size = DATA}) == OK);
    struct reader r = reader_of(bytes_of(data, size));
    while (reader_left(&r) >= 3) {
        uint8_t op = get_u8(&r);
        uint8_t at = get_u8(&r);
        uint8_t value = get_u8(&r);
        uint8_t message[96];
        size_t message_size = 0;
        switch (op % 4) {
        case 0: in[at % sizeof in] = value; break;
        case 1: out[at % sizeof out] = value; break;
        case 2:
            for (unsigned n = 0; rings_receive(&rings, message, 80, &message_size) == OK; n++) {
                ASSERT(message_size <= 80 && n < DATA / RING_ALIGN);
            }
            break;
        case 3:
            memset(message, value, sizeof message);
            (void)(rings_send(&rings, id, bytes_of(message, at % sizeof message)) == OK);
            break;
        }
        check(&rings);
    }
    return 0;
}
