// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/ids.h"

#include "base/assert.h"
#include "base/text_forms.h"
#include "port/api/hmac.h"

#include <string.h>
#include <sys/random.h>

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

const char *registration_id_fault(struct bytes id)
{
    if (id.size == 0) {
        return "empty registration id";
    }
    if (id.size > HUB_ID_SIZE_MAX) {
        return "registration id longer than 128 characters";
    }
    for (size_t i = 0; i < id.size; i++) {
        uint8_t c = id.data[i];
        if (!is_alphanumeric(c) && (c == '\0' || strchr("-._:", c) == NULL)) {
            return "registration id with a character outside A-Z a-z 0-9 - . _ :";
        }
    }
    // As Azure has it: the last one is alphanumeric or a dash.
    uint8_t last = id.data[id.size - 1];
    return is_alphanumeric(last) || last == '-' ? NULL : "registration id ends in . _ or :";
}

enum err key_parse(struct bytes text, struct hub_sas_key *out)
{
    struct hub_sas_key key = {0};
    if (text.size > 0) {
        enum err err = base64_decode(text, key.bytes, sizeof(key.bytes), &key.size);
        if (err != OK) {
            return err;
        }
        if (key.size < HUB_KEY_SIZE_MIN) {
            return ERR_SIZE;
        }
    }
    *out = key;
    return OK;
}

void key_text(const struct hub_sas_key *key, char out[KEY_TEXT_SIZE])
{
    base64_text(bytes_of(key->bytes, key->size), out);
}

enum err random_bytes(void *out, size_t size)
{
    ASSERT(size <= 256); // up to there getrandom gives all or nothing
    return getrandom(out, size, 0) == (ssize_t)size ? OK : ERR_IO;
}

enum err key_generate(struct hub_sas_key *out)
{
    struct hub_sas_key key = {.size = HMAC_SHA256_SIZE};
    enum err err = random_bytes(key.bytes, key.size);
    if (err == OK) {
        *out = key;
    }
    return err;
}

void key_derive(const struct hub_sas_key *group, struct bytes registration_id,
                struct hub_sas_key *out)
{
    *out = (struct hub_sas_key){.size = HMAC_SHA256_SIZE};
    hmac_sha256(bytes_of(group->bytes, group->size), registration_id, out->bytes);
}

enum err thumbprint_parse(struct bytes text, struct thumbprint *out)
{
    struct thumbprint print = {0};
    size_t digit_count = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = hex_value(text.data[i]);
        if (value < 0 && (text.data[i] == ':' || text.data[i] == ' ')) {
            continue;
        }
        if (value < 0 || digit_count == 2 * sizeof(print.bytes)) {
            return ERR_CORRUPT;
        }
        uint8_t *byte = &print.bytes[digit_count / 2];
        *byte = (uint8_t)(*byte << 4 | value);
        digit_count++;
    }
    print.size = digit_count / 2;
    if (digit_count % 2 != 0 || (print.size != 0 && print.size != THUMBPRINT_SHA1_SIZE &&
                                 print.size != THUMBPRINT_SHA256_SIZE)) {
        return ERR_CORRUPT;
    }
    *out = print;
    return OK;
}

void thumbprint_text(const struct thumbprint *in, char out[THUMBPRINT_TEXT_SIZE])
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < in->size; i++) {
        out[2 * i] = digits[in->bytes[i] >> 4];
        out[2 * i + 1] = digits[in->bytes[i] & 15];
    }
    out[2 * in->size] = '\0';
}
