// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/flight_upload.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>

void flight_upload_init(struct flight_upload *upload, uint8_t *memory, size_t capacity,
                        const char *const *bus_names, uint32_t number)
{
    upload->bus_names = bus_names;
    upload->is_running = false;
    upload->number = number;
    flight_init(&upload->copy, memory, capacity);
}

static size_t fill(struct flight_upload *upload, struct flight_reader *reader)
{
    struct writer w = writer_of(upload->chunk, sizeof(upload->chunk));
    while (flight_next(reader, upload->bus_names, &w) == OK) {
    }
    return w.size;
}

void flight_upload_take(struct flight_upload *upload, const struct flight *flight,
                        uint64_t since_us)
{
    flight_copy(&upload->copy, flight);
    upload->reader = flight_read(&upload->copy, since_us);
    upload->parts = 0;
    upload->text_size = 0;
    struct flight_reader reader = upload->reader;
    for (size_t size = fill(upload, &reader); size > 0; size = fill(upload, &reader)) {
        upload->parts++;
        upload->text_size += size;
    }
}

void flight_upload_text(struct flight_upload *upload, struct writer *out)
{
    struct flight_reader reader = upload->reader;
    while (flight_next(&reader, upload->bus_names, out) == OK) {
    }
}

void flight_upload_begin(struct flight_upload *upload, uint64_t now_us)
{
    upload->number++;
    upload->part = 0;
    upload->next_us = now_us;
    upload->is_running = upload->parts > 0;
}

void flight_upload_stop(struct flight_upload *upload)
{
    upload->is_running = false;
}

uint64_t flight_upload_deadline_us(const struct flight_upload *upload)
{
    return upload->is_running ? upload->next_us : TIME_NEVER;
}

bool flight_upload_next(struct flight_upload *upload, uint64_t now_us, struct flight_chunk *out)
{
    if (!upload->is_running || now_us < upload->next_us) {
        return false;
    }
    size_t size = fill(upload, &upload->reader);
    ASSERT(size > 0); // counted before
    upload->part++;
    upload->is_running = upload->part < upload->parts;
    upload->next_us = now_us + FLIGHT_PAUSE_US;
    int bag = snprintf(upload->bag, sizeof(upload->bag),
                       "$.ct=text%%2Fplain&$.ce=utf-8&t=flight&id=%" PRIu32 "&part=%" PRIu32
                       "&parts=%" PRIu32,
                       upload->number, upload->part, upload->parts);
    *out = (struct flight_chunk){.bag = bytes_of(upload->bag, (size_t)bag),
                                 .body = bytes_of(upload->chunk, size)};
    return true;
}
