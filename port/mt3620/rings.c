// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/rings.h"

#include "port/mt3620/barrier.h"

#define WRITE_AT 0 // offsets in a header
#define READ_AT  4

// Little-endian, as both cores are.
static uint32_t get_word(const volatile uint8_t *at)
{
    return *(const volatile uint32_t *)(const volatile void *)at;
}

static void put_word(volatile uint8_t *at, uint32_t value)
{
    *(volatile uint32_t *)(volatile void *)at = value;
}

static bool is_position(const struct ring_half *half, uint32_t position)
{
    return position < half->data_size && position % RING_ALIGN == 0;
}

static bool is_size(uint32_t size)
{
    return size >= RING_DATA_MIN && size <= RING_DATA_MAX && size % RING_ALIGN == 0;
}

static uint32_t wrapped(const struct ring_half *half, uint32_t position)
{
    return position < half->data_size ? position : position - half->data_size;
}

static uint32_t block_space(uint32_t block_size)
{
    return (4 + block_size + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN;
}

static volatile uint8_t *data_at(const struct ring_half *half, uint32_t position)
{
    return half->base + RING_HEADER_SIZE + position;
}

// Takes over what both headers say of our own positions: at the start, and when somebody has begun
// the buffers anew.
static void adopt(struct rings *rings)
{
    uint32_t read = get_word(rings->out.base + READ_AT);
    uint32_t write = get_word(rings->out.base + WRITE_AT);
    rings->in_read = is_position(&rings->in, read) ? read : 0;
    rings->out_write = is_position(&rings->out, write) ? write : 0;
    put_word(rings->out.base + READ_AT, rings->in_read);
    put_word(rings->out.base + WRITE_AT, rings->out_write);
}

static void follow_restart(struct rings *rings)
{
    if (get_word(rings->out.base + READ_AT) != rings->in_read ||
        get_word(rings->out.base + WRITE_AT) != rings->out_write) {
        adopt(rings);
    }
}

enum err rings_open(struct rings *rings, struct ring_half in, struct ring_half out)
{
    if (!is_size(in.data_size) || !is_size(out.data_size)) {
        return ERR_SIZE;
    }
    *rings = (struct rings){.in = in, .out = out};
    adopt(rings);
    return OK;
}

static void set_read(struct rings *rings, uint32_t position)
{
    rings->in_read = position;
    barrier(); // the data was read before the other side may overwrite it
    put_word(rings->out.base + READ_AT, position);
}

enum err rings_receive(struct rings *rings, uint8_t *out, size_t capacity, size_t *size)
{
    follow_restart(rings);
    const struct ring_half *in = &rings->in;
    uint32_t write = get_word(in->base + WRITE_AT);
    if (!is_position(in, write)) {
        bool is_known = rings->is_bad && rings->bad_write == write;
        rings->is_bad = true;
        rings->bad_write = write;
        return is_known ? ERR_EMPTY : ERR_CORRUPT;
    }
    rings->is_bad = false;
    if (write == rings->in_read) {
        return ERR_EMPTY;
    }
    barrier(); // the position before the data it vouches for
    uint32_t waiting = wrapped(in, write + in->data_size - rings->in_read);
    uint32_t block_size = get_word(data_at(in, rings->in_read));
    // Both bounds first: a huge size must not wrap in block_space().
    if (block_size < RING_BLOCK_HEAD - 4 || block_size > in->data_size ||
        block_space(block_size) > waiting || block_size - (RING_BLOCK_HEAD - 4) > capacity) {
        set_read(rings, write);
        return ERR_CORRUPT;
    }
    uint32_t payload_size = block_size - (RING_BLOCK_HEAD - 4);
    uint32_t at = wrapped(in, rings->in_read + RING_BLOCK_HEAD);
    for (uint32_t i = 0; i < payload_size; i++) {
        out[i] = *data_at(in, at);
        at = wrapped(in, at + 1);
    }
    *size = payload_size;
    set_read(rings, wrapped(in, rings->in_read + block_space(block_size)));
    return OK;
}

static uint32_t put_run(const struct ring_half *half, uint32_t at, const uint8_t *from,
                        uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        *data_at(half, at) = from[i];
        at = wrapped(half, at + 1);
    }
    return at;
}

enum err rings_send(struct rings *rings, const uint8_t id[RING_ID_SIZE], struct bytes message)
{
    static const uint8_t reserved[4];
    const struct ring_half *out = &rings->out;
    uint32_t need = block_space((uint32_t)message.size + RING_BLOCK_HEAD - 4);
    if (message.size > out->data_size || need + RING_ALIGN > out->data_size) {
        return ERR_SIZE;
    }
    follow_restart(rings);
    uint32_t read = get_word(rings->in.base + READ_AT);
    if (!is_position(out, read)) {
        return ERR_CORRUPT;
    }
    barrier(); // room is room only after that was read
    // One block short of full, since full would look like empty.
    uint32_t used = wrapped(out, rings->out_write + out->data_size - read);
    if (need + RING_ALIGN > out->data_size - used) {
        return ERR_FULL;
    }
    put_word(data_at(out, rings->out_write), (uint32_t)message.size + RING_BLOCK_HEAD - 4);
    uint32_t at = wrapped(out, rings->out_write + 4);
    at = put_run(out, at, id, RING_ID_SIZE);
    at = put_run(out, at, reserved, sizeof reserved);
    (void)put_run(out, at, message.data, (uint32_t)message.size);
    rings->out_write = wrapped(out, rings->out_write + need);
    barrier();
    put_word(rings->out.base + WRITE_AT, rings->out_write);
    return OK;
}
