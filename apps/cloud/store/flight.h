// SPDX-License-Identifier: Apache-2.0
// Flight records: the parts that gateways send them in, kept until newer ones need the room, and
// put together again for whoever reads one.
//
// A part belongs to the newest record of its device with the same number and count of parts, if it
// came within STORE_FLIGHT_SPAN_MS of that record and the record does not hold another text in its
// place; else it begins a record. So parts may come in any order and again, and a gateway that
// counts from one after a restart mixes nothing.
#ifndef CLOUD_STORE_FLIGHT_H
#define CLOUD_STORE_FLIGHT_H

#include "apps/cloud/store/query.h"

enum {
    STORE_FLIGHTS_MAX = 8,                        // records per device; the oldest go
    STORE_FLIGHT_DEVICE_BYTES = 16 * 1024 * 1024, // of a device; its oldest go, parts of the last
    STORE_FLIGHT_BYTES = 256 * 1024 * 1024,       // of all; those of the device that holds most go
    STORE_FLIGHT_PART_BYTES = 64,                 // what a part costs beside its text
    STORE_FLIGHT_SPAN_MS = 3600 * 1000,
};

struct store_flight_part {
    uint32_t number; // of the record, as its gateway counts
    uint32_t part;   // 1 to parts
    uint32_t parts;
    int64_t received_ms;
    struct bytes text;
};

// Within a batch. Texts that have no room are dropped, counted and logged.
NODISCARD enum err store_add_flight_part(struct store *store, uint32_t site,
                                         const struct store_flight_part *part);

struct flight_row {
    int64_t id; // ours, never two of a site at a time
    uint32_t number;
    uint32_t parts;
    uint32_t part_count; // that are here
    int64_t first_ms;    // received
    int64_t last_ms;
    uint64_t size; // bytes of text
};

// Newest first: row(), then missing() for each span of parts that are not here, ascending.
struct flight_visitor {
    void (*row)(void *ctx, const struct flight_row *row);
    void (*missing)(void *ctx, uint32_t from, uint32_t to);
    void (*end)(void *ctx);
    void *ctx;
};
NODISCARD enum err store_query_flights(struct store_reader *reader, uint32_t site,
                                       const struct flight_visitor *visitor);

// The whole of a record in order, allocated for the caller to free; what is missing is said in a
// line in its place that begins with #. ERR_NOT_FOUND: no such record of this site. ERR_FULL: no
// memory.
NODISCARD enum err store_query_flight(struct store_reader *reader, uint32_t site, int64_t id,
                                      struct flight_row *row, char **text, size_t *size);

#endif
