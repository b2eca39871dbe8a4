// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/commands.h"

#include "apps/cloud/auth/commands_private.h"
#include "port/linux/log.h"

#include <stdio.h>
#include <string.h>

#define MODULE "commands"

enum { BUSY_MS = 5000 };

static const char tables[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "CREATE TABLE IF NOT EXISTS command(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
    " user TEXT NOT NULL, address TEXT NOT NULL, site TEXT NOT NULL, action TEXT NOT NULL,"
    " arguments TEXT NOT NULL, outcome TEXT, done_ms INTEGER);"
    "CREATE INDEX IF NOT EXISTS command_site ON command(site, id);"
    "CREATE TABLE IF NOT EXISTS acknowledged(id INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, UNIQUE(kind, at_ms));";

enum err commands_failed(struct commands *c, const char *what)
{
    log_error(MODULE, "sqlite", "while=\"%s\" detail=%s", what,
              log_quote(sqlite3_errmsg(c->handle)).text);
    return sqlite3_errcode(c->handle) == SQLITE_FULL ? ERR_FULL : ERR_IO;
}

sqlite3_stmt *commands_prepare(struct commands *c, const char *sql)
{
    sqlite3_stmt *s = NULL;
    (void)sqlite3_prepare_v2(c->handle, sql, -1, &s, NULL); // NULL: step says what is wrong
    return s;
}

enum err commands_finish(struct commands *c, sqlite3_stmt *s, const char *what)
{
    enum err err = s != NULL && sqlite3_step(s) == SQLITE_DONE ? OK : commands_failed(c, what);
    sqlite3_finalize(s);
    return err;
}

static void bind_text(sqlite3_stmt *s, int index, const char *text)
{
    sqlite3_bind_text(s, index, text, -1, SQLITE_STATIC);
}

enum err commands_open(struct commands *c, const char *folder)
{
    char path[4096];
    c->handle = NULL;
    if (snprintf(path, sizeof(path), "%s/accounts.db", folder) >= (int)sizeof(path)) {
        return ERR_SIZE;
    }
    if (sqlite3_open_v2(path, &c->handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(c->handle, BUSY_MS) != SQLITE_OK ||
        sqlite3_exec(c->handle, tables, NULL, NULL, NULL) != SQLITE_OK) {
        return commands_failed(c, "open");
    }
    return OK;
}

void commands_close(struct commands *c)
{
    (void)sqlite3_close(c->handle);
    c->handle = NULL;
}

enum err commands_begin(struct commands *c, const struct command_row *row, int64_t *id)
{
    sqlite3_stmt *s = commands_prepare(c, "INSERT INTO command(at_ms, user, address, site, action,"
                                          " arguments) VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    sqlite3_bind_int64(s, 1, row->at_ms);
    bind_text(s, 2, row->user);
    bind_text(s, 3, row->address);
    bind_text(s, 4, row->site);
    bind_text(s, 5, row->action);
    bind_text(s, 6, row->arguments);
    enum err err = commands_finish(c, s, "begin");
    if (err != OK) {
        return err;
    }
    *id = sqlite3_last_insert_rowid(c->handle);
    s = commands_prepare(c, "DELETE FROM command WHERE id <= ?1");
    sqlite3_bind_int64(s, 1, *id - COMMAND_ROWS_MAX);
    return commands_finish(c, s, "trim");
}

enum err commands_end(struct commands *c, int64_t id, int64_t now_ms, const char *outcome)
{
    sqlite3_stmt *s = commands_prepare(c, "UPDATE command SET outcome=?2, done_ms=?3 WHERE id=?1");
    sqlite3_bind_int64(s, 1, id);
    bind_text(s, 2, outcome);
    sqlite3_bind_int64(s, 3, now_ms);
    return commands_finish(c, s, "end");
}

enum err commands_list(struct commands *c, const struct command_list *list,
                       void (*row)(void *ctx, const struct command_row *row), void *ctx)
{
    sqlite3_stmt *s =
        commands_prepare(c, "SELECT id, at_ms, user, address, action, arguments, outcome,"
                            " done_ms FROM command WHERE site=?1 ORDER BY id DESC LIMIT ?2");
    bind_text(s, 1, list->site);
    sqlite3_bind_int64(s, 2, list->limit);
    int code = SQLITE_ERROR;
    while (s != NULL && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const struct command_row found = {
            .id = sqlite3_column_int64(s, 0),
            .at_ms = sqlite3_column_int64(s, 1),
            .user = (const char *)sqlite3_column_text(s, 2),
            .address = list->with_address ? (const char *)sqlite3_column_text(s, 3) : NULL,
            .site = list->site,
            .action = (const char *)sqlite3_column_text(s, 4),
            .arguments = (const char *)sqlite3_column_text(s, 5),
            .outcome = (const char *)sqlite3_column_text(s, 6),
            .done_ms = sqlite3_column_int64(s, 7),
        };
        row(ctx, &found);
    }
    enum err err = code == SQLITE_DONE ? OK : commands_failed(c, "list");
    sqlite3_finalize(s);
    return err;
}
