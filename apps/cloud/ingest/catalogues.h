// SPDX-License-Identifier: Apache-2.0
// The catalogues of all sites: assembled from their parts by the ingest thread, read by all. A
// catalogue never changes; who holds one gives it back.
#ifndef CLOUD_INGEST_CATALOGUES_H
#define CLOUD_INGEST_CATALOGUES_H

#include "apps/cloud/store/store.h"
#include "telemetry/catalogue.h"

#include <stdatomic.h>

enum { CATALOGUE_BODY_MAX = 256 * 1024, CATALOGUE_PARTS_MAX = 4096 };

struct site_catalogue {
    struct tm_catalogue tm;
    struct tm_point *points; // point_count
    struct catalogue_text {
        struct catalogue_text *next;
        struct tm_label *labels;
        char *text;
    } * texts;                // what all its strings and labels lie in, one per part
    uint32_t interval_min_ms; // the shortest of its points; 0: none has one
    atomic_uint holders;
};

struct catalogues {
    struct store *store;
    pthread_mutex_t lock;
    // Per site; NULL: none. `other` is the ingest thread's: the last one used that is not current.
    struct site_catalogue **current;
    struct site_catalogue **other;
    uint8_t *body; // CATALOGUE_BODY_MAX
};

NODISCARD enum err catalogues_init(struct catalogues *c, struct store *store);
void catalogues_deinit(struct catalogues *c);

// Any thread. NULL: none yet. Give it back with catalogue_give.
struct site_catalogue *catalogues_take(struct catalogues *c, uint32_t site);
void catalogue_give(struct site_catalogue *catalogue);
// The point with that id, or NULL.
const struct tm_point *catalogue_point(const struct site_catalogue *catalogue, uint32_t id);

// The rest is the ingest thread's.

// Reads the current catalogues after the store was opened or rolled back.
NODISCARD enum err catalogues_load(struct catalogues *c);
// The catalogue with that hash, borrowed until the next call. ERR_NOT_FOUND: not (fully) known.
NODISCARD enum err catalogues_find(struct catalogues *c, uint32_t site, uint64_t hash,
                                   const struct site_catalogue **out);
// One part from a message, in a batch. *is_complete: this part made the catalogue whole, and it is
// the site's current one now. ERR_CORRUPT, ERR_UNSUPPORTED, ERR_SIZE: a bad message; else as the
// store.
NODISCARD enum err catalogues_take_part(struct catalogues *c, uint32_t site, struct bytes message,
                                        uint64_t *hash, bool *is_complete);

#endif
