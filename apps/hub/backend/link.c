// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/link.h"

#include "json/reader.h"

#include <stdio.h>
#include <string.h>

void link_init(struct link *link)
{
    *link = (struct link){0};
}

void link_connected(struct link *link)
{
    uint64_t bad_count = link->bad_count;
    uint64_t gap_count = link->gap_count;
    *link = (struct link){
        .is_connected = true, .wants_sync = true, .bad_count = bad_count, .gap_count = gap_count};
}

void link_lost(struct link *link)
{
    link->is_connected = false;
    link->is_synced = false;
    link->wants_sync = false;
    link->wants_ack = false;
}

// Up to the next slash, which goes too; false: there is none.
static bool take_level(struct bytes *rest, struct bytes *level)
{
    const uint8_t *slash = rest->size > 0 ? memchr(rest->data, '/', rest->size) : NULL;
    if (slash == NULL) {
        return false;
    }
    size_t size = (size_t)(slash - rest->data);
    *level = bytes_of(rest->data, size);
    *rest = bytes_of(slash + 1, rest->size - size - 1);
    return true;
}

static bool to_number(struct bytes text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 19 || (text.size > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = value;
    return value <= max;
}

static bool is_word(struct bytes text, const char *word)
{
    return bytes_equal(text, bytes_of(word, strlen(word)));
}

static bool take_member(struct json_reader *r, const struct json_text *key, struct link_event *out)
{
    char text[ID_SIZE];
    size_t size = 0;
    uint64_t number = 0;
    if (json_text_is(key, "clean")) {
        return json_get_bool(r, &out->is_clean);
    }
    if (json_text_is(key, "subscriptions")) {
        bool is_good = json_get_u64(r, 0, UINT32_MAX, &number);
        out->subscriptions = (uint32_t)number;
        return is_good;
    }
    if (json_text_is(key, "id")) {
        return json_get_string(r, out->enrolment, sizeof(out->enrolment), NULL);
    }
    bool is_auth = json_text_is(key, "auth");
    bool is_enrolment = json_text_is(key, "enrolment");
    bool is_thumbprint = json_text_is(key, "thumbprint");
    if (!is_auth && !is_enrolment && !is_thumbprint) {
        return json_skip(r);
    }
    if (!json_get_string(r, text, sizeof(text), &size)) {
        return false;
    }
    if (is_thumbprint) {
        return thumbprint_parse(bytes_of(text, size), &out->thumbprint) == OK;
    }
    bool *answer = is_auth ? &out->is_x509 : &out->is_group;
    *answer = strcmp(text, is_auth ? "x509" : "group") == 0;
    return *answer || strcmp(text, is_auth ? "sas" : "individual") == 0;
}

static bool parse_up(struct bytes payload, struct link_event *out)
{
    struct json_reader r;
    struct json_text key;
    json_reader_init(&r, payload, NULL);
    bool is_good = json_enter_object(&r);
    while (is_good && json_next_key(&r, &key)) {
        is_good = take_member(&r, &key, out);
    }
    return is_good && json_end(&r);
}

static bool parse_hello(struct bytes payload, struct link_event *out)
{
    if (payload.size == 0 || payload.size >= sizeof(out->boot) ||
        memchr(payload.data, '\0', payload.size) != NULL) {
        return false;
    }
    memcpy(out->boot, payload.data, payload.size);
    return true;
}

static bool parse_metered(struct bytes payload, struct link_event *out)
{
    const uint8_t *space = payload.size > 0 ? memchr(payload.data, ' ', payload.size) : NULL;
    uint64_t number = 0;
    if (space == NULL) {
        return false;
    }
    size_t size = (size_t)(space - payload.data);
    bool is_good =
        to_number(bytes_of(payload.data, size), INT64_MAX, &number) &&
        to_number(bytes_of(space + 1, payload.size - size - 1), INT64_MAX, &out->metered.used);
    out->metered.number = (int64_t)number;
    return is_good;
}

// What stands behind `l/{seq}/`, and the payload.
static bool parse(struct bytes rest, struct bytes payload, struct link_event *out)
{
    struct bytes word;
    struct bytes number;
    if (is_word(rest, "hello")) {
        out->kind = LINK_HELLO;
        return parse_hello(payload, out);
    }
    if (is_word(rest, "metered")) {
        out->kind = LINK_METERED;
        return parse_metered(payload, out);
    }
    if (!take_level(&rest, &word) || !take_level(&rest, &number) ||
        !to_number(number, INT64_MAX, &out->connection) || out->connection == 0 || rest.size == 0 ||
        rest.size >= ID_SIZE || memchr(rest.data, '/', rest.size) != NULL ||
        memchr(rest.data, '\0', rest.size) != NULL) {
        return false;
    }
    out->device = rest;
    if (is_word(word, "up")) {
        out->kind = LINK_UP;
        return parse_up(payload, out);
    }
    if (is_word(word, "subs")) {
        uint64_t mask = 0;
        out->kind = LINK_SUBSCRIBED;
        bool is_good = to_number(payload, UINT32_MAX, &mask);
        out->subscriptions = (uint32_t)mask;
        return is_good;
    }
    if (is_word(word, "down")) {
        out->kind = LINK_DOWN;
        out->reason = payload;
        return true;
    }
    if (is_word(word, "took")) {
        out->kind = LINK_TOOK;
        return to_number(payload, INT64_MAX, &out->token);
    }
    const uint8_t *end = payload.size > 0 ? memchr(payload.data, '\0', payload.size) : NULL;
    if (!is_word(word, "req") || end == NULL) {
        return false;
    }
    size_t size = (size_t)(end - payload.data);
    out->kind = LINK_REQUEST;
    out->topic = bytes_of(payload.data, size);
    out->body = bytes_of(end + 1, payload.size - size - 1);
    return true;
}

bool link_message(struct link *link, struct bytes topic, struct bytes payload,
                  struct link_event *out)
{
    struct bytes rest = topic;
    struct bytes level;
    uint64_t sequence = 0;
    *out = (struct link_event){0};
    if (!link->is_connected || !take_level(&rest, &level) || !is_word(level, "l") ||
        !take_level(&rest, &level) || !to_number(level, INT64_MAX, &sequence)) {
        link->bad_count++;
        return false;
    }
    bool is_good = parse(rest, payload, out);
    bool is_hello = is_good && out->kind == LINK_HELLO;
    if (!is_hello && !link->is_synced) {
        return false; // a hello will tell all anew
    }
    if (!is_hello && sequence != link->sequence + 1) {
        link->gap_count++;
        link->is_synced = false;
        link->wants_sync = true;
        return false;
    }
    link->sequence = sequence;
    link->is_synced = true;
    link->bad_count += is_good ? 0 : 1;
    link->wants_ack = link->wants_ack || link->sequence - link->acknowledged >= LINK_ACK_MAX;
    return is_good;
}

void link_idle(struct link *link)
{
    link->wants_ack = link->wants_ack || (link->is_synced && link->sequence != link->acknowledged);
}

const char *link_next(struct link *link)
{
    if (!link->is_connected) {
        return NULL;
    }
    if (link->wants_sync) {
        link->wants_sync = false;
        return "sync";
    }
    if (link->wants_ack) {
        link->wants_ack = false;
        link->acknowledged = link->sequence;
        snprintf(link->topic, sizeof(link->topic), "ack/%llu", (unsigned long long)link->sequence);
        return link->topic;
    }
    return NULL;
}
