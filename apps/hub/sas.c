// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/sas.h"

#include "azure/property_bag.h"
#include "base/assert.h"
#include "base/text_forms.h"
#include "port/api/hmac.h"

#include <string.h>

static bool parse_expiry(struct bytes text, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = value;
    return text.size > 0 && text.size <= 18;
}

static struct bytes *field_of(struct hub_sas *sas, const uint8_t *key, size_t size)
{
    struct {
        const char *name;
        struct bytes *field;
    } const fields[] = {
        {"sr", &sas->resource},
        {"sig", &sas->signature},
        {"se", &sas->expiry},
        {"skn", &sas->policy},
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (size == strlen(fields[i].name) && memcmp(key, fields[i].name, size) == 0) {
            return fields[i].field;
        }
    }
    return NULL;
}

enum err hub_sas_parse(struct bytes token, struct hub_sas *out, const char **why)
{
    static const char scheme[] = "SharedAccessSignature ";
    size_t at = strlen(scheme);
    if (token.size > HUB_SAS_SIZE_MAX || token.size < at || memcmp(token.data, scheme, at) != 0) {
        *why = "password is no SharedAccessSignature";
        return ERR_ARG;
    }
    struct hub_sas sas = {0};
    while (at < token.size) {
        const uint8_t *from = token.data + at;
        size_t left = token.size - at;
        const uint8_t *end = memchr(from, '&', left);
        size_t size = end != NULL ? (size_t)(end - from) : left;
        const uint8_t *equals = memchr(from, '=', size);
        size_t key_size = equals != NULL ? (size_t)(equals - from) : size;
        struct bytes *field = equals != NULL ? field_of(&sas, from, key_size) : NULL;
        if (field == NULL || field->data != NULL) {
            *why = "token with an unknown or repeated field";
            return ERR_ARG;
        }
        *field = bytes_of(equals + 1, size - key_size - 1);
        at += end != NULL ? size + 1 : size;
    }
    if (sas.resource.size == 0 || sas.signature.size == 0 ||
        !parse_expiry(sas.expiry, &sas.expires_utc_s)) {
        *why = "token without sr, sig or a good se";
        return ERR_ARG;
    }
    *out = sas;
    return OK;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

// Takes `part` off the front of *rest; the end of *rest is fine too (a shorter resource), but not
// in the middle of a segment.
static bool take_part(struct bytes *rest, struct bytes part, bool any_case)
{
    if (rest->size < part.size) {
        return false;
    }
    for (size_t i = 0; i < part.size; i++) {
        uint8_t a = rest->data[i];
        uint8_t b = part.data[i];
        if (a != b && (!any_case || lower(a) != lower(b))) {
            return false;
        }
    }
    *rest = bytes_of(rest->data + part.size, rest->size - part.size);
    if (rest->size > 0 && rest->data[0] != '/') {
        return false;
    }
    if (rest->size > 0) {
        *rest = bytes_of(rest->data + 1, rest->size - 1);
    }
    return true;
}

bool hub_sas_opens(const struct hub_sas *sas, struct bytes host, struct bytes device_id,
                   struct bytes module_id)
{
    uint8_t decoded[HUB_SAS_SIZE_MAX];
    struct bytes rest = {.data = decoded};
    if (az_percent_decode(sas->resource, decoded, sizeof(decoded), &rest.size) != OK ||
        !take_part(&rest, host, true)) {
        return false;
    }
    struct bytes parts[] = {bytes_of("devices", 7), device_id, bytes_of("modules", 7), module_id};
    size_t part_count = module_id.size > 0 ? 4 : 2;
    for (size_t i = 0; i < part_count && rest.size > 0; i++) {
        if (!take_part(&rest, parts[i], false)) {
            return false;
        }
    }
    return rest.size == 0;
}

bool hub_sas_opens_registration(const struct hub_sas *sas, struct bytes scope, struct bytes id)
{
    uint8_t decoded[HUB_SAS_SIZE_MAX];
    uint8_t expected[HUB_SAS_SIZE_MAX];
    size_t size = 0;
    struct writer w = writer_of(expected, sizeof(expected));
    put_bytes(&w, scope);
    put_bytes(&w, bytes_of("/registrations/", 15));
    put_bytes(&w, id);
    return !w.failed && az_percent_decode(sas->resource, decoded, sizeof(decoded), &size) == OK &&
           bytes_equal(bytes_of(decoded, size), writer_bytes(&w));
}

static bool is_equal_secret(const uint8_t *a, const uint8_t *b, size_t size)
{
    volatile uint8_t difference = 0; // volatile: no early end is optimised in
    for (size_t i = 0; i < size; i++) {
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    }
    return difference == 0;
}

bool hub_sas_is_signed(const struct hub_sas *sas, const struct hub_sas_key *keys, size_t key_count)
{
    uint8_t encoded[HUB_SAS_SIZE_MAX];
    uint8_t given[HMAC_SHA256_SIZE] = {0};
    size_t size = 0;
    if (az_percent_decode(sas->signature, encoded, sizeof(encoded), &size) != OK ||
        base64_decode(bytes_of(encoded, size), given, sizeof(given), &size) != OK ||
        size != sizeof(given)) {
        return false;
    }
    uint8_t text[HUB_SAS_SIZE_MAX + 1];
    struct writer w = writer_of(text, sizeof(text));
    put_bytes(&w, sas->resource);
    put_u8(&w, '\n');
    put_bytes(&w, sas->expiry);
    bool is_good = false;
    for (size_t i = 0; i < key_count && !w.failed; i++) {
        uint8_t digest[HMAC_SHA256_SIZE];
        hmac_sha256(bytes_of(keys[i].bytes, keys[i].size), writer_bytes(&w), digest);
        is_good |= keys[i].size > 0 && is_equal_secret(digest, given, sizeof(given));
    }
    return is_good;
}
