// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/seen.h"

#include <string.h>

// Numbers are unsigned, SQLite's integers are not: their order is kept by an offset.
static int64_t column_of(uint64_t number)
{
    int64_t column = 0;
    number ^= UINT64_C(1) << 63;
    memcpy(&column, &number, sizeof(column));
    return column;
}

static uint64_t number_of(int64_t column)
{
    uint64_t number = 0;
    memcpy(&number, &column, sizeof(number));
    return number ^ UINT64_C(1) << 63;
}

void seen_init(struct seen *seen)
{
    memset(seen, 0, sizeof(*seen));
}

static void bind_key(sqlite3_stmt *s, uint32_t site, uint64_t journal, uint64_t low)
{
    sqlite3_bind_int64(s, 1, site);
    sqlite3_bind_int64(s, 2, column_of(journal));
    sqlite3_bind_int64(s, 3, column_of(low));
}

static enum err write_back(struct seen_range *range, struct db *db)
{
    if (!range->is_dirty) {
        return OK;
    }
    sqlite3_stmt *s = db_get(db, SQL_SET_SEEN);
    bind_key(s, range->site, range->journal, range->low);
    sqlite3_bind_int64(s, 4, column_of(range->high));
    enum err err = db_run(db, s);
    range->is_dirty = err != OK;
    return err;
}

enum err seen_flush(struct seen *seen, struct db *db)
{
    for (size_t i = 0; i < SEEN_CACHE_SIZE; i++) {
        if (seen->cache[i].is_used) {
            enum err err = write_back(&seen->cache[i], db);
            if (err != OK) {
                return err;
            }
        }
    }
    return OK;
}

// Loads the range that holds or precedes `number`; range->is_used says whether there is one.
// range->above is right in both cases.
static enum err load(struct seen_range *range, struct db *db, uint64_t number)
{
    bool has_row = false;
    sqlite3_stmt *s = db_get(db, SQL_FIND_SEEN);
    bind_key(s, range->site, range->journal, number);
    enum err err = db_row(db, s, &has_row);
    if (err != OK) {
        return err;
    }
    range->is_used = has_row;
    if (has_row) {
        range->low = number_of(sqlite3_column_int64(s, 0));
        range->high = number_of(sqlite3_column_int64(s, 1));
    }
    s = db_get(db, SQL_NEXT_SEEN);
    bind_key(s, range->site, range->journal, number);
    err = db_row(db, s, &has_row);
    if (err == OK) {
        range->above = has_row ? number_of(sqlite3_column_int64(s, 0)) : UINT64_MAX;
    }
    return err;
}

// The range now touches the one above it: they become one.
static enum err join_above(struct seen_range *range, struct db *db)
{
    struct seen_range next = {.site = range->site, .journal = range->journal};
    enum err err = load(&next, db, range->above);
    if (err != OK) {
        return err;
    }
    sqlite3_stmt *s = db_get(db, SQL_REMOVE_SEEN);
    bind_key(s, range->site, range->journal, next.low);
    err = db_run(db, s);
    range->high = next.high;
    range->above = next.above;
    range->is_dirty = true;
    return err;
}

static enum err take_slowly(struct seen_range *range, struct db *db, uint64_t number, bool *is_new)
{
    enum err err = load(range, db, number);
    if (err != OK) {
        return err;
    }
    if (range->is_used && number <= range->high) {
        *is_new = false;
        return OK;
    }
    *is_new = true;
    if (range->is_used && number == range->high + 1) {
        range->high = number;
    } else {
        range->low = number;
        range->high = number;
        range->is_used = true;
    }
    range->is_dirty = true;
    return range->above == number + 1 && number != UINT64_MAX ? join_above(range, db) : OK;
}

enum err seen_take(struct seen *seen, struct db *db, uint32_t site, struct message_number message,
                   bool *is_new)
{
    const uint64_t hash = (message.journal ^ site) * UINT64_C(0x9e3779b97f4a7c15);
    struct seen_range *range = &seen->cache[hash >> 56];
    const uint64_t number = message.number;
    if (range->is_used && range->site == site && range->journal == message.journal) {
        if (number >= range->low && number <= range->high) {
            *is_new = false;
            return OK;
        }
        // number > 0 here, as it is above another one.
        if (number > range->high && number - 1 == range->high && number < range->above &&
            number + 1 != range->above) {
            range->high = number;
            range->is_dirty = true;
            *is_new = true;
            return OK;
        }
    }
    enum err err = range->is_used ? write_back(range, db) : OK;
    if (err != OK) {
        return err;
    }
    *range = (struct seen_range){.site = site, .journal = message.journal};
    err = take_slowly(range, db, number, is_new);
    if (err != OK) {
        range->is_used = false;
    }
    return err;
}
