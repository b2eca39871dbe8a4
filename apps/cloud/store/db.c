// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/db.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <string.h>

#define MODULE "store"

enum { LOG_PAGES_MAX = 16000 }; // of 4 KiB: the journal_size_limit below

#define ASIDE_ROW_SIZE "length(properties) + length(payload) + 128"
_Static_assert(DB_ASIDE_ROW_SIZE == 128, "as in ASIDE_ROW_SIZE");

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS state(id INTEGER PRIMARY KEY CHECK(id=1), format INTEGER NOT NULL,"
    " commit_no INTEGER NOT NULL, position INTEGER NOT NULL, record INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS site(id INTEGER PRIMARY KEY, device TEXT NOT NULL UNIQUE,"
    " received_ms INTEGER, catalogue INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, site INTEGER NOT NULL,"
    " point INTEGER NOT NULL, chunk_end_ms INTEGER, span_max_ms INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS latest(series INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
    " value INTEGER NOT NULL, form INTEGER NOT NULL, reason INTEGER NOT NULL, good_at_ms INTEGER,"
    " received_ms INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS log(id INTEGER PRIMARY KEY, samples BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS tail(series INTEGER PRIMARY KEY, t0 INTEGER NOT NULL,"
    " samples BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS chunk(series INTEGER NOT NULL, t0 INTEGER NOT NULL,"
    " id INTEGER NOT NULL, span INTEGER NOT NULL, n INTEGER NOT NULL, min REAL, max REAL, sum REAL,"
    " late INTEGER NOT NULL, samples BLOB NOT NULL, PRIMARY KEY(series, t0, id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS apart(id INTEGER PRIMARY KEY, series INTEGER NOT NULL,"
    " boot INTEGER NOT NULL, at_ms INTEGER NOT NULL, value INTEGER NOT NULL, form INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, received_ms INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS seen(site INTEGER NOT NULL, journal INTEGER NOT NULL,"
    " low INTEGER NOT NULL, high INTEGER NOT NULL, PRIMARY KEY(site, journal, low)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS catalogue(site INTEGER NOT NULL, hash INTEGER NOT NULL,"
    " first INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(site, hash, first));"
    "CREATE TABLE IF NOT EXISTS gap(id INTEGER PRIMARY KEY, site INTEGER NOT NULL,"
    " boot INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,"
    " count INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS gap_site ON gap(site, boot, from_ms);"
    "CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY, site INTEGER NOT NULL,"
    " kind TEXT NOT NULL, boot INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, point INTEGER NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS event_site ON event(site, id);"
    "CREATE INDEX IF NOT EXISTS event_notice ON event(at_ms, kind, text)"
    " WHERE kind IN " DB_NOTICE_KINDS ";"
    "CREATE TABLE IF NOT EXISTS aside(id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL,"
    " device TEXT NOT NULL, received_ms INTEGER NOT NULL, wants INTEGER NOT NULL,"
    " reason TEXT NOT NULL, properties BLOB NOT NULL, payload BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS aside_wants ON aside(device, wants) WHERE wants <> 0;"
    "CREATE INDEX IF NOT EXISTS aside_order ON aside(device, (wants <> 0));"
    // Bytes per device and, under the name '', of all; counted anew at each opening, so that no
    // commit writes it.
    "CREATE TEMP TABLE aside_use(device TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO aside_use SELECT device, sum(" ASIDE_ROW_SIZE ") FROM aside GROUP BY device;"
    "INSERT INTO aside_use SELECT '', total(bytes) FROM aside_use;"
    "CREATE TABLE IF NOT EXISTS text(id INTEGER PRIMARY KEY, value BLOB NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS source_offset(source TEXT NOT NULL, part INTEGER NOT NULL,"
    " next INTEGER NOT NULL, record INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(source, part))"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS flight(id INTEGER PRIMARY KEY, site INTEGER NOT NULL,"
    " number INTEGER NOT NULL, parts INTEGER NOT NULL, first_ms INTEGER NOT NULL,"
    " last_ms INTEGER NOT NULL, bytes INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS flight_site ON flight(site);"
    "CREATE TABLE IF NOT EXISTS flight_part(flight INTEGER NOT NULL, part INTEGER NOT NULL,"
    " text BLOB NOT NULL, PRIMARY KEY(flight, part));"
    "INSERT OR IGNORE INTO state(id, format, commit_no, position) VALUES(1, 1, 0, 0);";

// Columns that files of earlier versions do not have.
static const struct {
    const char *probe;
    const char *add;
} additions[] = {
    {"SELECT record FROM state", "ALTER TABLE state ADD COLUMN record INTEGER NOT NULL DEFAULT 0"},
    {"SELECT record FROM source_offset",
     "ALTER TABLE source_offset ADD COLUMN record INTEGER NOT NULL DEFAULT 0"},
};

static const char *const statement_text[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SET_STATE] = "UPDATE state SET commit_no=?1, position=?2, record=?3",
    [SQL_ADD_SITE] = "INSERT INTO site(id, device) VALUES(?1, ?2)",
    [SQL_SET_SITE] = "UPDATE site SET received_ms=?2 WHERE id=?1",
    [SQL_SET_CATALOGUE] = "UPDATE site SET catalogue=?2 WHERE id=?1",
    [SQL_ADD_SERIES] = "INSERT INTO series(id, site, point) VALUES(?1, ?2, ?3)",
    [SQL_SET_SERIES] = "UPDATE series SET chunk_end_ms=?2, span_max_ms=?3 WHERE id=?1",
    [SQL_SET_LATEST] = "INSERT OR REPLACE INTO latest VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_ADD_LOG] = "INSERT INTO log VALUES(?1, ?2)",
    [SQL_TRIM_LOG] = "DELETE FROM log",
    [SQL_SET_TAIL] = "INSERT OR REPLACE INTO tail VALUES(?1, ?2, ?3)",
    [SQL_REMOVE_TAIL] = "DELETE FROM tail WHERE series=?1",
    [SQL_ADD_CHUNK] =
        "INSERT INTO chunk SELECT ?1, ?2, coalesce(max(id) + 1, 0), ?3, ?4, ?5, ?6, ?7,"
        " ?8, ?9 FROM chunk WHERE series=?1 AND t0=?2",
    [SQL_ADD_APART] = "INSERT INTO apart(series, boot, at_ms, value, form, reason, received_ms)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_ADD_GAP] = "INSERT INTO gap(site, boot, from_ms, to_ms, count) VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_ADD_EVENT] = "INSERT INTO event(site, kind, boot, at_ms, received_ms, point, text)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_TRIM_EVENTS] = "DELETE FROM event WHERE id=(SELECT min(id) FROM event WHERE site=?1)",
    [SQL_COUNT_EVENTS] = "SELECT count(*) FROM event WHERE site=?1",
    [SQL_ADD_ASIDE] = "INSERT INTO aside(sequence, device, received_ms, wants, reason, properties,"
                      " payload) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_USE_ASIDE] = "INSERT INTO aside_use VALUES(?1, ?2), ('', ?2)"
                      " ON CONFLICT(device) DO UPDATE SET bytes=bytes + excluded.bytes",
    [SQL_USED_ASIDE] = "SELECT bytes FROM aside_use WHERE device=?1",
    [SQL_LARGEST_ASIDE] = "SELECT device FROM aside_use WHERE device <> '' ORDER BY bytes DESC"
                          " LIMIT 1",
    [SQL_OLDEST_ASIDE] = "SELECT id, " ASIDE_ROW_SIZE ", wants, sequence FROM aside"
                         " WHERE device=?1 ORDER BY (wants <> 0), id LIMIT 1",
    [SQL_WAITING_ASIDE] = "SELECT device, wants FROM aside WHERE wants <> 0 AND (device, wants) >"
                          " (?1, ?2) ORDER BY device, wants LIMIT 1",
    [SQL_FIND_ASIDE] = "SELECT id, received_ms, payload, " ASIDE_ROW_SIZE " FROM aside"
                       " WHERE device=?1 AND wants=?2 AND wants <> 0 ORDER BY id LIMIT 1",
    [SQL_REMOVE_ASIDE] = "DELETE FROM aside WHERE id=?1",
    [SQL_ADD_PART] = "INSERT OR IGNORE INTO catalogue VALUES(?1, ?2, ?3, ?4)",
    [SQL_FIND_PART] = "SELECT body FROM catalogue WHERE site=?1 AND hash=?2 AND first=?3",
    [SQL_FIND_TEXT] = "SELECT id FROM text WHERE value=?1",
    [SQL_ADD_TEXT] = "INSERT INTO text(value) VALUES(?1)",
    [SQL_FIND_SEEN] = "SELECT low, high FROM seen WHERE site=?1 AND journal=?2 AND low <= ?3"
                      " ORDER BY low DESC LIMIT 1",
    [SQL_NEXT_SEEN] = "SELECT low FROM seen WHERE site=?1 AND journal=?2 AND low > ?3"
                      " ORDER BY low LIMIT 1",
    [SQL_SET_SEEN] = "INSERT OR REPLACE INTO seen VALUES(?1, ?2, ?3, ?4)",
    [SQL_FIND_OFFSET] = "SELECT next, record FROM source_offset WHERE source=?1 AND part=?2",
    [SQL_SET_OFFSET] = "INSERT OR REPLACE INTO source_offset(source, part, next, record)"
                       " VALUES(?1, ?2, ?3, ?4)",
    [SQL_FIND_FLIGHT] =
        "SELECT id FROM flight WHERE site=?1 AND number=?2 AND parts=?3"
        " AND last_ms >= ?4 AND first_ms <= ?5 AND id < ?6 ORDER BY id DESC LIMIT 1",
    [SQL_ADD_FLIGHT] = "INSERT INTO flight(site, number, parts, first_ms, last_ms, bytes)"
                       " VALUES(?1, ?2, ?3, ?4, ?4, 0)",
    [SQL_USE_FLIGHT] = "UPDATE flight SET bytes=bytes + ?2, last_ms=max(last_ms, ?3) WHERE id=?1",
    [SQL_USED_FLIGHT] = "SELECT count(*), coalesce(sum(bytes), 0) FROM flight WHERE site=?1",
    [SQL_OLDEST_FLIGHT] = "SELECT min(id), count(*) FROM flight WHERE site=?1",
    [SQL_LARGEST_FLIGHTS] = "SELECT (SELECT sum(bytes) FROM flight), site FROM flight"
                            " GROUP BY site ORDER BY sum(bytes) DESC LIMIT 1",
    [SQL_REMOVE_FLIGHT] = "DELETE FROM flight WHERE id=?1",
    [SQL_ADD_FLIGHT_PART] = "INSERT INTO flight_part VALUES(?1, ?2, ?3)",
    [SQL_FIND_FLIGHT_PART] = "SELECT text=?3 FROM flight_part WHERE flight=?1 AND part=?2",
    [SQL_FIRST_FLIGHT_PART] = "SELECT part, length(text) + 64 FROM flight_part WHERE flight=?1"
                              " ORDER BY part LIMIT 1",
    [SQL_REMOVE_FLIGHT_PART] = "DELETE FROM flight_part WHERE flight=?1 AND part=?2",
    [SQL_REMOVE_FLIGHT_PARTS] = "DELETE FROM flight_part WHERE flight=?1",
    [SQL_REMOVE_SEEN] = "DELETE FROM seen WHERE site=?1 AND journal=?2 AND low=?3",
};

