// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/hub_client/service_sas.h"

#include "base/text_forms.h"
#include "port/api/hmac.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { BASE64_SIZE = 48, CLOCK_BACK_MAX_S = 60 };

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) != NULL) {
        text = bytes_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1]) != NULL) {
        text.size--;
    }
    return text;
}

static bool take_name(struct bytes value, char *out)
{
    if (value.size == 0 || value.size >= SERVICE_NAME_SIZE ||
        memchr(value.data, '\0', value.size) != NULL) {
        return false;
    }
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return true;
}

static bool take_key(struct bytes value, struct service_key *out)
{
    const char *end = NULL;
    return sodium_base642bin(out->data, sizeof(out->data), (const char *)value.data, value.size,
                             NULL, &out->size, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           end == (const char *)value.data + value.size && out->size >= SERVICE_KEY_SIZE_MIN;
}

// One `Name=value` of a connection string; the value may hold '='.
static bool take_field(struct bytes field, struct service_key *out)
{
    static const char host[] = "HostName=";
    static const char policy[] = "SharedAccessKeyName=";
    static const char key[] = "SharedAccessKey=";
    const struct {
        const char *name;
        size_t size;
    } names[] = {{host, sizeof(host) - 1}, {policy, sizeof(policy) - 1}, {key, sizeof(key) - 1}};
    for (unsigned i = 0; i < 3; i++) {
        if (field.size < names[i].size || memcmp(field.data, names[i].name, names[i].size) != 0) {
            continue;
        }
        const struct bytes value = bytes_of(field.data + names[i].size, field.size - names[i].size);
        return i == 0   ? take_name(value, out->host)
               : i == 1 ? take_name(value, out->policy)
                        : take_key(value, out);
    }
    return false;
}

static enum err parse(struct bytes text, struct service_key *out, const char **problem)
{
    text = trim(text);
    if (text.size == 0) {
        *problem = "it is empty: a base64 key or the policy's connection string is expected";
        return ERR_ARG;
    }
    if (memchr(text.data, ';', text.size) == NULL) {
        *problem = "it holds no base64 key of 16 to 64 bytes";
        return take_key(text, out) ? OK : ERR_ARG;
    }
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, ';', text.size);
        const size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        if (size > 0 && !take_field(bytes_of(text.data, size), out)) {
            *problem = "a connection string of a policy is HostName=...;SharedAccessKeyName=...;"
                       "SharedAccessKey=... and nothing else";
            return ERR_ARG;
        }
        text = bytes_of(text.data + size, text.size - size);
        text = text.size > 0 ? bytes_of(text.data + 1, text.size - 1) : text;
    }
    *problem = "the connection string lacks HostName, SharedAccessKeyName or SharedAccessKey";
    return out->size > 0 && out->host[0] != '\0' && out->policy[0] != '\0' ? OK : ERR_ARG;
}

enum err service_key_parse(struct bytes text, struct service_key *out, const char **problem)
{
    *out = (struct service_key){.size = 0};
    enum err err = parse(text, out, problem);
    if (err != OK) {
        service_key_wipe(out);
    } else {
        *problem = "";
    }
    return err;
}

void service_key_wipe(struct service_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

enum err service_token(const struct service_key *key, const char *host, const char *policy,
                       int64_t expiry_s, char *out, size_t capacity)
{
    uint8_t signed_text[3 * SERVICE_NAME_SIZE + 32];
    uint8_t mac[HMAC_SHA256_SIZE];
    char signature[BASE64_SIZE];
    char expiry[24];
    snprintf(expiry, sizeof(expiry), "%" PRId64, expiry_s);
    struct writer to_sign = writer_of(signed_text, sizeof(signed_text));
    put_percent(&to_sign, bytes_of_text(host), HEX_SMALL);
    put_u8(&to_sign, '\n');
    put_text(&to_sign, expiry);
    hmac_sha256(bytes_of(key->data, key->size), writer_bytes(&to_sign), mac);
    sodium_bin2base64(signature, sizeof(signature), mac, sizeof(mac),
                      sodium_base64_VARIANT_ORIGINAL);
    struct writer w = writer_of(out, capacity);
    put_text(&w, "SharedAccessSignature sr=");
    put_percent(&w, bytes_of_text(host), HEX_SMALL);
    put_text(&w, "&sig=");
    put_percent(&w, bytes_of_text(signature), HEX_SMALL);
    put_text(&w, "&se=");
    put_text(&w, expiry);
    put_text(&w, "&skn=");
    put_percent(&w, bytes_of_text(policy), HEX_SMALL);
    put_u8(&w, '\0');
    return w.failed || to_sign.failed ? ERR_SIZE : OK;
}

bool service_token_is_good(const struct service_token *token, int64_t now_s)
{
    return token->text[0] != '\0' && now_s >= token->made_s - CLOCK_BACK_MAX_S &&
           now_s < token->made_s + SERVICE_TOKEN_LIFE_S - SERVICE_TOKEN_RENEW_S;
}

enum err service_token_renew(struct service_token *token, const struct service_key *key,
                             const char *host, const char *policy, int64_t now_s)
{
    token->made_s = now_s;
    enum err err = service_token(key, host, policy, now_s + SERVICE_TOKEN_LIFE_S, token->text,
                                 sizeof(token->text));
    if (err != OK) {
        token->text[0] = '\0';
    }
    return err;
}
