// SPDX-License-Identifier: Apache-2.0
// Memory that is given out once, at start, and never taken back: the caller's block, in order.
#ifndef GATEWAY_ARENA_H
#define GATEWAY_ARENA_H

#include "base/bytes.h"

struct arena {
    uint8_t *data;
    size_t capacity; // bytes
    size_t used;
    bool is_full; // something did not fit
    bool is_zero; // what was not taken is zero: it is not touched before it is used
};

struct arena arena_of(void *data, size_t capacity);
// Of memory that is zero, as calloc() gives it; `used` must not go back.
struct arena arena_of_zeros(void *data, size_t capacity);
// Zeroed, aligned for any type; NULL when it does not fit (then is_full stays set).
void *arena_take(struct arena *arena, size_t count, size_t size);
// A copy with a final 0.
const char *arena_text(struct arena *arena, struct bytes text);

#endif
