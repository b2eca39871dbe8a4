// SPDX-License-Identifier: Apache-2.0
// hub.db: opened by its one writer (WAL, synchronous=FULL), with transactions and statements. What
// was granted to an asker is on the disk before the asker hears of it.
//
// One thread. Reads and writes of the nouns (registry, twins, c2d, enrolments) go through here.
#ifndef HUB_BACKEND_STORE_H
#define HUB_BACKEND_STORE_H

#include "apps/hub/backend/verdict.h"

#include <sqlite3.h>
#include <stdint.h>

enum {
    STORE_STATEMENT_MAX = 128, // different texts given to store_get
    STORE_BUSY_MS = 5000,      // how long another writer (an import) is waited for
    STORE_PATH_SIZE_MAX = 512,
    STORE_ETAG_SIZE = 24, // with its NUL: base64 of a number
    STORE_TIME_SIZE = 32, // with its NUL: 2026-11-27T18:42:00.1230000Z
};

struct store_statement {
    const char *text; // identity is the pointer
    sqlite3_stmt *prepared;
};

struct store {
    // Public to read:
    char path[STORE_PATH_SIZE_MAX];
    // Private:
    sqlite3 *handle;
    unsigned depth; // of open transactions
    struct store_statement statements[STORE_STATEMENT_MAX];
    size_t statement_count;
};

// Opens <folder>/hub.db; makes it (0600) and its tables if it is not there. A database of another
// version is left alone: ERR_UNSUPPORTED. ERR_IO, ERR_BUSY, ERR_CORRUPT, ERR_FULL. Logs why.
NODISCARD enum err store_open(struct store *store, const char *folder);
void store_close(struct store *store);

// Transactions nest: an inner one that is rolled back leaves the outer one alone; only the
// outermost commit is durable. Each function of the nouns is one by itself. Every begin has one
// end.
NODISCARD enum err store_begin(struct store *store);
// is_good: keep what was done since the begin; else undo it. An error of a commit has undone it.
NODISCARD enum err store_end(struct store *store, bool is_good);

// The statement of that text (a string constant), prepared once, reset, without bindings.
// NULL: it could not be prepared (logged).
sqlite3_stmt *store_get(struct store *store, const char *text);
void store_bind_text(sqlite3_stmt *s, int index, const char *text); // NULL pointer: NULL
void store_bind_bytes(sqlite3_stmt *s, int index, struct bytes in); // as a BLOB; empty stays empty
void store_bind_span(sqlite3_stmt *s, int index, struct bytes in);  // as TEXT
void store_bind_number(sqlite3_stmt *s, int index, int64_t value);
// Runs to the end and resets. NULL statement: ERR_IO.
NODISCARD enum err store_run(struct store *store, sqlite3_stmt *s);
// The next row. ERR_EMPTY after the last (then reset). Spans of columns are valid until the next
// call with this statement.
NODISCARD enum err store_row(struct store *store, sqlite3_stmt *s);
struct bytes store_span(sqlite3_stmt *s, int column); // BLOB or TEXT; empty for NULL
// Copies a TEXT column, cut at size - 1.
void store_text(sqlite3_stmt *s, int column, char *out, size_t size);
// Rows that the last store_run changed.
int store_changed(const struct store *store);

// meta: 'host' (of the hub, in small letters), 'id_scope', 'dps_host'. ERR_NOT_FOUND.
NODISCARD enum err store_meta(struct store *store, const char *key, char *out, size_t size);
NODISCARD enum err store_set_meta(struct store *store, const char *key, const char *value);

// A fresh etag or generation: base64 of 64 random bits. ERR_IO.
NODISCARD enum err store_etag(char out[STORE_ETAG_SIZE]);
// Is this If-Match header ("*", "\"etag\"" or etag bare) true of the etag? NULL or empty: true.
bool store_matches(const char *if_match, const char *etag);
// As Azure writes times: seven digits behind the second; 0 (never): 0001-01-01T00:00:00Z.
void store_time(int64_t utc_ms, char out[STORE_TIME_SIZE]);

#endif
