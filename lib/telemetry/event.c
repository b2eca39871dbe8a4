// SPDX-License-Identifier: Apache-2.0
#include "telemetry/event.h"

#include "base/assert.h"
#include "telemetry/words.h"

static const char *const event_names[] = {"start", "stop",  "config", "clock",
                                          "gap",   "alert", "note",   "other"};
static const char *const state_names[] = {"normal", "low", "high"};
_Static_assert(COUNT_OF(event_names) == TM_EVENT_OTHER + 1, "a name for every kind");

const char *tm_event_name(enum tm_event_kind kind)
{
    ASSERT(kind <= TM_EVENT_OTHER);
    return event_names[kind];
}

static void put_hex(struct json_writer *w, const char *key, uint64_t value)
{
    json_put_key(w, key);
    json_put_hex64(w, value);
}

static void put_filled(struct json_writer *w, const char *key, struct bytes text)
{
    if (text.size > 0) {
        json_put_key(w, key);
        json_put_text(w, text);
    }
}

static void put_alert(struct json_writer *w, const struct tm_event *event)
{
    json_put_key_u64(w, "point", event->point);
    json_put_key_string(w, "state", state_names[event->state]);
    json_put_key(w, "value");
    if (event->value.kind == TM_INT) {
        json_put_decimal(w, event->value.u.i, event->value.exponent);
    } else if (event->value.kind == TM_DOUBLE) {
        json_put_double(w, event->value.u.d);
    } else if (event->value.kind == TM_ENUM) {
        json_put_i64(w, event->value.u.i);
    } else {
        json_put_null(w);
    }
    json_put_key_double(w, "limit", event->limit);
}

static void put_event(struct json_writer *w, const struct tm_event *event)
{
    json_begin_object(w);
    json_put_key_i64(w, "at", event->at_ms);
    json_put_key_string(w, "ev", tm_event_name(event->kind));
    switch (event->kind) {
    case TM_EVENT_START: put_filled(w, "version", event->text); break;
    case TM_EVENT_CONFIG: put_hex(w, "catalogue", event->hash); break;
    case TM_EVENT_CLOCK:
        put_hex(w, "boot", event->boot_id);
        json_put_key_i64(w, "boot_ms", event->boot_ms);
        json_put_key_i64(w, "utc_ms", event->utc_ms);
        break;
    case TM_EVENT_GAP:
        json_put_key_u64(w, "count", event->count);
        json_put_key_i64(w, "from", event->from_ms);
        json_put_key_i64(w, "to", event->to_ms);
        put_filled(w, "why", event->text);
        break;
    case TM_EVENT_ALERT: put_alert(w, event); break;
    case TM_EVENT_NOTE: put_filled(w, "text", event->text); break;
    case TM_EVENT_STOP:
    case TM_EVENT_OTHER: break;
    }
    json_end_object(w);
}

static bool event_good(const struct tm_event *event)
{
    return event->kind < TM_EVENT_OTHER && event->state <= TM_ALERT_HIGH &&
           event->text.size <= TM_TEXT_SIZE_MAX;
}

enum err tm_events_write(uint64_t catalogue_hash, struct tm_axis axis,
                         const struct tm_event *events, size_t event_count, struct tm_body *body)
{
    struct json_writer w;
    size_t count = 0;
    if (event_count == 0) {
        return ERR_EMPTY;
    }
    json_writer_init(&w, body->out, body->capacity);
    tm_put_head(&w, 'e', catalogue_hash, axis.boot_id);
    json_put_key(&w, "e");
    json_begin_array(&w);
    for (; count < event_count; count++) {
        if (!event_good(&events[count])) {
            body->taken = count;
            return ERR_ARG;
        }
        struct json_writer before = w;
        put_event(&w, &events[count]);
        // Two brackets are still to come.
        if (w.failed || w.size + 2 > body->capacity) {
            w = before;
            break;
        }
    }
    json_end_array(&w);
    json_end_object(&w);
    if (count == 0 || w.failed) {
        body->taken = 0;
        return ERR_SIZE;
    }
    body->size = w.size;
    body->taken = count;
    return OK;
}

// The head must stand in front of the events, which end the message.
enum err tm_events_init(struct tm_event_reader *r, struct bytes message, char *text,
                        size_t text_capacity)
{
    struct tm_head_state state = {.err = OK};
    struct json_text key;
    bool entered = false;
    *r = (struct tm_event_reader){.text = text, .text_capacity = text_capacity};
    if (message.size > UINT32_MAX) {
        return ERR_CORRUPT;
    }
    json_reader_init(&r->json, message, NULL);
    bool more = json_enter_object(&r->json) && json_next_key(&r->json, &key);
    while (more && !entered) {
        if (json_text_is(&key, "e") && state.has_kind) {
            entered = json_enter_array(&r->json);
            break;
        }
        if (!tm_take_head(&state, &key, &r->json)) {
            (void)json_skip(&r->json);
        }
        more = json_next_key(&r->json, &key);
    }
    enum err err = tm_head_result(&state, &r->json);
    if (err != OK) {
        return err;
    }
    r->head = state.head;
    if (state.head.kind != TM_MESSAGE_EVENTS) {
        return ERR_UNSUPPORTED;
    }
    return entered ? OK : ERR_CORRUPT;
}

