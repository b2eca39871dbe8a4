// SPDX-License-Identifier: Apache-2.0
// The seam to small named files beside a log: positions, heads, marks. Names are at most
// CELL_NAME_MAX characters of [a-z0-9._-], optionally "folder/name" with one folder level.
#ifndef PORT_API_CELLS_H
#define PORT_API_CELLS_H

#include "base/bytes.h"
#include "base/err.h"

enum { CELL_NAME_MAX = 64, CELL_SIZE_MAX = 4096 };

struct cell_name {
    char text[CELL_NAME_MAX + 1]; // as given to the other functions, folder included
};

// Same rules as struct storage_ops: may block, never calls back, keeps no pointer. ERR_ARG for a
// name outside the rules, ERR_NOT_FOUND, ERR_FULL, ERR_IO, ERR_SIZE (larger than the buffer).
struct cell_ops {
    enum err (*read)(void *ctx, const char *name, void *out, size_t capacity, size_t *size);
    // Old or new content survives any power cut, never a mixture; new once this returned OK.
    enum err (*replace)(void *ctx, const char *name, struct bytes in);
    // Other processes see the new content at once and may watch for it (the file changes in place);
    // a power cut may lose or tear it. The size of a published cell must never change.
    enum err (*publish)(void *ctx, const char *name, struct bytes in);
    // Names in a folder, ascending, at most capacity; ERR_SIZE if there are more. A folder that
    // does not exist is empty.
    enum err (*list)(void *ctx, const char *folder, struct cell_name *out, size_t capacity,
                     size_t *count);
    enum err (*remove)(void *ctx, const char *name);
};

struct cells {
    const struct cell_ops *ops;
    void *ctx;
};

#endif
