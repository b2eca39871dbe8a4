// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/flight.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <inttypes.h>

#define MODULE "store"

enum { TELL_EVERY = 100 }; // dropped parts

_Static_assert(STORE_FLIGHT_PART_BYTES == 64, "as in SQL_FIRST_FLIGHT_PART");

// Of one row of whole numbers; *found false: no row.
static enum err ask(struct store *store, sqlite3_stmt *s, int64_t *values, int count, bool *found)
{
    enum err err = db_row(&store->db, s, found);
    for (int i = 0; err == OK && *found && i < count; i++) {
        values[i] = sqlite3_column_int64(s, i);
    }
    sqlite3_reset(s);
    return err;
}

enum standing { STANDS_FREE, STANDS_SAME, STANDS_OTHER };

// What a record holds in the place of a part.
static enum err look(struct store *store, int64_t flight, const struct store_flight_part *part,
                     enum standing *out)
{
    int64_t is_same = 0;
    bool found = false;
    sqlite3_stmt *s = db_get(&store->db, SQL_FIND_FLIGHT_PART);
    sqlite3_bind_int64(s, 1, flight);
    sqlite3_bind_int64(s, 2, part->part);
    db_bind_blob(s, 3, part->text);
    enum err err = ask(store, s, &is_same, 1, &found);
    *out = !found ? STANDS_FREE : is_same != 0 ? STANDS_SAME : STANDS_OTHER;
    return err;
}

// *flight: 0 if the part begins a record.
static enum err find(struct store *store, uint32_t site, const struct store_flight_part *part,
                     int64_t *flight, enum standing *standing)
{
    int64_t id = INT64_MAX;
    bool found = true;
    enum err err = OK;
    *flight = 0;
    *standing = STANDS_FREE;
    while (err == OK && *flight == 0) {
        sqlite3_stmt *s = db_get(&store->db, SQL_FIND_FLIGHT);
        sqlite3_bind_int64(s, 1, (int64_t)site + 1);
        sqlite3_bind_int64(s, 2, part->number);
        sqlite3_bind_int64(s, 3, part->parts);
        sqlite3_bind_int64(s, 4, part->received_ms - STORE_FLIGHT_SPAN_MS);
        sqlite3_bind_int64(s, 5, part->received_ms + STORE_FLIGHT_SPAN_MS);
        sqlite3_bind_int64(s, 6, id);
        err = ask(store, s, &id, 1, &found);
        if (err != OK || !found) {
            return err;
        }
        err = look(store, id, part, standing);
        *flight = *standing != STANDS_OTHER ? id : 0;
    }
    return err;
}

static enum err begin(struct store *store, uint32_t site, const struct store_flight_part *part,
                      int64_t *flight)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_ADD_FLIGHT);
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    sqlite3_bind_int64(s, 2, part->number);
    sqlite3_bind_int64(s, 3, part->parts);
    sqlite3_bind_int64(s, 4, part->received_ms);
    enum err err = db_run(&store->db, s);
    *flight = sqlite3_last_insert_rowid(store->db.handle);
    return err;
}

static enum err add_bytes(struct store *store, int64_t flight, int64_t bytes, int64_t received_ms)
{
    sqlite3_stmt *s = db_get(&store->db, SQL_USE_FLIGHT);
    sqlite3_bind_int64(s, 1, flight);
    sqlite3_bind_int64(s, 2, bytes);
    sqlite3_bind_int64(s, 3, received_ms);
    return db_run(&store->db, s);
}

static enum err run_with(struct store *store, enum statement name, int64_t a, int64_t b)
{
    sqlite3_stmt *s = db_get(&store->db, name);
    sqlite3_bind_int64(s, 1, a);
    if (b != 0) {
        sqlite3_bind_int64(s, 2, b);
    }
    return db_run(&store->db, s);
}

