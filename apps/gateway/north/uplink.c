// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/uplink_internal.h"

#include "azure/topic.h"
#include "base/assert.h"

#include <string.h>

enum {
    TOKEN_LIFE_S = 3600,
    CONNECT_TIMEOUT_MS = 20000,
    ACK_TIMEOUT_MS = 40000,
    BACKOFF_MIN_MS = 2000,
    BACKOFF_MAX_MS = 35000, // with the time to connect still within a minute
    BACKOFF_LEAST_MS = 250,
    BACKOFF_DOUBLINGS_MAX = 20,
    TOKEN_WAYS = 4,         // of choosing its life
    TOKEN_LONGER_S = 90000, // a day, and an hour for good measure
    TOKEN_SHORTER = 6,
    STEP_MS = 60000,         // a clock step beyond it makes the token's expiry doubtful
    STABLE_US = 30 * 1000000 // a connection this old ended a row of failures
};

static void append(char *out, size_t capacity, const char *text, bool *fits)
{
    size_t at = strlen(out);
    size_t size = strlen(text);
    *fits = *fits && at + size < capacity;
    if (*fits) {
        memcpy(out + at, text, size + 1);
    }
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value == 0 ? otherwise : value;
}

// xorshift64*: jitter needs to differ between gateways, not to resist anybody.
static uint64_t next_random(struct uplink *up)
{
    up->random ^= up->random >> 12;
    up->random ^= up->random << 25;
    up->random ^= up->random >> 27;
    return up->random * UINT64_C(0x2545f4914f6cdd1d);
}

