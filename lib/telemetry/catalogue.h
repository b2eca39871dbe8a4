// SPDX-License-Identifier: Apache-2.0
// The catalogue: what the points are that messages name by their index. It travels in one or more
// parts, each a message of its own, and is named by the hash of its contents.
#ifndef TELEMETRY_CATALOGUE_H
#define TELEMETRY_CATALOGUE_H

#include "base/err.h"
#include "telemetry/sample.h"

enum tm_type {
    TM_TYPE_INT,
    TM_TYPE_DOUBLE,
    TM_TYPE_BOOL,
    TM_TYPE_ENUM,
    TM_TYPE_TEXT
} __attribute__((packed));

struct tm_label {
    int64_t code;
    const char *text;
};

// Strings are UTF-8 C strings, borrowed, within the limits of telemetry_limits.h; NULL or "": none.
struct tm_point {
    uint32_t id; // stable, never reused within a gateway
    enum tm_type type;
    int8_t exponent; // TM_TYPE_INT: values are integers x 10^exponent
    bool has_low, has_high;
    bool is_diagnostic;            // of the system itself, not of what it measures
    const char *name;              // "temperature"; needed
    const char *unit;              // "°C"
    const char *area;              // "vegetables"
    const char *device;            // the device's name in the configuration; needed
    const char *sensor;            // behind a receiver: the sensor's name
    uint32_t interval_ms;          // samples are expected this often; 0: only on change
    uint32_t resolution_ms;        // of sample times: 1, 10, 100, 1000 ...; 0 means 1
    double low, high;              // limits for display and alerts, in units
    const struct tm_label *labels; // TM_TYPE_ENUM
    uint16_t label_count;
};

// What the gateway says of itself; NULL or "": unknown.
struct tm_site {
    const char *name;      // for people: "Store 1"
    const char *time_zone; // as IANA names it: "Europe/Berlin"
};

// points ascend by id; a point's index is its position. hash names the catalogue in messages.
struct tm_catalogue {
    struct tm_site site;
    const struct tm_point *points;
    uint32_t point_count; // up to TM_POINT_COUNT_MAX
    uint64_t hash;
};

// ERR_ARG: ids do not ascend, a needed name is missing, a text too long, an exponent, resolution or
// type that does not exist; *bad (may be NULL) is then the index of that point, or point_count if
// the site is wrong. site may be NULL.
NODISCARD enum err tm_catalogue_init(struct tm_catalogue *c, const struct tm_site *site,
                                     const struct tm_point *points, uint32_t point_count,
                                     uint32_t *bad);
// Whether a text may be the name of a time zone ("" is not): whether there is such a zone is for
// those to find out who have the list.
bool tm_time_zone_is_plausible(const char *text);
// ERR_NOT_FOUND: no point with that id.
NODISCARD enum err tm_catalogue_index(const struct tm_catalogue *c, uint32_t id, uint32_t *index);

// Where writing stands; start with zeros.
struct tm_catalogue_cursor {
    uint32_t index; // first point not yet written
    uint32_t part;
};

// The next part into out[capacity] (TM_BODY_SIZE_MAX; smaller for tests, not below 2,048).
// ERR_EMPTY when all points are written (an empty catalogue has one part). Same catalogue, same
// bytes.
NODISCARD enum err tm_catalogue_write(const struct tm_catalogue *c,
                                      struct tm_catalogue_cursor *cursor, char *out,
                                      size_t capacity, size_t *size);

// Reading one part.
struct tm_catalogue_part {
    uint64_t hash;
    uint32_t point_total; // of the whole catalogue
    uint32_t first;       // index of this part's first point
    uint32_t count;       // points in this part
    uint64_t part_hash;   // hash64 over the raw text of site and points, going on from `seed`
    struct tm_site site;  // stands in the first part; "" where unknown
};

struct tm_catalogue_memory {
    struct tm_point *points; // filled from 0, `count` of them
    size_t point_capacity;
    struct tm_label *labels;
    size_t label_capacity;
    char *text; // all strings, NUL-terminated
    size_t text_capacity;
};

// seed: HASH64_START for the first part, then part_hash of the one before; after the last part
// part_hash must equal hash, or the parts do not belong together. ERR_CORRUPT: no catalogue
// message; ERR_UNSUPPORTED: another version; ERR_SIZE: memory too small.
NODISCARD enum err tm_catalogue_read(struct bytes message, uint64_t seed,
                                     const struct tm_catalogue_memory *memory,
                                     struct tm_catalogue_part *out);

// "int", "double", "bool", "enum", "text".
const char *tm_type_name(enum tm_type type);

#endif
