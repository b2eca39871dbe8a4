// SPDX-License-Identifier: Apache-2.0
// A flight record on its way to the hub: a copy of the ring, cut into messages. Pure.
#ifndef GATEWAY_FLIGHT_UPLOAD_H
#define GATEWAY_FLIGHT_UPLOAD_H

#include "apps/gateway/methods/flight.h"
#include "base/time.h"

enum {
    FLIGHT_CHUNK_SIZE = 16 * 1024,
    FLIGHT_INLINE_SIZE = 12 * 1024, // that an answer may carry
    FLIGHT_BAG_SIZE = 128,
    FLIGHT_PAUSE_US = 250000, // between two chunks: live data go on
};

struct flight_upload {
    // Public to read:
    uint32_t number, part, parts; // part: sent so far
    size_t text_size;             // of the whole record
    bool is_running;
    // Private:
    struct flight copy;
    struct flight_reader reader;
    const char *const *bus_names;
    uint64_t next_us;
    char bag[FLIGHT_BAG_SIZE];
    uint8_t chunk[FLIGHT_CHUNK_SIZE];
};

struct flight_chunk { // borrowed until the next call
    struct bytes bag; // of the topic
    struct bytes body;
};

// memory: as much as the recorder's. number: of the record before the first; another at each start,
// so that whoever puts parts together does not mix those of two starts.
void flight_upload_init(struct flight_upload *upload, uint8_t *memory, size_t capacity,
                        const char *const *bus_names, uint32_t number);
// Copies the record and measures it; nothing runs yet.
void flight_upload_take(struct flight_upload *upload, const struct flight *flight,
                        uint64_t since_us);
// The whole text, if it fits into out.
void flight_upload_text(struct flight_upload *upload, struct writer *out);
void flight_upload_begin(struct flight_upload *upload, uint64_t now_us);
// The connection is over: what is not sent is given up.
void flight_upload_stop(struct flight_upload *upload);
uint64_t flight_upload_deadline_us(const struct flight_upload *upload);
bool flight_upload_next(struct flight_upload *upload, uint64_t now_us, struct flight_chunk *out);

#endif