enum err db_error(sqlite3 *handle, int code, const char *what)
{
    log_error(MODULE, "sqlite", "while=\"%s\" code=%d detail=%s", what, code,
              log_quote(handle != NULL ? sqlite3_errmsg(handle) : sqlite3_errstr(code)).text);
    switch (code & 0xff) {
    case SQLITE_FULL: return ERR_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_BUSY;
    default: return ERR_IO;
    }
}

static enum err run_text(struct db *db, const char *sql)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? OK : db_error(db->handle, code, "set up");
}

static enum err check_format(struct db *db)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db->handle, "SELECT format FROM state", -1, &s, NULL);
    int format = code == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : 0;
    sqlite3_finalize(s);
    if (format == 1) {
        return OK;
    }
    log_error(MODULE, "format", "found=%d known=1", format);
    return ERR_UNSUPPORTED;
}

static enum err add_columns(struct db *db)
{
    enum err err = OK;
    for (size_t i = 0; err == OK && i < COUNT_OF(additions); i++) {
        sqlite3_stmt *s = NULL;
        if (sqlite3_prepare_v2(db->handle, additions[i].probe, -1, &s, NULL) != SQLITE_OK) {
            err = run_text(db, additions[i].add);
        }
        sqlite3_finalize(s);
    }
    return err;
}

