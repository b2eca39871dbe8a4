// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/twin_view.h"

#include "json/reader.h"

#include <string.h>

enum { KEY_SIZE_MAX = 1024, TEXT_SIZE = 256, DEPTH_MAX = 24 };

static const struct json_options options = {.depth_max = DEPTH_MAX};

// desired or reported: each key but the hub's own.
static void copy_section(struct json_reader *r, struct json_writer *w, uint64_t *version)
{
    char name[KEY_SIZE_MAX + 1];
    struct json_text key;
    struct bytes value;
    json_begin_object(w);
    if (!json_enter_object(r)) {
        json_end_object(w);
        return;
    }
    while (json_next_key(r, &key)) {
        size_t size = 0;
        if (json_text_is(&key, "$version")) {
            (void)json_get_u64(r, 0, UINT64_MAX, version);
        } else if (json_text_is(&key, "$metadata") ||
                   json_unescape(&key, name, KEY_SIZE_MAX, &size) != OK) {
            (void)json_skip(r);
        } else if (json_raw(r, &value)) {
            name[size] = '\0';
            json_put_key(w, name);
            json_put_raw(w, value);
        }
    }
    json_end_object(w);
}

static bool copy_properties(struct json_reader *r, struct json_writer *w)
{
    static const char *const names[] = {"desired", "reported"};
    static const char *const versions[] = {"desired_version", "reported_version"};
    unsigned seen = 0;
    struct json_text key;
    if (!json_enter_object(r)) {
        return false;
    }
    while (json_next_key(r, &key)) {
        const unsigned which = json_text_is(&key, names[0])   ? 0
                               : json_text_is(&key, names[1]) ? 1
                                                              : 2;
        uint64_t version = 0;
        if (which == 2 || (seen & 1U << which) != 0) {
            (void)json_skip(r);
            continue;
        }
        seen |= 1U << which;
        json_put_key(w, names[which]);
        copy_section(r, w, &version);
        json_put_key_u64(w, versions[which], version);
    }
    return seen == 3;
}

static void copy_text(struct json_reader *r, struct json_writer *w, const char *name)
{
    char text[TEXT_SIZE];
    if (json_peek(r) == JSON_STRING && json_get_string(r, text, sizeof(text), NULL)) {
        json_put_key_string(w, name, text);
    } else if (!json_failed(r)) {
        (void)json_skip(r);
    }
}

enum err twin_view_write(struct bytes twin, struct json_writer *w)
{
    struct json_reader r;
    struct json_text key;
    char state[TEXT_SIZE];
    bool has_properties = false;
    bool is_connected = false;
    json_reader_init(&r, twin, &options);
    if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
        return ERR_CORRUPT;
    }
    while (json_next_key(&r, &key)) {
        if (json_text_is(&key, "properties") && !has_properties) {
            has_properties = copy_properties(&r, w);
            if (!has_properties) {
                return ERR_CORRUPT;
            }
        } else if (json_text_is(&key, "etag")) {
            copy_text(&r, w, "etag");
        } else if (json_text_is(&key, "status")) {
            copy_text(&r, w, "status");
        } else if (json_text_is(&key, "lastActivityTime")) {
            copy_text(&r, w, "last_activity");
        } else if (json_text_is(&key, "connectionState") && json_peek(&r) == JSON_STRING) {
            is_connected =
                json_get_string(&r, state, sizeof(state), NULL) && strcmp(state, "Connected") == 0;
        } else {
            (void)json_skip(&r);
        }
    }
    json_put_key_bool(w, "connected", is_connected);
    return has_properties && json_end(&r) ? OK : ERR_CORRUPT;
}

// Into the value of that key, an object.
static bool enter(struct json_reader *r, const char *name)
{
    struct json_text key;
    if (json_peek(r) != JSON_OBJECT || !json_enter_object(r)) {
        return false;
    }
    while (json_next_key(r, &key)) {
        if (json_text_is(&key, name)) {
            return true;
        }
        (void)json_skip(r);
    }
    return false;
}

