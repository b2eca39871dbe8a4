// SPDX-License-Identifier: Apache-2.0
// What is kept as it came: messages set aside, and the parts of catalogues.
#include "apps/cloud/store/store.h"
#include "base/assert.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MODULE "store"

enum { TELL_EVERY = 1000 }; // dropped messages

static const struct bytes everybody; // the name '' in aside_use

static void bind_device(sqlite3_stmt *s, struct bytes device)
{
    sqlite3_bind_text(s, 1, device.size > 0 ? (const char *)device.data : "", (int)device.size,
                      SQLITE_STATIC);
}

static enum err add_use(struct store *store, struct bytes device, int64_t bytes)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_USE_ASIDE);
    bind_device(s, device);
    sqlite3_bind_int64(s, 2, bytes);
    return db_run(&store->db, s);
}

// Of a device; empty: of all.
static enum err used(struct store *store, struct bytes device, int64_t *bytes)
{
    bool has_row = false;
    sqlite3_stmt *s = db_get(&store->db, SQL_USED_ASIDE);
    bind_device(s, device);
    enum err err = db_row(&store->db, s, &has_row);
    *bytes = err == OK && has_row ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    return err;
}

static enum err remove_aside(struct store *store, int64_t id, struct bytes device, int64_t size)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_REMOVE_ASIDE);
    sqlite3_bind_int64(s, 1, id);
    enum err err = db_run(&store->db, s);
    return err == OK ? add_use(store, device, -size) : err;
}

static enum err drop_oldest(struct store *store, struct bytes device)
{
    bool has_row = false;
    sqlite3_stmt *s = db_get(&store->db, SQL_OLDEST_ASIDE);
    bind_device(s, device);
    enum err err = db_row(&store->db, s, &has_row);
    if (err != OK || !has_row) {
        return err != OK ? err : ERR_CORRUPT;
    }
    const int64_t id = sqlite3_column_int64(s, 0);
    const int64_t size = sqlite3_column_int64(s, 1);
    const bool is_waiting = sqlite3_column_int64(s, 2) != 0;
    const int64_t sequence = sqlite3_column_int64(s, 3);
    sqlite3_reset(s);
    if (store->stats.aside_dropped++ % TELL_EVERY == 0) {
        log_warn(MODULE, "aside_full", "site=%.*s sequence=%" PRId64 " lost=%s dropped=%" PRIu64,
                 (int)device.size, (const char *)device.data, sequence,
                 is_waiting ? "samples" : "unusable", store->stats.aside_dropped);
    }
    return remove_aside(store, id, device, size);
}

static enum err largest(struct store *store, char *out, size_t capacity)
{
    bool has_row = false;
    sqlite3_stmt *s = db_get(&store->db, SQL_LARGEST_ASIDE);
    enum err err = db_row(&store->db, s, &has_row);
    if (err == OK && has_row) {
        snprintf(out, capacity, "%s", (const char *)sqlite3_column_text(s, 0));
    }
    sqlite3_reset(s);
    return err == OK && !has_row ? ERR_CORRUPT : err;
}

static enum err make_room(struct store *store, struct bytes device)
{
    int64_t bytes = 0;
    enum err err = used(store, device, &bytes);
    while (err == OK && bytes > (int64_t)store->cfg.aside_device_bytes) {
        err = drop_oldest(store, device);
        err = err == OK ? used(store, device, &bytes) : err;
    }
    err = err == OK ? used(store, everybody, &bytes) : err;
    while (err == OK && bytes > (int64_t)store->cfg.aside_bytes) {
        char name[STORE_DEVICE_SIZE_MAX + 1];
        err = largest(store, name, sizeof(name));
        err = err == OK ? drop_oldest(store, bytes_of(name, strlen(name))) : err;
        err = err == OK ? used(store, everybody, &bytes) : err;
    }
    return err;
}

