// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/flight.h"

#include "base/assert.h"
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum flight_kind { FLIGHT_LOG = 1, FLIGHT_SEND, FLIGHT_DONE };

enum {
    HEAD_SIZE = 2 + 1 + 8, // size of what follows, kind, time
    FRAME_HEAD_SIZE = 1 + 4 + 1 + 8 + 8,
    RECORD_SIZE_MAX = HEAD_SIZE + FRAME_HEAD_SIZE + FLIGHT_TEXT_SIZE_MAX,
};
_Static_assert((int)FRAME_HEAD_SIZE + (int)LINE_FRAME_MAX <= (int)FLIGHT_TEXT_SIZE_MAX,
               "a frame fits where a line does");
_Static_assert((int)FLIGHT_TEXT_SIZE_MAX + 2 < (int)FLIGHT_LINE_SIZE_MAX &&
                   2 * (int)LINE_FRAME_MAX + 256 < (int)FLIGHT_LINE_SIZE_MAX,
               "what a record becomes fits");

void flight_init(struct flight *flight, uint8_t *memory, size_t capacity)
{
    ASSERT(capacity >= RECORD_SIZE_MAX);
    *flight = (struct flight){.data = memory, .capacity = capacity};
}

static void copy_out(const struct flight *flight, size_t at, uint8_t *out, size_t size)
{
    at %= flight->capacity;
    size_t here = flight->capacity - at < size ? flight->capacity - at : size;
    memcpy(out, flight->data + at, here);
    memcpy(out + here, flight->data, size - here);
}

static size_t record_size(const struct flight *flight, size_t at)
{
    uint8_t head[2];
    copy_out(flight, at, head, sizeof(head));
    struct reader r = reader_of(bytes_of(head, sizeof(head)));
    return HEAD_SIZE + (size_t)get_u16le(&r);
}

static void push(struct flight *flight, struct bytes record)
{
    while (flight->capacity - flight->used < record.size) {
        size_t size = record_size(flight, flight->first);
        flight->first = (flight->first + size) % flight->capacity;
        flight->used -= size;
    }
    size_t at = (flight->first + flight->used) % flight->capacity;
    size_t here = flight->capacity - at < record.size ? flight->capacity - at : record.size;
    memcpy(flight->data + at, record.data, here);
    memcpy(flight->data, record.data + here, record.size - here);
    flight->used += record.size;
}

static void put_head(struct writer *w, enum flight_kind kind, size_t size, uint64_t now_us)
{
    put_u16le(w, (uint16_t)size);
    put_u8(w, (uint8_t)kind);
    put_u64le(w, now_us);
}

void flight_log(struct flight *flight, uint64_t now_us, struct bytes line)
{
    uint8_t record[RECORD_SIZE_MAX];
    struct writer w = writer_of(record, sizeof(record));
    size_t size = line.size < FLIGHT_TEXT_SIZE_MAX ? line.size : FLIGHT_TEXT_SIZE_MAX;
    put_head(&w, FLIGHT_LOG, size, now_us);
    put_bytes(&w, bytes_of(line.data, size));
    push(flight, writer_bytes(&w));
}

void flight_send(struct flight *flight, uint64_t now_us, uint32_t bus, const struct line_send *send)
{
    uint8_t record[RECORD_SIZE_MAX];
    struct writer w = writer_of(record, sizeof(record));
    put_head(&w, FLIGHT_SEND, 1 + 4 + (size_t)send->frame_size, now_us);
    put_u8(&w, (uint8_t)bus);
    put_u32le(&w, send->token);
    put_bytes(&w, bytes_of(send->frame, send->frame_size));
    push(flight, writer_bytes(&w));
}

