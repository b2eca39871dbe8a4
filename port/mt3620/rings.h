// SPDX-License-Identifier: Apache-2.0
// The two shared ring buffers behind the mailbox (docs.microsoft.com: inter-core communications):
// a 64-byte header {u32 write, u32 read, 56 reserved} and data each. A block is {u32 size of what
// follows, 16-byte component id, u32 0, payload}; blocks begin at multiples of 16 and wrap, their
// size word never does. Each side's read position stands in the header of the ring it writes.
//
// The other side is not trusted: every position and size is read once, checked, and only then used;
// no index ever leaves the data. Pure: works on any two buffers.
#ifndef PORT_MT3620_RINGS_H
#define PORT_MT3620_RINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define RING_HEADER_SIZE 64
#define RING_ID_SIZE     16
#define RING_BLOCK_HEAD  24 // size word, id, reserved word
#define RING_ALIGN       16
#define RING_DATA_MIN    64
#define RING_DATA_MAX    65536

struct ring_half {
    volatile uint8_t *base; // header, then data
    uint32_t data_size;     // a multiple of RING_ALIGN
};

struct rings {
    struct ring_half in; // the other side writes it; its header also tells how far it has read ours
    struct ring_half out; // we write it; its header also tells how far we have read
    uint32_t in_read;     // our positions; the shared copies are for the other side
    uint32_t out_write;
    uint32_t bad_write; // a position already reported as corrupt
    bool is_bad;
};

// ERR_SIZE: a size that cannot be. Goes on where the headers say, if that makes sense.
NODISCARD enum err rings_open(struct rings *rings, struct ring_half in, struct ring_half out);
// The next message of any sender. ERR_EMPTY. ERR_CORRUPT: dropped, with all that waited behind it;
// one corrupt position is reported once. ERR_SIZE cannot be: what does not fit is corrupt.
NODISCARD enum err rings_receive(struct rings *rings, uint8_t *out, size_t capacity, size_t *size);
// ERR_FULL: no room now. ERR_SIZE: never. ERR_CORRUPT: the other side's position makes no sense.
NODISCARD enum err rings_send(struct rings *rings, const uint8_t id[RING_ID_SIZE],
                              struct bytes message);

#endif