static void tell(struct store *store, uint32_t site, const char *what, int64_t flight)
{
    if (store->stats.flight_dropped++ % TELL_EVERY == 0) {
        log_warn(MODULE, "flight_full", "site=%s lost=%s record=%" PRId64 " dropped=%" PRIu64,
                 store->sites[site].device, what, flight, store->stats.flight_dropped);
    }
}

// Its oldest record, or of its last one the oldest part: the newest lines say most.
static enum err drop_oldest(struct store *store, uint32_t site)
{
    int64_t values[2] = {0}; // the oldest record, how many there are
    bool found = false;
    sqlite3_stmt *s = db_get(&store->db, SQL_OLDEST_FLIGHT);
    sqlite3_bind_int64(s, 1, (int64_t)site + 1);
    enum err err = ask(store, s, values, 2, &found);
    const int64_t flight = values[0];
    if (err == OK && values[1] > 1) {
        tell(store, site, "record", flight);
        err = run_with(store, SQL_REMOVE_FLIGHT_PARTS, flight, 0);
        return err == OK ? run_with(store, SQL_REMOVE_FLIGHT, flight, 0) : err;
    }
    if (err == OK) {
        s = db_get(&store->db, SQL_FIRST_FLIGHT_PART);
        sqlite3_bind_int64(s, 1, flight);
        err = ask(store, s, values, 2, &found); // its number and its bytes
    }
    if (err != OK || !found) {
        return err != OK ? err : ERR_CORRUPT;
    }
    tell(store, site, "part", flight);
    err = run_with(store, SQL_REMOVE_FLIGHT_PART, flight, values[0]);
    return err == OK ? add_bytes(store, flight, -values[1], INT64_MIN) : err;
}

static enum err make_room(struct store *store, uint32_t site)
{
    int64_t use[2] = {0}; // records, bytes
    bool found = false;
    enum err err = OK;
    for (;;) {
        sqlite3_stmt *s = db_get(&store->db, SQL_USED_FLIGHT);
        sqlite3_bind_int64(s, 1, (int64_t)site + 1);
        err = ask(store, s, use, 2, &found);
        if (err != OK ||
            (use[0] <= STORE_FLIGHTS_MAX && use[1] <= (int64_t)store->cfg.flight_device_bytes)) {
            break;
        }
        err = drop_oldest(store, site);
        if (err != OK) {
            break;
        }
    }
    for (;;) {
        int64_t most[2] = {0}; // bytes of all, the site that holds most
        if (err == OK) {
            err = ask(store, db_get(&store->db, SQL_LARGEST_FLIGHTS), most, 2, &found);
        }
        if (err != OK || !found || most[0] <= (int64_t)store->cfg.flight_bytes) {
            return err;
        }
        err = most[1] >= 1 && most[1] <= store->sites_used
                  ? drop_oldest(store, (uint32_t)(most[1] - 1))
                  : ERR_CORRUPT;
    }
}

enum err store_add_flight_part(struct store *store, uint32_t site,
                               const struct store_flight_part *part)
{
    ASSERT(store->in_batch && site < store->sites_used);
    ASSERT(part->part >= 1 && part->part <= part->parts);
    int64_t flight = 0;
    enum standing standing = STANDS_FREE;
    enum err err = find(store, site, part, &flight, &standing);
    if (err == OK && standing == STANDS_SAME) {
        store->stats.duplicates++;
        return OK;
    }
    if (err == OK && flight == 0) {
        err = begin(store, site, part, &flight);
    }
    if (err == OK) {
        sqlite3_stmt *s = db_get(&store->db, SQL_ADD_FLIGHT_PART);
        sqlite3_bind_int64(s, 1, flight);
        sqlite3_bind_int64(s, 2, part->part);
        db_bind_blob(s, 3, part->text);
        err = db_run(&store->db, s);
    }
    if (err == OK) {
        store->stats.flight_parts++;
        err = add_bytes(store, flight, (int64_t)part->text.size + STORE_FLIGHT_PART_BYTES,
                        part->received_ms);
    }
    return err == OK ? make_room(store, site) : err;
}
