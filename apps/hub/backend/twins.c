// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/twins_row.h"

#include "base/assert.h"

#include <string.h>

void twins_init(struct twins *twins, struct store *store, uint8_t *texts)
{
    twins->store = store;
    twins->texts = texts;
    twins->notice_first = 0;
    twins->notice_count = 0;
    twins->text_at = 0;
}

static bool begin(struct twins *twins, struct verdict *why)
{
    grant(why);
    enum err err = store_begin(twins->store);
    return err == OK || fail(why, err);
}

static bool end(struct twins *twins, bool is_good, struct verdict *why)
{
    enum err err = store_end(twins->store, is_good);
    return err == OK ? is_good : fail(why, err);
}

static enum err write_section(struct twins *twins, struct bytes id, enum twin_section section,
                              uint64_t version)
{
    static const char *const sql[] = {
        [TWIN_DESIRED] = "UPDATE twin SET desired=?2, desired_metadata=?3, desired_version=?4,"
                         " untold=1 WHERE device_id=?1",
        [TWIN_REPORTED] = "UPDATE twin SET reported=?2, reported_metadata=?3, reported_version=?4"
                          " WHERE device_id=?1",
        [TWIN_TAGS] = "UPDATE twin SET tags=?2 WHERE device_id=?1",
    };
    sqlite3_stmt *s = store_get(twins->store, sql[section]);
    store_bind_span(s, 1, id);
    store_bind_span(s, 2, twins->merge.properties);
    if (section != TWIN_TAGS) {
        store_bind_span(s, 3, twins->merge.metadata);
        store_bind_number(s, 4, (int64_t)version);
    }
    return store_run(twins->store, s);
}

// Every change of any section. The ETag guards what services write, as Azure's does: a device that
// reports between somebody's look and change does not spoil the change.
static bool touch(struct twins *twins, struct bytes id, bool is_report, int64_t utc_ms,
                  struct verdict *why)
{
    char etag[STORE_ETAG_SIZE];
    enum err err = store_etag(etag);
    sqlite3_stmt *s = store_get(
        twins->store, is_report ? "UPDATE twin SET version=version+1, updated_ms=?2 WHERE"
                                  " device_id=?1"
                                : "UPDATE twin SET version=version+1, updated_ms=?2, etag=?3 WHERE"
                                  " device_id=?1");
    store_bind_span(s, 1, id);
    store_bind_number(s, 2, utc_ms);
    if (!is_report) {
        store_bind_text(s, 3, etag);
    }
    err = err == OK ? store_run(twins->store, s) : err;
    return err == OK || fail(why, err);
}

static bool report(struct twins *twins, struct bytes id, const struct twin_merge_in *wanted,
                   const uint64_t *base, struct verdict *why)
{
    struct twin_merge_in in = *wanted;
    sqlite3_stmt *s = twins_row(twins->store, id, why);
    if (s == NULL) {
        return false;
    }
    uint64_t now = (uint64_t)sqlite3_column_int64(s, REPORTED_VERSION);
    bool is_good = base == NULL || *base == now ||
                   refuse(why, HUB_PRECONDITION_FAILED, "reported has version %llu, not %llu",
                          (unsigned long long)now, (unsigned long long)*base);
    in.old = store_span(s, REPORTED);
    in.old_metadata = store_span(s, REPORTED_METADATA);
    in.version = now + 1;
    is_good = is_good && twin_merge_run(&twins->merge, &in, why);
    sqlite3_reset(s);
    if (!is_good) {
        return false;
    }
    enum err err = write_section(twins, id, TWIN_REPORTED, in.version);
    return err == OK ? touch(twins, id, true, in.utc_ms, why) : fail(why, err);
}

bool twins_report(struct twins *twins, struct bytes id, const struct twins_patch *patch,
                  uint64_t *version, struct verdict *why)
{
    struct twin_merge_in in = {
        .section = TWIN_REPORTED, .patch = patch->body, .utc_ms = patch->utc_ms};
    if (!begin(twins, why)) {
        return false;
    }
    bool is_good = report(twins, id, &in, patch->has_base ? &patch->base : NULL, why);
    uint64_t fresh = 0;
    sqlite3_stmt *s = is_good ? twins_row(twins->store, id, why) : NULL;
    if (s != NULL) {
        fresh = (uint64_t)sqlite3_column_int64(s, REPORTED_VERSION);
        sqlite3_reset(s);
    }
    if (!end(twins, is_good && s != NULL, why)) {
        return false;
    }
    *version = fresh;
    return true;
}

