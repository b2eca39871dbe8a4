// SPDX-License-Identifier: Apache-2.0
// What a batch says to others: to the pages what it changed, to the sites what befell their source.
#include "apps/cloud/ingest/ingest.h"

#include <string.h>
#include <time.h>

enum err ingest_again(struct ingest *ingest, bool *has_begun)
{
    enum err err = ingest_look(ingest);
    *has_begun = false;
    if (err == OK && ingest->must_resume) {
        err = store_begin(ingest->store);
        err = err == OK ? ingest_resume(ingest) : err;
        *has_begun = true;
    }
    return err;
}

void ingest_tell(const struct ingest *ingest, struct live *live)
{
    const struct store *store = ingest->store;
    if (live == NULL) {
        return;
    }
    for (uint32_t site = 0; site < store->sites_used; site++) {
        if ((ingest->changed[site] & INGEST_CATALOGUE) != 0) {
            live_push(live, &(struct live_event){.kind = LIVE_CATALOGUE, .site = site});
        }
    }
    for (uint32_t i = 0; i < store->dirty.count; i++) {
        const struct series *series = &store->series[store->dirty.items[i]];
        const bool is_good = entry_quality(&series->latest.entry) == 0;
        live_push(live, &(struct live_event){.kind = is_good ? LIVE_SAMPLE : LIVE_QUALITY,
                                             .site = series->site,
                                             .point = series->point,
                                             .latest = series->latest});
    }
    for (uint32_t site = 0; site < store->sites_used; site++) {
        if ((ingest->changed[site] & INGEST_RECEIVED) != 0) {
            live_push(live, &(struct live_event){.kind = LIVE_SITE, .site = site});
        }
    }
    live_wake(live);
}

enum err ingest_tell_sites(struct ingest *ingest, const char *kind, const char *text)
{
    struct store *store = ingest->store;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    const struct store_event event = {
        .kind = kind, .at_ms = now_ms, .received_ms = now_ms, .text = bytes_of(text, strlen(text))};
    enum err err = OK;
    for (uint32_t site = 0; err == OK && site < store->sites_used; site++) {
        err = store_add_event(store, site, &event);
    }
    return err;
}
