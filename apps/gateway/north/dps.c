// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/dps.h"

#include "apps/gateway/north/assignment.h"
#include "apps/gateway/north/dps_answer.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "json/reader.h"
#include "json/writer.h"

#include <string.h>

enum {
    ANSWER_TIMEOUT_MS = 30000,
    LIFE_MS = 600000,
    TOKEN_LIFE_S = 3600,
    RETRY_AFTER_DEFAULT_S = 3, // of 202 without one; the service allows 5 polls in 10 s
    RETRY_AFTER_MIN_S = 2,
    RETRY_AFTER_MAX_S = 120, // a longer one is not believed
    DOUBLINGS_MAX = 20,
};

// How long to wait after a failure: the first time, and at most. Others fail for all boxes at once,
// and a person's mistake is mended by a person.
static const struct {
    const char *name;
    uint32_t first_s, most_s;
} FAILURES[] = {
    [DPS_UNREACHABLE] = {"unreachable", 2, 300}, [DPS_DENIED] = {"denied", 30, 1800},
    [DPS_THROTTLED] = {"throttled", 10, 600},    [DPS_UNWELL] = {"unwell", 5, 600},
    [DPS_DISABLED] = {"disabled", 60, 3600},     [DPS_UNASSIGNED] = {"unassigned", 60, 3600},
    [DPS_FAILED] = {"failed", 60, 3600},
};

const char *dps_failure_name(enum dps_failure failure)
{
    return FAILURES[failure].name;
}

static bool is_json(const char *text)
{
    struct json_reader reader;
    json_reader_init(&reader, bytes_of(text, strlen(text)), NULL);
    return json_skip(&reader) && json_end(&reader);
}

enum err dps_init(struct dps *dps, const struct dps_config *cfg)
{
    *dps = (struct dps){.state = DPS_IDLE, .cfg = *cfg, .random = cfg->seed | 1};
    dps->cfg.answer_timeout_ms =
        cfg->answer_timeout_ms == 0 ? ANSWER_TIMEOUT_MS : cfg->answer_timeout_ms;
    dps->cfg.life_ms = cfg->life_ms == 0 ? LIFE_MS : cfg->life_ms;
    bool has_payload = cfg->payload != NULL && cfg->payload[0] != 0;
    if (!assignment_is_name(cfg->id_scope) || !assignment_is_name(cfg->registration_id) ||
        (has_payload && (strlen(cfg->payload) > DPS_PAYLOAD_SIZE_MAX || !is_json(cfg->payload)))) {
        return ERR_ARG;
    }
    struct writer user = writer_of(dps->user, sizeof(dps->user));
    put_text(&user, cfg->id_scope);
    put_text(&user, "/registrations/");
    put_text(&user, cfg->registration_id);
    put_text(&user, "/api-version=2019-03-31");
    put_u8(&user, 0);
    struct json_writer body;
    json_writer_init(&body, dps->body, sizeof(dps->body));
    json_begin_object(&body);
    json_put_key_string(&body, "registrationId", cfg->registration_id);
    if (has_payload) {
        json_put_key(&body, "payload");
        json_put_raw(&body, bytes_of(cfg->payload, strlen(cfg->payload)));
    }
    json_end_object(&body);
    dps->body_size = json_writer_bytes(&body).size;
    return user.failed || body.failed ? ERR_ARG : OK;
}