struct body {
    struct bytes tags, desired;
    bool has_tags, has_desired;
};

static bool take_part(struct json_reader *r, struct bytes *part, bool *is_there)
{
    *is_there = true;
    if (json_peek(r) == JSON_NULL) {
        *part = bytes_of(NULL, 0); // {}: of a PATCH, see merge_part
        return json_get_null(r);
    }
    return json_raw(r, part);
}

static bool parse_body(struct bytes text, struct body *out, struct verdict *why)
{
    struct json_reader r;
    struct json_text key;
    struct json_options options = {.depth_max = 24};
    json_reader_init(&r, text, &options);
    bool is_good = json_enter_object(&r);
    while (is_good && json_next_key(&r, &key)) {
        if (json_text_is(&key, "tags")) {
            is_good = take_part(&r, &out->tags, &out->has_tags);
        } else if (json_text_is(&key, "properties") && json_peek(&r) == JSON_OBJECT) {
            json_enter_object(&r);
            while (is_good && json_next_key(&r, &key)) {
                is_good = json_text_is(&key, "desired")
                              ? take_part(&r, &out->desired, &out->has_desired)
                              : json_skip(&r);
            }
        } else {
            is_good = json_skip(&r);
        }
    }
    if (is_good && json_end(&r)) {
        return true;
    }
    struct json_place place = json_place_of(text, r.error.offset);
    return refuse(why, HUB_ARGUMENT_INVALID, "twin, line %u column %u: %s", place.line,
                  place.column, r.error.message);
}

struct update {
    struct body body;
    bool is_replace;
    bool tells;    // the device
    bool is_first; // version 1 stays
    int64_t utc_ms;
    uint64_t version; // of desired, if it changed
    size_t at;        // of the notice's text
};

// One section from the body over the stored one. A null takes everything away.
static bool merge_part(struct twins *twins, struct bytes id, struct twin_merge_in in,
                       const struct update *u, struct verdict *why)
{
    sqlite3_stmt *s = twins_row(twins->store, id, why);
    if (s == NULL) {
        return false;
    }
    bool is_tags = in.section == TWIN_TAGS;
    in.is_replace = in.is_replace || in.patch.size == 0;
    in.old = store_span(s, is_tags ? TAGS : DESIRED);
    in.old_metadata = is_tags ? bytes_of(NULL, 0) : store_span(s, DESIRED_METADATA);
    in.version = (uint64_t)sqlite3_column_int64(s, DESIRED_VERSION) + (u->is_first ? 0 : 1);
    bool is_good = twin_merge_run(&twins->merge, &in, why);
    sqlite3_reset(s);
    if (!is_good || !twins->merge.is_changed) {
        return is_good;
    }
    enum err err = write_section(twins, id, in.section, in.version);
    return err == OK || fail(why, err);
}

// Where a text of that size fits the ring; false: nowhere now.
static bool find_room(const struct twins *twins, size_t size, size_t *at)
{
    if (twins->notice_count == TWINS_NOTICE_MAX || size > TWINS_NOTICE_BYTES) {
        return false;
    }
    if (twins->notice_count == 0) {
        *at = 0;
        return true;
    }
    size_t first = twins->notices[twins->notice_first].at;
    if (twins->text_at > first && size <= TWINS_NOTICE_BYTES - twins->text_at) {
        *at = twins->text_at;
        return true;
    }
    size_t from = twins->text_at > first ? 0 : twins->text_at;
    *at = from;
    return size < first - from; // never up to the first: equal means empty
}

static void add_notice(struct twins *twins, struct bytes id, uint64_t version, struct bytes text,
                       size_t at)
{
    size_t index = (twins->notice_first + twins->notice_count) % TWINS_NOTICE_MAX;
    struct twins_notice *notice = &twins->notices[index];
    *notice = (struct twins_notice){.version = version, .at = at, .size = text.size};
    ASSERT(id.size < sizeof(notice->device_id));
    memcpy(notice->device_id, id.data, id.size);
    memcpy(twins->texts + at, text.data, text.size);
    twins->text_at = at + text.size;
    twins->notice_count++;
}

