// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/flight.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A line that says which parts are missing, with both line ends.
enum { MISSING_LINE_SIZE = 80 };

#define ROW_COLUMNS                                                                                \
    "SELECT id, number, parts, first_ms, last_ms, bytes,"                                          \
    " (SELECT count(*) FROM flight_part WHERE flight=flight.id) FROM flight WHERE site=?1"

static enum err prepare(struct store_reader *reader, const char *sql, sqlite3_stmt **s)
{
    const int code = sqlite3_prepare_v2(reader->handle, sql, -1, s, NULL);
    return code == SQLITE_OK ? OK : db_error(reader->handle, code, sql);
}

static enum err step(struct store_reader *reader, sqlite3_stmt *s, bool *has_row)
{
    const int code = sqlite3_step(s);
    *has_row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? OK
               : db_error(reader->handle, code, sqlite3_sql(s));
}

static struct flight_row row_of(sqlite3_stmt *s)
{
    const uint32_t part_count = (uint32_t)sqlite3_column_int64(s, 6);
    return (struct flight_row){
        .id = sqlite3_column_int64(s, 0),
        .number = (uint32_t)sqlite3_column_int64(s, 1),
        .parts = (uint32_t)sqlite3_column_int64(s, 2),
        .first_ms = sqlite3_column_int64(s, 3),
        .last_ms = sqlite3_column_int64(s, 4),
        .size = (uint64_t)sqlite3_column_int64(s, 5) - part_count * STORE_FLIGHT_PART_BYTES,
        .part_count = part_count,
    };
}

// The parts of a record, each with what is missing before it, and after the last.
typedef void gap_fn(void *ctx, uint32_t from, uint32_t to);
typedef void part_fn(void *ctx, struct bytes text);
static enum err walk(struct store_reader *reader, sqlite3_stmt *parts, const struct flight_row *row,
                     gap_fn *gap, part_fn *part, void *ctx)
{
    uint32_t next = 1;
    bool has_row = true;
    enum err err = OK;
    sqlite3_reset(parts);
    sqlite3_bind_int64(parts, 1, row->id);
    while ((err = step(reader, parts, &has_row)) == OK && has_row) {
        const uint32_t number = (uint32_t)sqlite3_column_int64(parts, 0);
        if (number > next) {
            gap(ctx, next, number - 1);
        }
        next = number + 1;
        if (part != NULL) {
            part(ctx, db_blob(parts, 1));
        }
    }
    if (err == OK && next <= row->parts) {
        gap(ctx, next, row->parts);
    }
    return err;
}

enum err store_query_flights(struct store_reader *reader, uint32_t site,
                             const struct flight_visitor *visitor)
{
    sqlite3_stmt *rows = NULL;
    sqlite3_stmt *parts = NULL;
    bool has_row = true;
    enum err err = prepare(reader, ROW_COLUMNS " ORDER BY id DESC", &rows);
    if (err == OK) {
        err = prepare(reader, "SELECT part FROM flight_part WHERE flight=?1 ORDER BY part", &parts);
    }
    if (err == OK) {
        sqlite3_bind_int64(rows, 1, (int64_t)site + 1);
    }
    // As long as `rows` is open, both see the same commit.
    while (err == OK && (err = step(reader, rows, &has_row)) == OK && has_row) {
        const struct flight_row row = row_of(rows);
        visitor->row(visitor->ctx, &row);
        err = walk(reader, parts, &row, visitor->missing, NULL, visitor->ctx);
        visitor->end(visitor->ctx);
    }
    sqlite3_finalize(parts);
    sqlite3_finalize(rows);
    return err;
}

struct whole {
    struct writer out;
    uint32_t parts;
};

static void put_part(void *ctx, struct bytes text)
{
    put_bytes(&((struct whole *)ctx)->out, text);
}

static void put_gap(void *ctx, uint32_t from, uint32_t to)
{
    struct whole *w = ctx;
    char line[MISSING_LINE_SIZE];
    const bool is_inside = w->out.size > 0 && w->out.data[w->out.size - 1] != '\n';
    const int size =
        from == to
            ? snprintf(line, sizeof(line), "%s# part %" PRIu32 " of %" PRIu32 " is missing\n",
                       is_inside ? "\n" : "", from, w->parts)
            : snprintf(line, sizeof(line),
                       "%s# parts %" PRIu32 " to %" PRIu32 " of %" PRIu32 " are missing\n",
                       is_inside ? "\n" : "", from, to, w->parts);
    put_bytes(&w->out, bytes_of(line, (size_t)size));
}

static enum err read_whole(struct store_reader *reader, const struct flight_row *row,
                           struct whole *w)
{
    sqlite3_stmt *parts = NULL;
    const size_t capacity = row->size + (row->part_count + 1) * (size_t)MISSING_LINE_SIZE;
    char *text = malloc(capacity);
    if (text == NULL) {
        return ERR_FULL;
    }
    *w = (struct whole){.out = writer_of(text, capacity), .parts = row->parts};
    enum err err =
        prepare(reader, "SELECT part, text FROM flight_part WHERE flight=?1 ORDER BY part", &parts);
    err = err == OK ? walk(reader, parts, row, put_gap, put_part, w) : err;
    sqlite3_finalize(parts);
    return err == OK && w->out.failed ? ERR_CORRUPT : err;
}

enum err store_query_flight(struct store_reader *reader, uint32_t site, int64_t id,
                            struct flight_row *row, char **text, size_t *size)
{
    sqlite3_stmt *rows = NULL;
    bool has_row = false;
    struct whole w = {.parts = 0};
    enum err err = prepare(reader, ROW_COLUMNS " AND id=?2", &rows);
    if (err == OK) {
        sqlite3_bind_int64(rows, 1, (int64_t)site + 1);
        sqlite3_bind_int64(rows, 2, id);
        err = step(reader, rows, &has_row);
        err = err == OK && !has_row ? ERR_NOT_FOUND : err;
    }
    if (err == OK) {
        *row = row_of(rows);
        err = read_whole(reader, row, &w);
    }
    sqlite3_finalize(rows);
    if (err != OK) {
        free(w.out.data);
        return err;
    }
    *text = (char *)w.out.data;
    *size = w.out.size;
    return OK;
}
