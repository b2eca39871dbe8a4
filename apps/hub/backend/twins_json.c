// SPDX-License-Identifier: Apache-2.0
// Twins as JSON: for the device and for services.
#include "apps/hub/backend/registry.h"
#include "apps/hub/backend/twins_row.h"

#define SELECT_TWIN                                                                                \
    "SELECT desired, desired_metadata, desired_version, reported, reported_metadata,"              \
    " reported_version, tags, etag, version FROM twin WHERE device_id=?1"

static enum err find(struct store *store, struct bytes id, sqlite3_stmt **s)
{
    *s = store_get(store, SELECT_TWIN);
    store_bind_span(*s, 1, id);
    return store_row(store, *s);
}

sqlite3_stmt *twins_row(struct store *store, struct bytes id, struct verdict *why)
{
    sqlite3_stmt *s = NULL;
    enum err err = find(store, id, &s);
    if (err == ERR_EMPTY) { // a device that another tool put there has none yet
        s = store_get(store, "INSERT INTO twin(device_id) SELECT id FROM device WHERE id=?1");
        store_bind_span(s, 1, id);
        err = store_run(store, s);
        err = err == OK && store_changed(store) == 0 ? ERR_EMPTY : err;
        err = err == OK ? find(store, id, &s) : err;
    }
    if (err == OK) {
        return s;
    }
    if (err == ERR_EMPTY) {
        refuse(why, HUB_DEVICE_NOT_FOUND, "device %.*s is not registered",
               id.size < ID_SIZE ? (int)id.size : ID_SIZE - 1, (const char *)id.data);
    } else {
        fail(why, err);
    }
    return NULL;
}

// The members of a stored section, into the object that is open.
static bool put_members(struct bytes section, struct json_writer *out)
{
    struct json_reader r;
    struct json_text key;
    json_reader_init(&r, section, NULL);
    if (!json_enter_object(&r)) {
        return false;
    }
    while (json_next_key(&r, &key)) {
        char name[TWIN_KEY_SIZE_MAX + 1];
        size_t size = 0;
        struct bytes value;
        if (json_unescape(&key, name, TWIN_KEY_SIZE_MAX, &size) != OK || !json_raw(&r, &value)) {
            return false;
        }
        name[size] = '\0';
        json_put_key(out, name);
        json_put_raw(out, value);
    }
    return json_end(&r);
}

static bool put_section(sqlite3_stmt *s, enum column section, enum column version,
                        struct json_writer *out)
{
    json_begin_object(out);
    if (!put_members(store_span(s, (int)section), out)) {
        return false;
    }
    json_put_key_u64(out, "$version", (uint64_t)sqlite3_column_int64(s, (int)version));
    json_end_object(out);
    return true;
}

static bool check_written(const struct json_writer *out, bool is_good, struct verdict *why)
{
    if (!is_good) {
        return refuse(why, HUB_SERVER_ERROR, "the stored twin is damaged");
    }
    return !out->failed || refuse(why, HUB_TOO_LARGE, "the twin does not fit the answer");
}

bool twins_write_desired(struct twins *twins, struct bytes id, struct json_writer *out,
                         uint64_t *version, struct verdict *why)
{
    sqlite3_stmt *s = twins_row(twins->store, id, why);
    if (s == NULL) {
        return false;
    }
    *version = (uint64_t)sqlite3_column_int64(s, DESIRED_VERSION);
    bool is_good = put_section(s, DESIRED, DESIRED_VERSION, out);
    sqlite3_reset(s);
    return check_written(out, is_good, why);
}

bool twins_get(struct twins *twins, struct bytes id, struct json_writer *out, struct verdict *why)
{
    grant(why);
    sqlite3_stmt *s = twins_row(twins->store, id, why);
    if (s == NULL) {
        return false;
    }
    json_begin_object(out);
    json_put_key(out, "desired");
    bool is_good = put_section(s, DESIRED, DESIRED_VERSION, out);
    if (is_good) {
        json_put_key(out, "reported");
        is_good = put_section(s, REPORTED, REPORTED_VERSION, out);
    }
    if (is_good) {
        json_end_object(out);
    }
    sqlite3_reset(s);
    return check_written(out, is_good, why);
}