static void move_log(struct db *db)
{
    const int code =
        sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    db->has_lost = db->has_lost || (code & 0xff) == SQLITE_IOERR;
}

// Moving the log into the file is store_sync.h's; when that does not keep up the writer has to.
static int note_log(void *ctx, sqlite3 *handle, const char *name, int pages)
{
    struct db *db = ctx;
    (void)handle;
    (void)name;
    db->log_pages = pages;
    if (pages >= LOG_PAGES_MAX) {
        move_log(db);
    }
    return SQLITE_OK;
}

enum err db_open(struct db *db, const char *path, const char *vfs)
{
    *db = (struct db){0};
    int code = sqlite3_open_v2(
        path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
    if (code != SQLITE_OK) {
        enum err err = db_error(db->handle, code, "open");
        db_close(db);
        return err;
    }
    sqlite3_busy_timeout(db->handle, 5000);
    enum err err = run_text(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                "PRAGMA journal_size_limit=67108864;"
                                "PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY;");
    if (err == OK) {
        err = run_text(db, "BEGIN IMMEDIATE");
    }
    if (err == OK) {
        err = run_text(db, tables);
    }
    if (err == OK) {
        err = add_columns(db);
    }
    if (err == OK) {
        err = run_text(db, "COMMIT");
    }
    if (err == OK) {
        err = check_format(db);
    }
    if (err == OK) {
        // The connection that made the log's file must be the first to sync it: only that also
        // makes sure of the file's name. A disk that is full now may do so later.
        move_log(db);
        (void)sqlite3_wal_hook(db->handle, note_log, db);
    }
    for (int i = 0; err == OK && i < SQL_COUNT; i++) {
        code = sqlite3_prepare_v3(db->handle, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &db->statements[i], NULL);
        err = code == SQLITE_OK ? OK : db_error(db->handle, code, statement_text[i]);
    }
    if (err != OK) {
        db_close(db);
    }
    return err;
}

void db_close(struct db *db)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(db->statements[i]);
    }
    sqlite3_close(db->handle);
    *db = (struct db){0};
}

