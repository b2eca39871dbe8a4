// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/dps_answer.h"

#include "json/reader.h"

#include <string.h>

// Words for people are cut, not refused.
static bool take_words(struct json_reader *r, char *out, size_t capacity)
{
    struct json_text text;
    if (json_peek(r) != JSON_STRING) {
        return json_skip(r);
    }
    if (!json_get_text(r, &text)) {
        return false;
    }
    size_t size = 0;
    char whole[1024];
    if (json_unescape(&text, whole, sizeof(whole), &size) != OK) {
        return true; // nobody reads that much
    }
    size = size < capacity - 1 ? size : capacity - 1;
    for (size_t i = 0; i < size; i++) {
        out[i] = (unsigned char)whole[i] < ' ' ? ' ' : whole[i];
    }
    out[size] = 0;
    return true;
}

static bool take_text(struct json_reader *r, char *out, size_t capacity)
{
    size_t size = 0;
    return json_peek(r) == JSON_NULL ? json_get_null(r) : json_get_string(r, out, capacity, &size);
}

static bool take_status(struct json_reader *r, enum dps_status *out)
{
    static const struct {
        const char *word;
        enum dps_status status;
    } words[] = {
        {"assigning", DPS_STATUS_ASSIGNING},   {"assigned", DPS_STATUS_ASSIGNED},
        {"failed", DPS_STATUS_FAILED},         {"disabled", DPS_STATUS_DISABLED},
        {"unassigned", DPS_STATUS_UNASSIGNED},
    };
    struct json_text text;
    if (!json_get_text(r, &text)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (json_text_is(&text, words[i].word)) {
            *out = words[i].status;
        }
    }
    return true;
}

static bool take_code(struct json_reader *r, int64_t *out)
{
    return json_peek(r) == JSON_NUMBER ? json_get_i64(r, 0, INT64_MAX, out) : json_skip(r);
}

static bool take_state(struct json_reader *r, struct dps_answer *out)
{
    struct json_text key;
    if (json_peek(r) == JSON_NULL) {
        return json_get_null(r);
    }
    bool is_good = json_enter_object(r);
    while (is_good && json_next_key(r, &key)) {
        if (json_text_is(&key, "assignedHub")) {
            is_good = take_text(r, out->host, sizeof(out->host));
        } else if (json_text_is(&key, "deviceId")) {
            is_good = take_text(r, out->device, sizeof(out->device));
        } else if (json_text_is(&key, "status")) {
            is_good = take_status(r, &out->status);
        } else if (json_text_is(&key, "errorCode")) {
            is_good = take_code(r, &out->error_code);
        } else if (json_text_is(&key, "errorMessage")) {
            is_good = take_words(r, out->message, sizeof(out->message));
        } else {
            is_good = json_skip(r);
        }
    }
    return is_good && !json_failed(r);
}

enum err dps_answer_parse(struct bytes body, struct dps_answer *out)
{
    struct dps_answer found = {.status = DPS_STATUS_NONE};
    struct json_reader reader;
    struct json_text key;
    json_reader_init(&reader, body, NULL);
    bool is_good = json_enter_object(&reader);
    while (is_good && json_next_key(&reader, &key)) {
        if (json_text_is(&key, "operationId")) {
            is_good = take_text(&reader, found.operation_id, sizeof(found.operation_id));
        } else if (json_text_is(&key, "status")) {
            is_good = take_status(&reader, &found.status);
        } else if (json_text_is(&key, "registrationState")) {
            is_good = take_state(&reader, &found);
        } else if (json_text_is(&key, "errorCode")) {
            is_good = take_code(&reader, &found.error_code);
        } else if (json_text_is(&key, "message")) {
            is_good = take_words(&reader, found.message, sizeof(found.message));
        } else {
            is_good = json_skip(&reader);
        }
    }
    if (!is_good || !json_end(&reader)) {
        return ERR_CORRUPT;
    }
    *out = found;
    return OK;
}
