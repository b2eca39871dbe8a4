// SPDX-License-Identifier: Apache-2.0
// Reading the store from any thread, each with its own reader: exactly what is committed, every
// sample once, whether it lies in a chunk or still in memory.
#ifndef CLOUD_STORE_QUERY_H
#define CLOUD_STORE_QUERY_H

#include "apps/cloud/store/store.h"

enum { QUERY_BUCKETS_MAX = 4000, QUERY_SPANS_MAX = 1000, QUERY_GAPS_MAX = 1000 };

// One bucket of good numbers; n 0: empty.
struct bucket {
    double min;
    double max;
    double sum;
    uint32_t n;
};

// The point was not good from from_ms until to_ms.
struct quality_span {
    int64_t from_ms;
    int64_t to_ms;
    uint8_t quality;
    uint8_t reason;
};

struct query_gap {
    int64_t from_ms;
    int64_t to_ms;
    uint64_t count;
};

struct query {
    // In: a span [from_ms, to_ms) cut into buckets of step_ms, the last one may be shorter.
    uint32_t series;
    int64_t from_ms;
    int64_t to_ms;
    uint32_t bucket_count;
    // Out, the caller's memory.
    int64_t step_ms;
    struct bucket *buckets;     // bucket_count
    struct quality_span *spans; // QUERY_SPANS_MAX; NULL: not wanted
    uint32_t span_count;        // beyond the limit the last span takes the rest
    uint32_t corrupt_count;     // chunks that could not be read; logged
};

struct store_reader {
    struct store *store;
    sqlite3 *handle;
    sqlite3_stmt *begin;
    sqlite3_stmt *end;
    sqlite3_stmt *state;
    sqlite3_stmt *chunks;
    sqlite3_stmt *before;
    sqlite3_stmt *first;
    sqlite3_stmt *gaps;
    sqlite3_stmt *events;
    sqlite3_stmt *text;
    sqlite3_stmt *notices;
    struct entry *open; // copy of what is in memory; 0 to open_capacity
    size_t open_capacity;
    struct quality_mark *marks;
    size_t mark_count;
};

NODISCARD enum err store_reader_open(struct store_reader *reader, struct store *store);
void store_reader_close(struct store_reader *reader);

// ERR_NOT_FOUND: no such series. ERR_IO, ERR_BUSY.
NODISCARD enum err store_query(struct store_reader *reader, struct query *query);

// The time of the series' first sample, whatever its quality; INT64_MAX: none. ERR_NOT_FOUND.
NODISCARD enum err store_query_first(struct store_reader *reader, uint32_t series,
                                     int64_t *first_ms);

// Gaps of a site within [from_ms, to_ms), ascending.
NODISCARD enum err store_query_gaps(struct store_reader *reader, uint32_t site, int64_t from_ms,
                                    int64_t to_ms, struct query_gap *out, uint32_t *count);

// Newest first; calls row() for each, whose strings live until it returns.
struct query_event {
    int64_t id;
    const char *kind;
    int64_t at_ms;
    bool has_time; // false: of a boot without a clock
    int64_t received_ms;
    uint32_t point;
    const char *text;
};
NODISCARD enum err store_query_events(struct store_reader *reader, uint32_t site, uint32_t limit,
                                      void (*row)(void *ctx, const struct query_event *e),
                                      void *ctx);

// Events of the cloud's own that befell all sites at once, each told once, newest first: of the
// kinds in DB_NOTICE_KINDS.
struct query_notice {
    const char *kind;
    int64_t at_ms;
    const char *text;
};
enum { QUERY_NOTICES_MAX = 50 };
NODISCARD enum err store_query_notices(struct store_reader *reader,
                                       void (*row)(void *ctx, const struct query_notice *n),
                                       void *ctx);

// An interned text into out[capacity], terminated, cut if longer.
NODISCARD enum err store_query_text(struct store_reader *reader, int64_t id, char *out,
                                    size_t capacity);

// Finds a published site or series; false if there is none.
bool store_find_site(struct store *store, struct bytes device, uint32_t *site);
bool store_find_series(struct store *store, uint32_t site, uint32_t point, uint32_t *series);
// The same for who holds store->lock, and goes on under it.
bool store_find_series_locked(const struct store *store, uint32_t site, uint32_t point,
                              uint32_t *series);

#endif
