// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/backend.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <stdio.h>
#include <string.h>

#define MODULE "backend"

enum { FLUSH_US = US_PER_S };

void backend_init(struct backend *b, const struct backend_config *cfg)
{
    b->store = cfg->store;
    b->stats = (struct backend_stats){0};
    b->has_answer = false;
    b->change_count = 0;
    b->told_count = 0;
    b->flush_us = TIME_NEVER;
    for (int i = 0; i < BROKER_COUNT; i++) {
        link_init(&b->links[i]);
        sessions_init(&b->sessions[i], cfg->slots[i], cfg->slot_count);
    }
    twins_init(&b->twins, cfg->store, cfg->notices);
    c2d_init(&b->c2d, cfg->store, &b->sessions[BROKER_HUB]);
    methods_init(&b->methods, &b->sessions[BROKER_HUB], cfg->calls, cfg->call_count, cfg->payloads,
                 cfg->salt);
    dps_init(&b->dps, cfg->store, &b->twins, cfg->host);
    hub_quota_init(&b->quota, &cfg->quota);
    if (metered_load(&b->quota, cfg->store) != OK) {
        log_warn(MODULE, "quota_unreadable", "%s", "(the day's count begins at 0)");
    }
    b->kept = b->quota.own;
}

static bool is_quota_kept(const struct backend *b)
{
    return b->quota.limits.messages_per_day == 0 ||
           (b->kept.number == b->quota.own.number && b->kept.used == b->quota.own.used);
}

void backend_connected(struct backend *b, enum backend_broker broker)
{
    link_connected(&b->links[broker]);
}

void backend_lost(struct backend *b, enum backend_broker broker)
{
    link_lost(&b->links[broker]);
    sessions_clear(&b->sessions[broker]);
    if (broker == BROKER_HUB) {
        c2d_lost(&b->c2d);
        b->told_count = 0; // perhaps they were not
    }
    if (b->has_answer && b->answer_broker == broker) {
        b->has_answer = false;
    }
}

static enum err store_changes(struct backend *b)
{
    enum err err = OK;
    for (size_t i = 0; err == OK && i < b->change_count; i++) {
        const struct backend_change *change = &b->changes[i];
        err = registry_set_connected(b->store, bytes_of_text(change->device_id),
                                     change->is_connected, change->utc_ms);
    }
    for (size_t i = 0; err == OK && i < b->told_count; i++) {
        err = twins_told(&b->twins, bytes_of_text(b->told[i].device_id), b->told[i].version);
    }
    if (err == OK && !is_quota_kept(b)) {
        err = metered_save(&b->quota, b->store);
    }
    return err;
}

// Nobody waits for these: they go together.
void backend_flush(struct backend *b)
{
    b->flush_us = TIME_NEVER;
    if (b->change_count == 0 && b->told_count == 0 && is_quota_kept(b)) {
        return;
    }
    enum err err = store_begin(b->store);
    if (err == OK) {
        err = store_changes(b);
        enum err end = store_end(b->store, err == OK);
        err = err != OK ? err : end;
    }
    if (err != OK) { // shown wrong until the device connects again; told twice
        log_warn(MODULE, "connection_states", "lost=%zu err=%s", b->change_count, err_name(err));
    }
    b->change_count = 0;
    b->told_count = 0;
    b->kept = b->quota.own; // or with the next
}

static void flush_soon(struct backend *b, uint64_t now_us)
{
    b->flush_us = time_min(b->flush_us, time_after(now_us, FLUSH_US));
}

static void note_change(struct backend *b, struct backend_time now, struct bytes device,
                        bool is_connected)
{
    if (b->change_count == BACKEND_CHANGES_MAX) {
        backend_flush(b);
    }
    struct backend_change *change = &b->changes[b->change_count++];
    *change = (struct backend_change){.is_connected = is_connected, .utc_ms = now.utc_ms};
    memcpy(change->device_id, device.data, device.size);
    flush_soon(b, now.now_us);
}

static void on_hello(struct backend *b, enum backend_broker broker, struct backend_time now,
                     const char *boot)
{
    sessions_clear(&b->sessions[broker]);
    log_info(MODULE, "hello", "broker=%s boot=%s", broker == BROKER_HUB ? "hub" : "dps",
             log_quote(boot).text);
    if (broker == BROKER_HUB) {
        backend_flush(b);
        if (registry_clear_connected(b->store, now.utc_ms) != OK) {
            log_warn(MODULE, "connection_states", "%s", "");
        }
        c2d_hello(&b->c2d, boot);
    }
}

