// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/sas.h"

#include "base/text_forms.h"
#include "port/api/hmac.h"

#include <string.h>

enum { SAS_RESOURCE_SIZE_MAX = 3 * (2 * SAS_NAME_SIZE_MAX) + 32, SAS_SIGNATURE_SIZE = 45 };

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim(struct bytes in)
{
    while (in.size > 0 && is_space(in.data[0])) {
        in = bytes_of(in.data + 1, in.size - 1);
    }
    while (in.size > 0 && is_space(in.data[in.size - 1])) {
        in.size--;
    }
    return in;
}

static void put_decimal(struct writer *w, int64_t value)
{
    uint8_t digits[20];
    size_t count = 0;
    do {
        digits[count++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0) {
        put_u8(w, digits[--count]);
    }
}

static bool has_prefix(struct bytes text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static bool copy_name(struct bytes value, char out[SAS_NAME_SIZE_MAX])
{
    if (value.size == 0 || value.size >= SAS_NAME_SIZE_MAX) {
        return false;
    }
    memcpy(out, value.data, value.size);
    out[value.size] = 0;
    return true;
}

static const char *take_key(struct bytes text, struct sas_key *out)
{
    if (base64_decode(text, out->data, sizeof(out->data), &out->size) != OK) {
        return "the key is not base64 of 16 to 64 bytes";
    }
    if (out->size < SAS_KEY_SIZE_MIN) {
        return "the key is too short: at least 16 bytes before base64";
    }
    return NULL;
}

static const char *take_field(struct bytes field, struct sas_identity *out)
{
    static const char host[] = "HostName=";
    static const char device[] = "DeviceId=";
    static const char key[] = "SharedAccessKey=";
    if (has_prefix(field, host)) {
        size_t skip = sizeof(host) - 1;
        return copy_name(bytes_of(field.data + skip, field.size - skip), out->host)
                   ? NULL
                   : "HostName is empty or longer than 255 characters";
    }
    if (has_prefix(field, device)) {
        size_t skip = sizeof(device) - 1;
        return copy_name(bytes_of(field.data + skip, field.size - skip), out->device)
                   ? NULL
                   : "DeviceId is empty or longer than 255 characters";
    }
    if (has_prefix(field, key)) {
        size_t skip = sizeof(key) - 1;
        return take_key(bytes_of(field.data + skip, field.size - skip), &out->key);
    }
    return "the connection string has a field other than HostName, DeviceId, SharedAccessKey";
}

static const char *take_connection_string(struct bytes text, struct sas_identity *out)
{
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, ';', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.data);
        const char *problem = size == 0 ? NULL : take_field(bytes_of(text.data, size), out);
        if (problem != NULL) {
            return problem;
        }
        size_t used = end == NULL ? size : size + 1;
        text = bytes_of(text.data + used, text.size - used);
    }
    return out->key.size == 0 ? "the connection string has no SharedAccessKey" : NULL;
}

enum err sas_identity_parse(struct bytes text, struct sas_identity *out, const char **problem)
{
    struct sas_identity found = {.key.size = 0};
    text = trim(text);
    bool is_connection_string = text.size > 0 && (memchr(text.data, ';', text.size) != NULL ||
                                                  has_prefix(text, "HostName="));
    if (text.size == 0) {
        *problem = "empty: write a base64 key or a connection string into it";
    } else {
        *problem = is_connection_string ? take_connection_string(text, &found)
                                        : take_key(text, &found.key);
    }
    if (*problem == NULL) {
        *out = found;
    }
    sas_key_wipe(&found.key);
    return *problem == NULL ? OK : ERR_ARG;
}

void sas_key_wipe(struct sas_key *key)
{
    volatile uint8_t *data = key->data;
    for (size_t i = 0; i < sizeof(key->data); i++) {
        data[i] = 0;
    }
    key->size = 0;
}

struct sas_claim {
    const char *first; // of the resource: host or id scope
    const char *kind;  // percent-encoded, with the slashes around it
    const char *last;  // the id
    const char *policy;
};

static enum err make_token(const struct sas_key *key, const struct sas_claim *claim,
                           int64_t expiry_s, char *out, size_t capacity)
{
    if (expiry_s < 0) {
        return ERR_ARG;
    }
    // What is signed: the encoded resource, a line feed, the expiry.
    uint8_t signed_text[SAS_RESOURCE_SIZE_MAX];
    struct writer resource = writer_of(signed_text, sizeof(signed_text));
    put_percent(&resource, bytes_of_text(claim->first), HEX_SMALL);
    put_text(&resource, claim->kind);
    put_percent(&resource, bytes_of_text(claim->last), HEX_SMALL);
    size_t resource_size = resource.size;
    put_u8(&resource, '\n');
    put_decimal(&resource, expiry_s);
    if (resource.failed) {
        return ERR_SIZE;
    }
    uint8_t mac[HMAC_SHA256_SIZE];
    hmac_sha256(bytes_of(key->data, key->size), writer_bytes(&resource), mac);
    char signature[SAS_SIGNATURE_SIZE];
    base64_text(bytes_of(mac, sizeof(mac)), signature);

    struct writer token = writer_of(out, capacity);
    put_text(&token, "SharedAccessSignature sr=");
    put_bytes(&token, bytes_of(signed_text, resource_size));
    put_text(&token, "&sig=");
    put_percent(&token, bytes_of_text(signature), HEX_SMALL);
    put_text(&token, "&se=");
    put_decimal(&token, expiry_s);
    if (claim->policy != NULL) {
        put_text(&token, "&skn=");
        put_text(&token, claim->policy);
    }
    put_u8(&token, 0);
    return token.failed ? ERR_SIZE : OK;
}

enum err sas_token(const struct sas_key *key, const char *host, const char *device,
                   int64_t expiry_s, char *out, size_t capacity)
{
    const struct sas_claim claim = {.first = host, .kind = "%2fdevices%2f", .last = device};
    return make_token(key, &claim, expiry_s, out, capacity);
}

enum err sas_dps_token(const struct sas_key *key, const char *id_scope, const char *registration_id,
                       int64_t expiry_s, char *out, size_t capacity)
{
    const struct sas_claim claim = {.first = id_scope,
                                    .kind = "%2fregistrations%2f",
                                    .last = registration_id,
                                    .policy = "registration"};
    return make_token(key, &claim, expiry_s, out, capacity);
}

void sas_derive_key(const struct sas_key *group, const char *registration_id, struct sas_key *out)
{
    struct sas_key derived = {.size = HMAC_SHA256_SIZE};
    hmac_sha256(bytes_of(group->data, group->size),
                bytes_of(registration_id, strlen(registration_id)), derived.data);
    *out = derived;
    sas_key_wipe(&derived);
}

void sas_key_text(const struct sas_key *key, char out[SAS_KEY_TEXT_SIZE_MAX])
{
    base64_text(bytes_of(key->data, key->size), out);
}
