// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/hub_client/hub_call.h"

#include "base/assert.h"
#include "base/text_forms.h"
#include "json/reader.h"
#include "json/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_FIRST_MS = 500 };

void hub_call_clear(struct hub_call *call)
{
    free(call->body);
    free(call->answer);
    call->body = NULL;
    call->answer = NULL;
    call->body_size = 0;
    call->answer_size = 0;
}

bool hub_call_changes(const struct hub_call *call)
{
    return call->verb == HUB_TWIN_PATCH || call->verb == HUB_METHOD;
}

const char *hub_call_http_method(const struct hub_call *call)
{
    switch (call->verb) {
    case HUB_TWIN: return "GET";
    case HUB_TWIN_PATCH: return "PATCH";
    case HUB_METHOD:
    case HUB_QUERY:
    case HUB_MESSAGE: break;
    }
    return "POST";
}

enum err hub_call_url(const struct hub_call *call, const char *base, char *out, size_t capacity)
{
    static const struct {
        const char *before;
        const char *after;
    } paths[] = {
        [HUB_TWIN] = {"/twins/", ""},
        [HUB_TWIN_PATCH] = {"/twins/", ""},
        [HUB_METHOD] = {"/twins/", "/methods"},
        [HUB_QUERY] = {"/devices/query", NULL},
        [HUB_MESSAGE] = {"/devices/", "/messages/devicebound"},
    };
    ASSERT(call->verb < COUNT_OF(paths));
    struct writer w = writer_of(out, capacity);
    put_text(&w, base);
    put_text(&w, paths[call->verb].before);
    if (paths[call->verb].after != NULL) {
        // a path's segment: an id may hold any of + % # ? and more
        put_percent(&w, bytes_of_text(call->device), HEX_CAPITAL);
        put_text(&w, paths[call->verb].after);
    }
    put_text(&w, "?api-version=" HUB_API_VERSION);
    put_u8(&w, '\0');
    return w.failed ? ERR_SIZE : OK;
}

enum err hub_call_body(const struct hub_call *call, struct writer *out)
{
    const struct bytes body = bytes_of(call->body, call->body_size);
    struct json_writer w;
    if (call->verb != HUB_METHOD && call->verb != HUB_QUERY) {
        put_bytes(out, body);
        return out->failed ? ERR_SIZE : OK;
    }
    json_writer_init(&w, (char *)out->data + out->size, out->capacity - out->size);
    json_begin_object(&w);
    if (call->verb == HUB_METHOD) {
        json_put_key_string(&w, "methodName", call->method);
        json_put_key_u64(&w, "responseTimeoutInSeconds", call->timeout_s);
        json_put_key_u64(&w, "connectTimeoutInSeconds", 0);
        json_put_key(&w, "payload");
        if (body.size > 0) {
            json_put_raw(&w, body);
        } else {
            json_put_null(&w);
        }
    } else {
        json_put_key(&w, "query");
        json_put_text(&w, body);
    }
    json_end_object(&w);
    const size_t size = json_writer_bytes(&w).size;
    out->size += size;
    return size > 0 ? OK : ERR_SIZE;
}

uint32_t hub_call_timeout_s(const struct hub_call *call)
{
    return HUB_ANSWER_S + (call->verb == HUB_METHOD ? call->timeout_s : 0);
}

// Azure puts errors as {"Message":"ErrorCode:X;words"}, or with a JSON text as the Message, which
// holds errorCode (a number) and message.
static void read_message(struct hub_call *call, struct bytes body)
{
    char text[1024];
    struct json_reader r;
    struct json_text key;
    json_reader_init(&r, body, NULL);
    if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
        return;
    }
    while (json_next_key(&r, &key)) {
        const bool is_message = json_text_is(&key, "Message") || json_text_is(&key, "message");
        uint64_t number = 0;
        if (json_text_is(&key, "errorCode") && json_peek(&r) == JSON_NUMBER) {
            if (json_get_u64(&r, 0, UINT32_MAX, &number) && call->code[0] == '\0') {
                snprintf(call->code, sizeof(call->code), "%" PRIu64, number);
            }
        } else if (is_message && json_peek(&r) == JSON_STRING &&
                   json_get_string(&r, text, sizeof(text), NULL)) {
            if (text[0] == '{') {
                read_message(call, bytes_of(text, strlen(text)));
            } else {
                snprintf(call->message, sizeof(call->message), "%.255s", text);
            }
        } else if (!json_failed(&r) && !is_message) {
            (void)json_skip(&r);
        }
    }
}