void uplink_init(struct uplink *up, const struct uplink_config *cfg, uint64_t now_us)
{
    (void)now_us;
    *up = (struct uplink){.state = UPLINK_IDLE, .cfg = *cfg};
    up->cfg.token_life_s = or_default(cfg->token_life_s, TOKEN_LIFE_S);
    up->cfg.connect_timeout_ms = or_default(cfg->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    up->cfg.ack_timeout_ms = or_default(cfg->ack_timeout_ms, ACK_TIMEOUT_MS);
    up->cfg.backoff_min_ms = or_default(cfg->backoff_min_ms, BACKOFF_MIN_MS);
    up->cfg.backoff_max_ms = or_default(cfg->backoff_max_ms, BACKOFF_MAX_MS);
    up->random = cfg->seed | 1;
    up->will_id = next_random(up) | 1;
}

// The texts that hold the names; false if one is empty or does not fit.
static bool take_names(struct uplink *up, const struct uplink_identity *id)
{
    bool fits = id->host[0] != 0 && id->device[0] != 0 && strlen(id->host) < SAS_NAME_SIZE_MAX &&
                strlen(id->device) < SAS_NAME_SIZE_MAX;
    if (!fits) {
        return false;
    }
    up->user[0] = up->c2d_filter[0] = 0;
    append(up->user, sizeof(up->user), id->host, &fits);
    append(up->user, sizeof(up->user), "/", &fits);
    append(up->user, sizeof(up->user), id->device, &fits);
    append(up->user, sizeof(up->user), "/?api-version=2021-04-12", &fits);
    append(up->c2d_filter, sizeof(up->c2d_filter), "devices/", &fits);
    append(up->c2d_filter, sizeof(up->c2d_filter), id->device, &fits);
    append(up->c2d_filter, sizeof(up->c2d_filter), "/messages/devicebound/#", &fits);
    return fits;
}

static uint64_t backoff_us(struct uplink *up)
{
    uint64_t ceiling_ms = up->cfg.backoff_min_ms;
    for (uint32_t i = 1; i < up->failures && i < BACKOFF_DOUBLINGS_MAX; i++) {
        ceiling_ms *= 2;
    }
    if (ceiling_ms > up->cfg.backoff_max_ms) {
        ceiling_ms = up->cfg.backoff_max_ms;
    }
    // Anywhere up to the ceiling: a thousand gateways that lost the hub at once spread the most.
    uint64_t least_us = BACKOFF_LEAST_MS * US_PER_MS;
    uint64_t ceiling_us = ceiling_ms * US_PER_MS;
    return ceiling_us <= least_us ? least_us
                                  : least_us + next_random(up) % (ceiling_us - least_us + 1);
}

static void enter_waiting(struct uplink *up, uint64_t now_us)
{
    if (up->state == UPLINK_ONLINE && now_us - up->online_at_us >= STABLE_US) {
        up->failures = 0;
    }
    up->failures++;
    up->state = UPLINK_WAITING;
    up->until_us = time_after(now_us, backoff_us(up));
    up->must_connect = false;
    up->must_subscribe = false;
}

// The first two of a row are plain: what the clock says may have been mended in between.
static uint32_t token_life_s(const struct uplink *up)
{
    switch (up->refusals % TOKEN_WAYS) {
    case 2: return up->cfg.token_life_s + TOKEN_LONGER_S;
    case 3: return up->cfg.token_life_s / TOKEN_SHORTER + 1;
    default: return up->cfg.token_life_s;
    }
}

static void enter_connecting(struct uplink *up, uint64_t now_us)
{
    uint32_t life_s = token_life_s(up);
    if (up->id.key != NULL) {
        int64_t utc_s = (up->utc_offset_ms + (int64_t)(now_us / US_PER_MS)) / (int64_t)MS_PER_S;
        enum err err = sas_token(up->id.key, up->id.host, up->id.device, utc_s + (int64_t)life_s,
                                 up->password, sizeof(up->password));
        ASSERT(err == OK); // names were checked, a trusted clock is positive
    }
    uplink_make_will(up, now_us);
    up->state = UPLINK_CONNECTING;
    up->until_us = time_after(now_us, up->cfg.connect_timeout_ms * US_PER_MS);
    // Monotonic, so that no step of the clock moves the renewal; a fifth of the life is the
    // tolerance for a hub whose clock runs ahead.
    life_s = life_s < up->cfg.token_life_s ? life_s : up->cfg.token_life_s;
    bool has_token = up->id.key != NULL;
    up->renew_us = has_token ? time_after(now_us, (uint64_t)life_s * US_PER_S / 5 * 4) : TIME_NEVER;
    up->must_connect = true;
    up->must_subscribe = false;
}

// The hub let us in; what it has for us comes once it granted the filters.
static void enter_subscribing(struct uplink *up, uint64_t now_us)
{
    up->state = UPLINK_SUBSCRIBING;
    up->until_us = time_after(now_us, up->cfg.connect_timeout_ms * US_PER_MS);
    up->filters[0] = AZ_FILTER_METHODS;
    up->filters[1] = AZ_FILTER_TWIN_ANSWER;
    up->filters[2] = AZ_FILTER_TWIN_DESIRED;
    up->filters[3] = up->c2d_filter;
    up->must_subscribe = true;
}

static void enter_online(struct uplink *up, uint64_t now_us)
{
    up->state = UPLINK_ONLINE;
    up->online_at_us = now_us;
    up->stats.connects++;
    uplink_tell_online(up, now_us);
    bool is_odd = up->id.key != NULL && token_life_s(up) != up->cfg.token_life_s;
    up->stats.odd_lives += is_odd;
    up->refusals = is_odd ? up->refusals % TOKEN_WAYS : 0; // the next token is made in the same way
    for (size_t i = 0; i < UPLINK_WINDOW_MAX; i++) {
        up->slots[i].is_sent = false;
    }
}

static void renew(struct uplink *up, uint64_t now_us)
{
    up->stats.renewals++;
    uplink_tell_offline(up, now_us, false);
    up->must_disconnect = true;
    enter_connecting(up, now_us);
}

static bool can_connect(const struct uplink *up)
{
    return up->id.host != NULL && (up->has_clock || up->id.key == NULL);
}

enum err uplink_use(struct uplink *up, uint64_t now_us, const struct uplink_identity *id)
{
    if (!take_names(up, id)) {
        return ERR_ARG;
    }
    up->id = *id;
    up->refusals = 0;
    if (up->state == UPLINK_IDLE && can_connect(up)) {
        enter_connecting(up, now_us);
    } else {
        uplink_reconnect(up, now_us);
    }
    return OK;
}

void uplink_reconnect(struct uplink *up, uint64_t now_us)
{
    if (up->state != UPLINK_IDLE && up->state != UPLINK_WAITING) {
        up->must_disconnect = true;
        enter_connecting(up, now_us);
    }
}

void uplink_hold(struct uplink *up, uint64_t now_us)
{
    (void)now_us;
    up->must_disconnect =
        up->must_disconnect || (up->state != UPLINK_IDLE && up->state != UPLINK_WAITING);
    up->must_connect = up->must_subscribe = false;
    up->state = UPLINK_IDLE;
    up->id.host = NULL;
}

void uplink_set_clock(struct uplink *up, uint64_t now_us, struct wall_time utc)
{
    ASSERT(utc.utc_ms > 0);
    int64_t offset_ms = utc.utc_ms - (int64_t)(now_us / US_PER_MS);
    int64_t step_ms = offset_ms - up->utc_offset_ms;
    bool is_step = up->has_clock && (step_ms > STEP_MS || step_ms < -STEP_MS);
    if (!up->has_clock || is_step) {
        // Slow drift is left to the hub's tolerance until the next token.
        up->utc_offset_ms = offset_ms;
        up->refusals = 0;
    }
    up->has_clock = true;
    if (up->cfg.budget != NULL) {
        budget_set_clock(up->cfg.budget, now_us, utc);
    }
    if (up->state == UPLINK_IDLE && can_connect(up)) {
        enter_connecting(up, now_us);
    } else if (is_step && up->id.key != NULL && up->state != UPLINK_WAITING &&
               up->state != UPLINK_IDLE) {
        renew(up, now_us);
    }
}

static size_t lane_first(enum journal_lane lane)
{
    return lane == LANE_ALERTS ? 0 : UPLINK_ALERTS_MAX;
}

static size_t lane_end(enum journal_lane lane)
{
    return lane == LANE_ALERTS ? UPLINK_ALERTS_MAX : UPLINK_WINDOW_MAX;
}

// The index of a free slot of the lane; lane_end if there is none.
static size_t free_slot(const struct uplink *up, enum journal_lane lane)
{
    size_t i = lane_first(lane);
    while (i < lane_end(lane) && up->slots[i].is_used) {
        i++;
    }
    return i;
}

size_t uplink_room(const struct uplink *up, enum journal_lane lane)
{
    size_t room = 0;
    for (size_t i = lane_first(lane); i < lane_end(lane); i++) {
        room += !up->slots[i].is_used;
    }
    return room;
}

void uplink_take(struct uplink *up, uint64_t now_us, const struct journal_message *message)
{
    uplink_tell_taken(up, now_us, message);
    size_t free = free_slot(up, message->lane);
    ASSERT(free < lane_end(message->lane));
    struct uplink_slot *slot = &up->slots[free];
    ASSERT(message->payload.size <= sizeof(slot->payload));
    slot->is_used = true;
    slot->is_sent = false;
    slot->was_sent = false;
    slot->message = *message;
    memcpy(slot->payload, message->payload.data, message->payload.size);
    slot->message.payload.data = slot->payload;
}

void uplink_connected(struct uplink *up, uint64_t now_us)
{
    if (up->state == UPLINK_CONNECTING) {
        enter_subscribing(up, now_us);
    }
}

void uplink_subscribed(struct uplink *up, uint64_t now_us, uint32_t refused_mask)
{
    if (up->state != UPLINK_SUBSCRIBING) {
        return;
    }
    if (refused_mask == 0) {
        enter_online(up, now_us);
    } else {
        up->must_disconnect = true;
        uplink_lost(up, now_us, true);
    }
}

void uplink_lost(struct uplink *up, uint64_t now_us, bool is_refusal)
{
    if (up->state == UPLINK_IDLE || up->state == UPLINK_WAITING) {
        return;
    }
    if (is_refusal) {
        up->stats.refusals++;
        up->refusals++;
    } else {
        up->stats.losses++;
    }
    uplink_tell_offline(up, now_us, up->state == UPLINK_ONLINE);
    enter_waiting(up, now_us);
}

// We end it, since nobody answers: no word of the hub, and so no sign of its quota either.
static void give_up(struct uplink *up, uint64_t now_us)
{
    up->must_disconnect = true;
    up->stats.losses++;
    uplink_tell_offline(up, now_us, false);
    enter_waiting(up, now_us);
}

void uplink_acked(struct uplink *up, uint64_t now_us, uint32_t token)
{
    if (token >= UPLINK_WINDOW_MAX || !up->slots[token].is_used || !up->slots[token].is_sent) {
        return; // the hub may say anything
    }
    struct uplink_slot *slot = &up->slots[token];
    if (up->ack_count == COUNT_OF(up->acks)) {
        return; // nobody drained: published again after the next connect
    }
    up->acks[up->ack_count].lane = slot->message.lane;
    up->acks[up->ack_count].ordinal = slot->message.ordinal;
    up->ack_count++;
    slot->is_used = false;
    uplink_tell_acked(up, now_us, slot);
    up->failures = 0;
    up->stats.acknowledged++;
}

uint64_t uplink_deadline_us(const struct uplink *up)
{
    switch (up->state) {
    case UPLINK_IDLE: return TIME_NEVER;
    case UPLINK_CONNECTING:
    case UPLINK_SUBSCRIBING:
    case UPLINK_WAITING: return up->until_us;
    case UPLINK_ONLINE:
        return time_min(time_min(up->renew_us, uplink_ack_deadline_us(up)),
                        up->cfg.budget == NULL ? TIME_NEVER : budget_deadline_us(up->cfg.budget));
    }
    return TIME_NEVER;
}

void uplink_tick(struct uplink *up, uint64_t now_us)
{
    if (now_us < uplink_deadline_us(up)) {
        return;
    }
    switch (up->state) {
    case UPLINK_IDLE: break;
    case UPLINK_WAITING: enter_connecting(up, now_us); break;
    case UPLINK_CONNECTING:
    case UPLINK_SUBSCRIBING: give_up(up, now_us); break;
    case UPLINK_ONLINE:
        if (up->cfg.budget != NULL) {
            budget_tick(up->cfg.budget, now_us);
        }
        if (now_us >= up->renew_us) {
            renew(up, now_us);
        } else if (now_us >= uplink_ack_deadline_us(up)) {
            give_up(up, now_us);
        }
        break;
    }
}

// Live before backlog, then by age.
static bool goes_before(const struct journal_message *a, const struct journal_message *b)
{
    return a->is_backlog != b->is_backlog ? b->is_backlog : a->ordinal < b->ordinal;
}

// The next message of the first lane that has one to publish.
static struct uplink_slot *slot_to_publish(struct uplink *up, uint64_t now_us)
{
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        struct uplink_slot *first = NULL;
        for (size_t i = lane_first(lane); i < lane_end(lane); i++) {
            struct uplink_slot *slot = &up->slots[i];
            if (slot->is_used && !slot->is_sent &&
                (first == NULL || goes_before(&slot->message, &first->message))) {
                first = slot;
            }
        }
        if (first != NULL && uplink_may_publish(up, now_us, &first->message)) {
            return first;
        }
    }
    return NULL;
}

