// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/notices.h"

#include "apps/cloud/auth/commands_private.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <stdio.h>

static enum err run(struct commands *c, const char *sql)
{
    return sqlite3_exec(c->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? OK
                                                                       : commands_failed(c, sql);
}

static sqlite3_stmt *of_key(struct commands *c, const char *sql, const struct notice_key *key)
{
    sqlite3_stmt *s = commands_prepare(c, sql);
    sqlite3_bind_text(s, 1, key->kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, key->at_ms);
    return s;
}

enum err notices_is_acknowledged(struct commands *c, const struct notice_key *key,
                                 bool *is_acknowledged)
{
    sqlite3_stmt *s = of_key(c, "SELECT 1 FROM acknowledged WHERE kind=?1 AND at_ms=?2", key);
    const int code = s != NULL ? sqlite3_step(s) : SQLITE_ERROR;
    const enum err err =
        code == SQLITE_ROW || code == SQLITE_DONE ? OK : commands_failed(c, "look");
    *is_acknowledged = code == SQLITE_ROW;
    sqlite3_finalize(s);
    return err;
}

static enum err write_down(struct commands *c, const struct notice_key *key,
                           const struct notice_by *by)
{
    char detail[NOTICE_KIND_MAX + 32];
    snprintf(detail, sizeof(detail), "%s at_ms=%" PRId64, key->kind, key->at_ms);
    sqlite3_stmt *s = commands_prepare(c, "INSERT INTO audit(at_ms, user, address, action, detail)"
                                          " VALUES(?1, ?2, ?3, 'notice.acknowledge', ?4)");
    sqlite3_bind_int64(s, 1, by->now_ms);
    sqlite3_bind_text(s, 2, by->user, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, by->address, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, detail, -1, SQLITE_STATIC);
    return commands_finish(c, s, "audit");
}

enum err notices_acknowledge(struct commands *c, const struct notice_key *key,
                             const struct notice_by *by)
{
    enum err err = run(c, "BEGIN IMMEDIATE");
    if (err != OK) {
        return err;
    }
    err = commands_finish(
        c, of_key(c, "INSERT OR IGNORE INTO acknowledged(kind, at_ms) VALUES(?1, ?2)", key),
        "acknowledge");
    if (err == OK && sqlite3_changes(c->handle) > 0) {
        err = write_down(c, key, by);
    }
    if (err == OK) {
        sqlite3_stmt *s = commands_prepare(c, "DELETE FROM acknowledged WHERE id <="
                                              " (SELECT max(id) FROM acknowledged) - ?1");
        sqlite3_bind_int64(s, 1, ACKNOWLEDGED_ROWS_MAX);
        err = commands_finish(c, s, "trim");
    }
    if (err == OK) {
        err = run(c, "COMMIT");
    }
    if (err != OK) {
        (void)sqlite3_exec(c->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}
