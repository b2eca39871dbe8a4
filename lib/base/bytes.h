// SPDX-License-Identifier: Apache-2.0
// Byte spans and the two cursors: the only places that check bounds. A cursor that failed once
// stays failed: reads then give 0, writes do nothing, and the caller asks once at the end.
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Borrowed, never owned. data may be NULL only if size is 0.
struct bytes {
    const uint8_t *data;
    size_t size;
};

struct reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};

struct writer {
    uint8_t *data;
    size_t capacity;
    size_t size; // bytes written so far
    bool failed; // something did not fit
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

bool bytes_equal(struct bytes a, struct bytes b);
// Of a text up to its final 0, which is not part of it.
struct bytes bytes_of_text(const char *text);

struct reader reader_of(struct bytes in);
uint8_t get_u8(struct reader *r);
uint16_t get_u16be(struct reader *r);
uint16_t get_u16le(struct reader *r);
uint32_t get_u32be(struct reader *r);
uint32_t get_u32le(struct reader *r);
uint64_t get_u64be(struct reader *r);
uint64_t get_u64le(struct reader *r);
struct bytes get_bytes(struct reader *r, size_t size); // empty when fewer are left
size_t reader_left(const struct reader *r);            // 0 once failed
// All consumed and nothing failed: the end of a well-formed message.
bool reader_done(const struct reader *r);

struct writer writer_of(void *data, size_t capacity);
void put_u8(struct writer *w, uint8_t value);
void put_u16be(struct writer *w, uint16_t value);
void put_u16le(struct writer *w, uint16_t value);
void put_u32be(struct writer *w, uint32_t value);
void put_u32le(struct writer *w, uint32_t value);
void put_u64be(struct writer *w, uint64_t value);
void put_u64le(struct writer *w, uint64_t value);
void put_bytes(struct writer *w, struct bytes in);
void put_text(struct writer *w, const char *text); // without its final 0
struct bytes writer_bytes(const struct writer *w);

#endif
