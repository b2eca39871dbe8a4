// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/enrolments.h"

#include "apps/hub/backend/allocation.h"
#include "apps/hub/user_name.h"
#include "base/assert.h"
#include "json/reader.h"

#include <string.h>

static const char *const policies[] = {
    [ALLOCATION_HASHED] = "hashed",
    [ALLOCATION_GEO_LATENCY] = "geoLatency",
    [ALLOCATION_STATIC] = "static",
    [ALLOCATION_CUSTOM] = "custom",
};

// The columns that both tables have, in the order of read_row; a group has no others.
#define COMMON                                                                                     \
    "attestation, key1, key2, ca1, ca2, enabled, initial_twin, allocation, hubs,"                  \
    " custom_allocation, reprovision_hub, reprovision_data, etag, created_ms, updated_ms"
#define SELECT_INDIVIDUAL                                                                          \
    "SELECT registration_id, " COMMON ", device_id, thumb1, thumb2, cert1, cert2 FROM enrolment"
#define SELECT_GROUP "SELECT group_id, " COMMON " FROM enrolment_group"

static void read_octets(sqlite3_stmt *s, int column, uint8_t *out, size_t capacity, size_t *size)
{
    struct bytes in = store_span(s, column);
    *size = in.size <= capacity ? in.size : 0;
    if (*size > 0) {
        memcpy(out, in.data, *size);
    }
}

static void read_row(sqlite3_stmt *s, bool is_group, struct enrolment *out)
{
    char policy[32];
    memset(out, 0, sizeof(*out));
    out->is_group = is_group;
    store_text(s, 0, out->id, sizeof(out->id));
    int attestation = sqlite3_column_int(s, 1);
    out->attestation = attestation == 0               ? ATTESTATION_SYMMETRIC_KEY
                       : is_group || attestation == 2 ? ATTESTATION_X509_CA
                                                      : ATTESTATION_X509;
    for (int i = 0; i < 2; i++) {
        read_octets(s, 2 + i, out->keys[i].bytes, sizeof(out->keys[i].bytes), &out->keys[i].size);
        store_text(s, 4 + i, out->authorities[i], sizeof(out->authorities[i]));
    }
    out->is_enabled = sqlite3_column_int(s, 6) == 1;
    store_text(s, 7, out->initial_twin, sizeof(out->initial_twin));
    store_text(s, 8, policy, sizeof(policy));
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        out->allocation =
            strcmp(policy, policies[i]) == 0 ? (enum allocation_policy)i : out->allocation;
    }
    store_text(s, 9, out->hubs, sizeof(out->hubs));
    store_text(s, 10, out->table, sizeof(out->table));
    out->may_move = sqlite3_column_int(s, 11) == 1;
    out->keeps_data = sqlite3_column_int(s, 12) == 1;
    store_text(s, 13, out->etag, sizeof(out->etag));
    out->created_ms = sqlite3_column_int64(s, 14);
    out->updated_ms = sqlite3_column_int64(s, 15);
    for (int i = 0; !is_group && i < 2; i++) {
        struct thumbprint *print = &out->thumbprints[i];
        store_text(s, 16, out->device_id, sizeof(out->device_id));
        read_octets(s, 17 + i, print->bytes, sizeof(print->bytes), &print->size);
        store_text(s, 19 + i, out->certificates[i], sizeof(out->certificates[i]));
    }
}

static bool take_row(struct store *store, sqlite3_stmt *s, bool is_group, struct enrolment *out,
                     struct verdict *why)
{
    enum err err = store_row(store, s);
    if (err == ERR_EMPTY) {
        return refuse(why, HUB_NOT_FOUND, "no such enrolment%s", is_group ? " group" : "");
    }
    if (err != OK) {
        return fail(why, err);
    }
    read_row(s, is_group, out);
    sqlite3_reset(s);
    return grant(why);
}

bool enrolments_read(struct store *store, struct bytes id, bool is_group, struct enrolment *out,
                     struct verdict *why)
{
    sqlite3_stmt *s = is_group ? store_get(store, SELECT_GROUP " WHERE group_id=?1")
                               : store_get(store, SELECT_INDIVIDUAL " WHERE registration_id=?1");
    store_bind_span(s, 1, id);
    return take_row(store, s, is_group, out, why);
}

