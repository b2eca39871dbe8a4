// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/registry.h"

#include "apps/hub/backend/c2d_rows.h"
#include "apps/hub/user_name.h"
#include "base/assert.h"
#include "base/crc.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                                    \
    "id, enabled, status_reason, auth, key1, key2, thumb1, thumb2, generation, etag, created_ms,"  \
    " status_updated_ms, connected, connection_updated_ms, last_activity_ms,"                      \
    " (SELECT count(*) FROM c2d WHERE device_id=device.id)"

static void read_key(sqlite3_stmt *s, int column, struct hub_sas_key *out)
{
    struct bytes key = store_span(s, column);
    out->size = key.size <= sizeof(out->bytes) ? key.size : 0;
    if (out->size > 0) {
        memcpy(out->bytes, key.data, out->size);
    }
}

static void read_thumbprint(sqlite3_stmt *s, int column, struct thumbprint *out)
{
    struct bytes print = store_span(s, column);
    out->size = print.size <= sizeof(out->bytes) ? print.size : 0;
    if (out->size > 0) {
        memcpy(out->bytes, print.data, out->size);
    }
}

static void read_row(sqlite3_stmt *s, struct device *out)
{
    *out = (struct device){.is_enabled = sqlite3_column_int(s, 1) == 1};
    store_text(s, 0, out->id, sizeof(out->id));
    store_text(s, 2, out->status_reason, sizeof(out->status_reason));
    int auth = sqlite3_column_int(s, 3);
    out->auth = auth == DEVICE_AUTH_CA            ? DEVICE_AUTH_CA
                : auth == DEVICE_AUTH_SELF_SIGNED ? DEVICE_AUTH_SELF_SIGNED
                                                  : DEVICE_AUTH_SAS;
    for (int i = 0; i < 2; i++) {
        read_key(s, 4 + i, &out->keys[i]);
        read_thumbprint(s, 6 + i, &out->thumbprints[i]);
    }
    store_text(s, 8, out->generation, sizeof(out->generation));
    store_text(s, 9, out->etag, sizeof(out->etag));
    out->created_ms = sqlite3_column_int64(s, 10);
    out->status_updated_ms = sqlite3_column_int64(s, 11);
    out->is_connected = sqlite3_column_int(s, 12) == 1;
    out->connection_updated_ms = sqlite3_column_int64(s, 13);
    out->last_activity_ms = sqlite3_column_int64(s, 14);
    out->c2d_count = (uint32_t)sqlite3_column_int(s, 15);
}

static void bind_octets(sqlite3_stmt *s, int index, const uint8_t *data, size_t size)
{
    if (size > 0) { // else it stays NULL
        store_bind_bytes(s, index, bytes_of(data, size));
    }
}

// What a caller sets: ?1 to ?8.
static void bind_row(sqlite3_stmt *s, const struct device *d)
{
    store_bind_text(s, 1, d->id);
    store_bind_number(s, 2, d->is_enabled ? 1 : 0);
    store_bind_text(s, 3, d->status_reason[0] != '\0' ? d->status_reason : NULL);
    store_bind_number(s, 4, d->auth);
    for (int i = 0; i < 2; i++) {
        bind_octets(s, 5 + i, d->keys[i].bytes, d->keys[i].size);
        bind_octets(s, 7 + i, d->thumbprints[i].bytes, d->thumbprints[i].size);
    }
}

// Keys where there are none, and nothing that the way of authentication does not use.
static bool complete(struct device *d, struct verdict *why)
{
    const char *fault = hub_id_fault(bytes_of_text(d->id));
    if (fault != NULL) {
        return refuse(why, HUB_ARGUMENT_INVALID, "device id: %s", fault);
    }
    for (int i = 0; i < 2; i++) {
        if (d->auth != DEVICE_AUTH_SELF_SIGNED) {
            d->thumbprints[i] = (struct thumbprint){0};
        }
        if (d->auth != DEVICE_AUTH_SAS) {
            d->keys[i] = (struct hub_sas_key){0};
            continue;
        }
        if (d->keys[i].size == 0 && key_generate(&d->keys[i]) != OK) {
            return fail(why, ERR_IO);
        }
        if (d->keys[i].size < HUB_KEY_SIZE_MIN || d->keys[i].size > HUB_KEY_SIZE_MAX) {
            return refuse(why, HUB_ARGUMENT_INVALID, "a key has 16 to 64 bytes");
        }
    }
    if (d->auth == DEVICE_AUTH_SELF_SIGNED && d->thumbprints[0].size == 0 &&
        d->thumbprints[1].size == 0) {
        return refuse(why, HUB_ARGUMENT_INVALID,
                      "selfSigned needs the certificate's SHA-1 or SHA-256 thumbprint");
    }
    return true;
}

