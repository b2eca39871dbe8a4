// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/arena.h"

#include <stdalign.h>
#include <string.h>

struct arena arena_of(void *data, size_t capacity)
{
    return (struct arena){.data = data, .capacity = capacity};
}

struct arena arena_of_zeros(void *data, size_t capacity)
{
    return (struct arena){.data = data, .capacity = capacity, .is_zero = true};
}

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    size_t align = alignof(max_align_t);
    size_t from = (arena->used + align - 1) / align * align;
    if (from > arena->capacity || (size != 0 && count > (arena->capacity - from) / size)) {
        arena->is_full = true;
        return NULL;
    }
    arena->used = from + count * size;
    uint8_t *taken = arena->data + from;
    return arena->is_zero ? taken : memset(taken, 0, count * size);
}

const char *arena_text(struct arena *arena, struct bytes text)
{
    if (text.size == SIZE_MAX) {
        arena->is_full = true;
        return NULL;
    }
    char *copy = arena_take(arena, text.size + 1, 1);
    if (copy != NULL && text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    return copy;
}
