// SPDX-License-Identifier: Apache-2.0
// What a compiler may call even in freestanding code, small. Words where both sides are aligned:
// frames and messages are.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (((uintptr_t)t | (uintptr_t)f) % 4 == 0) {
        for (; size >= 4; size -= 4, t += 4, f += 4) {
            *(uint32_t *)(void *)t = *(const uint32_t *)(const void *)f;
        }
    }
    while (size-- > 0) {
        *t++ = *f++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t <= (uintptr_t)f) {
        return memcpy(to, from, size);
    }
    while (size-- > 0) {
        t[size] = f[size];
    }
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    uint8_t *t = to;
    uint32_t word = (uint8_t)byte * 0x01010101U;
    if ((uintptr_t)t % 4 == 0) {
        for (; size >= 4; size -= 4, t += 4) {
            *(uint32_t *)(void *)t = word;
        }
    }
    while (size-- > 0) {
        *t++ = (uint8_t)byte;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}