static void on_up(struct backend *b, enum backend_broker broker, struct backend_time now,
                  const struct link_event *in)
{
    struct sessions *sessions = &b->sessions[broker];
    struct session *session = sessions_add(sessions, in->device);
    if (session == NULL) {
        log_error(MODULE, "sessions_full", "count=%zu (see --connection-max)", sessions->count);
        return;
    }
    session->connection = in->connection;
    session->subscriptions = in->subscriptions;
    session->is_x509 = in->is_x509;
    session->is_group = in->is_group;
    session->is_c2d_due = false;
    session->thumbprint = in->thumbprint;
    memcpy(session->enrolment, in->enrolment, sizeof(session->enrolment));
    if (in->enrolment[0] == '\0') {
        memcpy(session->enrolment, session->id, sizeof(session->enrolment));
    }
    session->activity_ms = now.utc_ms;
    if (broker == BROKER_HUB) {
        note_change(b, now, in->device, true);
        c2d_up(&b->c2d, now.now_us, now.utc_ms, in->device, in->is_clean);
        methods_end_former(&b->methods, in->device, registry_generation(b->store, in->device));
        methods_changed(&b->methods, now.now_us, in->device);
        if ((in->subscriptions & SESSION_DESIRED) != 0) {
            twins_tell_again(&b->twins, in->device);
        }
    }
}

// The session of that connection; NULL: another one is known by now, or none.
static struct session *session_of(struct backend *b, enum backend_broker broker,
                                  const struct link_event *in)
{
    struct session *session = sessions_find(&b->sessions[broker], in->device);
    return session != NULL && session->connection == in->connection ? session : NULL;
}

static void on_subscribed(struct backend *b, enum backend_broker broker, struct backend_time now,
                          const struct link_event *in)
{
    struct session *session = session_of(b, broker, in);
    if (session == NULL) {
        return;
    }
    session->subscriptions = in->subscriptions;
    if (broker == BROKER_HUB) {
        if ((in->subscriptions & SESSION_C2D) == 0) {
            c2d_down(&b->c2d, in->device); // what is on its way will be dropped there
        }
        c2d_subscribed(&b->c2d, in->device);
        methods_changed(&b->methods, now.now_us, in->device);
    }
}

static void on_down(struct backend *b, enum backend_broker broker, struct backend_time now,
                    const struct link_event *in)
{
    if (session_of(b, broker, in) == NULL) {
        return;
    }
    if (broker == BROKER_HUB) {
        c2d_down(&b->c2d, in->device);
        note_change(b, now, in->device, false);
    }
    sessions_remove(&b->sessions[broker], in->device);
}

// The body of a refusal: Microsoft's device SDKs look at errorCode and message.
static struct bytes error_body(struct backend *b, const struct verdict *why, int64_t utc_ms)
{
    struct json_writer w;
    char time[STORE_TIME_SIZE];
    char tracking[24] = "";
    uint64_t random = 0;
    if (random_bytes(&random, sizeof(random)) == OK) {
        snprintf(tracking, sizeof(tracking), "%016llx", (unsigned long long)random);
    }
    store_time(utc_ms, time);
    json_writer_init(&w, b->answer_text, sizeof(b->answer_text));
    json_begin_object(&w);
    json_put_key_i64(&w, "errorCode", why->code);
    json_put_key_string(&w, "message", why->message);
    json_put_key_string(&w, "trackingId", tracking);
    json_put_key_string(&w, "timestampUtc", time);
    json_end_object(&w);
    return json_writer_bytes(&w);
}

static void charge(struct backend *b, struct backend_time now, size_t size)
{
    hub_quota_charge(&b->quota, now.utc_ms, size);
    if (!is_quota_kept(b)) {
        flush_soon(b, now.now_us);
    }
}

static void twin_request(struct backend *b, struct backend_time now, struct bytes device,
                         const struct az_topic *topic, struct bytes body)
{
    struct verdict why;
    struct json_writer w;
    struct az_topic *answer = &b->answer_topic;
    int64_t utc_ms = now.utc_ms;
    enum hub_quota_kind kind =
        topic->kind == AZ_TWIN_GET ? HUB_QUOTA_TWIN_READS : HUB_QUOTA_TWIN_UPDATES;
    bool is_good =
        metered_admit(&b->quota, kind, (struct hub_quota_time){now.now_us, utc_ms}, &why);
    *answer = (struct az_topic){.kind = AZ_TWIN_ANSWER};
    b->answer_body = bytes_of(NULL, 0);
    if (!is_good) {
        // told below
    } else if (topic->kind == AZ_TWIN_GET) {
        json_writer_init(&w, b->answer_text, sizeof(b->answer_text));
        is_good = twins_get(&b->twins, device, &w, &why);
        answer->status = 200;
        b->answer_body = is_good ? json_writer_bytes(&w) : b->answer_body;
    } else {
        struct twins_patch patch = {
            .body = body, .has_base = topic->has_version, .base = topic->version, .utc_ms = utc_ms};
        is_good = twins_report(&b->twins, device, &patch, &answer->version, &why);
        answer->status = 204;
        answer->has_version = is_good;
    }
    if (!is_good) {
        answer->status = hub_code_status(why.code);
        b->answer_body = error_body(b, &why, utc_ms);
        b->stats.refused++;
    } else {
        charge(b, now, topic->kind == AZ_TWIN_GET ? b->answer_body.size : body.size);
    }
}

