// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/certificate_text.h"
#include "apps/hub/rest/enrolment_json.h"
#include "base/assert.h"

#include <string.h>

static void put_time(struct json_writer *w, const char *key, int64_t utc_ms)
{
    char text[STORE_TIME_SIZE];
    store_time(utc_ms, text);
    json_put_key_string(w, key, text);
}

static void put_thumbprint(struct json_writer *w, const char *key, struct bytes in)
{
    char text[THUMBPRINT_TEXT_SIZE];
    struct thumbprint thumbprint = {.size = in.size};
    ASSERT(in.size <= sizeof(thumbprint.bytes));
    memcpy(thumbprint.bytes, in.data, in.size);
    thumbprint_text(&thumbprint, text);
    json_put_key_string(w, key, text);
}

// {"info":{..}} of a certificate's PEM.
static void put_certificate(struct json_writer *w, const char *key, const char *pem)
{
    static struct certificate_text c;
    json_put_key(w, key);
    if (!certificate_text_read(bytes_of(pem, strlen(pem)), &c)) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_put_key(w, "info");
    json_begin_object(w);
    json_put_key_string(w, "subjectName", c.subject);
    put_thumbprint(w, "sha1Thumbprint", bytes_of(c.sha1, sizeof(c.sha1)));
    put_thumbprint(w, "sha256Thumbprint", bytes_of(c.sha256, sizeof(c.sha256)));
    json_put_key_string(w, "issuerName", c.issuer);
    put_time(w, "notBeforeUtc", c.not_before_ms);
    put_time(w, "notAfterUtc", c.not_after_ms);
    json_put_key_string(w, "serialNumber", c.serial);
    json_put_key_i64(w, "version", c.version);
    json_end_object(w);
    json_end_object(w);
}

static void put_x509(struct json_writer *w, const struct enrolment *e)
{
    static const char *const names[] = {"primary", "secondary"};
    const bool has_client = e->attestation == ATTESTATION_X509;
    json_begin_object(w);
    json_put_key(w, has_client ? "clientCertificates" : "signingCertificates");
    json_begin_object(w);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!has_client && e->authorities[i][0] != '\0') {
            put_certificate(w, names[i], e->authorities[i]);
        } else if (has_client && e->certificates[i][0] != '\0') {
            put_certificate(w, names[i], e->certificates[i]);
        } else if (has_client && e->thumbprints[i].size > 0) {
            json_put_key(w, names[i]);
            json_begin_object(w);
            json_put_key(w, "info");
            json_begin_object(w);
            put_thumbprint(w,
                           e->thumbprints[i].size == THUMBPRINT_SHA1_SIZE ? "sha1Thumbprint"
                                                                          : "sha256Thumbprint",
                           bytes_of(e->thumbprints[i].bytes, e->thumbprints[i].size));
            json_end_object(w);
            json_end_object(w);
        }
    }
    json_end_object(w);
    json_end_object(w);
}

void attestation_to_json(struct json_writer *w, const struct enrolment *e, bool show_keys)
{
    char key[KEY_TEXT_SIZE];
    json_begin_object(w);
    if (e->attestation != ATTESTATION_SYMMETRIC_KEY) {
        json_put_key_string(w, "type", "x509");
        json_put_key(w, "x509");
        put_x509(w, e);
        json_end_object(w);
        return;
    }
    json_put_key_string(w, "type", "symmetricKey");
    if (show_keys) {
        json_put_key(w, "symmetricKey");
        json_begin_object(w);
        key_text(&e->keys[0], key);
        json_put_key_string(w, "primaryKey", key);
        key_text(&e->keys[1], key);
        json_put_key_string(w, "secondaryKey", key);
        json_end_object(w);
        memset(key, 0, sizeof(key));
    }
    json_end_object(w);
}

static void put_hubs(struct json_writer *w, const char *hubs)
{
    json_put_key(w, "iotHubs");
    json_begin_array(w);
    while (hubs[0] != '\0') {
        const size_t size = strcspn(hubs, " ");
        json_put_text(w, bytes_of(hubs, size));
        hubs += size + (hubs[size] == ' ' ? 1 : 0);
    }
    json_end_array(w);
}

static void put_allocation(struct json_writer *w, const struct enrolment *e)
{
    static const char *const words[] = {[ALLOCATION_HASHED] = "hashed",
                                        [ALLOCATION_GEO_LATENCY] = "geoLatency",
                                        [ALLOCATION_STATIC] = "static",
                                        [ALLOCATION_CUSTOM] = "custom"};
    json_put_key_string(w, "allocationPolicy", words[e->allocation]);
    if (e->allocation == ALLOCATION_STATIC && e->hubs[0] != '\0') {
        json_put_key(w, "iotHubHostName");
        json_put_text(w, bytes_of(e->hubs, strcspn(e->hubs, " ")));
    }
    put_hubs(w, e->hubs);
    if (e->allocation == ALLOCATION_CUSTOM && e->table[0] != '\0') {
        json_put_key(w, "customAllocationDefinition");
        json_begin_object(w);
        json_put_key(w, "table");
        json_put_raw(w, bytes_of(e->table, strlen(e->table)));
        json_end_object(w);
    }
}

void enrolment_to_json(struct json_writer *w, const struct enrolment *e,
                       const struct registration *state)
{
    json_begin_object(w);
    json_put_key_string(w, e->is_group ? "enrollmentGroupId" : "registrationId", e->id);
    if (!e->is_group && e->device_id[0] != '\0') {
        json_put_key_string(w, "deviceId", e->device_id);
    }
    json_put_key(w, "attestation");
    attestation_to_json(w, e, false);
    if (e->initial_twin[0] != '\0') {
        json_put_key(w, "initialTwin");
        json_put_raw(w, bytes_of(e->initial_twin, strlen(e->initial_twin)));
    }
    json_put_key_string(w, "etag", e->etag);
    json_put_key_string(w, "provisioningStatus", e->is_enabled ? "enabled" : "disabled");
    json_put_key(w, "reprovisionPolicy");
    json_begin_object(w);
    json_put_key_bool(w, "updateHubAssignment", e->may_move);
    json_put_key_bool(w, "migrateDeviceData", e->keeps_data);
    json_end_object(w);
    put_time(w, "createdDateTimeUtc", e->created_ms);
    put_time(w, "lastUpdatedDateTimeUtc", e->updated_ms);
    put_allocation(w, e);
    json_put_key(w, "capabilities");
    json_begin_object(w);
    json_put_key_bool(w, "iotEdge", false);
    json_end_object(w);
    if (state != NULL) {
        json_put_key(w, "registrationState");
        registration_put(state, w);
    }
    json_end_object(w);
}