// xorshift64*, as in uplink.c.
static uint64_t next_random(struct dps *dps)
{
    dps->random ^= dps->random >> 12;
    dps->random ^= dps->random << 25;
    dps->random ^= dps->random >> 27;
    return dps->random * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t backoff_us(struct dps *dps, enum dps_failure failure)
{
    uint64_t ceiling_s = FAILURES[failure].first_s;
    for (uint32_t i = 1; i < dps->failures && i < DOUBLINGS_MAX; i++) {
        ceiling_s *= 2;
    }
    ceiling_s = ceiling_s < FAILURES[failure].most_s ? ceiling_s : FAILURES[failure].most_s;
    uint64_t half_us = ceiling_s * US_PER_S / 2;
    uint64_t wait_us = half_us + next_random(dps) % (half_us + 1);
    // The service's own wish, with jitter on top.
    uint64_t wish_us = dps->retry_after_s * US_PER_S;
    return wait_us > wish_us ? wait_us : wish_us + wait_us / 2;
}

static void fail(struct dps *dps, uint64_t now_us, enum dps_failure failure, const char *reason)
{
    dps->failures++;
    dps->failure = failure;
    struct writer w = writer_of(dps->reason, sizeof(dps->reason) - 1);
    size_t size = strlen(reason);
    put_bytes(&w,
              bytes_of(reason, size < sizeof(dps->reason) - 1 ? size : sizeof(dps->reason) - 1));
    dps->reason[w.size] = 0;
    dps->until_us = time_after(now_us, backoff_us(dps, failure));
    dps->retry_after_s = 0;
    dps->state = DPS_BACKING_OFF;
    dps->must_connect = dps->must_subscribe = dps->must_publish = false;
    dps->must_disconnect = true;
    dps->must_tell = true;
    dps->is_assigned = false;
}

static void step_until(struct dps *dps, uint64_t now_us, enum dps_state state)
{
    dps->state = state;
    dps->until_us =
        time_min(dps->give_up_us, time_after(now_us, dps->cfg.answer_timeout_ms * US_PER_MS));
}

static void enter_connecting(struct dps *dps, uint64_t now_us)
{
    if (dps->cfg.key != NULL) {
        int64_t utc_s = (dps->utc_offset_ms + (int64_t)(now_us / US_PER_MS)) / (int64_t)MS_PER_S;
        enum err err = sas_dps_token(dps->cfg.key, dps->cfg.id_scope, dps->cfg.registration_id,
                                     utc_s + TOKEN_LIFE_S, dps->password, sizeof(dps->password));
        ASSERT(err == OK); // names were checked, a trusted clock is positive
    }
    dps->give_up_us = time_after(now_us, dps->cfg.life_ms * US_PER_MS);
    dps->is_polling = false;
    dps->must_connect = true;
    step_until(dps, now_us, DPS_CONNECTING);
}

void dps_set_clock(struct dps *dps, uint64_t now_us, struct wall_time utc)
{
    ASSERT(utc.utc_ms > 0);
    dps->utc_offset_ms = utc.utc_ms - (int64_t)(now_us / US_PER_MS);
    dps->has_clock = true;
}

void dps_start(struct dps *dps, uint64_t now_us)
{
    if (dps->state == DPS_IDLE && !dps->must_tell && (dps->has_clock || dps->cfg.key == NULL)) {
        enter_connecting(dps, now_us);
    }
}

void dps_stop(struct dps *dps)
{
    dps->must_disconnect = dps->must_disconnect || dps->state == DPS_CONNECTING ||
                           dps->state == DPS_SUBSCRIBING || dps->state == DPS_ASKING ||
                           dps->state == DPS_RESTING;
    dps->must_connect = dps->must_subscribe = dps->must_publish = dps->must_tell = false;
    dps->state = DPS_IDLE;
}

void dps_connected(struct dps *dps, uint64_t now_us)
{
    if (dps->state == DPS_CONNECTING) {
        dps->must_subscribe = true;
        step_until(dps, now_us, DPS_SUBSCRIBING);
    }
}

static void ask(struct dps *dps, uint64_t now_us)
{
    dps->rid++;
    dps->must_publish = true;
    step_until(dps, now_us, DPS_ASKING);
}

void dps_subscribed(struct dps *dps, uint64_t now_us, uint32_t refused_mask)
{
    if (dps->state != DPS_SUBSCRIBING) {
        return;
    }
    if (refused_mask != 0) {
        fail(dps, now_us, DPS_DENIED, "the subscription to the answers was refused");
    } else {
        ask(dps, now_us);
    }
}

void dps_lost(struct dps *dps, uint64_t now_us, bool is_refusal, const char *reason)
{
    if (dps->state == DPS_IDLE || dps->state == DPS_BACKING_OFF) {
        return;
    }
    fail(dps, now_us, is_refusal ? DPS_DENIED : DPS_UNREACHABLE, reason);
}

static enum dps_failure failure_of(int32_t status)
{
    if (status == 429) {
        return DPS_THROTTLED;
    }
    // A time-out or conflict passes by itself; other 4xx say that we, or our enrolment, are wrong.
    bool is_ours = status >= 400 && status < 500 && status != 408 && status != 409;
    return is_ours ? DPS_DENIED : DPS_UNWELL;
}

static void fail_with(struct dps *dps, uint64_t now_us, enum dps_failure failure, int32_t status,
                      const struct dps_answer *answer)
{
    char text[DPS_REASON_SIZE_MAX];
    struct writer w = writer_of(text, sizeof(text));
    char digits[JSON_NUMBER_SIZE_MAX];
    put_text(&w, "status ");
    put_bytes(&w, bytes_of(digits, json_format_i64(status, digits)));
    if (answer->error_code != 0) {
        put_text(&w, ", code ");
        put_bytes(&w, bytes_of(digits, json_format_i64(answer->error_code, digits)));
    }
    if (answer->message[0] != 0) {
        put_text(&w, ": ");
        put_text(&w, answer->message);
    }
    put_u8(&w, 0);
    ASSERT(!w.failed); // the message is half of it at most
    fail(dps, now_us, failure, text);
}

static void rest(struct dps *dps, uint64_t now_us, const struct az_topic *topic)
{
    uint64_t wait_s = topic->has_retry_after ? topic->retry_after_s : RETRY_AFTER_DEFAULT_S;
    wait_s = wait_s < RETRY_AFTER_MIN_S ? RETRY_AFTER_MIN_S : wait_s;
    wait_s = wait_s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : wait_s;
    dps->state = DPS_RESTING;
    dps->until_us = time_min(dps->give_up_us, time_after(now_us, wait_s * US_PER_S));
}

static bool is_safe_id(const char *id)
{
    return assignment_is_name(id) && strpbrk(id, "&?=") == NULL;
}

static void take_assigning(struct dps *dps, uint64_t now_us, const struct az_topic *topic,
                           const struct dps_answer *answer)
{
    if (!dps->is_polling && !is_safe_id(answer->operation_id)) {
        fail(dps, now_us, DPS_UNWELL, "the service gave no operation id");
        return;
    }
    if (is_safe_id(answer->operation_id)) {
        memcpy(dps->operation_id, answer->operation_id, sizeof(dps->operation_id));
        dps->is_polling = true;
    }
    rest(dps, now_us, topic);
}

static void take_assigned(struct dps *dps, uint64_t now_us, const struct dps_answer *answer)
{
    if (!assignment_is_name(answer->host) || !assignment_is_name(answer->device)) {
        fail(dps, now_us, DPS_UNWELL, "the service assigned no hub or no device id");
        return;
    }
    memcpy(dps->host, answer->host, sizeof(dps->host));
    memcpy(dps->device, answer->device, sizeof(dps->device));
    dps->state = DPS_IDLE;
    dps->failures = 0;
    dps->is_assigned = true;
    dps->must_tell = true;
    dps->must_disconnect = true;
}

static void take_answer(struct dps *dps, uint64_t now_us, const struct az_topic *topic,
                        const struct dps_answer *answer)
{
    switch (answer->status) {
    case DPS_STATUS_ASSIGNING: take_assigning(dps, now_us, topic, answer); break;
    case DPS_STATUS_ASSIGNED: take_assigned(dps, now_us, answer); break;
    case DPS_STATUS_FAILED: fail_with(dps, now_us, DPS_FAILED, topic->status, answer); break;
    case DPS_STATUS_DISABLED: fail_with(dps, now_us, DPS_DISABLED, topic->status, answer); break;
    case DPS_STATUS_UNASSIGNED:
        fail_with(dps, now_us, DPS_UNASSIGNED, topic->status, answer);
        break;
    case DPS_STATUS_NONE: fail(dps, now_us, DPS_UNWELL, "the answer has no status"); break;
    }
}

void dps_message(struct dps *dps, uint64_t now_us, struct bytes topic, struct bytes body)
{
    struct az_topic parsed;
    size_t rid_size = strlen(dps->rid_text);
    // An answer to an earlier question, or to nobody's, is passed over.
    if (dps->state != DPS_ASKING || dps->must_publish || az_topic_parse(topic, &parsed) != OK ||
        parsed.kind != AZ_DPS_ANSWER || parsed.rid.size != rid_size ||
        memcmp(parsed.rid.data, dps->rid_text, rid_size) != 0) {
        return;
    }
    struct dps_answer answer;
    bool is_good = dps_answer_parse(body, &answer) == OK;
    if (parsed.status >= 300) {
        answer = is_good ? answer : (struct dps_answer){.status = DPS_STATUS_NONE};
        bool is_wish = parsed.has_retry_after && parsed.retry_after_s <= RETRY_AFTER_MAX_S;
        dps->retry_after_s = is_wish ? parsed.retry_after_s : 0;
        fail_with(dps, now_us, failure_of(parsed.status), parsed.status, &answer);
    } else if (!is_good) {
        fail(dps, now_us, DPS_UNWELL, "the answer is no JSON that we understand");
    } else {
        take_answer(dps, now_us, &parsed, &answer);
    }
}

uint64_t dps_deadline_us(const struct dps *dps)
{
    return dps->state == DPS_IDLE ? TIME_NEVER : dps->until_us;
}

void dps_tick(struct dps *dps, uint64_t now_us)
{
    if (now_us < dps_deadline_us(dps)) {
        return;
    }
    switch (dps->state) {
    case DPS_IDLE: break;
    case DPS_CONNECTING:
    case DPS_SUBSCRIBING:
    case DPS_ASKING: fail(dps, now_us, DPS_UNREACHABLE, "no answer in time"); break;
    case DPS_RESTING:
        if (now_us >= dps->give_up_us) {
            fail(dps, now_us, DPS_UNWELL, "still assigning after all the time it has");
        } else {
            ask(dps, now_us);
        }
        break;
    case DPS_BACKING_OFF: enter_connecting(dps, now_us); break;
    }
}

static void make_question(struct dps *dps, struct dps_out *out)
{
    char digits[JSON_NUMBER_SIZE_MAX];
    size_t size = json_format_u64(dps->rid, digits);
    memcpy(dps->rid_text, digits, size);
    dps->rid_text[size] = 0;
    out->topic = (struct az_topic){.kind = dps->is_polling ? AZ_DPS_STATUS : AZ_DPS_REGISTER,
                                   .rid = bytes_of(dps->rid_text, size)};
    if (dps->is_polling) {
        out->topic.operation_id = bytes_of(dps->operation_id, strlen(dps->operation_id));
        out->body = bytes_of(" ", 1);
    } else {
        out->body = bytes_of(dps->body, dps->body_size);
    }
}

// The result comes last, when the connection is ended.
static bool next_result(struct dps *dps, struct dps_out *out)
{
    if (!dps->must_tell) {
        return false;
    }
    dps->must_tell = false;
    *out = (struct dps_out){.kind = dps->is_assigned ? DPS_OUT_ASSIGNED : DPS_OUT_FAILED,
                            .host = dps->host,
                            .device = dps->device,
                            .failure = dps->failure,
                            .reason = dps->reason};
    return true;
}

bool dps_next(struct dps *dps, uint64_t now_us, struct dps_out *out)
{
    (void)now_us;
    *out = (struct dps_out){.kind = DPS_OUT_DISCONNECT};
    if (dps->must_disconnect) {
        dps->must_disconnect = false;
        return true;
    }
    if (next_result(dps, out)) {
        return true;
    }
    if (dps->must_connect) {
        dps->must_connect = false;
        out->kind = DPS_OUT_CONNECT;
        out->user = dps->user;
        out->password = dps->cfg.key == NULL ? NULL : dps->password;
        return true;
    }
    if (dps->must_subscribe) {
        dps->must_subscribe = false;
        out->kind = DPS_OUT_SUBSCRIBE;
        out->filter = AZ_FILTER_DPS;
        return true;
    }
    if (dps->must_publish) {
        dps->must_publish = false;
        out->kind = DPS_OUT_PUBLISH;
        make_question(dps, out);
        return true;
    }
    return false;
}