static void on_hub_request(struct backend *b, struct backend_time now, struct session *session,
                           const struct az_topic *topic, struct bytes body)
{
    if (topic->kind == AZ_METHOD_ANSWER) {
        methods_answer(&b->methods, bytes_of_text(session->id), topic->rid, topic->status, body);
    } else if (topic->kind == AZ_TWIN_GET || topic->kind == AZ_TWIN_REPORT) {
        twin_request(b, now, bytes_of_text(session->id), topic, body);
        b->has_answer = true;
    }
}

static void on_dps_request(struct backend *b, struct backend_time now, struct session *session,
                           const struct az_topic *topic, struct bytes body)
{
    if (topic->kind != AZ_DPS_REGISTER && topic->kind != AZ_DPS_STATUS) {
        return;
    }
    struct dps_answer answer;
    struct dps_request in = {
        .session = session, .topic = topic, .body = body, .utc_ms = now.utc_ms};
    dps_request(&b->dps, &in, &answer);
    b->answer_topic = (struct az_topic){.kind = AZ_DPS_ANSWER,
                                        .status = answer.status,
                                        .has_retry_after = answer.has_retry_after,
                                        .retry_after_s = b->dps.retry_after_s};
    b->answer_body = answer.body;
    b->has_answer = true;
    b->stats.refused += answer.status >= 400 ? 1 : 0;
}

static void on_request(struct backend *b, enum backend_broker broker, struct backend_time now,
                       const struct link_event *in)
{
    struct az_topic topic;
    struct session *session = session_of(b, broker, in);
    if (session == NULL || az_topic_parse(in->topic, &topic) != OK ||
        topic.rid.size >= sizeof(b->answer_rid)) {
        b->stats.unknown++;
        return;
    }
    ASSERT(!b->has_answer); // the caller drained the last one
    b->stats.requests[broker]++;
    session->activity_ms = now.utc_ms;
    if (broker == BROKER_HUB) {
        on_hub_request(b, now, session, &topic, in->body);
    } else {
        on_dps_request(b, now, session, &topic, in->body);
    }
    if (b->has_answer) {
        b->answer_broker = broker;
        b->answer_connection = session->connection;
        memcpy(b->answer_device, session->id, sizeof(b->answer_device));
        memcpy(b->answer_rid, topic.rid.data, topic.rid.size);
        b->answer_topic.rid = bytes_of(b->answer_rid, topic.rid.size);
    }
}

static void on_took(struct backend *b, enum backend_broker broker, struct backend_time now,
                    const struct link_event *in)
{
    if (broker == BROKER_HUB && session_of(b, broker, in) != NULL) {
        c2d_taken(&b->c2d, now.now_us, now.utc_ms, in->device, in->token);
    }
}

void backend_message(struct backend *b, enum backend_broker broker, struct backend_time now,
                     struct bytes topic, struct bytes payload)
{
    struct link_event event;
    if (!link_message(&b->links[broker], topic, payload, &event)) {
        return;
    }
    switch (event.kind) {
    case LINK_HELLO: on_hello(b, broker, now, event.boot); break;
    case LINK_UP: on_up(b, broker, now, &event); break;
    case LINK_SUBSCRIBED: on_subscribed(b, broker, now, &event); break;
    case LINK_DOWN: on_down(b, broker, now, &event); break;
    case LINK_REQUEST: on_request(b, broker, now, &event); break;
    case LINK_TOOK: on_took(b, broker, now, &event); break;
    case LINK_METERED: b->quota.other = event.metered; break;
    }
}

void backend_undone(struct backend *b)
{
    b->c2d.boot[0] = '\0';
}

void backend_idle(struct backend *b, enum backend_broker broker)
{
    link_idle(&b->links[broker]);
}

uint64_t backend_deadline_us(const struct backend *b)
{
    uint64_t deadline_us = time_min(b->flush_us, c2d_deadline_us(&b->c2d));
    return time_min(deadline_us, methods_deadline_us(&b->methods));
}

