// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/north_internal.h"

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/clock_watch.h"
#include "port/linux/log.h"

#include <string.h>
#include <sys/timex.h>

enum {
    QUIET_FLUSH_US = 1000 * 1000, // samples wait this long for company on the way to the journal
    WATCHED_FLUSH_US = 20 * 1000,
    CLOCK_UNKNOWN_US = 5 * 1000000, // between two looks at the clock
    CLOCK_KNOWN_US = 60 * 1000000,  // and then only if there is something else to do
};

static const char *notice_name(enum journal_notice_kind kind)
{
    switch (kind) {
    case JOURNAL_MEDIUM_FULL: return "medium_full";
    case JOURNAL_MEDIUM_FAILED: return "medium_failed";
    case JOURNAL_HEALED: return "healed";
    case JOURNAL_DROPPED_OLDEST: return "dropped_oldest";
    case JOURNAL_EXPIRED: return "expired";
    case JOURNAL_DAMAGED: return "damaged";
    case JOURNAL_REFUSED: return "refused";
    case JOURNAL_NO_ROOM: return "no_room";
    }
    return "unknown";
}

static void add_note(struct north *north, uint64_t now_us, const char *text)
{
    north_add_event(north, now_us,
                    &(struct tm_event){.kind = TM_EVENT_NOTE,
                                       .at_ms = (int64_t)(now_us / US_PER_MS),
                                       .text = bytes_of(text, strlen(text))});
}

static void tell_notices(struct north *north, uint64_t now_us)
{
    struct journal_notice notice;
    while (journal_next(&north->side->journal, &notice)) {
        log_warn("journal", notice_name(notice.kind), "lane=%s count=%llu",
                 notice.lane == LANE_ALERTS ? "alerts" : "telemetry",
                 (unsigned long long)notice.count);
        if (notice.kind == JOURNAL_MEDIUM_FULL) {
            add_note(north, now_us, "journal: the medium is full, new samples wait in memory");
        } else if (notice.kind == JOURNAL_MEDIUM_FAILED) {
            add_note(north, now_us, "journal: the medium failed, new samples wait in memory");
        } else if (notice.kind == JOURNAL_HEALED) {
            add_note(north, now_us, "journal: the medium takes entries again");
        }
    }
}

static void take_stats(struct north *north, uint64_t now_us)
{
    north->stats.journal = north->side->journal.stats;
    north->stats.is_failing = north->side->journal.is_failing;
    uint64_t day = now_us / US_PER_DAY;
    if (day != north->day) {
        log_info("journal", "day", "bytes=%llu messages=%llu commits=%llu",
                 (unsigned long long)(north->stats.journal.bytes - north->day_bytes),
                 (unsigned long long)north->stats.journal.messages,
                 (unsigned long long)north->stats.journal.commits);
        north->day = day;
        north->day_bytes = north->stats.journal.bytes;
    }
    north->stats.bytes_today = north->stats.journal.bytes - north->day_bytes;
}

static void job_done(void *ctx)
{
    struct north *north = ctx;
    struct north_side *side = north->side;
    uint64_t now_us = port_now_us();
    north->is_running = false;
    if (north->is_closing) {
        return;
    }
    for (size_t i = 0; i < side->message_count; i++) {
        uplink_take(&north->uplink, now_us, &side->messages[i].message);
    }
    forward_got(&north->forward, &side->got, side->has_backlog);
    side->message_count = 0;
    // A medium that takes nothing must not keep what is stored on it from leaving.
    if (!side->journal.budget_dirty || side->journal.is_failing) {
        forward_stored(&north->forward, side->journal.budget);
    }
    north->journal_us = side->deadline_us;
    tell_notices(north, now_us);
    take_stats(north, now_us);
}

static void run_job(void *ctx)
{
    struct north *north = ctx;
    north_journal_run(north->side);
}

static bool should_submit(struct north *north, uint64_t now_us)
{
    bool has_work =
        north->mqtt != NULL && forward_has_work(&north->forward, &north->uplink, now_us);
    return !north->is_running && !north->is_closing &&
           (north->is_urgent || has_work || now_us >= north->flush_us ||
            now_us >= north->journal_us);
}

static void submit(struct north *north, uint64_t now_us)
{
    struct north_side *side = north->side;
    side->batch = north->batch;
    north->batch = north->batch == &north->batches[0] ? &north->batches[1] : &north->batches[0];
    side->want = (struct forward_want){.backlog = 0};
    if (north->mqtt != NULL) {
        side->want = forward_want(&north->forward, &north->uplink, now_us);
    }
    north->is_urgent = false;
    north->flush_us = TIME_NEVER;
    north->is_running = true;
    enum err err =
        worker_submit(north->worker, (struct job){.run = run_job, .done = job_done, .ctx = north});
    ASSERT(err == OK); // one job at a time
}