static bool take_words(struct json_reader *r, const char *const *words, size_t count, int *out)
{
    struct json_text text;
    if (!json_get_text(r, &text)) {
        return false;
    }
    *out = tm_word_index(text.raw, words, count);
    return true;
}

static bool take_hex(struct json_reader *r, uint64_t *out)
{
    struct json_text text;
    return json_get_text(r, &text) && tm_hex64(text.raw, out);
}

static bool take_string(struct tm_event_reader *r, struct bytes *out)
{
    size_t size = 0;
    if (!json_get_string(&r->json, r->text, r->text_capacity, &size)) {
        return false;
    }
    *out = bytes_of(r->text, size);
    return size <= TM_TEXT_SIZE_MAX;
}

static bool take_ms(struct json_reader *r, int64_t *out)
{
    return json_get_i64(r, -TM_EXACT_MAX, TM_EXACT_MAX, out);
}

static bool take_value(struct json_reader *r, struct tm_value *out)
{
    double real = 0;
    if (json_peek(r) == JSON_NULL) {
        return json_get_null(r);
    }
    if (!json_get_double(r, -1.7e308, 1.7e308, &real)) {
        return false;
    }
    *out = tm_double(real);
    return true;
}

static bool take_alert_member(struct json_reader *r, const struct json_text *key,
                              struct tm_event *event)
{
    int index = 0;
    uint64_t point = 0;
    if (json_text_is(key, "point")) {
        bool good = json_get_u64(r, 0, UINT32_MAX, &point);
        event->point = (uint32_t)point;
        return good;
    }
    if (json_text_is(key, "state")) {
        bool good = take_words(r, state_names, COUNT_OF(state_names), &index) && index >= 0;
        event->state = good ? (enum tm_alert_state)index : TM_ALERT_NORMAL;
        return good;
    }
    if (json_text_is(key, "value")) {
        return take_value(r, &event->value);
    }
    if (json_text_is(key, "limit")) {
        return json_get_double(r, -1.7e308, 1.7e308, &event->limit);
    }
    return json_skip(r); // of a newer version
}

static bool take_member(struct tm_event_reader *r, const struct json_text *key,
                        struct tm_event *event)
{
    struct json_reader *json = &r->json;
    int index = 0;
    if (json_text_is(key, "at")) {
        return take_ms(json, &event->at_ms);
    }
    if (json_text_is(key, "ev")) {
        bool good = take_words(json, event_names, COUNT_OF(event_names), &index);
        event->kind = index < 0 ? TM_EVENT_OTHER : (enum tm_event_kind)index;
        return good;
    }
    if (json_text_is(key, "version") || json_text_is(key, "why") || json_text_is(key, "text")) {
        return take_string(r, &event->text);
    }
    if (json_text_is(key, "count")) {
        return json_get_u64(json, 0, UINT64_MAX, &event->count);
    }
    if (json_text_is(key, "from")) {
        return take_ms(json, &event->from_ms);
    }
    if (json_text_is(key, "to")) {
        return take_ms(json, &event->to_ms);
    }
    if (json_text_is(key, "catalogue")) {
        return take_hex(json, &event->hash);
    }
    if (json_text_is(key, "boot")) {
        return take_hex(json, &event->boot_id);
    }
    if (json_text_is(key, "boot_ms")) {
        return take_ms(json, &event->boot_ms);
    }
    if (json_text_is(key, "utc_ms")) {
        return take_ms(json, &event->utc_ms);
    }
    return take_alert_member(json, key, event);
}

enum err tm_events_next(struct tm_event_reader *r, struct tm_event *out)
{
    struct tm_event event = {.kind = TM_EVENT_OTHER, .at_ms = -1};
    struct json_text key;
    if (!json_next_item(&r->json)) {
        while (json_next_key(&r->json, &key)) {
            (void)json_skip(&r->json);
        }
        return json_end(&r->json) ? ERR_EMPTY : ERR_CORRUPT;
    }
    if (!json_enter_object(&r->json)) {
        return ERR_CORRUPT;
    }
    while (json_next_key(&r->json, &key)) {
        if (!take_member(r, &key, &event)) {
            return ERR_CORRUPT;
        }
    }
    if (json_failed(&r->json) || event.at_ms < 0) {
        return ERR_CORRUPT;
    }
    *out = event;
    return OK;
}