enum err twin_desired_version(struct bytes twin, uint64_t *version)
{
    struct json_reader r;
    json_reader_init(&r, twin, &options);
    const bool is_there = enter(&r, "properties") && enter(&r, "desired") && enter(&r, "$version");
    return is_there && json_get_u64(&r, 0, UINT64_MAX, version) ? OK : ERR_CORRUPT;
}

static bool put_device(struct json_reader *r, struct json_writer *w)
{
    char state[TEXT_SIZE];
    struct json_text key;
    bool is_connected = false;
    bool has_id = false;
    if (json_peek(r) != JSON_OBJECT || !json_enter_object(r)) {
        return false;
    }
    json_begin_object(w);
    while (json_next_key(r, &key)) {
        if (json_text_is(&key, "deviceId")) {
            has_id = json_peek(r) == JSON_STRING;
            copy_text(r, w, "id");
        } else if (json_text_is(&key, "status")) {
            copy_text(r, w, "status");
        } else if (json_text_is(&key, "lastActivityTime")) {
            copy_text(r, w, "last_activity");
        } else if (json_text_is(&key, "connectionState") && json_peek(r) == JSON_STRING) {
            is_connected =
                json_get_string(r, state, sizeof(state), NULL) && strcmp(state, "Connected") == 0;
        } else {
            (void)json_skip(r);
        }
    }
    json_put_key_bool(w, "connected", is_connected);
    json_end_object(w);
    return has_id;
}

enum err fleet_view_write(struct bytes twins, struct json_writer *w)
{
    struct json_reader r;
    bool is_good = true;
    json_reader_init(&r, twins, &options);
    if (json_peek(&r) != JSON_ARRAY || !json_enter_array(&r)) {
        return ERR_CORRUPT;
    }
    json_begin_array(w);
    while (is_good && json_next_item(&r)) {
        is_good = put_device(&r, w);
    }
    json_end_array(w);
    return is_good && json_end(&r) ? OK : ERR_CORRUPT;
}

enum err method_answer_read(struct bytes answer, int64_t *status, struct bytes *payload)
{
    struct json_reader r;
    struct json_text key;
    bool has_status = false;
    *payload = bytes_of("null", 4);
    json_reader_init(&r, answer, &options);
    if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
        return ERR_CORRUPT;
    }
    while (json_next_key(&r, &key)) {
        if (json_text_is(&key, "status")) {
            has_status = json_get_i64(&r, INT32_MIN, INT32_MAX, status);
        } else if (json_text_is(&key, "payload")) {
            (void)json_raw(&r, payload);
        } else {
            (void)json_skip(&r);
        }
    }
    return has_status && json_end(&r) ? OK : ERR_CORRUPT;
}

enum err twin_request_read(struct bytes body, const char *name, bool takes_etag,
                           struct twin_request *out, const char **why)
{
    struct json_key keys[256];
    const struct json_options strict = {.depth_max = DEPTH_MAX, .keys = keys, .key_capacity = 256};
    struct json_reader r;
    struct json_text key;
    *out = (struct twin_request){.object = {.size = 0}};
    *why = "the body must be a JSON object";
    json_reader_init(&r, body, &strict);
    if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
        return ERR_ARG;
    }
    while (json_next_key(&r, &key)) {
        if (json_text_is(&key, name)) {
            *why = takes_etag ? "patch must be an object" : "arguments must be an object";
            if (json_peek(&r) != JSON_OBJECT || !json_raw(&r, &out->object)) {
                return ERR_ARG;
            }
        } else if (takes_etag && json_text_is(&key, "etag")) {
            *why = "etag must be the text that the configuration was shown with";
            if (!json_get_string(&r, out->etag, sizeof(out->etag), NULL)) {
                return ERR_ARG;
            }
        } else {
            *why = takes_etag ? "only etag and patch are known" : "only arguments is known";
            return ERR_ARG;
        }
    }
    *why = "the body is not JSON, is nested too deeply or names a key twice";
    return json_end(&r) && !json_failed(&r) ? OK : ERR_ARG;
}