void backend_tick(struct backend *b, struct backend_time now)
{
    c2d_tick(&b->c2d, now.now_us, now.utc_ms);
    methods_tick(&b->methods, now.now_us);
    if (now.now_us >= b->flush_us) {
        backend_flush(b);
    } else if (!is_quota_kept(b)) {
        flush_soon(b, now.now_us);
    }
}

struct target {
    struct bytes device;
    uint64_t connection;
    int qos;
    uint64_t token; // not 0: the plugin shall tell that it handed the message over
};

// `to/{conn}/{qos}/{device}` or `tell/{conn}/{token}/{device}` with topic, 0, body.
static void write_to(struct backend *b, struct target target, const struct az_topic *topic,
                     struct bytes body, struct backend_out *out)
{
    struct writer w = writer_of(b->payload, sizeof(b->payload));
    snprintf(b->topic, sizeof(b->topic), "%s/%llu/%llu/%.*s", target.token != 0 ? "tell" : "to",
             (unsigned long long)target.connection,
             target.token != 0 ? (unsigned long long)target.token : (unsigned long long)target.qos,
             (int)target.device.size, (const char *)target.device.data);
    az_topic_build(topic, &w);
    put_u8(&w, 0);
    put_bytes(&w, body);
    ASSERT(!w.failed);
    *out = (struct backend_out){.topic = b->topic, .payload = writer_bytes(&w), .qos = target.qos};
}

static bool next_answer(struct backend *b, enum backend_broker broker, struct backend_out *out)
{
    if (!b->has_answer || b->answer_broker != broker) {
        return false;
    }
    b->has_answer = false;
    write_to(b, (struct target){bytes_of_text(b->answer_device), b->answer_connection, 0, 0},
             &b->answer_topic, b->answer_body, out);
    return true;
}

static void note_told(struct backend *b, uint64_t now_us, const struct twins_out *notice)
{
    if (b->told_count == BACKEND_CHANGES_MAX) {
        backend_flush(b);
    }
    struct backend_told *told = &b->told[b->told_count++];
    *told = (struct backend_told){.version = notice->version};
    memcpy(told->device_id, notice->device_id.data, notice->device_id.size);
    flush_soon(b, now_us);
}

static bool next_notice(struct backend *b, struct backend_time now, struct backend_out *out)
{
    struct twins_out notice;
    while (twins_next(&b->twins, &notice)) {
        const struct session *session = sessions_find(&b->sessions[BROKER_HUB], notice.device_id);
        if (session != NULL && (session->subscriptions & SESSION_DESIRED) != 0) {
            struct az_topic topic = {
                .kind = AZ_TWIN_DESIRED, .has_version = true, .version = notice.version};
            write_to(b, (struct target){notice.device_id, session->connection, 1, 0}, &topic,
                     notice.body, out);
            note_told(b, now.now_us, &notice);
            charge(b, now, notice.body.size);
            return true;
        }
    }
    return false;
}

static bool next_call(struct backend *b, uint64_t now_us, struct backend_out *out)
{
    struct methods_out call;
    if (!methods_next(&b->methods, now_us, &call)) {
        return false;
    }
    write_to(b, (struct target){call.device_id, call.connection, 0, 0}, &call.topic, call.body,
             out);
    return true;
}

static bool next_message(struct backend *b, int64_t utc_ms, struct backend_out *out)
{
    struct c2d_out message;
    if (!c2d_next(&b->c2d, utc_ms, &message)) {
        return false;
    }
    struct az_topic topic = {.kind = AZ_C2D, .device_id = message.device_id, .bag = message.bag};
    write_to(b, (struct target){message.device_id, message.connection, 1, message.token}, &topic,
             message.payload, out);
    return true;
}

bool backend_next(struct backend *b, enum backend_broker broker, struct backend_time now,
                  struct backend_out *out)
{
    struct twins_out unheard;
    if (!b->links[broker].is_connected) {
        while (broker == BROKER_HUB && twins_next(&b->twins, &unheard)) {
        } // the rows know
        return false;
    }
    // An answer goes before the acknowledgement of what it answers: else a kill between the two
    // would leave the device without any.
    if (next_answer(b, broker, out)) {
        return true;
    }
    const char *word = link_next(&b->links[broker]);
    if (word != NULL) {
        *out = (struct backend_out){.topic = word, .qos = 1};
        return true;
    }
    return broker == BROKER_HUB && (next_notice(b, now, out) || next_call(b, now.now_us, out) ||
                                    next_message(b, now.utc_ms, out));
}
