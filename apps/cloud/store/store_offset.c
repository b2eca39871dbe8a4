// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/store.h"
#include "base/assert.h"

static sqlite3_stmt *bound(struct store *store, enum statement name, struct bytes source,
                           int32_t part)
{
    sqlite3_stmt *s = db_get(&store->db, name);
    sqlite3_bind_text(s, 1, (const char *)source.data, (int)source.size, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, part);
    return s;
}

enum err store_find_offset(struct store *store, struct bytes source, int32_t part,
                           struct store_offset *out)
{
    bool has_row = false;
    sqlite3_stmt *s = bound(store, SQL_FIND_OFFSET, source, part);
    enum err err = db_row(&store->db, s, &has_row);
    if (err == OK && has_row) {
        out->next = sqlite3_column_int64(s, 0);
        out->record = (uint64_t)sqlite3_column_int64(s, 1);
    }
    (void)sqlite3_reset(s);
    return err == OK && !has_row ? ERR_NOT_FOUND : err;
}

enum err store_set_offset(struct store *store, struct bytes source, int32_t part,
                          struct store_offset offset)
{
    ASSERT(store->in_batch);
    sqlite3_stmt *s = bound(store, SQL_SET_OFFSET, source, part);
    sqlite3_bind_int64(s, 3, offset.next);
    sqlite3_bind_int64(s, 4, (int64_t)offset.record);
    return db_run(&store->db, s);
}