bool twins_next(struct twins *twins, struct twins_out *out)
{
    if (twins->notice_count == 0) {
        return false;
    }
    const struct twins_notice *notice = &twins->notices[twins->notice_first];
    *out = (struct twins_out){
        .device_id = bytes_of(notice->device_id, strlen(notice->device_id)),
        .version = notice->version,
        .body = bytes_of(twins->texts + notice->at, notice->size),
    };
    twins->notice_first = (twins->notice_first + 1) % TWINS_NOTICE_MAX;
    twins->notice_count--;
    return true;
}

static bool update(struct twins *twins, struct bytes id, const char *if_match, struct update *u,
                   struct verdict *why)
{
    sqlite3_stmt *s = twins_row(twins->store, id, why);
    if (s == NULL) {
        return false;
    }
    char etag[STORE_ETAG_SIZE];
    store_text(s, ETAG, etag, sizeof(etag));
    uint64_t version = (uint64_t)sqlite3_column_int64(s, DESIRED_VERSION);
    sqlite3_reset(s);
    if (!store_matches(if_match, etag)) {
        return refuse(why, HUB_PRECONDITION_FAILED, "the twin's etag is not that of If-Match");
    }
    struct twin_merge_in in = {.utc_ms = u->utc_ms, .is_replace = u->is_replace};
    in.section = TWIN_TAGS;
    in.patch = u->body.tags;
    if ((u->body.has_tags || u->is_replace) && !merge_part(twins, id, in, u, why)) {
        return false;
    }
    in.section = TWIN_DESIRED;
    in.patch = u->body.desired;
    if (u->body.has_desired || u->is_replace) {
        if (!merge_part(twins, id, in, u, why)) {
            return false;
        }
        u->version = twins->merge.is_changed ? version + 1 : 0;
    }
    if (u->version != 0 && u->tells && !find_room(twins, twins->merge.notice.size, &u->at)) {
        return refuse(why, HUB_THROTTLED, "too many twin changes wait for the broker, try again");
    }
    return touch(twins, id, false, u->utc_ms, why);
}

static bool run_update(struct twins *twins, struct bytes id, const char *if_match,
                       struct bytes body, struct update *u, struct verdict *why)
{
    grant(why);
    if (!parse_body(body, &u->body, why) || !begin(twins, why)) {
        return false;
    }
    bool is_good = update(twins, id, if_match, u, why);
    if (!end(twins, is_good, why)) {
        return false;
    }
    if (u->version != 0 && u->tells) {
        add_notice(twins, id, u->version, twins->merge.notice, u->at);
    }
    return true;
}

bool twins_update(struct twins *twins, struct bytes id, const struct twins_change *change,
                  struct verdict *why)
{
    struct update u = {.is_replace = change->is_replace, .tells = true, .utc_ms = change->utc_ms};
    return run_update(twins, id, change->if_match, change->body, &u, why);
}

bool twins_set_initial(struct twins *twins, struct bytes id, struct bytes body, bool is_first,
                       int64_t utc_ms, struct verdict *why)
{
    struct update u = {.is_replace = true, .is_first = is_first, .utc_ms = utc_ms};
    return run_update(twins, id, NULL, body, &u, why);
}

void twins_tell_again(struct twins *twins, struct bytes id)
{
    struct verdict why;
    struct json_writer w;
    uint64_t version = 0;
    size_t at = 0;
    sqlite3_stmt *s = store_get(twins->store, "SELECT 1 FROM twin WHERE device_id=?1 AND untold=1");
    store_bind_span(s, 1, id);
    if (store_row(twins->store, s) != OK) {
        return;
    }
    sqlite3_reset(s);
    json_writer_init(&w, twins->merge.notice_text, sizeof(twins->merge.notice_text));
    if (twins_write_desired(twins, id, &w, &version, &why) && find_room(twins, w.size, &at)) {
        add_notice(twins, id, version, json_writer_bytes(&w), at);
    }
}

enum err twins_told(struct twins *twins, struct bytes id, uint64_t version)
{
    sqlite3_stmt *s = store_get(
        twins->store, "UPDATE twin SET untold=0 WHERE device_id=?1 AND desired_version=?2");
    store_bind_span(s, 1, id);
    store_bind_number(s, 2, (int64_t)version);
    return store_run(twins->store, s);
}