void flight_done(struct flight *flight, uint64_t now_us, uint32_t bus, const struct line_done *done)
{
    uint8_t record[RECORD_SIZE_MAX];
    struct writer w = writer_of(record, sizeof(record));
    put_head(&w, FLIGHT_DONE, FRAME_HEAD_SIZE + (size_t)done->reply_size, now_us);
    put_u8(&w, (uint8_t)bus);
    put_u32le(&w, done->token);
    put_u8(&w, (uint8_t)done->outcome);
    put_u64le(&w, done->tx_first_us);
    put_u64le(&w, done->rx_last_us);
    put_bytes(&w, bytes_of(done->reply, done->reply_size));
    push(flight, writer_bytes(&w));
}

void flight_copy(struct flight *out, const struct flight *in)
{
    ASSERT(out->capacity == in->capacity);
    memcpy(out->data, in->data, in->capacity);
    out->first = in->first;
    out->used = in->used;
}

static uint64_t record_time(const struct flight *flight, size_t at)
{
    uint8_t head[HEAD_SIZE];
    copy_out(flight, at, head, sizeof(head));
    struct reader r = reader_of(bytes_of(head, sizeof(head)));
    (void)get_u16le(&r);
    (void)get_u8(&r);
    return get_u64le(&r);
}

struct flight_reader flight_read(const struct flight *flight, uint64_t since_us)
{
    struct flight_reader reader = {.flight = flight, .at = flight->first, .left = flight->used};
    while (reader.left > 0 && record_time(flight, reader.at) < since_us) {
        size_t size = record_size(flight, reader.at);
        reader.at = (reader.at + size) % flight->capacity;
        reader.left -= size;
    }
    return reader;
}

static void put_hex(struct writer *out, struct reader *in)
{
    static const char DIGITS[] = "0123456789abcdef";
    while (reader_left(in) > 0) {
        uint8_t byte = get_u8(in);
        put_u8(out, (uint8_t)DIGITS[byte >> 4]);
        put_u8(out, (uint8_t)DIGITS[byte & 15]);
    }
}

static void put_seconds(struct writer *out, const char *key, uint64_t at_us)
{
    char text[48];
    snprintf(text, sizeof(text), "%s%" PRIu64 ".%06u", key, at_us / US_PER_S,
             (unsigned)(at_us % US_PER_S));
    put_text(out, text);
}

static void put_frame(struct writer *out, enum flight_kind kind, uint64_t at_us, struct reader *in,
                      const char *const *bus_names)
{
    char text[128];
    uint8_t bus = get_u8(in);
    uint32_t token = get_u32le(in);
    put_seconds(out, "t=", at_us);
    snprintf(text, sizeof(text), " bus=\"%.64s\" ev=%s token=%" PRIu32, bus_names[bus],
             kind == FLIGHT_SEND ? "send" : "done", token);
    put_text(out, text);
    if (kind == FLIGHT_DONE) {
        put_text(out, " outcome=");
        put_text(out, line_outcome_name((enum line_outcome)get_u8(in)));
        put_seconds(out, " first=", get_u64le(in));
        put_seconds(out, " last=", get_u64le(in));
    }
    put_text(out, " frame=");
    put_hex(out, in);
    put_u8(out, '\n');
}

enum err flight_next(struct flight_reader *reader, const char *const *bus_names, struct writer *out)
{
    uint8_t record[RECORD_SIZE_MAX];
    if (reader->left == 0) {
        return ERR_EMPTY;
    }
    struct writer before = *out;
    size_t size = record_size(reader->flight, reader->at);
    copy_out(reader->flight, reader->at, record, size);
    struct reader in = reader_of(bytes_of(record, size));
    (void)get_u16le(&in);
    enum flight_kind kind = (enum flight_kind)get_u8(&in);
    uint64_t at_us = get_u64le(&in);
    if (kind == FLIGHT_LOG) {
        struct bytes line = get_bytes(&in, reader_left(&in));
        put_bytes(out, line);
        if (line.size == 0 || line.data[line.size - 1] != '\n') {
            put_u8(out, '\n');
        }
    } else {
        put_frame(out, kind, at_us, &in, bus_names);
    }
    if (out->failed) {
        *out = before;
        return ERR_SIZE;
    }
    reader->at = (reader->at + size) % reader->flight->capacity;
    reader->left -= size;
    return OK;
}
