// SPDX-License-Identifier: Apache-2.0
// Events: messages of kind `e`. What happened to the gateway rather than what was measured; among
// them gap markers, which announce lost samples, and alerts.
#ifndef TELEMETRY_EVENT_H
#define TELEMETRY_EVENT_H

#include "base/err.h"
#include "telemetry/decode.h"
#include "telemetry/encode.h"
#include "json/reader.h"

enum tm_event_kind {
    TM_EVENT_START,  // the gateway started; text: its version
    TM_EVENT_STOP,   // it ends in good order
    TM_EVENT_CONFIG, // another configuration runs; hash: its catalogue
    TM_EVENT_CLOCK,  // the time was learned or stepped: utc_ms at boot_ms of boot_id
    TM_EVENT_GAP,    // count samples from from_ms to to_ms are lost; text: why, one word
    TM_EVENT_ALERT,  // a point crossed a limit; point, value, limit, state
    TM_EVENT_NOTE,   // anything else for people; text
    TM_EVENT_OTHER,  // a word from a newer version
} __attribute__((packed));

enum tm_alert_state { TM_ALERT_NORMAL, TM_ALERT_LOW, TM_ALERT_HIGH } __attribute__((packed));

// Only the fields that the kind names are sent; times in ms on the message's axis.
struct tm_event {
    enum tm_event_kind kind;
    enum tm_alert_state state;
    uint32_t point; // stable id
    int64_t at_ms;
    uint64_t count;
    int64_t from_ms, to_ms;
    uint64_t hash;
    uint64_t boot_id;
    int64_t boot_ms, utc_ms;
    struct tm_value value; // TM_INT, TM_DOUBLE, TM_ENUM; a decoded one is TM_DOUBLE
    double limit;
    struct bytes text; // UTF-8, up to TM_TEXT_SIZE_MAX
};

// As many of the first events as fit, as in tm_encode(). catalogue_hash 0: none yet.
NODISCARD enum err tm_events_write(uint64_t catalogue_hash, struct tm_axis axis,
                                   const struct tm_event *events, size_t event_count,
                                   struct tm_body *body);

struct tm_event_reader {
    struct tm_head head;
    struct json_reader json;
    char *text;
    size_t text_capacity;
};

// text[text_capacity] holds the text of one event at a time: TM_TEXT_SIZE_MAX + 1 suffices.
NODISCARD enum err tm_events_init(struct tm_event_reader *r, struct bytes message, char *text,
                                  size_t text_capacity);
// ERR_EMPTY: all read.
NODISCARD enum err tm_events_next(struct tm_event_reader *r, struct tm_event *out);

// "start", "gap" ...
const char *tm_event_name(enum tm_event_kind kind);

#endif