static void put_time(struct json_writer *out, const char *key, int64_t utc_ms)
{
    char time[STORE_TIME_SIZE];
    store_time(utc_ms, time);
    json_put_key_string(out, key, time);
}

static void put_thumbprint(struct json_writer *out, const char *key, const struct thumbprint *print)
{
    char text[THUMBPRINT_TEXT_SIZE];
    thumbprint_text(print, text);
    json_put_key_string(out, key, print->size > 0 ? text : NULL);
}

static void put_device(const struct device *d, struct json_writer *out)
{
    static const char *const auth[] = {
        [DEVICE_AUTH_SAS] = "sas",
        [DEVICE_AUTH_SELF_SIGNED] = "selfSigned",
        [DEVICE_AUTH_CA] = "certificateAuthority",
    };
    json_put_key_string(out, "deviceEtag", d->etag);
    json_put_key_string(out, "status", d->is_enabled ? "enabled" : "disabled");
    if (d->status_reason[0] != '\0') {
        json_put_key_string(out, "statusReason", d->status_reason);
    }
    put_time(out, "statusUpdateTime", d->status_updated_ms);
    json_put_key_string(out, "connectionState", d->is_connected ? "Connected" : "Disconnected");
    put_time(out, "lastActivityTime", d->last_activity_ms);
    json_put_key_u64(out, "cloudToDeviceMessageCount", d->c2d_count);
    json_put_key_string(out, "authenticationType", auth[d->auth]);
    json_put_key(out, "x509Thumbprint");
    json_begin_object(out);
    put_thumbprint(out, "primaryThumbprint", &d->thumbprints[0]);
    put_thumbprint(out, "secondaryThumbprint", &d->thumbprints[1]);
    json_end_object(out);
    json_put_key_string(out, "modelId", "");
    json_put_key(out, "capabilities");
    json_begin_object(out);
    json_put_key_bool(out, "iotEdge", false);
    json_end_object(out);
}

static bool put_service_section(struct twins *twins, sqlite3_stmt *s, enum twin_section section,
                                struct json_writer *out)
{
    bool is_desired = section == TWIN_DESIRED;
    struct bytes metadata = store_span(s, is_desired ? DESIRED_METADATA : REPORTED_METADATA);
    json_begin_object(out);
    if (!put_members(store_span(s, is_desired ? DESIRED : REPORTED), out)) {
        return false;
    }
    json_put_key(out, "$metadata");
    if (metadata.size == 0) { // never written
        json_begin_object(out);
        put_time(out, "$lastUpdated", 0);
        json_end_object(out);
    } else if (!twin_metadata_write(&twins->scratch, metadata, is_desired, out)) {
        return false;
    }
    json_put_key_u64(
        out, "$version",
        (uint64_t)sqlite3_column_int64(s, is_desired ? DESIRED_VERSION : REPORTED_VERSION));
    json_end_object(out);
    return true;
}

static bool put_twin(struct twins *twins, sqlite3_stmt *s, const struct device *d,
                     struct json_writer *out)
{
    char etag[STORE_ETAG_SIZE];
    store_text(s, ETAG, etag, sizeof(etag));
    json_begin_object(out);
    json_put_key_string(out, "deviceId", d->id);
    json_put_key_string(out, "etag", etag);
    put_device(d, out);
    json_put_key_u64(out, "version", (uint64_t)sqlite3_column_int64(s, VERSION));
    json_put_key(out, "tags");
    json_put_raw(out, store_span(s, TAGS));
    json_put_key(out, "properties");
    json_begin_object(out);
    json_put_key(out, "desired");
    if (!put_service_section(twins, s, TWIN_DESIRED, out)) {
        return false;
    }
    json_put_key(out, "reported");
    if (!put_service_section(twins, s, TWIN_REPORTED, out)) {
        return false;
    }
    json_end_object(out);
    json_end_object(out);
    return true;
}

bool twins_read(struct twins *twins, struct bytes id, struct json_writer *out, struct verdict *why)
{
    struct device device;
    if (!registry_read(twins->store, id, &device, why)) {
        return false;
    }
    sqlite3_stmt *s = twins_row(twins->store, id, why);
    if (s == NULL) {
        return false;
    }
    bool is_good = put_twin(twins, s, &device, out);
    sqlite3_reset(s);
    return check_written(out, is_good, why);
}
