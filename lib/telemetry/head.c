// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "telemetry/words.h"

bool tm_hex64(struct bytes text, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool digit = byte >= '0' && byte <= '9';
        if (!digit && (byte < 'a' || byte > 'f')) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit ? byte - '0' : byte - 'a' + 10);
    }
    if (text.size != 16) {
        return false;
    }
    *out = value;
    return true;
}

void tm_put_head(struct json_writer *w, char kind, uint64_t catalogue_hash, uint64_t boot_id)
{
    json_begin_object(w);
    json_put_key_i64(w, "v", TM_VERSION);
    json_put_key(w, "k");
    json_put_text(w, bytes_of(&kind, 1));
    json_put_key(w, "c");
    json_put_hex64(w, catalogue_hash);
    if (boot_id != 0) {
        json_put_key(w, "boot");
        json_put_hex64(w, boot_id);
    }
}

static void take_hash(struct tm_head_state *state, bool *has, uint64_t *out, struct json_reader *r)
{
    struct json_text text;
    if (*has || !json_get_text(r, &text) || !tm_hex64(text.raw, out)) {
        state->err = ERR_CORRUPT;
    }
    *has = true;
}

static void take_kind(struct tm_head_state *state, struct json_reader *r)
{
    static const char *const kinds[] = {"s", "c", "e"};
    struct json_text text;
    if (state->has_kind || !json_get_text(r, &text)) {
        state->err = ERR_CORRUPT;
        return;
    }
    state->has_kind = true;
    int index = tm_word_index(text.raw, kinds, COUNT_OF(kinds));
    if (index >= 0) {
        state->head.kind = (enum tm_message_kind)index;
    } else if (state->err == OK) {
        state->err = ERR_UNSUPPORTED;
    }
}

bool tm_take_head(struct tm_head_state *state, const struct json_text *key, struct json_reader *r)
{
    if (json_text_is(key, "v")) {
        uint64_t version = 0;
        if (state->has_version || !json_get_u64(r, 0, UINT32_MAX, &version)) {
            state->err = ERR_CORRUPT;
        } else if (version != TM_VERSION && state->err == OK) {
            state->err = ERR_UNSUPPORTED;
        }
        state->has_version = true;
    } else if (json_text_is(key, "k")) {
        take_kind(state, r);
    } else if (json_text_is(key, "c")) {
        take_hash(state, &state->has_hash, &state->head.catalogue_hash, r);
    } else if (json_text_is(key, "boot")) {
        take_hash(state, &state->has_boot, &state->head.boot_id, r);
        state->err = state->head.boot_id == 0 ? ERR_CORRUPT : state->err;
    } else {
        return false;
    }
    return true;
}

enum err tm_head_result(const struct tm_head_state *state, const struct json_reader *r)
{
    if (json_failed(r) || !state->has_version || !state->has_kind) {
        return ERR_CORRUPT;
    }
    if (state->err != OK) {
        return state->err;
    }
    return state->has_hash ? OK : ERR_CORRUPT;
}

// Stops before the long part of a message when the head stands in front of it, as we write it.
enum err tm_head_read(struct bytes message, struct tm_head *out)
{
    struct json_reader r;
    struct json_text key;
    struct tm_head_state state = {.err = OK};
    if (message.size > UINT32_MAX) {
        return ERR_CORRUPT;
    }
    json_reader_init(&r, message, NULL);
    bool more = json_enter_object(&r) && json_next_key(&r, &key);
    while (more) {
        bool body = json_text_is(&key, "g") || json_text_is(&key, "p") || json_text_is(&key, "e");
        if (body && state.has_version && state.has_kind && state.has_hash) {
            break;
        }
        if (!tm_take_head(&state, &key, &r)) {
            (void)json_skip(&r);
        }
        more = json_next_key(&r, &key);
    }
    enum err err = tm_head_result(&state, &r);
    if (err == OK) {
        *out = state.head;
    }
    return err;
}
