// SPDX-License-Identifier: Apache-2.0
// What is kept as it came: messages set aside, and the parts of catalogues.
#include "apps/cloud/store/store.h"
#include "base/assert.h"

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
        s = db_get(&store->db, SQL_TRIM_ASIDE);
        sqlite3_bind_int64(s, 1,
                           sqlite3_last_insert_rowid(store->db.handle) - STORE_ASIDE_ROWS_MAX);
        err = db_run(&store->db, s);
    }
    return err;
}

enum err store_take_aside(struct store *store, struct bytes device, uint64_t wants,
                          struct writer *payload, int64_t *received_ms)
{
    ASSERT(store->in_batch);
    sqlite3_stmt *s = db_get(&store->db, SQL_FIND_ASIDE);
    sqlite3_bind_text(s, 1, (const char *)device.data, (int)device.size, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (int64_t)wants);
    bool has_row = false;
    enum err err = db_row(&store->db, s, &has_row);
    if (err != OK || !has_row) {
        return err != OK ? err : ERR_NOT_FOUND;
    }
    const int64_t id = sqlite3_column_int64(s, 0);
    *received_ms = sqlite3_column_int64(s, 1);
    put_bytes(payload, db_blob(s, 2));
    sqlite3_reset(s);
    s = db_get(&store->db, SQL_REMOVE_ASIDE);
    sqlite3_bind_int64(s, 1, id);
    return db_run(&store->db, s);
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
