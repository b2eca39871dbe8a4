// SPDX-License-Identifier: Apache-2.0
// Opening the store: memory is built from the file, tails first, then the log in its order.
#include "apps/cloud/store/column.h"
#include "apps/cloud/store/flight.h"
#include "apps/cloud/store/store.h"
#include "apps/cloud/store/store_parts.h"
#include "base/assert.h"
#include "port/linux/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MODULE "store"

typedef enum err row_fn(struct store *store, sqlite3_stmt *s);

static enum err each_row(struct store *store, const char *sql, row_fn *row)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(store->db.handle, sql, -1, &s, NULL);
    enum err err = code == SQLITE_OK ? OK : db_error(store->db.handle, code, sql);
    while (err == OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        err = row(store, s);
    }
    if (err == OK && code != SQLITE_DONE) {
        err = db_error(store->db.handle, code, sql);
    }
    if (err == ERR_CORRUPT) {
        log_error(MODULE, "corrupt", "reading=\"%s\"", sql);
    }
    sqlite3_finalize(s);
    return err;
}

static int64_t column_or_never(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? INT64_MIN
                                                         : sqlite3_column_int64(s, column);
}

static enum err load_state(struct store *store, sqlite3_stmt *s)
{
    store->commit_no = (uint64_t)sqlite3_column_int64(s, 0);
    store->position = (uint64_t)sqlite3_column_int64(s, 1);
    store->record_hash = (uint64_t)sqlite3_column_int64(s, 2);
    return OK;
}

static enum err load_site(struct store *store, sqlite3_stmt *s)
{
    int64_t id = sqlite3_column_int64(s, 0);
    struct bytes device = bytes_of(sqlite3_column_text(s, 1), (size_t)sqlite3_column_bytes(s, 1));
    if (id != (int64_t)store->sites_used + 1 || device.size > STORE_DEVICE_SIZE_MAX) {
        return ERR_CORRUPT;
    }
    if (store->sites_used == store->cfg.site_max) {
        log_error(MODULE, "too_many_sites", "max=%u", store->cfg.site_max);
        return ERR_SIZE;
    }
    struct store_site *site = &store->sites[store->sites_used++];
    memset(site, 0, sizeof(*site));
    memcpy(site->device, device.data, device.size);
    site->events = UINT32_MAX;
    site->received_ms = column_or_never(s, 2);
    site->catalogue = (uint64_t)sqlite3_column_int64(s, 3);
    return OK;
}

void store_series_reset(struct series *series, uint32_t site, uint32_t point)
{
    *series = (struct series){
        .site = site,
        .point = point,
        .latest = {.good_at_ms = INT64_MIN, .received_ms = INT64_MIN},
        .next = {.good_at_ms = INT64_MIN, .received_ms = INT64_MIN},
        .chunk_end_ms = INT64_MIN,
        .open_end_ms = INT64_MIN,
        .is_sorted = true,
    };
}

static enum err load_series(struct store *store, sqlite3_stmt *s)
{
    int64_t id = sqlite3_column_int64(s, 0);
    int64_t site = sqlite3_column_int64(s, 1);
    int64_t point = sqlite3_column_int64(s, 2);
    if (id != (int64_t)store->series_used + 1 || site < 1 || site > store->sites_used ||
        point < 0 || point > UINT32_MAX) {
        return ERR_CORRUPT;
    }
    if (store->series_used == store->cfg.series_max) {
        log_error(MODULE, "too_many_series", "max=%u", store->cfg.series_max);
        return ERR_SIZE;
    }
    struct series *series = &store->series[store->series_used];
    store_series_reset(series, (uint32_t)(site - 1), (uint32_t)point);
    series->chunk_end_ms = column_or_never(s, 3);
    series->span_max_ms = sqlite3_column_int64(s, 4);
    series_map_add(&store->map, series->site, series->point, store->series_used++);
    return OK;
}

static enum err series_of(struct store *store, int64_t id, struct series **out)
{
    if (id < 1 || id > store->series_used) {
        return ERR_CORRUPT;
    }
    *out = &store->series[id - 1];
    return OK;
}

static enum err load_latest(struct store *store, sqlite3_stmt *s)
{
    struct series *series = NULL;
    enum err err = series_of(store, sqlite3_column_int64(s, 0), &series);
    if (err != OK) {
        return err;
    }
    struct latest *latest = &series->latest;
    latest->entry.value = sqlite3_column_int64(s, 2);
    latest->entry.form = (uint8_t)sqlite3_column_int(s, 3);
    latest->entry.reason = (uint8_t)sqlite3_column_int(s, 4);
    entry_set_at(&latest->entry, sqlite3_column_int64(s, 1));
    latest->good_at_ms = column_or_never(s, 5);
    latest->received_ms = sqlite3_column_int64(s, 6);
    series->next = *latest;
    return OK;
}

static enum err load_tail(struct store *store, sqlite3_stmt *s)
{
    struct series *series = NULL;
    enum err err = series_of(store, sqlite3_column_int64(s, 0), &series);
    struct entry entries[CHUNK_SAMPLES_MAX];
    size_t count = 0;
    if (err == OK) {
        err = chunk_decode(db_blob(s, 2), sqlite3_column_int64(s, 1), entries, &count);
    }
    for (size_t i = 0; err == OK && i < count; i++) {
        err = store_open_add(store, series, &entries[i]);
    }
    if (err == OK) {
        series->tail_count = (uint32_t)count;
    }
    return err;
}

