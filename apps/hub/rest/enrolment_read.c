// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/certificate_text.h"
#include "apps/hub/rest/enrolment_json.h"
#include "base/assert.h"

#include <string.h>

enum { TEXT_SIZE = 160 };

static void take_text(struct json_reader *r, char *out, size_t capacity)
{
    if (json_peek(r) == JSON_NULL) {
        json_get_null(r);
    } else {
        json_get_string(r, out, capacity, NULL);
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

// Index into words; count with a complaint if it is none of them.
static size_t take_word(struct json_reader *r, const char *const *words, size_t count,
                        const char *complaint)
{
    char text[TEXT_SIZE] = "";
    const size_t offset = json_offset(r);
    take_text(r, text, sizeof(text));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return i;
        }
    }
    json_complain(r, offset, complaint);
    return count;
}

static void take_key(struct json_reader *r, struct hub_sas_key *out, struct enrolment_given *given)
{
    char text[TEXT_SIZE] = "";
    const size_t offset = json_offset(r);
    take_text(r, text, sizeof(text));
    if (r->error.code == JSON_OK && key_parse(bytes_of(text, strlen(text)), out) != OK) {
        json_complain(r, offset, "a key is the base64 of 16 to 64 bytes");
    }
    given->has_keys = given->has_keys || text[0] != '\0';
    memset(text, 0, sizeof(text));
}

static void take_keys(struct json_reader *r, struct enrolment *out, struct enrolment_given *given)
{
    struct json_text key;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "primaryKey")) {
            take_key(r, &out->keys[0], given);
        } else if (json_text_is(&key, "secondaryKey")) {
            take_key(r, &out->keys[1], given);
        } else {
            json_skip(r);
        }
    }
}

// A {"certificate": text}: of a device its thumbprint, of an authority its PEM.
static void take_certificate(struct json_reader *r, bool is_client, unsigned index,
                             struct enrolment *out, struct enrolment_given *given)
{
    static char text[CERTIFICATE_TEXT_MAX + 1];
    static struct certificate_text certificate;
    struct json_text key;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (!json_text_is(&key, "certificate")) {
            json_skip(r);
            continue;
        }
        const size_t offset = json_offset(r);
        text[0] = '\0';
        take_text(r, text, sizeof(text));
        if (r->error.code != JSON_OK || text[0] == '\0') {
            continue;
        }
        if (!certificate_text_read(bytes_of(text, strlen(text)), &certificate)) {
            json_complain(r, offset, "a certificate is PEM, or the base64 of DER, up to 8 KB");
            continue;
        }
        given->has_certificates = true;
        if (is_client) {
            memcpy(out->certificates[index], certificate.pem, strlen(certificate.pem) + 1);
            memcpy(out->thumbprints[index].bytes, certificate.sha256, sizeof(certificate.sha256));
            out->thumbprints[index].size = sizeof(certificate.sha256);
        } else if (!certificate.is_authority) {
            json_complain(r, offset, "a signing certificate must be a CA's");
        } else {
            memcpy(out->authorities[index], certificate.pem, strlen(certificate.pem) + 1);
        }
    }
}

static void take_certificates(struct json_reader *r, bool is_client, struct enrolment *out,
                              struct enrolment_given *given)
{
    struct json_text key;
    const size_t offset = json_offset(r);
    bool more = enter(r);
    if (more && is_client && out->is_group) {
        json_complain(r, offset, "a group needs signingCertificates or caReferences");
    }
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "primary")) {
            take_certificate(r, is_client, 0, out, given);
        } else if (json_text_is(&key, "secondary")) {
            take_certificate(r, is_client, 1, out, given);
        } else {
            json_skip(r);
        }
    }
}

static void take_references(struct json_reader *r, struct enrolment_given *given)
{
    struct json_text key;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "primary")) {
            take_text(r, given->ca_reference[0], ID_SIZE);
        } else if (json_text_is(&key, "secondary")) {
            take_text(r, given->ca_reference[1], ID_SIZE);
        } else {
            json_skip(r);
        }
    }
    given->has_ca_references =
        given->ca_reference[0][0] != '\0' || given->ca_reference[1][0] != '\0';
}

static void take_x509(struct json_reader *r, struct enrolment *out, struct enrolment_given *given)
{
    struct json_text key;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "clientCertificates")) {
            take_certificates(r, true, out, given);
        } else if (json_text_is(&key, "signingCertificates")) {
            take_certificates(r, false, out, given);
        } else if (json_text_is(&key, "caReferences")) {
            take_references(r, given);
        } else {
            json_skip(r);
        }
    }
}

static void take_attestation(struct json_reader *r, struct enrolment *out,
                             struct enrolment_given *given)
{
    static const char *const types[] = {"symmetricKey", "x509"};
    struct json_text key;
    size_t type = 0;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "type")) {
            type = take_word(r, types, COUNT_OF(types),
                             "type is symmetricKey or x509; TPMs are not offered");
            given->has_attestation = true;
        } else if (json_text_is(&key, "symmetricKey")) {
            take_keys(r, out, given);
        } else if (json_text_is(&key, "x509")) {
            take_x509(r, out, given);
        } else {
            json_skip(r);
        }
    }
    const bool is_client = out->thumbprints[0].size > 0 || out->thumbprints[1].size > 0;
    out->attestation = type != 1   ? ATTESTATION_SYMMETRIC_KEY
                       : is_client ? ATTESTATION_X509
                                   : ATTESTATION_X509_CA;
}