enum err store_set_aside(struct store *store, const struct store_aside *message)
{
    ASSERT(store->in_batch);
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_ASIDE);
    sqlite3_bind_int64(s, 1, (int64_t)message->sequence);
    sqlite3_bind_text(s, 2, (const char *)message->device.data, (int)message->device.size,
                      SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, message->received_ms);
    sqlite3_bind_int64(s, 4, (int64_t)message->wants);
    sqlite3_bind_text(s, 5, message->reason, -1, SQLITE_STATIC);
    db_bind_blob(s, 6, message->properties);
    db_bind_blob(s, 7, message->payload);
    enum err err = db_run(&store->db, s);
    if (err == OK) {
        store->stats.aside++;
        err = add_use(store, message->device,
                      (int64_t)(message->properties.size + message->payload.size) +
                          DB_ASIDE_ROW_SIZE);
    }
    return err == OK ? make_room(store, message->device) : err;
}

enum err store_next_waiting(struct store *store, struct store_waiting *next)
{
    bool has_row = false;
    sqlite3_stmt *s = db_get(&store->db, SQL_WAITING_ASIDE);
    bind_device(s, bytes_of(next->device, strlen(next->device)));
    sqlite3_bind_int64(s, 2, (int64_t)next->wants);
    enum err err = db_row(&store->db, s, &has_row);
    struct store_waiting found = {.wants = 0};
    if (err == OK && has_row) {
        snprintf(found.device, sizeof(found.device), "%s", (const char *)sqlite3_column_text(s, 0));
        found.wants = (uint64_t)sqlite3_column_int64(s, 1);
    }
    sqlite3_reset(s);
    if (err == OK && has_row) {
        *next = found;
    }
    return err == OK && !has_row ? ERR_NOT_FOUND : err;
}

enum err store_take_aside(struct store *store, struct bytes device, uint64_t wants,
                          struct writer *payload, int64_t *received_ms)
{
    ASSERT(store->in_batch);
    sqlite3_stmt *s = db_get(&store->db, SQL_FIND_ASIDE);
    bind_device(s, device);
    sqlite3_bind_int64(s, 2, (int64_t)wants);
    bool has_row = false;
    enum err err = db_row(&store->db, s, &has_row);
    if (err != OK || !has_row) {
        return err != OK ? err : ERR_NOT_FOUND;
    }
    const int64_t id = sqlite3_column_int64(s, 0);
    *received_ms = sqlite3_column_int64(s, 1);
    put_bytes(payload, db_blob(s, 2));
    const int64_t size = sqlite3_column_int64(s, 3);
    sqlite3_reset(s);
    return remove_aside(store, id, device, size);
}

enum err store_add_catalogue_part(struct store *store, uint32_t site, uint64_t hash, uint32_t first,
                                  struct bytes body)
{
    ASSERT(store->in_batch);
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_PART);
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    sqlite3_bind_int64(s, 2, (int64_t)hash);
    sqlite3_bind_int64(s, 3, first);
    db_bind_blob(s, 4, body);
    return db_run(&store->db, s);
}

enum err store_catalogue_part(struct store *store, uint32_t site, uint64_t hash, uint32_t first,
                              struct writer *body)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_FIND_PART);
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    sqlite3_bind_int64(s, 2, (int64_t)hash);
    sqlite3_bind_int64(s, 3, first);
    bool has_row = false;
    enum err err = db_row(&store->db, s, &has_row);
    if (err == OK && has_row) {
        put_bytes(body, db_blob(s, 0));
    }
    sqlite3_reset(s);
    return err == OK && !has_row ? ERR_NOT_FOUND : err;
}

enum err store_set_catalogue(struct store *store, uint32_t site, uint64_t hash)
{
    ASSERT(store->in_batch && site < store->sites_used);
    sqlite3_stmt *s = db_get(&store->db, SQL_SET_CATALOGUE);
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    sqlite3_bind_int64(s, 2, (int64_t)hash);
    enum err err = db_run(&store->db, s);
    if (err == OK) {
        pthread_mutex_lock(&store->lock);
        store->sites[site].catalogue = hash;
        pthread_mutex_unlock(&store->lock);
    }
    return err;
}