static struct north_input *new_input(struct north *north, uint64_t now_us,
                                     enum north_input_kind kind)
{
    struct north_batch *batch = north->batch;
    // Acknowledgements always find room: at most a window of them comes between two jobs. So does
    // the state of a relay whose samples did: without it they would look not taken yet.
    bool is_bulk = kind == NORTH_SAMPLE || kind == NORTH_RELAY;
    size_t capacity = is_bulk ? batch->capacity - NORTH_QUEUE_RESERVE : batch->capacity;
    capacity -= kind == NORTH_SAMPLE ? NORTH_QUEUE_RESERVE : 0;
    if (batch->count >= capacity) {
        return NULL;
    }
    struct north_input *in = &batch->inputs[batch->count++];
    in->kind = kind;
    in->now_us = now_us;
    uint64_t wait_us = north->is_watched ? WATCHED_FLUSH_US : QUIET_FLUSH_US;
    if (north->cfg.max_age_ms != 0) { // what must leave soon cannot wait long before
        wait_us = time_min(wait_us, north->cfg.max_age_ms * US_PER_MS / 4);
    }
    north->flush_us = time_min(north->flush_us, now_us + wait_us);
    north->is_urgent = north->is_urgent || batch->count >= capacity / 4;
    return in;
}

static bool keep_text(struct north *north, struct tm_value *value)
{
    struct north_batch *batch = north->batch;
    if (value->text_size > NORTH_TEXTS_SIZE - batch->texts_size) {
        return false;
    }
    char *text = &batch->texts[batch->texts_size];
    if (value->text_size > 0) {
        memcpy(text, value->u.text, value->text_size);
    }
    value->u.text = text;
    batch->texts_size += value->text_size;
    north->is_urgent = north->is_urgent || batch->texts_size >= NORTH_TEXTS_SIZE / 4;
    return true;
}

void north_add(struct north *north, uint64_t now_us, const struct tm_sample *sample)
{
    struct north_batch *batch = north->batch;
    struct tm_sample copy = *sample;
    bool fits = copy.value.kind != TM_TEXT || keep_text(north, &copy.value);
    struct north_input *in = fits ? new_input(north, now_us, NORTH_SAMPLE) : NULL;
    if (in != NULL) {
        in->u.sample = copy;
        return;
    }
    if (batch->gap_count == 0 || sample->at_us < batch->gap_from_us) {
        batch->gap_from_us = sample->at_us;
    }
    if (batch->gap_count == 0 || sample->at_us > batch->gap_to_us) {
        batch->gap_to_us = sample->at_us;
    }
    batch->gap_count++;
    north->stats.queue_dropped++;
    log_warn("journal", "queue_full", "dropped=%llu",
             (unsigned long long)north->stats.queue_dropped);
}

void north_set_relay(struct north *north, uint64_t now_us, uint32_t key, uint32_t sequence,
                     uint64_t at_us)
{
    struct north_input *in = new_input(north, now_us, NORTH_RELAY);
    if (in != NULL) {
        in->u.relay = (struct journal_relay){.key = key, .sequence = sequence, .at_us = at_us};
    }
}

void north_hurry(struct north *north, uint64_t now_us)
{
    north->is_urgent = new_input(north, now_us, NORTH_HURRY) != NULL || north->is_urgent;
}

void north_set_watched(struct north *north, uint64_t now_us, bool is_watched)
{
    struct north_input *in =
        is_watched != north->is_watched ? new_input(north, now_us, NORTH_WATCHED) : NULL;
    if (in != NULL) {
        in->u.is_watched = is_watched;
        north->is_watched = is_watched;
        north->is_urgent = true;
    }
}

void north_set_catalogue(struct north *north, const struct tm_catalogue *catalogue)
{
    struct north_input *in = new_input(north, port_now_us(), NORTH_CATALOGUE);
    if (in != NULL) {
        in->u.catalogue = catalogue;
        north->is_urgent = true;
    }
}