// Ends the transaction with what was judged; a failed commit is our failure.
static bool end(struct store *store, bool is_good, struct verdict *why)
{
    enum err err = store_end(store, is_good);
    return err == OK ? is_good : fail(why, err);
}

static bool begin(struct store *store, struct verdict *why)
{
    grant(why);
    enum err err = store_begin(store);
    return err == OK || fail(why, err);
}

static bool find(struct store *store, struct bytes id, struct device *out, struct verdict *why)
{
    sqlite3_stmt *s = store_get(store, "SELECT " COLUMNS " FROM device WHERE id=?1");
    store_bind_span(s, 1, id);
    enum err err = store_row(store, s);
    if (err == OK) {
        read_row(s, out);
        sqlite3_reset(s);
        return true;
    }
    if (err != ERR_EMPTY) {
        return fail(why, err);
    }
    return refuse(why, HUB_DEVICE_NOT_FOUND, "device %.*s is not registered",
                  id.size < ID_SIZE ? (int)id.size : ID_SIZE - 1, (const char *)id.data);
}

// Rows number at most what the greatest rowid says: they are counted only near the limit, since
// counting takes as long as there are devices.
static bool look_for_room(struct store *store, bool *is_full, struct verdict *why)
{
    struct registry_counts counts = {0};
    sqlite3_stmt *s = store_get(store, "SELECT max(rowid) FROM device");
    enum err err = store_row(store, s);
    if (err != OK) {
        return fail(why, err);
    }
    bool is_near = sqlite3_column_int64(s, 0) >= REGISTRY_DEVICES_MAX;
    sqlite3_reset(s);
    if (is_near && !registry_count(store, &counts, why)) {
        return false;
    }
    *is_full = counts.total >= REGISTRY_DEVICES_MAX;
    return true;
}

static bool insert(struct store *store, struct device *d, int64_t utc_ms, struct verdict *why)
{
    struct device other;
    if (find(store, bytes_of_text(d->id), &other, why)) {
        return refuse(why, HUB_DEVICE_EXISTS, "a device %s is registered already", d->id);
    }
    bool is_full = false;
    if (why->code != HUB_DEVICE_NOT_FOUND || !look_for_room(store, &is_full, why)) {
        return false;
    }
    if (is_full) {
        return refuse(why, HUB_TOO_MANY_DEVICES, "a hub has at most %d devices",
                      REGISTRY_DEVICES_MAX);
    }
    char twin_etag[STORE_ETAG_SIZE];
    uint64_t random = 0;
    enum err err = store_etag(d->etag);
    err = err == OK ? store_etag(twin_etag) : err;
    err = err == OK ? random_bytes(&random, sizeof(random)) : err;
    if (err != OK) {
        return fail(why, err);
    }
    snprintf(d->generation, sizeof(d->generation), "%llu",
             (unsigned long long)(random % UINT64_C(1000000000000000000)));
    d->created_ms = utc_ms;
    sqlite3_stmt *s = store_get(
        store, "INSERT INTO device(id, enabled, status_reason, auth, key1, key2, thumb1, thumb2,"
               " generation, etag, created_ms) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)");
    bind_row(s, d);
    store_bind_text(s, 9, d->generation);
    store_bind_text(s, 10, d->etag);
    store_bind_number(s, 11, utc_ms);
    err = store_run(store, s);
    s = store_get(store,
                  "INSERT INTO twin(device_id, etag, updated_ms, version) VALUES(?1, ?2, ?3, 2)");
    store_bind_text(s, 1, d->id);
    store_bind_text(s, 2, twin_etag);
    store_bind_number(s, 3, utc_ms);
    err = err == OK ? store_run(store, s) : err;
    return err == OK ? grant(why) : fail(why, err);
}

