// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/identities.h"

#include "apps/hub/user_name.h"
#include "json/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_KEYS_OPEN = 32, KEY_TEXT_SIZE = 128 };

static int compare_identities(const void *a, const void *b)
{
    const struct hub_identity *left = a;
    const struct hub_identity *right = b;
    return strcmp(left->id, right->id);
}

static void sort(struct hub_identities *identities)
{
    qsort(identities->list, identities->count, sizeof(identities->list[0]), compare_identities);
}

// Every function here: false once anything is wrong; the reader's error then tells.
static bool read_keys(struct json_reader *r, struct hub_identity *identity)
{
    if (!json_enter_array(r)) {
        return false;
    }
    while (json_next_item(r)) {
        size_t at = json_offset(r);
        char text[KEY_TEXT_SIZE];
        size_t size = 0;
        if (!json_get_string(r, text, sizeof(text), &size)) {
            return false;
        }
        if (identity->key_count == HUB_KEYS_MAX) {
            return json_complain(r, at, "at most 2 keys");
        }
        struct hub_sas_key *key = &identity->keys[identity->key_count];
        if (hub_base64_decode(bytes_of(text, size), key->bytes, sizeof(key->bytes), &key->size) !=
                OK ||
            key->size < HUB_KEY_SIZE_MIN) {
            return json_complain(r, at, "a key is base64 of 16 to 64 bytes");
        }
        identity->key_count++;
    }
    return !json_failed(r);
}

static bool read_device(struct json_reader *r, struct hub_identity *identity)
{
    size_t at = json_offset(r);
    *identity = (struct hub_identity){.is_enabled = true};
    if (!json_enter_object(r)) {
        return false;
    }
    struct json_text key;
    while (json_next_key(r, &key)) {
        bool is_good = true;
        if (json_text_is(&key, "id")) {
            size_t size = 0;
            size_t id_at = json_offset(r);
            is_good = json_get_string(r, identity->id, sizeof(identity->id), &size);
            const char *fault = is_good ? hub_id_fault(bytes_of(identity->id, size)) : NULL;
            if (fault != NULL) {
                return json_complain(r, id_at, fault);
            }
        } else if (json_text_is(&key, "keys")) {
            is_good = read_keys(r, identity);
        } else if (json_text_is(&key, "enabled")) {
            is_good = json_get_bool(r, &identity->is_enabled);
        } else {
            return json_complain(r, key.offset, "unknown key: id, keys and enabled are known");
        }
        if (!is_good) {
            return false;
        }
    }
    if (json_failed(r)) {
        return false;
    }
    if (identity->id[0] == '\0' || identity->key_count == 0) {
        return json_complain(r, at, "a device needs an id and a key");
    }
    return true;
}

static bool read_devices(struct json_reader *r, struct hub_identities *out)
{
    if (!json_enter_array(r)) {
        return false;
    }
    while (json_next_item(r)) {
        if (out->count == HUB_IDENTITIES_MAX) {
            return json_complain(r, json_offset(r), "more than 4096 devices");
        }
        if (!read_device(r, &out->list[out->count])) {
            return false;
        }
        out->count++;
    }
    return !json_failed(r);
}

static bool read_file(struct json_reader *r, struct hub_identities *out)
{
    if (!json_enter_object(r)) {
        return false;
    }
    struct json_text key;
    while (json_next_key(r, &key)) {
        bool is_good = false;
        if (json_text_is(&key, "hub")) {
            is_good = json_get_string(r, out->host, sizeof(out->host), NULL);
        } else if (json_text_is(&key, "devices")) {
            is_good = read_devices(r, out);
        } else {
            json_complain(r, key.offset, "unknown key: hub and devices are known");
        }
        if (!is_good) {
            return false;
        }
    }
    if (!json_end(r)) {
        return false;
    }
    return out->host[0] != '\0' ||
           json_complain(r, 0, "hub, the host name of this hub, is missing");
}

enum err hub_identities_parse(struct bytes text, struct hub_identities *out,
                              struct hub_fault *fault)
{
    struct json_key keys[JSON_KEYS_OPEN];
    struct json_options options = {.comments = true, .keys = keys, .key_capacity = JSON_KEYS_OPEN};
    struct json_reader r;
    json_reader_init(&r, text, &options);
    out->host[0] = '\0';
    out->count = 0;
    if (!read_file(&r, out)) {
        struct json_place place = json_place_of(text, r.error.offset);
        *fault = (struct hub_fault){.line = place.line, .column = place.column};
        snprintf(fault->message, sizeof(fault->message), "%s", r.error.message);
        return ERR_CORRUPT;
    }
    sort(out);
    for (size_t i = 1; i < out->count; i++) {
        if (strcmp(out->list[i - 1].id, out->list[i].id) == 0) {
            *fault = (struct hub_fault){0};
            snprintf(fault->message, sizeof(fault->message), "device %s is there twice",
                     out->list[i].id);
            return ERR_CORRUPT;
        }
    }
    return OK;
}

struct hub_identity *hub_identities_find(struct hub_identities *identities, struct bytes id)
{
    struct hub_identity wanted;
    if (id.size >= sizeof(wanted.id)) {
        return NULL;
    }
    if (id.size > 0) {
        memcpy(wanted.id, id.data, id.size);
    }
    wanted.id[id.size] = '\0';
    return bsearch(&wanted, identities->list, identities->count, sizeof(identities->list[0]),
                   compare_identities);
}

void hub_identities_adopt(struct hub_identities *fresh, const struct hub_identities *old)
{
    size_t gone = 0;
    for (size_t i = 0; i < old->count; i++) {
        const struct hub_identity *before = &old->list[i];
        if (before->client == NULL) {
            continue;
        }
        struct hub_identity *now =
            hub_identities_find(fresh, bytes_of(before->id, strlen(before->id)));
        if (now != NULL) {
            now->client = before->client;
            now->expires_utc_s = before->expires_utc_s;
        } else if (fresh->count + gone < HUB_IDENTITIES_MAX) {
            // Behind the sorted part until all have been looked up.
            struct hub_identity *kept = &fresh->list[fresh->count + gone];
            *kept = *before;
            kept->is_enabled = false;
            gone++;
        }
    }
    fresh->count += gone;
    sort(fresh);
}
