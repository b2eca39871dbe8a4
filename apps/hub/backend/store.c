// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/store.h"

#include "apps/hub/backend/ids.h"
#include "apps/hub/directory/schema.h"
#include "base/assert.h"
#include "base/text_forms.h"
#include "port/linux/file.h"
#include "port/linux/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MODULE "store"

static enum err error(struct store *store, int code, const char *what)
{
    const char *detail =
        store->handle != NULL ? sqlite3_errmsg(store->handle) : sqlite3_errstr(code);
    log_error(MODULE, "sqlite", "while=%s code=%d detail=%s", log_quote(what).text, code,
              log_quote(detail).text);
    switch (code & 0xff) {
    case SQLITE_FULL: return ERR_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_BUSY;
    default: return ERR_IO;
    }
}

static enum err execute(struct store *store, const char *text)
{
    int code = sqlite3_exec(store->handle, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? OK : error(store, code, text);
}

// The file, for its owner alone, before SQLite makes one that others may read.
static enum err make_file(const char *folder, const char *path)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        log_error(MODULE, "folder", "path=%s err=%s", log_quote(folder).text, strerror(errno));
        return file_error(errno);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        log_error(MODULE, "open", "path=%s err=%s", log_quote(path).text, strerror(errno));
        return file_error(errno);
    }
    struct stat status;
    enum err err = fstat(fd, &status) == 0 ? OK : ERR_IO;
    close(fd);
    if (err == OK && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        log_error(MODULE, "permissions", "path=%s mode=%03o wanted=600 (it holds keys)",
                  log_quote(path).text, (unsigned)(status.st_mode & 0777));
        err = ERR_DENIED;
    }
    return err;
}

static enum err read_version(struct store *store, int *version)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(store->handle, "PRAGMA user_version", -1, &s, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
    }
    enum err err = code == SQLITE_ROW ? OK : error(store, code, "version");
    *version = err == OK ? sqlite3_column_int(s, 0) : 0;
    sqlite3_finalize(s);
    return err;
}

static enum err check_version(struct store *store)
{
    int version = 0;
    enum err err = read_version(store, &version);
    if (err == OK && version == 0) {
        enum err made = hub_schema_create(store->handle); // or another process just did
        err = read_version(store, &version);
        if (err == OK && version == 0) {
            log_error(MODULE, "create", "path=%s err=%s detail=%s (not empty, and no hub.db?)",
                      log_quote(store->path).text, err_name(made),
                      log_quote(sqlite3_errmsg(store->handle)).text);
            return ERR_UNSUPPORTED;
        }
    }
    if (err == OK && version > 0 && version < HUB_SCHEMA_VERSION) {
        enum err made = hub_schema_upgrade(store->handle, version); // or another process just did
        int found = version;
        err = read_version(store, &version);
        if (made == OK) {
            log_info(MODULE, "upgraded", "path=%s from=%d to=%d", log_quote(store->path).text,
                     found, version);
        }
    }
    if (err == OK && version != HUB_SCHEMA_VERSION) {
        log_error(MODULE, "version", "path=%s found=%d known=%d", log_quote(store->path).text,
                  version, HUB_SCHEMA_VERSION);
        err = ERR_UNSUPPORTED;
    }
    return err;
}

