// SPDX-License-Identifier: Apache-2.0
// The writer's SQLite connection: tables, prepared statements, and SQLite's codes as ours.
#ifndef CLOUD_STORE_DB_H
#define CLOUD_STORE_DB_H

#include "base/bytes.h"
#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

// Statements by name; their text is in db.c.
enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SET_STATE,
    SQL_ADD_SITE,
    SQL_SET_SITE,
    SQL_SET_CATALOGUE,
    SQL_ADD_SERIES,
    SQL_SET_SERIES,
    SQL_SET_LATEST,
    SQL_ADD_LOG,
    SQL_TRIM_LOG,
    SQL_SET_TAIL,
    SQL_REMOVE_TAIL,
    SQL_ADD_CHUNK,
    SQL_ADD_APART,
    SQL_ADD_GAP,
    SQL_ADD_EVENT,
    SQL_TRIM_EVENTS,
    SQL_COUNT_EVENTS,
    SQL_ADD_ASIDE,
    SQL_USE_ASIDE,
    SQL_USED_ASIDE,
    SQL_LARGEST_ASIDE,
    SQL_OLDEST_ASIDE,
    SQL_WAITING_ASIDE,
    SQL_FIND_ASIDE,
    SQL_REMOVE_ASIDE,
    SQL_ADD_PART,
    SQL_FIND_PART,
    SQL_FIND_TEXT,
    SQL_ADD_TEXT,
    SQL_FIND_SEEN,
    SQL_NEXT_SEEN,
    SQL_SET_SEEN,
    SQL_REMOVE_SEEN,
    SQL_FIND_OFFSET,
    SQL_SET_OFFSET,
    SQL_FIND_FLIGHT,
    SQL_ADD_FLIGHT,
    SQL_USE_FLIGHT,
    SQL_USED_FLIGHT,
    SQL_OLDEST_FLIGHT,
    SQL_LARGEST_FLIGHTS,
    SQL_REMOVE_FLIGHT,
    SQL_ADD_FLIGHT_PART,
    SQL_FIND_FLIGHT_PART,
    SQL_FIRST_FLIGHT_PART,
    SQL_REMOVE_FLIGHT_PART,
    SQL_REMOVE_FLIGHT_PARTS,
    SQL_COUNT,
};

// Events that befall all sites at once; in this form alone the index of them is used.
#define DB_NOTICE_KINDS "('hub_log_new', 'store_older', 'kafka_lost', 'kafka_new')"

enum { DB_ASIDE_ROW_SIZE = 128 }; // what a row of `aside` costs beside its bytes

struct db {
    sqlite3 *handle;
    sqlite3_stmt *statements[SQL_COUNT];
    int log_pages; // of the write-ahead log after the newest commit
    bool has_lost; // moving it into the file failed
};

// Opens with our settings and makes the tables. Logs what SQLite says.
NODISCARD enum err db_open(struct db *db, const char *path, const char *vfs);
void db_close(struct db *db);

// A reading connection of another thread.
// For store_sync.h; to be closed also if this fails.
NODISCARD enum err db_open_sync(sqlite3 **handle, const char *path, const char *vfs);
NODISCARD enum err db_open_reader(sqlite3 **handle, const char *path, const char *vfs);

// The statement, reset and ready to bind.
sqlite3_stmt *db_get(struct db *db, enum statement name);
// Runs a statement that gives no row.
NODISCARD enum err db_run(struct db *db, sqlite3_stmt *statement);
// *has_row: whether there is one to read; reset by the next db_get of the same name.
NODISCARD enum err db_row(struct db *db, sqlite3_stmt *statement, bool *has_row);
enum err db_error(sqlite3 *handle, int code, const char *what);

struct bytes db_blob(sqlite3_stmt *statement, int column);
void db_bind_blob(sqlite3_stmt *statement, int index, struct bytes in);

#endif