uint64_t registry_generation(struct store *store, struct bytes id)
{
    sqlite3_stmt *s = store_get(store, "SELECT generation FROM device WHERE id=?1");
    char text[STORE_ETAG_SIZE] = "";
    store_bind_span(s, 1, id);
    if (store_row(store, s) != OK) {
        return 0;
    }
    store_text(s, 0, text, sizeof(text));
    sqlite3_reset(s);
    return hash64(HASH64_START, bytes_of_text(text));
}

bool registry_create(struct store *store, struct device *device, int64_t utc_ms,
                     struct verdict *why)
{
    struct device fresh = *device;
    fresh.status_updated_ms = 0;
    fresh.is_connected = false;
    fresh.connection_updated_ms = 0;
    fresh.last_activity_ms = 0;
    fresh.c2d_count = 0;
    if (!begin(store, why)) {
        return false;
    }
    bool is_good = complete(&fresh, why) && insert(store, &fresh, utc_ms, why);
    if (!end(store, is_good, why)) {
        return false;
    }
    *device = fresh;
    return true;
}

// If-Match of a change: Azure demands one.
static bool may_change(const struct device *d, const char *if_match, struct verdict *why)
{
    if (if_match != NULL && if_match[0] != '\0' && store_matches(if_match, d->etag)) {
        return true;
    }
    return refuse(why, HUB_PRECONDITION_FAILED,
                  "If-Match must be the device's etag or * (the device may have changed)");
}

static bool update(struct store *store, struct device *d, int64_t utc_ms, struct verdict *why)
{
    enum err err = store_etag(d->etag);
    if (err != OK) {
        return fail(why, err);
    }
    sqlite3_stmt *s = store_get(
        store, "UPDATE device SET status_updated_ms=CASE WHEN enabled=?2 THEN status_updated_ms"
               " ELSE ?10 END, enabled=?2, status_reason=?3, auth=?4, key1=?5, key2=?6, thumb1=?7,"
               " thumb2=?8, etag=?9 WHERE id=?1");
    bind_row(s, d);
    store_bind_text(s, 9, d->etag);
    store_bind_number(s, 10, utc_ms);
    err = store_run(store, s);
    return err == OK || fail(why, err);
}

bool registry_update(struct store *store, struct device *device, const char *if_match,
                     int64_t utc_ms, struct verdict *why)
{
    struct device old;
    struct device fresh = *device;
    if (!begin(store, why)) {
        return false;
    }
    bool is_good =
        find(store, bytes_of_text(device->id), &old, why) && may_change(&old, if_match, why);
    for (int i = 0; is_good && i < 2; i++) {
        if (fresh.keys[i].size == 0) {
            fresh.keys[i] = old.keys[i];
        }
    }
    is_good = is_good && complete(&fresh, why) && update(store, &fresh, utc_ms, why) &&
              find(store, bytes_of_text(device->id), &fresh, why);
    if (!end(store, is_good, why)) {
        return false;
    }
    *device = fresh;
    return true;
}

bool registry_read(struct store *store, struct bytes id, struct device *out, struct verdict *why)
{
    grant(why);
    return find(store, id, out, why);
}

bool registry_delete(struct store *store, struct bytes id, const char *if_match, int64_t utc_ms,
                     struct verdict *why)
{
    struct device old;
    if (!begin(store, why)) {
        return false;
    }
    bool is_good = find(store, id, &old, why) && may_change(&old, if_match, why);
    if (is_good) {
        enum err err = c2d_rows_end_all(store, id, C2D_PURGED, utc_ms, NULL);
        sqlite3_stmt *s = store_get(store, "DELETE FROM device WHERE id=?1"); // and twin, queue
        store_bind_span(s, 1, id);
        err = err == OK ? store_run(store, s) : err;
        is_good = err == OK || fail(why, err);
    }
    return end(store, is_good, why);
}