enum err store_open(struct store *store, const char *folder)
{
    *store = (struct store){0};
    int size = snprintf(store->path, sizeof(store->path), "%s/hub.db", folder);
    if (size < 0 || (size_t)size >= sizeof(store->path)) {
        log_error(MODULE, "path", "folder=%s (too long)", log_quote(folder).text);
        return ERR_ARG;
    }
    enum err err = make_file(folder, store->path);
    if (err != OK) {
        return err;
    }
    int code = sqlite3_open_v2(store->path, &store->handle,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    err = code == SQLITE_OK ? OK : error(store, code, "open");
    if (err == OK) {
        sqlite3_busy_timeout(store->handle, STORE_BUSY_MS);
        err = execute(store, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                             "PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=16777216;"
                             "PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY;");
    }
    if (err == OK) {
        err = check_version(store);
    }
    if (err != OK) {
        store_close(store);
    }
    return err;
}

void store_close(struct store *store)
{
    for (size_t i = 0; i < store->statement_count; i++) {
        sqlite3_finalize(store->statements[i].prepared);
    }
    sqlite3_close(store->handle);
    *store = (struct store){0};
}

enum err store_begin(struct store *store)
{
    enum err err = execute(store, store->depth == 0 ? "BEGIN IMMEDIATE" : "SAVEPOINT inner");
    store->depth += err == OK ? 1 : 0;
    return err;
}

enum err store_end(struct store *store, bool is_good)
{
    ASSERT(store->depth > 0);
    store->depth--;
    if (store->depth > 0) {
        return execute(store, is_good ? "RELEASE inner" : "ROLLBACK TO inner; RELEASE inner");
    }
    enum err err = is_good ? execute(store, "COMMIT") : OK;
    // A commit that failed may have ended the transaction by itself.
    if ((!is_good || err != OK) && !sqlite3_get_autocommit(store->handle)) {
        enum err undone = execute(store, "ROLLBACK");
        err = err != OK ? err : undone;
    }
    return err;
}

sqlite3_stmt *store_get(struct store *store, const char *text)
{
    for (size_t i = 0; i < store->statement_count; i++) {
        if (store->statements[i].text == text) {
            sqlite3_reset(store->statements[i].prepared);
            sqlite3_clear_bindings(store->statements[i].prepared);
            return store->statements[i].prepared;
        }
    }
    ASSERT(store->statement_count < STORE_STATEMENT_MAX);
    struct store_statement *slot = &store->statements[store->statement_count];
    int code = sqlite3_prepare_v3(store->handle, text, -1, SQLITE_PREPARE_PERSISTENT,
                                  &slot->prepared, NULL);
    if (code != SQLITE_OK) {
        (void)error(store, code, text);
        sqlite3_finalize(slot->prepared);
        slot->prepared = NULL;
        return NULL;
    }
    slot->text = text;
    store->statement_count++;
    return slot->prepared;
}

// A NULL statement, after a failed store_get, passes through all binds: store_run tells.
void store_bind_text(sqlite3_stmt *s, int index, const char *text)
{
    if (s != NULL) {
        sqlite3_bind_text(s, index, text, -1, SQLITE_TRANSIENT);
    }
}

void store_bind_bytes(sqlite3_stmt *s, int index, struct bytes in)
{
    ASSERT(in.size <= INT32_MAX);
    if (s != NULL) {
        sqlite3_bind_blob(s, index, in.data != NULL ? (const void *)in.data : "", (int)in.size,
                          SQLITE_TRANSIENT);
    }
}

void store_bind_span(sqlite3_stmt *s, int index, struct bytes in)
{
    ASSERT(in.size <= INT32_MAX);
    if (s != NULL) {
        sqlite3_bind_text(s, index, in.data != NULL ? (const char *)in.data : "", (int)in.size,
                          SQLITE_TRANSIENT);
    }
}

void store_bind_number(sqlite3_stmt *s, int index, int64_t value)
{
    if (s != NULL) {
        sqlite3_bind_int64(s, index, value);
    }
}

enum err store_row(struct store *store, sqlite3_stmt *s)
{
    if (s == NULL) {
        return ERR_IO;
    }
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        return OK;
    }
    enum err err = code == SQLITE_DONE ? ERR_EMPTY : error(store, code, sqlite3_sql(s));
    sqlite3_reset(s);
    return err;
}

enum err store_run(struct store *store, sqlite3_stmt *s)
{
    enum err err = OK;
    while (err == OK) {
        err = store_row(store, s);
    }
    return err == ERR_EMPTY ? OK : err;
}

struct bytes store_span(sqlite3_stmt *s, int column)
{
    const void *data = sqlite3_column_blob(s, column);
    int size = sqlite3_column_bytes(s, column);
    return bytes_of(data, data != NULL ? (size_t)size : 0);
}

void store_text(sqlite3_stmt *s, int column, char *out, size_t size)
{
    struct bytes text = store_span(s, column);
    size_t used = text.size < size ? text.size : size - 1;
    if (text.data != NULL && used > 0) {
        memcpy(out, text.data, used);
    }
    out[used] = '\0';
}

int store_changed(const struct store *store)
{
    return sqlite3_changes(store->handle);
}

enum err store_meta(struct store *store, const char *key, char *out, size_t size)
{
    sqlite3_stmt *s = store_get(store, "SELECT value FROM meta WHERE key=?1 AND value<>''");
    store_bind_text(s, 1, key);
    enum err err = store_row(store, s);
    if (err == OK) {
        store_text(s, 0, out, size);
        sqlite3_reset(s);
    }
    return err == ERR_EMPTY ? ERR_NOT_FOUND : err;
}

enum err store_set_meta(struct store *store, const char *key, const char *value)
{
    sqlite3_stmt *s = store_get(store, "INSERT OR REPLACE INTO meta VALUES(?1, ?2)");
    store_bind_text(s, 1, key);
    store_bind_text(s, 2, value);
    return store_run(store, s);
}

enum err store_etag(char out[STORE_ETAG_SIZE])
{
    uint8_t random[8];
    enum err err = random_bytes(random, sizeof(random));
    if (err == OK) {
        base64_text(bytes_of(random, sizeof(random)), out);
    }
    return err;
}

bool store_matches(const char *if_match, const char *etag)
{
    if (if_match == NULL || if_match[0] == '\0') {
        return true;
    }
    size_t size = strlen(if_match);
    if (size >= 2 && if_match[0] == '"' && if_match[size - 1] == '"') {
        if_match++;
        size -= 2;
    }
    return (size == 1 && if_match[0] == '*') ||
           (size == strlen(etag) && memcmp(if_match, etag, size) == 0);
}

void store_time(int64_t utc_ms, char out[STORE_TIME_SIZE])
{
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm parts;
    if (utc_ms <= 0 || gmtime_r(&seconds, &parts) == NULL || parts.tm_year + 1900 > 9999) {
        snprintf(out, STORE_TIME_SIZE, "0001-01-01T00:00:00Z");
        return;
    }
    snprintf(out, STORE_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03u0000Z",
             (unsigned)(parts.tm_year + 1900) % 10000U, (unsigned)(parts.tm_mon + 1) % 100U,
             (unsigned)parts.tm_mday % 100U, (unsigned)parts.tm_hour % 100U,
             (unsigned)parts.tm_min % 100U, (unsigned)parts.tm_sec % 100U,
             (unsigned)(utc_ms % 1000));
}