static enum err load_log(struct store *store, sqlite3_stmt *s)
{
    struct reader r = reader_of(db_blob(s, 1));
    int64_t at_ms = 0;
    enum err err = OK;
    while (err == OK && !reader_done(&r)) {
        struct series *series = NULL;
        struct entry e = {0};
        uint64_t id = get_varint(&r);
        at_ms = (int64_t)((uint64_t)at_ms + unzigzag(get_varint(&r)));
        e.form = get_u8(&r);
        e.reason = get_u8(&r);
        e.value = (int64_t)unzigzag(get_varint(&r));
        if (r.failed || at_ms > ENTRY_AT_MAX || at_ms < -ENTRY_AT_MAX || id > UINT32_MAX) {
            return ERR_CORRUPT;
        }
        entry_set_at(&e, at_ms);
        err = series_of(store, (int64_t)id + 1, &series);
        if (err == OK) {
            err = store_open_add(store, series, &e);
            store->log_samples++;
        }
    }
    store->log_next = (uint64_t)sqlite3_column_int64(s, 0) + 1;
    return err;
}

enum err store_load(struct store *store)
{
    store->sites_used = 0;
    store->series_used = 0;
    store->log_samples = 0;
    store->log_next = 1;
    store->dirty.count = 0;
    store->in_batch = false;
    store->in_checkpoint = false;
    series_map_reset(&store->map);
    block_pool_reset(&store->blocks);
    seen_init(&store->seen);
    static const struct {
        const char *sql;
        row_fn *row;
    } parts[] = {
        {"SELECT commit_no, position, record FROM state", load_state},
        {"SELECT id, device, received_ms, catalogue FROM site ORDER BY id", load_site},
        {"SELECT id, site, point, chunk_end_ms, span_max_ms FROM series ORDER BY id", load_series},
        {"SELECT series, at_ms, value, form, reason, good_at_ms, received_ms FROM latest",
         load_latest},
        {"SELECT series, t0, samples FROM tail", load_tail},
        {"SELECT id, samples FROM log ORDER BY id", load_log},
    };
    enum err err = OK;
    for (size_t i = 0; err == OK && i < COUNT_OF(parts); i++) {
        err = each_row(store, parts[i].sql, parts[i].row);
    }
    for (uint32_t i = 0; err == OK && i < store->series_used; i++) {
        store->series[i].open_count = store->series[i].open.count;
    }
    store->site_count = err == OK ? store->sites_used : 0;
    store->series_count = err == OK ? store->series_used : 0;
    return err;
}

static enum err allocate(struct store *store)
{
    const struct store_config *cfg = &store->cfg;
    store->sites = calloc(cfg->site_max, sizeof(store->sites[0]));
    store->series = calloc(cfg->series_max, sizeof(store->series[0]));
    store->dirty.items = calloc(cfg->series_max, sizeof(store->dirty.items[0]));
    store->log_bytes = malloc(STORE_LOG_ROW_SIZE);
    store->scratch_capacity = (size_t)STORE_LOG_SAMPLES_MAX + 2 * (size_t)CHUNK_SAMPLES_MAX;
    void *scratch =
        mmap(NULL, store->scratch_capacity * sizeof(store->scratch[0]), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    store->scratch = scratch != MAP_FAILED ? scratch : NULL;
    // Per series a tail before and after a checkpoint, each with a block begun, and the log.
    const size_t tail_blocks = CHUNK_SAMPLES_MAX / BLOCK_ENTRIES + 2;
    const size_t blocks =
        cfg->series_max * (2 * tail_blocks + 1) + STORE_LOG_SAMPLES_MAX / BLOCK_ENTRIES + 1;
    enum err err = block_pool_init(&store->blocks, blocks);
    if (err == OK) {
        err = series_map_init(&store->map, cfg->series_max);
    }
    if (store->sites == NULL || store->series == NULL || store->dirty.items == NULL ||
        store->log_bytes == NULL || store->scratch == NULL) {
        err = ERR_FULL;
    }
    return err;
}

enum err store_open(struct store *store, const struct store_config *cfg)
{
    *store = (struct store){.cfg = *cfg};
    store->cfg.site_max = cfg->site_max > 0 ? cfg->site_max : 256;
    store->cfg.log_samples_min =
        cfg->log_samples_min > 0 ? cfg->log_samples_min : STORE_LOG_SAMPLES_MIN;
    store->cfg.aside_device_bytes =
        cfg->aside_device_bytes > 0 ? cfg->aside_device_bytes : STORE_ASIDE_DEVICE_BYTES;
    store->cfg.aside_bytes = cfg->aside_bytes > 0 ? cfg->aside_bytes : STORE_ASIDE_BYTES;
    store->cfg.flight_device_bytes =
        cfg->flight_device_bytes > 0 ? cfg->flight_device_bytes : STORE_FLIGHT_DEVICE_BYTES;
    store->cfg.flight_bytes = cfg->flight_bytes > 0 ? cfg->flight_bytes : STORE_FLIGHT_BYTES;
    store->cfg.move_pages = cfg->move_pages > 0 ? cfg->move_pages : 4000;
    store->cfg.series_max = cfg->series_max > 0 ? cfg->series_max : 20000;
    if (pthread_mutex_init(&store->lock, NULL) != 0) {
        return ERR_FULL;
    }
    enum err err = allocate(store);
    if (err == OK) {
        err = db_open(&store->db, cfg->path, cfg->vfs);
    }
    if (err == OK) {
        err = store_load(store);
    }
    if (err != OK) {
        store_close(store);
    }
    return err;
}

void store_close(struct store *store)
{
    db_close(&store->db);
    block_pool_deinit(&store->blocks);
    series_map_deinit(&store->map);
    if (store->scratch != NULL) {
        munmap(store->scratch, store->scratch_capacity * sizeof(store->scratch[0]));
    }
    free(store->sites);
    free(store->series);
    free(store->dirty.items);
    free(store->log_bytes);
    pthread_mutex_destroy(&store->lock);
    *store = (struct store){0};
}