static void take_hubs(struct json_reader *r, struct enrolment *out)
{
    char host[ENROLMENT_HOST_SIZE];
    size_t size = 0;
    if (json_peek(r) == JSON_NULL) {
        json_get_null(r);
        return;
    }
    bool more = json_enter_array(r);
    while (more && json_next_item(r)) {
        const size_t offset = json_offset(r);
        size_t host_size = 0;
        if (!json_get_string(r, host, sizeof(host), &host_size)) {
            continue;
        }
        if (host_size == 0 || strchr(host, ' ') != NULL ||
            size + host_size + 2 > sizeof(out->hubs)) {
            json_complain(r, offset, "iotHubs are host names, 2047 characters together");
            continue;
        }
        if (size > 0) {
            out->hubs[size++] = ' ';
        }
        memcpy(out->hubs + size, host, host_size + 1);
        size += host_size;
    }
}

// JSON as it stands; null is nothing.
static void take_document(struct json_reader *r, char *out, size_t capacity, const char *complaint)
{
    struct bytes raw;
    const size_t offset = json_offset(r);
    if (json_peek(r) == JSON_NULL) {
        json_get_null(r);
    } else if (json_raw(r, &raw)) {
        if (raw.size >= capacity) {
            json_complain(r, offset, complaint);
            return;
        }
        memcpy(out, raw.data, raw.size);
        out[raw.size] = '\0';
    }
}

static void take_custom(struct json_reader *r, struct enrolment *out)
{
    struct json_text key;
    char url[TEXT_SIZE] = "";
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        const size_t offset = json_offset(r);
        if (json_text_is(&key, "table")) {
            take_document(r, out->table, sizeof(out->table), "a table of 64 KB at most");
        } else if (json_text_is(&key, "webhookUrl")) {
            take_text(r, url, sizeof(url));
            if (url[0] != '\0') {
                json_complain(r, offset, "custom allocation here is by table, not by webhookUrl");
            }
        } else {
            json_skip(r);
        }
    }
}

static void take_reprovision(struct json_reader *r, struct enrolment *out)
{
    struct json_text key;
    bool more = enter(r);
    while (more && json_next_key(r, &key)) {
        if (json_text_is(&key, "updateHubAssignment")) {
            json_get_bool(r, &out->may_move);
        } else if (json_text_is(&key, "migrateDeviceData")) {
            json_get_bool(r, &out->keeps_data);
        } else {
            json_skip(r);
        }
    }
}

static void take_allocation(struct json_reader *r, struct enrolment *out)
{
    static const char *const words[] = {[ALLOCATION_HASHED] = "hashed",
                                        [ALLOCATION_GEO_LATENCY] = "geoLatency",
                                        [ALLOCATION_STATIC] = "static",
                                        [ALLOCATION_CUSTOM] = "custom"};
    if (json_peek(r) == JSON_NULL) {
        json_get_null(r);
        return;
    }
    const size_t word = take_word(r, words, COUNT_OF(words),
                                  "allocationPolicy is hashed, geoLatency, static or custom");
    out->allocation = word < COUNT_OF(words) ? (enum allocation_policy)word : ALLOCATION_HASHED;
}

// The members beside the id and the attestation; false: none of them.
static bool take_member(struct json_reader *r, const struct json_text *key, struct enrolment *out)
{
    static const char *const states[] = {"disabled", "enabled"};
    if (json_text_is(key, "initialTwin")) {
        take_document(r, out->initial_twin, sizeof(out->initial_twin), "an initialTwin of 40 KB");
    } else if (json_text_is(key, "provisioningStatus")) {
        out->is_enabled = take_word(r, states, COUNT_OF(states),
                                    "provisioningStatus is enabled or disabled") == 1;
    } else if (json_text_is(key, "allocationPolicy")) {
        take_allocation(r, out);
    } else if (json_text_is(key, "iotHubs")) {
        take_hubs(r, out);
    } else if (json_text_is(key, "customAllocationDefinition")) {
        take_custom(r, out);
    } else if (json_text_is(key, "reprovisionPolicy")) {
        take_reprovision(r, out);
    } else {
        return false;
    }
    return true;
}

void enrolment_from_json(struct json_reader *r, bool is_group, struct enrolment *out,
                         struct enrolment_given *given)
{
    struct json_text key;
    char host[ENROLMENT_HOST_SIZE] = "";
    bool has_policy = false;
    memset(out, 0, sizeof(*out));
    *given = (struct enrolment_given){.has_keys = false};
    out->is_group = is_group;
    out->is_enabled = true;
    out->may_move = true;
    out->keeps_data = true;
    if (!json_enter_object(r)) {
        return;
    }
    while (json_next_key(r, &key)) {
        if (json_text_is(&key, is_group ? "enrollmentGroupId" : "registrationId")) {
            json_get_string(r, out->id, sizeof(out->id), NULL);
        } else if (json_text_is(&key, "deviceId") && !is_group) {
            take_text(r, out->device_id, sizeof(out->device_id));
        } else if (json_text_is(&key, "attestation")) {
            take_attestation(r, out, given);
        } else if (json_text_is(&key, "iotHubHostName")) {
            take_text(r, host, sizeof(host));
        } else if (json_text_is(&key, "etag")) {
            take_text(r, given->etag, sizeof(given->etag));
        } else {
            has_policy = has_policy || json_text_is(&key, "allocationPolicy");
            if (!take_member(r, &key, out)) {
                json_skip(r);
            }
        }
    }
    if (host[0] != '\0' && out->hubs[0] == '\0') {
        memcpy(out->hubs, host, sizeof(host));
        out->allocation = has_policy ? out->allocation : ALLOCATION_STATIC;
    }
}