bool enrolments_after(struct store *store, struct bytes id, bool is_group, struct enrolment *out,
                      struct verdict *why)
{
    sqlite3_stmt *s =
        is_group ? store_get(store, SELECT_GROUP " WHERE group_id>?1 ORDER BY group_id LIMIT 1")
                 : store_get(store, SELECT_INDIVIDUAL
                             " WHERE registration_id>?1 ORDER BY registration_id LIMIT 1");
    store_bind_span(s, 1, id);
    return take_row(store, s, is_group, out, why);
}

static bool check_twin(const char *text, struct verdict *why)
{
    struct json_reader r;
    struct json_options options = {.depth_max = 24};
    json_reader_init(&r, bytes_of_text(text), &options);
    if (text[0] == '\0' || (json_peek(&r) == JSON_OBJECT && json_skip(&r) && json_end(&r))) {
        return true;
    }
    struct json_place place = json_place_of(bytes_of_text(text), r.error.offset);
    return refuse(why, HUB_ARGUMENT_INVALID, "initialTwin, line %u column %u: %s", place.line,
                  place.column, r.error.code != JSON_OK ? r.error.message : "expected an object");
}

static bool check_attestation(struct enrolment *e, struct verdict *why)
{
    for (int i = 0; i < 2; i++) {
        struct hub_sas_key *key = &e->keys[i];
        if (e->attestation != ATTESTATION_SYMMETRIC_KEY) {
            *key = (struct hub_sas_key){0};
            continue;
        }
        if (key->size == 0 && key_generate(key) != OK) {
            return fail(why, ERR_IO);
        }
        if (key->size < HUB_KEY_SIZE_MIN || key->size > HUB_KEY_SIZE_MAX) {
            return refuse(why, HUB_ARGUMENT_INVALID, "a key has 16 to 64 bytes");
        }
    }
    if (e->is_group && e->attestation == ATTESTATION_X509) {
        return refuse(why, HUB_ARGUMENT_INVALID, "a group attests by key or by a CA's certificate");
    }
    if (e->attestation == ATTESTATION_X509 && e->thumbprints[0].size == 0 &&
        e->thumbprints[1].size == 0) {
        return refuse(why, HUB_ARGUMENT_INVALID, "X.509 needs the device's certificate");
    }
    return true;
}

static bool check(struct enrolment *e, struct verdict *why)
{
    const char *fault = registration_id_fault(bytes_of_text(e->id));
    if (fault != NULL) {
        return refuse(why, HUB_ARGUMENT_INVALID, "%s", fault);
    }
    fault = e->device_id[0] != '\0' ? hub_id_fault(bytes_of_text(e->device_id)) : NULL;
    if (fault != NULL) {
        return refuse(why, HUB_ARGUMENT_INVALID, "device id: %s", fault);
    }
    return check_attestation(e, why) && check_twin(e->initial_twin, why) &&
           (e->allocation != ALLOCATION_CUSTOM ||
            allocation_check_table(bytes_of_text(e->table), why));
}

static void bind_octets(sqlite3_stmt *s, int index, const uint8_t *data, size_t size)
{
    if (size > 0) { // else it stays NULL
        store_bind_bytes(s, index, bytes_of(data, size));
    }
}

static void bind_filled(sqlite3_stmt *s, int index, const char *text)
{
    store_bind_text(s, index, text[0] != '\0' ? text : NULL);
}