void north_add_event(struct north *north, uint64_t now_us, const struct tm_event *event)
{
    struct north_batch *batch = north->batch;
    bool has_text = event->text.size > 0;
    bool fits = batch->event_count < NORTH_EVENTS_MAX &&
                (!has_text || batch->event_text_count < NORTH_EVENT_TEXTS_MAX);
    struct north_input *in = fits ? new_input(north, now_us, NORTH_EVENT) : NULL;
    if (in == NULL) {
        log_warn("journal", "event_dropped", "kind=%s", tm_event_name(event->kind));
        bool is_first = batch->event_gap_count++ == 0;
        int64_t at_ms = event->at_ms;
        batch->event_gap_from_ms =
            is_first || at_ms < batch->event_gap_from_ms ? at_ms : batch->event_gap_from_ms;
        batch->event_gap_to_ms =
            is_first || at_ms > batch->event_gap_to_ms ? at_ms : batch->event_gap_to_ms;
        north->is_urgent = true;
        return;
    }
    batch->events[batch->event_count] = *event;
    if (has_text) {
        size_t size = event->text.size < TM_TEXT_SIZE_MAX ? event->text.size : TM_TEXT_SIZE_MAX;
        char *text = batch->event_texts[batch->event_text_count++];
        memcpy(text, event->text.data, size);
        batch->events[batch->event_count].text = bytes_of(text, size);
    }
    in->u.event_index = batch->event_count++;
    north->is_urgent = true;
}

bool north_clock(const struct north *north, struct wall_time *out)
{
    if (!port_wall_time(out)) {
        return false;
    }
    struct timex status = {.modes = 0};
    return north->cfg.trust_clock ||
           (adjtimex(&status) != TIME_ERROR && (status.status & STA_UNSYNC) == 0);
}

static void look_at_clock(struct north *north, uint64_t now_us)
{
    struct wall_time utc;
    if (now_us < north->clock_us) {
        return;
    }
    bool is_good = north_clock(north, &utc);
    north->is_clock_known = is_good;
    north->clock_us = now_us + (is_good ? CLOCK_KNOWN_US : CLOCK_UNKNOWN_US);
    if (!is_good) {
        return;
    }
    struct north_input *in = new_input(north, now_us, NORTH_CLOCK);
    if (in != NULL) {
        in->u.utc = utc;
    }
    if (north->mqtt != NULL) {
        north_identity_set_clock(north, now_us, utc);
        uplink_set_clock(&north->uplink, now_us, utc);
    }
}

// Samples to come are dated by the new time, the others by the old one: the turn that follows
// looks.
void north_clock_ready(void *ctx, int fd)
{
    struct north *north = ctx;
    clock_watch_rearm(fd);
    north->clock_us = 0;
}

static void take_subscribed(struct north *north, uint64_t now_us, uint32_t refused_mask)
{
    for (size_t i = 0; i < UPLINK_FILTERS; i++) {
        if ((refused_mask >> i & 1) != 0) {
            log_warn("uplink", "subscription_refused", "hub=%s filter=%s",
                     log_quote(north->id.assignment.host).text,
                     log_quote(north->uplink.filters[i]).text);
        }
    }
    uplink_subscribed(&north->uplink, now_us, refused_mask);
    if (north->uplink.state == UPLINK_ONLINE) {
        north_identity_online(north, now_us);
        log_info("uplink", "online", "hub=%s device=%s", log_quote(north->id.assignment.host).text,
                 log_quote(north->id.assignment.device).text);
    }
}

static void take_mqtt_event(struct north *north, const struct mqtt_event *event)
{
    uint64_t now_us = port_now_us();
    if (north_identity_event(north, now_us, event)) {
        return;
    }
    switch (event->kind) {
    case MQTT_CONNECTED:
        log_info("uplink", "connected", "hub=%s device=%s",
                 log_quote(north->id.assignment.host).text,
                 log_quote(north->id.assignment.device).text);
        uplink_connected(&north->uplink, now_us);
        break;
    case MQTT_SUBSCRIBED: take_subscribed(north, now_us, event->refused_mask); break;
    case MQTT_MESSAGE:
        north_channel_turn(north, now_us); // online before the first message
        north_channel_message(north, now_us, event);
        break;
    case MQTT_REFUSED:
    case MQTT_LOST:
        uplink_lost(&north->uplink, now_us, event->kind == MQTT_REFUSED);
        if (event->kind == MQTT_REFUSED) {
            north->clock_us = now_us; // a token is as good as the clock: look whether it was set
        }
        log_warn("uplink", event->kind == MQTT_REFUSED ? "refused" : "lost",
                 "hub=%s reason=%s retry_ms=%llu", log_quote(north->id.assignment.host).text,
                 log_quote(event->reason).text,
                 (unsigned long long)((uplink_deadline_us(&north->uplink) - now_us) / US_PER_MS));
        break;
    case MQTT_ACKED: uplink_acked(&north->uplink, now_us, event->token); break;
    }
}

void north_mqtt_ready(void *ctx, int fd)
{
    (void)fd;
    struct north *north = ctx;
    struct mqtt_event event;
    while (mqtt_next(north->mqtt, &event)) {
        take_mqtt_event(north, &event);
    }
}

