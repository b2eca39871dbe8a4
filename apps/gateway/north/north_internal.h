// SPDX-License-Identifier: Apache-2.0
// What the files behind north_linux.h share.
#ifndef GATEWAY_NORTH_INTERNAL_H
#define GATEWAY_NORTH_INTERNAL_H

#include "apps/gateway/journal/journal.h"
#include "apps/gateway/north/forward.h"
#include "apps/gateway/north/inbox.h"
#include "apps/gateway/north/north_identity.h"
#include "apps/gateway/north/north_linux.h"
#include "apps/gateway/north/proxy_linux.h"
#include "port/linux/mqtt.h"
#include "port/linux/storage.h"
#include "port/linux/worker.h"

enum {
    NORTH_TEXTS_SIZE = 32 * 1024, // bytes
    NORTH_EVENTS_MAX = 512,       // all limits may be crossed in one turn
    NORTH_EVENT_TEXTS_MAX = 16,   // an alert has none
    NORTH_QUEUE_RESERVE = 64,     // inputs: for relays, and again for all others but samples
};

enum north_input_kind {
    NORTH_SAMPLE,
    NORTH_RELAY,
    NORTH_EVENT,
    NORTH_ACK,
    NORTH_HURRY,
    NORTH_WATCHED,
    NORTH_CLOCK,
    NORTH_CATALOGUE,
    NORTH_MAX_AGE,
    NORTH_BUDGET,
};

struct north_input {
    enum north_input_kind kind;
    uint64_t now_us;
    union {
        struct tm_sample sample;
        struct journal_relay relay;
        size_t event_index;
        struct {
            enum journal_lane lane;
            uint64_t ordinal;
        } ack;
        bool is_watched;
        struct wall_time utc;
        const struct tm_catalogue *catalogue;
        uint32_t max_age_ms;
        struct journal_budget budget;
    } u;
};

// Inputs gathered on the loop while the journal's thread works on the other batch.
struct north_batch {
    struct north_input *inputs;
    size_t capacity, count;
    struct tm_event events[NORTH_EVENTS_MAX];
    char event_texts[NORTH_EVENT_TEXTS_MAX][TM_TEXT_SIZE_MAX];
    size_t event_count, event_text_count;
    char texts[NORTH_TEXTS_SIZE]; // of the samples
    size_t texts_size;
    uint64_t gap_count, gap_from_us, gap_to_us; // samples that found no room
    uint64_t event_gap_count;                   // events
    int64_t event_gap_from_ms, event_gap_to_ms;
};

struct north_message {
    struct journal_message message;
    uint8_t payload[JOURNAL_PAYLOAD_SIZE_MAX];
};

// The journal's thread owns this while a job runs, the loop else.
struct north_side {
    struct journal journal;
    struct north_batch *batch;
    const struct tm_catalogue *catalogue;
    struct forward_want want; // messages the uplink has room for
    struct forward_want got;
    bool has_backlog; // more waits
    struct north_message messages[UPLINK_WINDOW_MAX];
    size_t message_count;
    uint64_t deadline_us;
    uint64_t applied_us; // time of the last input
    int trace_fd;        // -1: none
};

struct north {
    struct north_config cfg;
    struct north_identity id;
    struct linux_storage storage[LANE_COUNT];
    struct worker *worker;
    struct mqtt *mqtt; // NULL: no hub
    struct uplink uplink;
    struct inbox inbox;
    uint32_t inbox_connect; // the uplink's connect that the inbox is online in
    struct north_side *side;
    struct north_batch batches[2];
    struct north_batch *batch; // being filled
    struct north_stats stats;
    bool is_running; // the journal's thread owns the side
    bool is_closing;
    bool is_urgent; // the batch must not wait
    bool is_watched;
    struct forward forward;
    uint64_t flush_us; // the batch goes then
    uint64_t journal_us;
    bool is_clock_known;
    uint64_t clock_us; // next look at the clock
    int clock_fd;      // readable when somebody sets it; -1: none
    uint64_t day, day_bytes;
};

// north_linux.c
void north_mqtt_ready(void *ctx, int fd);
void north_worker_ready(void *ctx, int fd);
void north_clock_ready(void *ctx, int fd);
void north_drain_uplink(struct north *north, uint64_t now_us);
// True if the clock was set and may be believed.
bool north_clock(const struct north *north, struct wall_time *out);

// north_open.c
uint64_t north_random_id(void);

// north_channel.c: the messages beside the journal's. A turn returns the next deadline.
void north_channel_message(struct north *north, uint64_t now_us, const struct mqtt_event *event);
uint64_t north_channel_turn(struct north *north, uint64_t now_us);

// north_journal.c: one turn of the journal, blocking; ctx is the struct north_side.
void north_journal_run(void *ctx);
void north_apply(struct north_side *side);
void north_tick(struct north_side *side, uint64_t now_us);
void north_trace(struct north_side *side);

// sync_trace.c: a JSON line for each sample that became durable, by write(2).
void sync_trace_write(int fd, const struct tm_catalogue *catalogue,
                      const struct journal_synced *synced);

#endif