static enum err store_it(struct store *store, const struct enrolment *e)
{
    sqlite3_stmt *s =
        e->is_group
            ? store_get(store, "INSERT OR REPLACE INTO enrolment_group(group_id, " COMMON
                               ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)")
            : store_get(store,
                        "INSERT OR REPLACE INTO enrolment(registration_id, " COMMON
                        ", device_id, thumb1, thumb2, cert1, cert2) VALUES(?1,?2,?3,?4,?5,?6,?7,"
                        "?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)");
    store_bind_text(s, 1, e->id);
    store_bind_number(
        s, 2, e->is_group ? e->attestation != ATTESTATION_SYMMETRIC_KEY : (int)e->attestation);
    for (int i = 0; i < 2; i++) {
        bind_octets(s, 3 + i, e->keys[i].bytes, e->keys[i].size);
        bind_filled(s, 5 + i, e->authorities[i]);
    }
    store_bind_number(s, 7, e->is_enabled);
    bind_filled(s, 8, e->initial_twin);
    store_bind_text(s, 9, policies[e->allocation]);
    bind_filled(s, 10, e->hubs);
    bind_filled(s, 11, e->table);
    store_bind_number(s, 12, e->may_move);
    store_bind_number(s, 13, e->keeps_data);
    store_bind_text(s, 14, e->etag);
    store_bind_number(s, 15, e->created_ms);
    store_bind_number(s, 16, e->updated_ms);
    for (int i = 0; !e->is_group && i < 2; i++) {
        bind_octets(s, 18 + i, e->thumbprints[i].bytes, e->thumbprints[i].size);
        bind_filled(s, 20 + i, e->certificates[i]);
    }
    if (!e->is_group) {
        bind_filled(s, 17, e->device_id);
    }
    return store_run(store, s);
}

static bool write_in(struct store *store, struct enrolment *e, const char *if_match, int64_t utc_ms,
                     struct verdict *why)
{
    static struct enrolment old; // too large for the stack; one thread
    bool is_there = enrolments_read(store, bytes_of_text(e->id), e->is_group, &old, why);
    if (!is_there && why->code != HUB_NOT_FOUND) {
        return false;
    }
    if (is_there && if_match == NULL) {
        return refuse(why, HUB_CONFLICT, "there is an enrolment %s already", e->id);
    }
    if (!is_there && if_match != NULL) {
        return false;
    }
    if (is_there && !store_matches(if_match, old.etag)) {
        return refuse(why, HUB_PRECONDITION_FAILED, "the enrolment's etag is not that of If-Match");
    }
    for (int i = 0; is_there && i < 2; i++) {
        e->keys[i] = e->keys[i].size == 0 ? old.keys[i] : e->keys[i];
    }
    if (!check(e, why)) {
        return false;
    }
    e->created_ms = is_there ? old.created_ms : utc_ms;
    e->updated_ms = utc_ms;
    enum err err = store_etag(e->etag);
    err = err == OK ? store_it(store, e) : err;
    return err == OK ? grant(why) : fail(why, err);
}

bool enrolments_write(struct store *store, struct enrolment *enrolment, const char *if_match,
                      int64_t utc_ms, struct verdict *why)
{
    grant(why);
    enum err err = store_begin(store);
    if (err != OK) {
        return fail(why, err);
    }
    bool is_good = write_in(store, enrolment, if_match, utc_ms, why);
    err = store_end(store, is_good);
    return err == OK ? is_good : fail(why, err);
}

static bool delete_in(struct store *store, struct bytes id, bool is_group, const char *if_match,
                      struct verdict *why)
{
    static struct enrolment old;
    if (!enrolments_read(store, id, is_group, &old, why)) {
        return false;
    }
    if (!store_matches(if_match, old.etag)) {
        return refuse(why, HUB_PRECONDITION_FAILED, "the enrolment's etag is not that of If-Match");
    }
    sqlite3_stmt *s = is_group ? store_get(store, "DELETE FROM enrolment_group WHERE group_id=?1")
                               : store_get(store, "DELETE FROM enrolment WHERE registration_id=?1");
    store_bind_span(s, 1, id);
    enum err err = store_run(store, s);
    s = is_group ? store_get(store, "DELETE FROM registration WHERE group_id=?1")
                 : store_get(store, "DELETE FROM registration WHERE enrolment_id=?1");
    store_bind_span(s, 1, id);
    err = err == OK ? store_run(store, s) : err;
    return err == OK || fail(why, err);
}

bool enrolments_delete(struct store *store, struct bytes id, bool is_group, const char *if_match,
                       struct verdict *why)
{
    grant(why);
    enum err err = store_begin(store);
    if (err != OK) {
        return fail(why, err);
    }
    bool is_good = delete_in(store, id, is_group, if_match, why);
    err = store_end(store, is_good);
    return err == OK ? is_good : fail(why, err);
}