enum err db_open_sync(sqlite3 **handle, const char *path, const char *vfs)
{
    int code = sqlite3_open_v2(path, handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(*handle, 1000);
        // The question opens the write-ahead log.
        code = sqlite3_exec(*handle,
                            "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0;"
                            "PRAGMA journal_size_limit=67108864; SELECT position FROM state",
                            NULL, NULL, NULL);
    }
    return code == SQLITE_OK ? OK : db_error(*handle, code, "open for syncs");
}

enum err db_open_reader(sqlite3 **handle, const char *path, const char *vfs)
{
    int code = sqlite3_open_v2(path, handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, vfs);
    if (code != SQLITE_OK) {
        enum err err = db_error(*handle, code, "open for reading");
        sqlite3_close(*handle);
        *handle = NULL;
        return err;
    }
    sqlite3_busy_timeout(*handle, 5000);
    return OK;
}

sqlite3_stmt *db_get(struct db *db, enum statement name)
{
    sqlite3_stmt *s = db->statements[name];
    sqlite3_reset(s);
    return s;
}

enum err db_run(struct db *db, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    enum err err = OK;
    if (code != SQLITE_DONE) {
        err = db_error(db->handle, code, sqlite3_sql(statement));
    }
    sqlite3_reset(statement);
    return err;
}

enum err db_row(struct db *db, sqlite3_stmt *statement, bool *has_row)
{
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return db_error(db->handle, code, sqlite3_sql(statement));
    }
    *has_row = code == SQLITE_ROW;
    return OK;
}

struct bytes db_blob(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);
    int size = sqlite3_column_bytes(statement, column);
    return bytes_of(data, data != NULL ? (size_t)size : 0);
}

void db_bind_blob(sqlite3_stmt *statement, int index, struct bytes in)
{
    ASSERT(in.size <= INT32_MAX);
    // A span of no bytes must not become NULL. The span outlives the statement's run.
    sqlite3_bind_blob(statement, index, in.data != NULL ? (const void *)in.data : "", (int)in.size,
                      SQLITE_STATIC);
}
