// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/import.h"

#include "apps/hub/backend/registry.h"
#include "json/reader.h"

#include <string.h>

enum { OPEN_KEYS_MAX = 32 };

struct import {
    struct store *store;
    struct json_reader reader;
    int64_t utc_ms;
    struct import_result result;
    struct verdict *why;
    bool has_host;
};

// Every function here: false once anything is wrong; the reader's error or *why tells.
static bool read_keys(struct json_reader *r, struct device *device)
{
    size_t count = 0;
    if (!json_enter_array(r)) {
        return false;
    }
    while (json_next_item(r)) {
        size_t at = json_offset(r);
        char text[2 * KEY_TEXT_SIZE];
        size_t size = 0;
        if (!json_get_string(r, text, sizeof(text), &size)) {
            return false;
        }
        if (count == 2) {
            return json_complain(r, at, "at most 2 keys");
        }
        if (size == 0 || key_parse(bytes_of(text, size), &device->keys[count]) != OK) {
            return json_complain(r, at, "a key is base64 of 16 to 64 bytes");
        }
        count++;
    }
    return !json_failed(r);
}

static bool read_device(struct json_reader *r, struct device *device)
{
    size_t at = json_offset(r);
    struct json_text key;
    *device = (struct device){.is_enabled = true};
    if (!json_enter_object(r)) {
        return false;
    }
    while (json_next_key(r, &key)) {
        bool is_good = false;
        if (json_text_is(&key, "id")) {
            is_good = json_get_string(r, device->id, sizeof(device->id), NULL);
        } else if (json_text_is(&key, "keys")) {
            is_good = read_keys(r, device);
        } else if (json_text_is(&key, "enabled")) {
            is_good = json_get_bool(r, &device->is_enabled);
        } else {
            json_complain(r, key.offset, "unknown key: id, keys and enabled are known");
        }
        if (!is_good) {
            return false;
        }
    }
    if (json_failed(r)) {
        return false;
    }
    return (device->id[0] != '\0' && device->keys[0].size > 0) ||
           json_complain(r, at, "a device needs an id and a key");
}

static bool write_device(struct import *in, struct device *device, size_t offset)
{
    struct device old;
    struct bytes id = bytes_of(device->id, strlen(device->id));
    bool is_there = registry_read(in->store, id, &old, in->why);
    bool is_good = is_there ? registry_update(in->store, device, "*", in->utc_ms, in->why)
                            : in->why->code == HUB_DEVICE_NOT_FOUND &&
                                  registry_create(in->store, device, in->utc_ms, in->why);
    in->result.added += is_there ? 0 : 1;
    in->result.changed += is_there ? 1 : 0;
    return is_good || json_complain(&in->reader, offset, in->why->message);
}

static bool read_devices(struct import *in)
{
    struct json_reader *r = &in->reader;
    if (!json_enter_array(r)) {
        return false;
    }
    while (json_next_item(r)) {
        struct device device;
        size_t at = json_offset(r);
        if (!read_device(r, &device) || !write_device(in, &device, at)) {
            return false;
        }
    }
    return !json_failed(r);
}

static bool read_host(struct import *in)
{
    char host[256];
    size_t at = json_offset(&in->reader);
    if (!json_get_string(&in->reader, host, sizeof(host), NULL)) {
        return false;
    }
    enum err err = store_set_meta(in->store, "host", host);
    in->has_host = host[0] != '\0';
    return err == OK || json_complain(&in->reader, at, "the host could not be stored");
}

static bool read_file(struct import *in)
{
    struct json_reader *r = &in->reader;
    struct json_text key;
    if (!json_enter_object(r)) {
        return false;
    }
    while (json_next_key(r, &key)) {
        bool is_good = false;
        if (json_text_is(&key, "hub")) {
            is_good = read_host(in);
        } else if (json_text_is(&key, "devices")) {
            is_good = read_devices(in);
        } else {
            json_complain(r, key.offset, "unknown key: hub and devices are known");
        }
        if (!is_good) {
            return false;
        }
    }
    return json_end(r) &&
           (in->has_host || json_complain(r, 0, "hub, the host name of this hub, is missing"));
}

bool import_devices(struct store *store, struct bytes text, int64_t utc_ms,
                    struct import_result *out, struct verdict *why)
{
    struct json_key keys[OPEN_KEYS_MAX];
    struct json_options options = {.comments = true, .keys = keys, .key_capacity = OPEN_KEYS_MAX};
    struct import in = {.store = store, .utc_ms = utc_ms, .why = why};
    grant(why);
    enum err err = store_begin(store);
    if (err != OK) {
        return fail(why, err);
    }
    json_reader_init(&in.reader, text, &options);
    bool is_good = read_file(&in);
    err = store_end(store, is_good);
    if (!is_good) {
        struct json_place place = json_place_of(text, in.reader.error.offset);
        return refuse(why, HUB_ARGUMENT_INVALID, "line %u column %u: %s", place.line, place.column,
                      in.reader.error.message);
    }
    if (err != OK) {
        return fail(why, err);
    }
    *out = in.result;
    return grant(why);
}
