// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/catalogues.h"

#include "base/assert.h"
#include "base/crc.h"
#include "port/linux/log.h"

#include <stdlib.h>
#include <string.h>

#define MODULE "catalogue"

enum err catalogues_init(struct catalogues *c, struct store *store)
{
    *c = (struct catalogues){.store = store};
    c->current = calloc(store->cfg.site_max, sizeof(struct site_catalogue *));
    c->other = calloc(store->cfg.site_max, sizeof(struct site_catalogue *));
    c->body = malloc(CATALOGUE_BODY_MAX);
    const bool is_ready = c->current != NULL && c->other != NULL && c->body != NULL;
    return pthread_mutex_init(&c->lock, NULL) == 0 && is_ready ? OK : ERR_FULL;
}

void catalogues_deinit(struct catalogues *c)
{
    for (uint32_t i = 0; c->store != NULL && i < c->store->cfg.site_max; i++) {
        catalogue_give(c->current[i]);
        catalogue_give(c->other[i]);
    }
    free(c->current);
    free(c->other);
    free(c->body);
    pthread_mutex_destroy(&c->lock);
    *c = (struct catalogues){.store = NULL};
}

struct site_catalogue *catalogues_take(struct catalogues *c, uint32_t site)
{
    pthread_mutex_lock(&c->lock);
    struct site_catalogue *catalogue = c->current[site];
    if (catalogue != NULL) {
        atomic_fetch_add(&catalogue->holders, 1);
    }
    pthread_mutex_unlock(&c->lock);
    return catalogue;
}

void catalogue_give(struct site_catalogue *catalogue)
{
    if (catalogue == NULL || atomic_fetch_sub(&catalogue->holders, 1) > 1) {
        return;
    }
    while (catalogue->texts != NULL) {
        struct catalogue_text *next = catalogue->texts->next;
        free(catalogue->texts->labels);
        free(catalogue->texts->text);
        free(catalogue->texts);
        catalogue->texts = next;
    }
    free(catalogue->points);
    free(catalogue);
}

const struct tm_point *catalogue_point(const struct site_catalogue *catalogue, uint32_t id)
{
    uint32_t index = 0;
    return tm_catalogue_index(&catalogue->tm, id, &index) == OK ? &catalogue->tm.points[index]
                                                                : NULL;
}

static struct catalogue_text *text_for(size_t body_size)
{
    struct catalogue_text *text = calloc(1, sizeof(*text));
    if (text != NULL) {
        // No string is longer than it stands in the body, and a label takes eight bytes there.
        text->text = malloc(body_size + 1);
        text->labels = malloc((body_size / 8 + 1) * sizeof(text->labels[0]));
        if (text->text == NULL || text->labels == NULL) {
            free(text->text);
            free(text->labels);
            free(text);
            return NULL;
        }
    }
    return text;
}

// Reads one part into the catalogue's points from `first`; makes the points at the first part.
static enum err read_part(struct site_catalogue *catalogue, struct bytes body, uint64_t seed,
                          uint32_t first, struct tm_catalogue_part *part)
{
    struct catalogue_text *text = text_for(body.size);
    if (text == NULL) {
        return ERR_FULL;
    }
    text->next = catalogue->texts;
    catalogue->texts = text;
    const struct tm_catalogue_memory memory = {
        .points = catalogue->points + first,
        .point_capacity = TM_POINT_COUNT_MAX - first,
        .labels = text->labels,
        .label_capacity = body.size / 8 + 1,
        .text = text->text,
        .text_capacity = body.size + 1,
    };
    enum err err = tm_catalogue_read(body, seed, &memory, part);
    if (err == OK && (part->first != first || part->count > TM_POINT_COUNT_MAX - first ||
                      part->point_total > TM_POINT_COUNT_MAX)) {
        err = ERR_CORRUPT;
    }
    return err;
}

static enum err read_parts(struct catalogues *c, uint32_t site, uint64_t hash,
                           struct site_catalogue *catalogue)
{
    uint64_t seed = HASH64_START;
    uint32_t first = 0;
    struct tm_catalogue_part part = {.point_total = 1};
    for (int i = 0; i < CATALOGUE_PARTS_MAX && (i == 0 || first < part.point_total); i++) {
        struct writer body = writer_of(c->body, CATALOGUE_BODY_MAX);
        enum err err = store_catalogue_part(c->store, site, hash, first, &body);
        if (err == OK) {
            err = read_part(catalogue, writer_bytes(&body), seed, first, &part);
        }
        if (err != OK) {
            return err;
        }
        if (part.hash != hash || (part.count == 0 && part.point_total > first)) {
            return ERR_CORRUPT;
        }
        if (first == 0) {
            catalogue->tm.site = part.site;
        }
        seed = part.part_hash;
        first += part.count;
    }
    if (first != part.point_total || seed != hash) {
        return ERR_CORRUPT;
    }
    catalogue->tm.points = catalogue->points;
    catalogue->tm.point_count = part.point_total;
    catalogue->tm.hash = hash;
    return OK;
}

