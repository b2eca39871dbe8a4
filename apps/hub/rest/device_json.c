// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/device_json.h"

#include "base/assert.h"

#include <string.h>

enum { FIELD_TEXT_SIZE = 160 };

static void take_text(struct json_reader *r, char *out, size_t capacity)
{
    if (json_peek(r) == JSON_NULL) {
        json_get_null(r);
    } else {
        json_get_string(r, out, capacity, NULL);
    }
}

static void take_key(struct json_reader *r, struct hub_sas_key *out)
{
    char text[FIELD_TEXT_SIZE] = "";
    const size_t offset = json_offset(r);
    take_text(r, text, sizeof(text));
    if (r->error.code == JSON_OK && key_parse(bytes_of(text, strlen(text)), out) != OK) {
        json_complain(r, offset, "a key is the base64 of 16 to 64 bytes");
    }
    memset(text, 0, sizeof(text));
}

static void take_thumbprint(struct json_reader *r, struct thumbprint *out)
{
    char text[FIELD_TEXT_SIZE] = "";
    const size_t offset = json_offset(r);
    take_text(r, text, sizeof(text));
    if (r->error.code == JSON_OK && thumbprint_parse(bytes_of(text, strlen(text)), out) != OK) {
        json_complain(r, offset, "a thumbprint is 40 or 64 hexadecimal digits");
    }
}

static bool enter(struct json_reader *r)
{
    if (json_peek(r) == JSON_NULL) {
        json_get_null(r);
        return false;
    }
    return json_enter_object(r);
}

static void take_keys(struct json_reader *r, struct device *out)
{
    struct json_text key;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "primaryKey")) {
            take_key(r, &out->keys[0]);
        } else if (json_text_is(&key, "secondaryKey")) {
            take_key(r, &out->keys[1]);
        } else {
            json_skip(r);
        }
    }
}

static void take_thumbprints(struct json_reader *r, struct device *out)
{
    struct json_text key;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "primaryThumbprint")) {
            take_thumbprint(r, &out->thumbprints[0]);
        } else if (json_text_is(&key, "secondaryThumbprint")) {
            take_thumbprint(r, &out->thumbprints[1]);
        } else {
            json_skip(r);
        }
    }
}

static void take_type(struct json_reader *r, enum device_auth *out)
{
    char text[FIELD_TEXT_SIZE] = "sas";
    const size_t offset = json_offset(r);
    take_text(r, text, sizeof(text));
    if (strcmp(text, "sas") == 0) {
        *out = DEVICE_AUTH_SAS;
    } else if (strcmp(text, "selfSigned") == 0) {
        *out = DEVICE_AUTH_SELF_SIGNED;
    } else if (strcmp(text, "certificateAuthority") == 0) {
        *out = DEVICE_AUTH_CA;
    } else {
        json_complain(r, offset, "type is sas, selfSigned or certificateAuthority");
    }
}

static void take_authentication(struct json_reader *r, struct device *out)
{
    struct json_text key;
    bool has_type = false;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "symmetricKey")) {
            take_keys(r, out);
        } else if (json_text_is(&key, "x509Thumbprint")) {
            take_thumbprints(r, out);
        } else if (json_text_is(&key, "type")) {
            has_type = true;
            take_type(r, &out->auth);
        } else {
            json_skip(r);
        }
    }
    if (!has_type && (out->thumbprints[0].size > 0 || out->thumbprints[1].size > 0)) {
        out->auth = DEVICE_AUTH_SELF_SIGNED;
    }
    if (out->auth != DEVICE_AUTH_SAS) {
        memset(out->keys, 0, sizeof(out->keys));
    }
    if (out->auth != DEVICE_AUTH_SELF_SIGNED) {
        memset(out->thumbprints, 0, sizeof(out->thumbprints));
    }
}

static void take_status(struct json_reader *r, bool *is_enabled)
{
    char text[FIELD_TEXT_SIZE] = "enabled";
    const size_t offset = json_offset(r);
    take_text(r, text, sizeof(text));
    if (strcmp(text, "enabled") != 0 && strcmp(text, "disabled") != 0) {
        json_complain(r, offset, "status is enabled or disabled");
    }
    *is_enabled = strcmp(text, "enabled") == 0;
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool is_word(const char *text, const char *word)
{
    while (*text != '\0' && lower(*text) == *word) {
        text++;
        word++;
    }
    return *text == '\0' && *word == '\0';
}

static void take_mode(struct json_reader *r, struct device_entry *out)
{
    static const struct {
        const char *word;
        enum device_mode mode;
        bool if_match;
    } modes[] = {
        {"create", DEVICE_CREATE, false},
        {"update", DEVICE_UPDATE, false},
        {"updateifmatchetag", DEVICE_UPDATE, true},
        {"createorupdate", DEVICE_CREATE_OR_UPDATE, false},
        {"createorupdateifmatchetag", DEVICE_CREATE_OR_UPDATE, true},
        {"delete", DEVICE_DELETE, false},
        {"deleteifmatchetag", DEVICE_DELETE, true},
    };
    char text[FIELD_TEXT_SIZE] = "";
    const size_t offset = json_offset(r);
    take_text(r, text, sizeof(text));
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        if (is_word(text, modes[i].word)) {
            out->mode = modes[i].mode;
            out->if_match = modes[i].if_match;
            return;
        }
    }
    json_complain(r, offset, "importMode is create, update, createOrUpdate or delete");
}

