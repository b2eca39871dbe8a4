// SPDX-License-Identifier: Apache-2.0
// The seam to append-only segments: what lib/seglog writes and reads. A segment is a run of bytes
// with a 64-bit id that only grows at its end. Filled by port/linux/storage (a folder of files) and
// by sim/storage (virtual memory with power cuts, full disks and I/O errors).
#ifndef PORT_API_STORAGE_H
#define PORT_API_STORAGE_H

#include "base/bytes.h"
#include "base/err.h"

struct storage_segment {
    uint64_t id;
    uint64_t size; // bytes
};

// Every function may block for as long as the medium does; none may call back into the caller,
// keep a pointer to the caller's buffers after it returned, or retry for ever. Errors: ERR_FULL
// (no room on the medium; a later try may succeed), ERR_IO (the medium failed), ERR_NOT_FOUND (no
// such segment), ERR_DENIED (opened read-only). One thread at a time.
struct storage_ops {
    // Segments with id >= from, ascending, at most `capacity` of them; *count < capacity means that
    // there are no more. Must never list a segment twice or leave one out that exists throughout.
    enum err (*list)(void *ctx, uint64_t from, struct storage_segment *out, size_t capacity,
                     size_t *count);
    // Up to `size` bytes from `offset`; *got is less only at the segment's end (0 at or past it).
    // Must never return bytes that were not appended.
    enum err (*read)(void *ctx, uint64_t id, uint64_t offset, void *out, size_t size, size_t *got);
    // Adds the parts in order at the end of the segment, and creates it if there is none. Promises
    // nothing about a power cut. On failure any prefix of the bytes may be there: the caller
    // truncates. Must never touch bytes that were there before.
    enum err (*append)(void *ctx, uint64_t id, const struct bytes *parts, size_t part_count);
    // All bytes of the segment, and its existence, survive a power cut once this returned OK. After
    // a failure the bytes since the last good sync are in doubt for good: a later OK says nothing
    // about them. Must never return OK on less.
    enum err (*sync)(void *ctx, uint64_t id);
    // Shortens the segment to `size` bytes; durable only after the next sync.
    enum err (*truncate)(void *ctx, uint64_t id, uint64_t size);
    // Takes the segment away, durably once this returned OK.
    enum err (*remove)(void *ctx, uint64_t id);
};

struct storage {
    const struct storage_ops *ops;
    void *ctx;
};

#endif
