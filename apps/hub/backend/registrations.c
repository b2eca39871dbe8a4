// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/registrations.h"

#include "base/assert.h"

#include <string.h>

#define SELECT_ROW                                                                                 \
    "SELECT registration_id, group_id, device_id, hub, status, substatus, error_code,"             \
    " error_message, operation_id, payload, etag, created_ms, updated_ms FROM registration"

static const char *const statuses[] = {
    [REGISTRATION_UNASSIGNED] = "unassigned", [REGISTRATION_ASSIGNING] = "assigning",
    [REGISTRATION_ASSIGNED] = "assigned",     [REGISTRATION_FAILED] = "failed",
    [REGISTRATION_DISABLED] = "disabled",
};

static const char *const substatuses[] = {
    [REGISTRATION_INITIAL] = "initialAssignment",
    [REGISTRATION_MIGRATED] = "deviceDataMigrated",
    [REGISTRATION_RESET] = "deviceDataReset",
    [REGISTRATION_KEPT] = "reprovisionedToInitialAssignment",
};

const char *registration_status_name(enum registration_status status)
{
    return statuses[status];
}

const char *registration_substatus_name(enum registration_substatus substatus)
{
    return substatuses[substatus];
}

static size_t index_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    return 0;
}

static bool take_row(struct store *store, sqlite3_stmt *s, struct registration *out,
                     struct verdict *why)
{
    char word[64];
    enum err err = store_row(store, s);
    if (err == ERR_EMPTY) {
        return refuse(why, HUB_NOT_FOUND, "no such registration");
    }
    if (err != OK) {
        return fail(why, err);
    }
    *out = (struct registration){.error_code = sqlite3_column_int(s, 6),
                                 .created_ms = sqlite3_column_int64(s, 11),
                                 .updated_ms = sqlite3_column_int64(s, 12)};
    store_text(s, 0, out->id, sizeof(out->id));
    store_text(s, 1, out->group, sizeof(out->group));
    store_text(s, 2, out->device_id, sizeof(out->device_id));
    store_text(s, 3, out->hub, sizeof(out->hub));
    store_text(s, 4, word, sizeof(word));
    out->status = (enum registration_status)index_of(word, statuses, COUNT_OF(statuses));
    store_text(s, 5, word, sizeof(word));
    out->substatus =
        (enum registration_substatus)index_of(word, substatuses, COUNT_OF(substatuses));
    store_text(s, 7, out->error_message, sizeof(out->error_message));
    store_text(s, 8, out->operation_id, sizeof(out->operation_id));
    store_text(s, 9, out->payload, sizeof(out->payload));
    store_text(s, 10, out->etag, sizeof(out->etag));
    sqlite3_reset(s);
    return grant(why);
}

bool registrations_read(struct store *store, struct bytes id, struct registration *out,
                        struct verdict *why)
{
    sqlite3_stmt *s = store_get(store, SELECT_ROW " WHERE registration_id=?1");
    store_bind_span(s, 1, id);
    return take_row(store, s, out, why);
}

bool registrations_after(struct store *store, struct bytes group, struct bytes id,
                         struct registration *out, struct verdict *why)
{
    sqlite3_stmt *s = store_get(store, SELECT_ROW " WHERE group_id=?1 AND registration_id>?2"
                                                  " ORDER BY registration_id LIMIT 1");
    store_bind_span(s, 1, group);
    store_bind_span(s, 2, id);
    return take_row(store, s, out, why);
}

static void bind_filled(sqlite3_stmt *s, int index, const char *text)
{
    store_bind_text(s, index, text[0] != '\0' ? text : NULL);
}

bool registrations_write(struct store *store, struct registration *r, int64_t utc_ms,
                         struct verdict *why)
{
    enum err err = store_etag(r->etag);
    if (err != OK) {
        return fail(why, err);
    }
    r->updated_ms = utc_ms;
    sqlite3_stmt *s = store_get(
        store, "INSERT OR REPLACE INTO registration(registration_id, enrolment_id, group_id,"
               " device_id, hub, status, substatus, error_code, error_message, operation_id,"
               " payload, etag, created_ms, updated_ms)"
               " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)");
    store_bind_text(s, 1, r->id);
    bind_filled(s, r->group[0] != '\0' ? 3 : 2, r->group[0] != '\0' ? r->group : r->id);
    bind_filled(s, 4, r->device_id);
    bind_filled(s, 5, r->hub);
    store_bind_text(s, 6, statuses[r->status]);
    store_bind_text(s, 7, substatuses[r->substatus]);
    store_bind_number(s, 8, r->error_code);
    bind_filled(s, 9, r->error_message);
    bind_filled(s, 10, r->operation_id);
    bind_filled(s, 11, r->payload);
    store_bind_text(s, 12, r->etag);
    store_bind_number(s, 13, r->created_ms);
    store_bind_number(s, 14, r->updated_ms);
    err = store_run(store, s);
    return err == OK ? grant(why) : fail(why, err);
}

bool registrations_delete(struct store *store, struct bytes id, const char *if_match,
                          struct verdict *why)
{
    struct registration old;
    if (!registrations_read(store, id, &old, why)) {
        return false;
    }
    if (!store_matches(if_match, old.etag)) {
        return refuse(why, HUB_PRECONDITION_FAILED,
                      "the registration's etag is not that of If-Match");
    }
    // By its etag: what changed since it was read stays.
    sqlite3_stmt *s =
        store_get(store, "DELETE FROM registration WHERE registration_id=?1 AND etag=?2");
    store_bind_span(s, 1, id);
    store_bind_text(s, 2, old.etag);
    enum err err = store_run(store, s);
    return err == OK ? grant(why) : fail(why, err);
}

static void put_time(struct json_writer *out, const char *key, int64_t utc_ms)
{
    char time[STORE_TIME_SIZE];
    store_time(utc_ms, time);
    json_put_key_string(out, key, time);
}

void registration_put(const struct registration *r, struct json_writer *out)
{
    json_begin_object(out);
    json_put_key_string(out, "registrationId", r->id);
    put_time(out, "createdDateTimeUtc", r->created_ms);
    if (r->status == REGISTRATION_ASSIGNED) {
        json_put_key_string(out, "assignedHub", r->hub);
        json_put_key_string(out, "deviceId", r->device_id);
    }
    json_put_key_string(out, "status", statuses[r->status]);
    if (r->status == REGISTRATION_ASSIGNED) {
        json_put_key_string(out, "substatus", substatuses[r->substatus]);
    }
    if (r->status == REGISTRATION_FAILED) {
        json_put_key_i64(out, "errorCode", r->error_code);
        json_put_key_string(out, "errorMessage", r->error_message);
    }
    put_time(out, "lastUpdatedDateTimeUtc", r->updated_ms);
    json_put_key_string(out, "etag", r->etag);
    if (r->payload[0] != '\0') {
        json_put_key(out, "payload");
        json_put_raw(out, bytes_of(r->payload, strlen(r->payload)));
    }
    json_end_object(out);
}