static void read_code(struct hub_call *call, const char *header)
{
    static const struct {
        const char *number;
        const char *word;
    } words[] = {
        {"404001", "DeviceNotFound"},      {"404103", "DeviceNotOnline"},
        {"504101", "GatewayTimeout"},      {"403800", "TooManyRequests"},
        {"412002", "PreconditionFailed"},  {"429001", "ThrottlingException"},
        {"403002", "IoTHubQuotaExceeded"}, {"401002", "IoTHubUnauthorizedAccess"},
        {"401003", "IoTHubUnauthorized"},
    };
    static const char prefix[] = "ErrorCode:";
    if (header[0] != '\0') {
        snprintf(call->code, sizeof(call->code), "%s", header);
    } else if (strncmp(call->message, prefix, sizeof(prefix) - 1) == 0) {
        const char *code = call->message + sizeof(prefix) - 1;
        snprintf(call->code, sizeof(call->code), "%.*s", (int)strcspn(code, "; "), code);
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(call->code, words[i].number) == 0) {
            snprintf(call->code, sizeof(call->code), "%s", words[i].word);
        }
    }
}

static uint32_t seconds_of(const char *text)
{
    uint32_t seconds = 0;
    for (; *text >= '0' && *text <= '9' && seconds < 86400; text++) {
        seconds = seconds * 10 + (uint32_t)(*text - '0');
    }
    return *text == '\0' ? seconds : 0;
}

void hub_call_read(struct hub_call *call, const struct hub_reply *reply)
{
    call->status = reply->status;
    call->code[0] = '\0';
    call->message[0] = '\0';
    call->retry_after_s = seconds_of(reply->retry_after);
    if (reply->status >= 200 && reply->status < 300) {
        call->outcome = HUB_DONE;
        return;
    }
    read_message(call, reply->body);
    read_code(call, reply->error_code);
    if (call->message[0] == '\0') {
        snprintf(call->message, sizeof(call->message), "the hub answered %d", reply->status);
    }
    call->outcome = reply->status == 429 || reply->status == 503 ? HUB_BUSY : HUB_REFUSED;
}

bool hub_call_is_late(const struct hub_call *call, uint64_t now_us)
{
    return now_us > call->give_up_us;
}

void hub_call_set_late(struct hub_call *call)
{
    call->outcome = HUB_BUSY;
    call->status = 0;
    call->retry_after_s = 0;
    call->code[0] = '\0';
    snprintf(call->message, sizeof(call->message),
             "other calls took all places at the hub for %d s, so this one was not sent",
             HUB_GIVE_UP_MS / 1000);
}

bool hub_call_retry(struct hub_call *call, uint32_t random, uint32_t *wait_ms)
{
    const bool changes = hub_call_changes(call);
    const bool is_server_down = call->status == 500 || call->status == 502 || call->status == 504;
    bool may = false;
    if (call->is_too_large && call->item_max > 1) { // ends by itself, so it is no try
        call->item_max = call->item_max / 4 + 1;
        call->tries--;
        *wait_ms = 0;
        return true;
    }
    switch (call->outcome) {
    case HUB_DONE:
    case HUB_MISFIT: break;
    case HUB_REFUSED: may = is_server_down && !changes; break;
    case HUB_BUSY: may = true; break;
    case HUB_UNREACHABLE: may = !call->was_sent || !changes; break;
    }
    // The next tick nudges again.
    if (!may || call->verb == HUB_MESSAGE || call->tries >= HUB_TRIES_MAX) {
        return false;
    }
    const uint32_t most = (uint32_t)RETRY_FIRST_MS << call->tries;
    uint32_t wait = most / 2 + random % (most / 2 + 1);
    if (call->retry_after_s > 0) {
        wait = call->retry_after_s * 1000 + random % RETRY_FIRST_MS;
    }
    *wait_ms = wait;
    return wait <= HUB_RETRY_WAIT_MAX_MS;
}