bool registry_list(struct store *store, struct bytes after, struct device *out, size_t capacity,
                   size_t *count, struct verdict *why)
{
    sqlite3_stmt *s =
        store_get(store, "SELECT " COLUMNS " FROM device WHERE id>?1 ORDER BY id LIMIT ?2");
    store_bind_span(s, 1, after);
    store_bind_number(s, 2, (int64_t)capacity);
    enum err err = OK;
    *count = 0;
    while ((err = store_row(store, s)) == OK) {
        read_row(s, &out[(*count)++]);
    }
    return err == ERR_EMPTY ? grant(why) : fail(why, err);
}

bool registry_count(struct store *store, struct registry_counts *out, struct verdict *why)
{
    sqlite3_stmt *s = store_get(store, "SELECT count(*), total(enabled), total(connected)"
                                       " FROM device");
    enum err err = store_row(store, s);
    if (err != OK) {
        return fail(why, err);
    }
    *out = (struct registry_counts){
        .total = (uint64_t)sqlite3_column_int64(s, 0),
        .enabled = (uint64_t)sqlite3_column_int64(s, 1),
        .connected = (uint64_t)sqlite3_column_int64(s, 2),
    };
    out->disabled = out->total - out->enabled;
    sqlite3_reset(s);
    return grant(why);
}

bool registry_set_policy(struct store *store, struct policy *policy, struct verdict *why)
{
    grant(why);
    if (hub_id_fault(bytes_of_text(policy->name)) != NULL) {
        return refuse(why, HUB_ARGUMENT_INVALID, "policy name: %s",
                      hub_id_fault(bytes_of_text(policy->name)));
    }
    for (int i = 0; i < 2; i++) {
        if (policy->keys[i].size == 0 && key_generate(&policy->keys[i]) != OK) {
            return fail(why, ERR_IO);
        }
    }
    sqlite3_stmt *s =
        store_get(store, "INSERT OR REPLACE INTO policy(name, key1, key2, rights, scope)"
                         " VALUES(?1, ?2, ?3, ?4, ?5)");
    store_bind_text(s, 1, policy->name);
    bind_octets(s, 2, policy->keys[0].bytes, policy->keys[0].size);
    bind_octets(s, 3, policy->keys[1].bytes, policy->keys[1].size);
    store_bind_number(s, 4, policy->rights);
    store_bind_text(s, 5, policy->is_dps ? "dps" : "hub");
    enum err err = store_run(store, s);
    return err == OK || fail(why, err);
}

bool registry_read_policy(struct store *store, struct bytes name, bool is_dps, struct policy *out,
                          struct verdict *why)
{
    sqlite3_stmt *s =
        store_get(store, "SELECT name, key1, key2, rights FROM policy WHERE name=?1 AND scope=?2");
    store_bind_span(s, 1, name);
    store_bind_text(s, 2, is_dps ? "dps" : "hub");
    enum err err = store_row(store, s);
    if (err == ERR_EMPTY) {
        return refuse(why, HUB_UNAUTHORIZED, "no such policy");
    }
    if (err != OK) {
        return fail(why, err);
    }
    *out = (struct policy){.rights = (uint32_t)sqlite3_column_int64(s, 3), .is_dps = is_dps};
    store_text(s, 0, out->name, sizeof(out->name));
    read_key(s, 1, &out->keys[0]);
    read_key(s, 2, &out->keys[1]);
    sqlite3_reset(s);
    return grant(why);
}

enum err registry_set_connected(struct store *store, struct bytes id, bool is_connected,
                                int64_t utc_ms)
{
    sqlite3_stmt *s = store_get(
        store, "UPDATE device SET connected=?2, connection_updated_ms=?3, last_activity_ms=?3"
               " WHERE id=?1");
    store_bind_span(s, 1, id);
    store_bind_number(s, 2, is_connected ? 1 : 0);
    store_bind_number(s, 3, utc_ms);
    return store_run(store, s);
}

enum err registry_clear_connected(struct store *store, int64_t utc_ms)
{
    sqlite3_stmt *s = store_get(
        store, "UPDATE device SET connected=0, connection_updated_ms=?1 WHERE connected<>0");
    store_bind_number(s, 1, utc_ms);
    return store_run(store, s);
}