void north_worker_ready(void *ctx, int fd)
{
    (void)fd;
    struct north *north = ctx;
    worker_collect(north->worker);
}

static void note_ack(struct north *north, uint64_t now_us, const struct uplink_out *out)
{
    struct north_input *in = new_input(north, now_us, NORTH_ACK);
    // Forgotten for want of room: the message is sent once more after a restart.
    if (in != NULL) {
        in->u.ack.lane = out->lane;
        in->u.ack.ordinal = out->ordinal;
    }
}

static enum err connect_hub(struct north *north, uint64_t now_us, const struct uplink_out *out)
{
    struct mqtt_login login;
    north_identity_login(north, now_us, &login);
    login.user = out->user;
    login.password = out->password;
    login.will_topic = out->will_topic;
    login.will_payload = out->will_payload;
    return mqtt_connect(north->mqtt, &login);
}

void north_drain_uplink(struct north *north, uint64_t now_us)
{
    struct uplink_out out;
    while (uplink_next(&north->uplink, now_us, &out)) {
        enum err err = OK;
        switch (out.kind) {
        case UPLINK_OUT_CONNECT: err = connect_hub(north, now_us, &out); break;
        case UPLINK_OUT_SUBSCRIBE:
            err = mqtt_subscribe(north->mqtt, 0, out.filters, UPLINK_FILTERS);
            break;
        case UPLINK_OUT_DISCONNECT: err = mqtt_disconnect(north->mqtt); break;
        case UPLINK_OUT_PUBLISH:
            err = mqtt_publish(north->mqtt, &(struct mqtt_publish){.token = out.token,
                                                                   .qos = 1,
                                                                   .topic = out.topic,
                                                                   .payload = out.payload});
            break;
        case UPLINK_OUT_ACK: note_ack(north, now_us, &out); break;
        }
        if (err != OK) {
            // The MQTT thread hangs in a name lookup; the uplink's time-outs try again.
            log_warn("uplink", "queue_full", "err=%s", err_name(err));
        }
    }
}

static void drain_forward(struct north *north, uint64_t now_us)
{
    struct forward_out out;
    forward_tick(&north->forward, &north->uplink, now_us);
    while (forward_next(&north->forward, &out)) {
        struct north_input *in = NULL;
        switch (out.kind) {
        case FORWARD_HURRY: north_hurry(north, now_us); break;
        case FORWARD_MAX_AGE:
            in = new_input(north, now_us, NORTH_MAX_AGE);
            if (in != NULL) {
                in->u.max_age_ms = out.max_age_ms;
            }
            break;
        case FORWARD_STORE:
            in = new_input(north, now_us, NORTH_BUDGET);
            if (in != NULL) {
                in->u.budget = out.store;
                north->is_urgent = true;
            }
            break;
        case FORWARD_NOTE:
            log_warn("uplink", "budget", "note=%s used=%u", log_quote(out.text).text,
                     north->forward.budget.used);
            add_note(north, now_us, out.text);
            break;
        }
    }
}

// An attempt that hangs ends by the uplink's own time-out: nobody else would tell of it.
static void tick_uplink(struct north *north, uint64_t now_us)
{
    uint32_t losses = north->uplink.stats.losses;
    uplink_tick(&north->uplink, now_us);
    if (north->uplink.stats.losses != losses) {
        identity_failed(&north->id.machine, now_us, false);
        log_warn("uplink", "lost", "hub=%s reason=\"no answer in time\" retry_ms=%llu",
                 log_quote(north->id.assignment.host).text,
                 (unsigned long long)((uplink_deadline_us(&north->uplink) - now_us) / US_PER_MS));
    }
}

uint64_t north_turn(struct north *north, uint64_t now_us)
{
    look_at_clock(north, now_us);
    uint64_t deadline_us = north->is_clock_known ? TIME_NEVER : north->clock_us;
    if (north->mqtt != NULL) {
        deadline_us = time_min(deadline_us, north_identity_turn(north, now_us));
        tick_uplink(north, now_us);
        north_drain_uplink(north, now_us);
        drain_forward(north, now_us);
        deadline_us = time_min(deadline_us, north_channel_turn(north, now_us));
        deadline_us = time_min(deadline_us, uplink_deadline_us(&north->uplink));
        deadline_us = time_min(deadline_us, forward_deadline_us(&north->forward, now_us));
    }
    if (should_submit(north, now_us)) {
        submit(north, now_us);
    }
    if (!north->is_running) {
        deadline_us = time_min(deadline_us, time_min(north->flush_us, north->journal_us));
    }
    return deadline_us;
}

void north_get_stats(const struct north *north, struct north_stats *out)
{
    *out = north->stats;
    out->uplink = north->uplink.stats;
    out->state = north->uplink.state;
}