static void take_capabilities(struct json_reader *r)
{
    struct json_text key;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        const size_t offset = json_offset(r);
        bool is_edge = false;
        if (!json_text_is(&key, "iotEdge")) {
            json_skip(r);
        } else if (json_get_bool(r, &is_edge) && is_edge) {
            json_complain(r, offset, "IoT Edge devices are not offered here");
        }
    }
}

void device_from_json(struct json_reader *r, struct device_entry *out)
{
    struct json_text key;
    *out = (struct device_entry){.device = {.is_enabled = true}, .mode = DEVICE_MODE_UNKNOWN};
    if (!json_enter_object(r)) {
        return;
    }
    while (json_next_key(r, &key)) {
        if (json_text_is(&key, "deviceId") || json_text_is(&key, "id")) {
            json_get_string(r, out->device.id, sizeof(out->device.id), NULL);
        } else if (json_text_is(&key, "status")) {
            take_status(r, &out->device.is_enabled);
        } else if (json_text_is(&key, "statusReason")) {
            take_text(r, out->device.status_reason, sizeof(out->device.status_reason));
        } else if (json_text_is(&key, "authentication")) {
            take_authentication(r, &out->device);
        } else if (json_text_is(&key, "importMode")) {
            take_mode(r, out);
        } else if (json_text_is(&key, "etag") || json_text_is(&key, "eTag")) {
            take_text(r, out->etag, sizeof(out->etag));
        } else if (json_text_is(&key, "capabilities")) {
            take_capabilities(r);
        } else {
            json_skip(r);
        }
    }
}

static void put_time(struct json_writer *w, const char *key, int64_t utc_ms)
{
    char text[STORE_TIME_SIZE] = "0001-01-01T00:00:00Z";
    if (utc_ms > 0) {
        store_time(utc_ms, text);
    }
    json_put_key_string(w, key, text);
}

static void put_authentication(struct json_writer *w, const struct device *d)
{
    static const char *const types[] = {[DEVICE_AUTH_SAS] = "sas",
                                        [DEVICE_AUTH_SELF_SIGNED] = "selfSigned",
                                        [DEVICE_AUTH_CA] = "certificateAuthority"};
    static const char *const key_names[] = {"primaryKey", "secondaryKey"};
    static const char *const thumb_names[] = {"primaryThumbprint", "secondaryThumbprint"};
    char key[KEY_TEXT_SIZE];
    char thumb[THUMBPRINT_TEXT_SIZE];
    json_put_key(w, "authentication");
    json_begin_object(w);
    json_put_key(w, "symmetricKey");
    json_begin_object(w);
    for (size_t i = 0; i < COUNT_OF(key_names); i++) {
        key_text(&d->keys[i], key);
        json_put_key_string(w, key_names[i], d->keys[i].size > 0 ? key : NULL);
    }
    json_end_object(w);
    json_put_key(w, "x509Thumbprint");
    json_begin_object(w);
    for (size_t i = 0; i < COUNT_OF(thumb_names); i++) {
        thumbprint_text(&d->thumbprints[i], thumb);
        json_put_key_string(w, thumb_names[i], d->thumbprints[i].size > 0 ? thumb : NULL);
    }
    json_end_object(w);
    json_put_key_string(w, "type", types[d->auth]);
    json_end_object(w);
}

void device_to_json(struct json_writer *w, const struct device *d)
{
    json_begin_object(w);
    json_put_key_string(w, "deviceId", d->id);
    json_put_key_string(w, "generationId", d->generation);
    json_put_key_string(w, "etag", d->etag);
    json_put_key_string(w, "connectionState", d->is_connected ? "Connected" : "Disconnected");
    json_put_key_string(w, "status", d->is_enabled ? "enabled" : "disabled");
    json_put_key_string(w, "statusReason", d->status_reason[0] != '\0' ? d->status_reason : NULL);
    put_time(w, "connectionStateUpdatedTime", d->connection_updated_ms);
    put_time(w, "statusUpdatedTime", d->status_updated_ms);
    put_time(w, "lastActivityTime", d->last_activity_ms);
    json_put_key_u64(w, "cloudToDeviceMessageCount", d->c2d_count);
    put_authentication(w, d);
    json_put_key(w, "capabilities");
    json_begin_object(w);
    json_put_key_bool(w, "iotEdge", false);
    json_end_object(w);
    json_end_object(w);
}