static void make_topic(struct uplink *up, const struct journal_message *message)
{
    bool fits = true;
    up->topic[0] = 0;
    append(up->topic, sizeof(up->topic), "devices/", &fits);
    append(up->topic, sizeof(up->topic), up->id.device, &fits);
    append(up->topic, sizeof(up->topic), "/messages/events/", &fits);
    size_t at = strlen(up->topic);
    size_t size = 0;
    enum err err = tm_bag_write(&message->bag, up->topic + at, sizeof(up->topic) - at - 1, &size);
    ASSERT(fits && err == OK);
    up->topic[at + size] = 0;
}

// What concerns the connection; false if nothing does.
static bool next_control(struct uplink *up, struct uplink_out *out)
{
    if (up->must_disconnect) {
        up->must_disconnect = false;
        out->kind = UPLINK_OUT_DISCONNECT;
        return true;
    }
    if (up->must_connect) {
        up->must_connect = false;
        out->kind = UPLINK_OUT_CONNECT;
        out->user = up->user;
        out->password = up->password;
        out->will_topic = up->will_topic;
        out->will_payload = up->will_payload;
        out->password = up->id.key == NULL ? NULL : up->password;
        return true;
    }
    if (up->must_subscribe) {
        up->must_subscribe = false;
        out->kind = UPLINK_OUT_SUBSCRIBE;
        out->filters = up->filters;
        return true;
    }
    return false;
}

bool uplink_next(struct uplink *up, uint64_t now_us, struct uplink_out *out)
{
    *out = (struct uplink_out){.kind = UPLINK_OUT_ACK};
    if (up->ack_count > 0) {
        out->lane = up->acks[0].lane;
        out->ordinal = up->acks[0].ordinal;
        up->ack_count--;
        memmove(&up->acks[0], &up->acks[1], up->ack_count * sizeof(up->acks[0]));
        return true;
    }
    if (next_control(up, out)) {
        return true;
    }
    struct uplink_slot *slot = up->state == UPLINK_ONLINE ? slot_to_publish(up, now_us) : NULL;
    if (slot == NULL) {
        return false;
    }
    if (slot->was_sent) {
        up->stats.republished++;
    }
    up->stats.published++;
    slot->is_sent = true;
    slot->was_sent = true;
    slot->sent_at_us = now_us;
    uplink_tell_published(up, now_us, slot);
    make_topic(up, &slot->message);
    out->kind = UPLINK_OUT_PUBLISH;
    out->token = (uint32_t)(slot - up->slots);
    out->topic = up->topic;
    out->payload = slot->message.payload;
    return true;
}
