// SPDX-License-Identifier: Apache-2.0
#include "seglog/format.h"

#include "base/assert.h"
#include "base/crc.h"

#define SEGMENT_MAGIC 0x4c535742u // "BWSL"

enum { SEGMENT_CRC_AT = SL_SEGMENT_HEADER_SIZE - 4 };

void sl_segment_header_encode(uint64_t id, uint8_t out[SL_SEGMENT_HEADER_SIZE])
{
    struct writer w = writer_of(out, SL_SEGMENT_HEADER_SIZE);
    put_u32le(&w, SEGMENT_MAGIC);
    put_u16le(&w, SL_FORMAT_VERSION);
    put_u16le(&w, SL_SEGMENT_HEADER_SIZE);
    put_u64le(&w, id);
    put_u64le(&w, 0);
    put_u32le(&w, 0);
    put_u32le(&w, crc32c(0, bytes_of(out, SEGMENT_CRC_AT)));
    ASSERT(!w.failed && w.size == SL_SEGMENT_HEADER_SIZE);
}

enum err sl_segment_header_check(struct bytes in, uint64_t id)
{
    if (in.size < SL_SEGMENT_HEADER_SIZE) {
        return ERR_CORRUPT;
    }
    struct reader r = reader_of(in);
    uint32_t magic = get_u32le(&r);
    uint16_t version = get_u16le(&r);
    uint16_t header_size = get_u16le(&r);
    uint64_t named = get_u64le(&r);
    get_bytes(&r, SEGMENT_CRC_AT - r.at);
    if (magic != SEGMENT_MAGIC || get_u32le(&r) != crc32c(0, bytes_of(in.data, SEGMENT_CRC_AT))) {
        return ERR_CORRUPT;
    }
    if (version != SL_FORMAT_VERSION || header_size != SL_SEGMENT_HEADER_SIZE) {
        return ERR_UNSUPPORTED;
    }
    return named == id ? OK : ERR_CORRUPT;
}

void sl_record_header_encode(struct sl_record_header header, const struct bytes *parts,
                             size_t part_count, uint8_t out[SL_RECORD_HEADER_SIZE])
{
    ASSERT(header.length <= SL_PAYLOAD_SIZE_MAX);
    struct writer w = writer_of(out + 4, SL_RECORD_HEADER_SIZE - 4);
    put_u32le(&w, (uint32_t)header.kind | header.length << 8);
    put_u32le(&w, header.sequence_low);
    put_u32le(&w, header.synced);
    uint32_t crc = crc32c(0, writer_bytes(&w));
    for (size_t i = 0; i < part_count; i++) {
        crc = crc32c(crc, parts[i]);
    }
    struct writer front = writer_of(out, 4);
    put_u32le(&front, crc);
}

struct sl_record_header sl_record_header_decode(const uint8_t in[SL_RECORD_HEADER_SIZE])
{
    struct reader r = reader_of(bytes_of(in, SL_RECORD_HEADER_SIZE));
    struct sl_record_header header = {.crc = get_u32le(&r)};
    uint32_t kind_length = get_u32le(&r);
    header.kind = (uint8_t)kind_length;
    header.length = kind_length >> 8;
    header.sequence_low = get_u32le(&r);
    header.synced = get_u32le(&r);
    return header;
}

enum err sl_window_get(struct sl_window *window, uint64_t offset, size_t size, struct bytes *out)
{
    ASSERT(size <= window->capacity && window->segment != 0);
    bool is_held = offset >= window->offset && offset - window->offset <= window->used &&
                   window->used - (size_t)(offset - window->offset) >= size;
    if (!is_held) {
        window->used = 0;
        size_t got = 0;
        enum err err = window->storage->ops->read(window->storage->ctx, window->segment, offset,
                                                  window->buffer, window->capacity, &got);
        if (err != OK) {
            return err;
        }
        window->offset = offset;
        window->used = got;
    }
    size_t skip = (size_t)(offset - window->offset);
    size_t left = window->used - skip;
    *out = bytes_of(window->buffer + skip, left < size ? left : size);
    return OK;
}

enum err sl_window_record(struct sl_window *window, uint64_t offset, struct sl_record_header *out)
{
    struct bytes got;
    enum err err = sl_window_get(window, offset, SL_RECORD_HEADER_SIZE, &got);
    if (err != OK || got.size < SL_RECORD_HEADER_SIZE) {
        return err != OK ? err : got.size == 0 ? ERR_EMPTY : ERR_CORRUPT;
    }
    struct sl_record_header header = sl_record_header_decode(got.data);
    size_t left = SL_RECORD_HEADER_SIZE + (size_t)header.length;
    size_t skip = 4; // the checksum does not cover itself
    uint32_t crc = 0;
    while (left > 0) {
        size_t size = left < window->capacity ? left : window->capacity;
        err = sl_window_get(window, offset, size, &got);
        if (err != OK || got.size < size) {
            return err != OK ? err : ERR_CORRUPT;
        }
        crc = crc32c(crc, bytes_of(got.data + skip, got.size - skip));
        skip = 0;
        left -= size;
        offset += size;
    }
    if (crc != header.crc) {
        return ERR_CORRUPT;
    }
    *out = header;
    return OK;
}
