// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include "base/assert.h"

#include <string.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

struct bytes bytes_of_text(const char *text)
{
    size_t size = 0;
    while (text[size] != '\0') {
        size++;
    }
    return bytes_of(text, size);
}

struct reader reader_of(struct bytes in)
{
    ASSERT(in.data != NULL || in.size == 0);
    return (struct reader){.data = in.data, .size = in.size};
}

// The one bounds check of all reads: NULL once anything was short.
static const uint8_t *take(struct reader *r, size_t size)
{
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->data + r->at;
    r->at += size;
    return at;
}

static uint64_t get_be(struct reader *r, size_t size)
{
    const uint8_t *in = take(r, size);
    uint64_t value = 0;
    for (size_t i = 0; in != NULL && i < size; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

static uint64_t get_le(struct reader *r, size_t size)
{
    const uint8_t *in = take(r, size);
    uint64_t value = 0;
    for (size_t i = size; in != NULL && i > 0; i--) {
        value = value << 8 | in[i - 1];
    }
    return value;
}

uint8_t get_u8(struct reader *r)
{
    return (uint8_t)get_be(r, 1);
}

uint16_t get_u16be(struct reader *r)
{
    return (uint16_t)get_be(r, 2);
}

uint16_t get_u16le(struct reader *r)
{
    return (uint16_t)get_le(r, 2);
}

uint32_t get_u32be(struct reader *r)
{
    return (uint32_t)get_be(r, 4);
}

uint32_t get_u32le(struct reader *r)
{
    return (uint32_t)get_le(r, 4);
}

uint64_t get_u64be(struct reader *r)
{
    return get_be(r, 8);
}

uint64_t get_u64le(struct reader *r)
{
    return get_le(r, 8);
}

struct bytes get_bytes(struct reader *r, size_t size)
{
    const uint8_t *in = take(r, size);
    return in != NULL ? bytes_of(in, size) : (struct bytes){0};
}

size_t reader_left(const struct reader *r)
{
    return r->failed ? 0 : r->size - r->at;
}

bool reader_done(const struct reader *r)
{
    return !r->failed && r->at == r->size;
}

struct writer writer_of(void *data, size_t capacity)
{
    ASSERT(data != NULL || capacity == 0);
    return (struct writer){.data = data, .capacity = capacity};
}

// The one bounds check of all writes.
static uint8_t *room(struct writer *w, size_t size)
{
    if (w->failed || size > w->capacity - w->size) {
        w->failed = true;
        return NULL;
    }
    uint8_t *at = w->data + w->size;
    w->size += size;
    return at;
}

static void put_be(struct writer *w, uint64_t value, size_t size)
{
    uint8_t *out = room(w, size);
    for (size_t i = size; out != NULL && i > 0; i--) {
        out[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

static void put_le(struct writer *w, uint64_t value, size_t size)
{
    uint8_t *out = room(w, size);
    for (size_t i = 0; out != NULL && i < size; i++) {
        out[i] = (uint8_t)value;
        value >>= 8;
    }
}

void put_u8(struct writer *w, uint8_t value)
{
    put_be(w, value, 1);
}

void put_u16be(struct writer *w, uint16_t value)
{
    put_be(w, value, 2);
}

void put_u16le(struct writer *w, uint16_t value)
{
    put_le(w, value, 2);
}

void put_u32be(struct writer *w, uint32_t value)
{
    put_be(w, value, 4);
}

void put_u32le(struct writer *w, uint32_t value)
{
    put_le(w, value, 4);
}

void put_u64be(struct writer *w, uint64_t value)
{
    put_be(w, value, 8);
}

void put_u64le(struct writer *w, uint64_t value)
{
    put_le(w, value, 8);
}

void put_bytes(struct writer *w, struct bytes in)
{
    uint8_t *out = room(w, in.size);
    if (out != NULL && in.size > 0) {
        memcpy(out, in.data, in.size);
    }
}

void put_text(struct writer *w, const char *text)
{
    put_bytes(w, bytes_of_text(text));
}

struct bytes writer_bytes(const struct writer *w)
{
    return w->failed ? (struct bytes){0} : bytes_of(w->data, w->size);
}