static enum err assemble(struct catalogues *c, uint32_t site, uint64_t hash,
                         struct site_catalogue **out)
{
    struct site_catalogue *catalogue = calloc(1, sizeof(*catalogue));
    if (catalogue == NULL) {
        return ERR_FULL;
    }
    atomic_init(&catalogue->holders, 1);
    catalogue->points = calloc(TM_POINT_COUNT_MAX, sizeof(catalogue->points[0]));
    enum err err = catalogue->points != NULL ? read_parts(c, site, hash, catalogue) : ERR_FULL;
    if (err != OK) {
        catalogue_give(catalogue);
        return err;
    }
    const size_t size = (catalogue->tm.point_count + 1) * sizeof(catalogue->points[0]);
    struct tm_point *points = realloc(catalogue->points, size);
    catalogue->points = points != NULL ? points : catalogue->points;
    catalogue->tm.points = catalogue->points;
    for (uint32_t i = 0; i < catalogue->tm.point_count; i++) {
        const uint32_t interval_ms = catalogue->points[i].interval_ms;
        if (interval_ms > 0 &&
            (catalogue->interval_min_ms == 0 || interval_ms < catalogue->interval_min_ms)) {
            catalogue->interval_min_ms = interval_ms;
        }
    }
    *out = catalogue;
    return OK;
}

static void set_current(struct catalogues *c, uint32_t site, struct site_catalogue *catalogue)
{
    pthread_mutex_lock(&c->lock);
    struct site_catalogue *before = c->current[site];
    c->current[site] = catalogue;
    pthread_mutex_unlock(&c->lock);
    catalogue_give(c->other[site]);
    c->other[site] = before;
}

enum err catalogues_load(struct catalogues *c)
{
    for (uint32_t site = 0; site < c->store->sites_used; site++) {
        const uint64_t hash = c->store->sites[site].catalogue;
        if (hash == 0 || (c->current[site] != NULL && c->current[site]->tm.hash == hash)) {
            continue;
        }
        struct site_catalogue *catalogue = NULL;
        enum err err = assemble(c, site, hash, &catalogue);
        if (err == OK) {
            set_current(c, site, catalogue);
        } else if (err == ERR_FULL || err == ERR_IO) {
            return err;
        } else {
            log_error(MODULE, "unreadable", "site=%s err=%s", c->store->sites[site].device,
                      err_name(err));
        }
    }
    // After a rollback these may become other devices.
    for (uint32_t site = c->store->sites_used; site < c->store->cfg.site_max; site++) {
        if (c->current[site] != NULL || c->other[site] != NULL) {
            set_current(c, site, NULL);
            set_current(c, site, NULL);
        }
    }
    return OK;
}

enum err catalogues_find(struct catalogues *c, uint32_t site, uint64_t hash,
                         const struct site_catalogue **out)
{
    if (c->current[site] != NULL && c->current[site]->tm.hash == hash) {
        *out = c->current[site];
        return OK;
    }
    if (c->other[site] == NULL || c->other[site]->tm.hash != hash) {
        struct site_catalogue *catalogue = NULL;
        enum err err = assemble(c, site, hash, &catalogue);
        if (err != OK) {
            return err == ERR_CORRUPT ? ERR_NOT_FOUND : err;
        }
        catalogue_give(c->other[site]);
        c->other[site] = catalogue;
    }
    *out = c->other[site];
    return OK;
}

enum err catalogues_take_part(struct catalogues *c, uint32_t site, struct bytes message,
                              uint64_t *hash, bool *is_complete)
{
    struct site_catalogue probe = {.points = NULL};
    struct tm_catalogue_part part = {.hash = 0};
    probe.points = calloc(TM_POINT_COUNT_MAX, sizeof(probe.points[0]));
    struct catalogue_text *text = text_for(message.size);
    enum err err = probe.points != NULL && text != NULL ? OK : ERR_FULL;
    if (err == OK) {
        const struct tm_catalogue_memory memory = {
            .points = probe.points,
            .point_capacity = TM_POINT_COUNT_MAX,
            .labels = text->labels,
            .label_capacity = message.size / 8 + 1,
            .text = text->text,
            .text_capacity = message.size + 1,
        };
        err = tm_catalogue_read(message, HASH64_START, &memory, &part);
    }
    if (text != NULL) {
        free(text->labels);
        free(text->text);
        free(text);
    }
    free(probe.points);
    *is_complete = false;
    *hash = part.hash;
    if (err == OK && part.hash == 0) {
        err = ERR_CORRUPT;
    }
    if (err == OK) {
        err = store_add_catalogue_part(c->store, site, part.hash, part.first, message);
    }
    struct site_catalogue *catalogue = NULL;
    if (err == OK) {
        err = assemble(c, site, part.hash, &catalogue);
        if (err == ERR_NOT_FOUND) {
            return OK; // parts are still to come
        }
    }
    if (err == OK) {
        err = store_set_catalogue(c->store, site, part.hash);
        if (err != OK) {
            catalogue_give(catalogue);
            return err;
        }
        set_current(c, site, catalogue);
        *is_complete = true;
    }
    return err;
}
