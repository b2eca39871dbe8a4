// SPDX-License-Identifier: Apache-2.0
#include "modbus/client.h"

#include "base/assert.h"

#include <string.h>

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

void mb_client_init(struct mb_client *client, const struct mb_client_config *config)
{
    memset(client, 0, sizeof(*client));
    client->config = (struct mb_client_config){
        .reply_timeout_us = or_default(config->reply_timeout_us, 500000),
        .turnaround_us = or_default(config->turnaround_us, 100000),
        .late_us = or_default(config->late_us, 1000000),
        .quiet_us = or_default(config->quiet_us, MB_CLIENT_QUIET_US),
        .retry_max = config->retry_max,
    };
}

static bool may_broadcast(const struct mb_request *request)
{
    switch (request->fc) {
    case MB_WRITE_COIL:
    case MB_WRITE_REG:
    case MB_WRITE_COILS:
    case MB_WRITE_REGS:
    case MB_WRITE_FILE:
    case MB_MASK_WRITE: return true;
    case MB_DIAGNOSTICS:
        return request->subfunction == MB_DIAG_RESTART ||
               request->subfunction == MB_DIAG_LISTEN_ONLY || request->subfunction == MB_DIAG_CLEAR;
    default: return false;
    }
}

// Has no reply although it is no broadcast.
static bool is_silenced(const struct mb_request *request)
{
    return request->fc == MB_DIAGNOSTICS && request->subfunction == MB_DIAG_LISTEN_ONLY;
}

static struct mb_client_slot *free_slot(struct mb_client *client)
{
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        if (client->slots[i].state == MB_SLOT_FREE) {
            return &client->slots[i];
        }
    }
    return NULL;
}

enum err mb_client_ask(struct mb_client *client, const struct mb_ask *ask)
{
    struct mb_client_slot *slot = free_slot(client);
    if (slot == NULL) {
        return ERR_FULL;
    }
    if (ask->unit > MB_UNIT_MAX || (ask->unit == 0 && !may_broadcast(ask->request))) {
        return ERR_ARG;
    }
    uint8_t pdu[MB_PDU_SIZE_MAX];
    struct writer pdu_writer = writer_of(pdu, sizeof(pdu));
    enum err err = mb_request_encode(ask->request, &pdu_writer);
    if (err != OK) {
        return err;
    }
    struct writer frame = writer_of(slot->frame, sizeof(slot->frame));
    err = mb_rtu_encode(ask->unit, writer_bytes(&pdu_writer), &frame);
    if (err != OK) {
        return err;
    }
    slot->state = MB_SLOT_WAITING;
    slot->tag = ask->tag;
    slot->unit = ask->unit;
    slot->tries = 0;
    slot->is_silent = ask->unit == MB_UNIT_BROADCAST || is_silenced(ask->request);
    slot->is_trusted = ask->is_trusted && !slot->is_silent;
    slot->is_doubtful = false;
    slot->must_cancel = false;
    slot->timeout_us = or_default(ask->reply_timeout_us, client->config.reply_timeout_us);
    slot->frame_size = frame.size;
    slot->reply_size = 0;
    slot->reply_hint = slot->is_silent ? 0 : mb_rtu_reply_size(ask->request);
    slot->order = client->order++;
    client->stats.requests++;
    return OK;
}

static struct mb_client_rest *rest_of(struct mb_client *client, uint8_t unit)
{
    for (size_t i = 0; i < MB_CLIENT_RESTS; i++) {
        if (client->rests[i].unit == unit) {
            return &client->rests[i];
        }
    }
    return NULL;
}

// A place for another unit's rest: a free one, or one that is over and would no longer hold anybody
// up.
static struct mb_client_rest *free_rest(struct mb_client *client, uint64_t now_us)
{
    struct mb_client_rest *at = rest_of(client, 0);
    bool is_quiet = time_after(client->last_heard_us, client->config.quiet_us) <= now_us;
    for (size_t i = 0; i < MB_CLIENT_RESTS && at == NULL && is_quiet; i++) {
        at = client->rests[i].until_us <= now_us ? &client->rests[i] : NULL;
    }
    return at;
}

static void rest(struct mb_client *client, uint8_t unit, uint64_t now_us, uint64_t until_us)
{
    client->stats.rests++;
    struct mb_client_rest *at = rest_of(client, unit);
    if (at == NULL) {
        at = free_rest(client, now_us);
    }
    if (at == NULL) {
        if (client->bus_rest_us < until_us) {
            client->bus_rest_us = until_us;
        }
        return;
    }
    if (at->unit != unit || at->until_us < until_us) {
        *at = (struct mb_client_rest){.unit = unit, .until_us = until_us};
    }
}

// `other`, of the same unit, must end before the slot may go to the line.
static bool is_in_the_way(const struct mb_client_slot *slot, const struct mb_client_slot *other)
{
    switch (other->state) {
    case MB_SLOT_FREE:
    case MB_SLOT_ANSWERED: return false;
    case MB_SLOT_WAITING: return other->order < slot->order;
    case MB_SLOT_SENT: return !slot->is_trusted || !other->is_trusted || other->is_doubtful;
    }
    return true;
}

// When this slot may go to the line; TIME_NEVER while another of its unit is in the way.
static uint64_t ready_us(const struct mb_client *client, const struct mb_client_slot *slot)
{
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        const struct mb_client_slot *other = &client->slots[i];
        if (other->unit == slot->unit && is_in_the_way(slot, other)) {
            return TIME_NEVER;
        }
    }
    uint64_t at_us = client->bus_rest_us;
    for (size_t i = 0; i < MB_CLIENT_RESTS && slot->unit != 0; i++) {
        if (client->rests[i].unit != slot->unit) {
            continue;
        }
        uint64_t quiet_us = time_after(client->last_heard_us, client->config.quiet_us);
        uint64_t until_us = client->rests[i].until_us;
        until_us = until_us > quiet_us ? until_us : quiet_us;
        at_us = at_us > until_us ? at_us : until_us;
    }
    return at_us;
}

uint64_t mb_client_deadline_us(const struct mb_client *client)
{
    uint64_t at_us = TIME_NEVER;
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        if (client->slots[i].state == MB_SLOT_WAITING) {
            at_us = time_min(at_us, ready_us(client, &client->slots[i]));
        }
    }
    return at_us;
}

bool mb_client_send(struct mb_client *client, uint64_t now_us, struct mb_client_send *out)
{
    struct mb_client_slot *slot = NULL;
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        struct mb_client_slot *it = &client->slots[i];
        bool may_go = it->state == MB_SLOT_WAITING && ready_us(client, it) <= now_us;
        if (may_go && (slot == NULL || it->order < slot->order)) {
            slot = it;
        }
    }
    if (slot == NULL) {
        return false;
    }
    struct mb_client_rest *over = slot->unit != 0 ? rest_of(client, slot->unit) : NULL;
    if (over != NULL) {
        *over = (struct mb_client_rest){.unit = 0};
    }
    slot->state = MB_SLOT_SENT;
    slot->token = ++client->token;
    slot->tries++;
    *out = (struct mb_client_send){
        .token = slot->token,
        .frame = bytes_of(slot->frame, slot->frame_size),
        .is_broadcast = slot->is_silent,
        .is_barrier = slot->is_trusted,
        .reply_timeout_us = slot->timeout_us,
        .turnaround_us = client->config.turnaround_us,
        .reply_size = slot->reply_hint,
    };
    return true;
}

static void answered(struct mb_client_slot *slot, enum mb_answer_kind kind)
{
    slot->state = MB_SLOT_ANSWERED;
    slot->answer = kind;
}

// What was handed over behind a frame that failed must not be answered by that one's late reply.
static void doubt_followers(struct mb_client *client, const struct mb_client_slot *slot)
{
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        struct mb_client_slot *other = &client->slots[i];
        if (other != slot && other->unit == slot->unit && other->state == MB_SLOT_SENT) {
            other->is_doubtful = other->must_cancel = true;
        }
    }
}

static void failed(struct mb_client *client, struct mb_client_slot *slot, uint64_t now_us,
                   uint64_t rest_us, enum mb_answer_kind kind)
{
    if (slot->unit != MB_UNIT_BROADCAST) {
        rest(client, slot->unit, now_us, time_after(now_us, rest_us));
        doubt_followers(client, slot);
    }
    if (slot->tries <= client->config.retry_max) {
        client->stats.retries++;
        slot->state = MB_SLOT_WAITING;
        return;
    }
    answered(slot, kind);
}

// Decodes the answer that the slot holds against its own request.
static enum err decode(struct mb_client *client, const struct mb_client_slot *slot,
                       struct mb_reply *out)
{
    struct mb_frame asked;
    struct mb_frame got;
    enum err err = mb_rtu_decode(bytes_of(slot->frame, slot->frame_size), &asked);
    ASSERT(err == OK && mb_request_decode(asked.pdu, &client->scratch) == MB_EX_NONE);
    err = mb_rtu_decode(bytes_of(slot->reply, slot->reply_size), &got);
    if (err != OK) {
        return err;
    }
    if (got.unit != slot->unit) {
        return ERR_NOT_FOUND;
    }
    return mb_reply_decode(got.pdu, &client->scratch, out);
}

static void replied(struct mb_client *client, struct mb_client_slot *slot,
                    const struct mb_line_done *done)
{
    struct mb_reply reply;
    enum err err = ERR_SIZE;
    if (done->reply.size > 0 && done->reply.size <= sizeof(slot->reply)) {
        memcpy(slot->reply, done->reply.data, done->reply.size);
        slot->reply_size = done->reply.size;
        err = decode(client, slot, &reply);
    }
    if (err == OK) {
        client->stats.replies++;
        client->stats.exceptions += reply.exception != MB_EX_NONE;
        answered(slot, MB_ANSWER_REPLY);
        return;
    }
    client->stats.bad++;
    client->stats.late_units += err == ERR_NOT_FOUND;
    // Its own reply may still come: now, within the time-out, or later than that.
    bool is_foreign = err == ERR_NOT_FOUND || err == ERR_ARG;
    uint64_t longest_us = (uint64_t)slot->timeout_us + (is_foreign ? client->config.late_us : 0);
    failed(client, slot, done->at_us, longest_us, MB_ANSWER_BAD);
}

// One behind a frame that failed. If it was sent, what came may be the other's reply, and its own
// may still come.
static void withdrawn(struct mb_client *client, struct mb_client_slot *slot,
                      const struct mb_line_done *done)
{
    client->stats.withdrawn++;
    if (done->outcome != MB_LINE_CANCELLED) {
        uint64_t longest_us = (uint64_t)slot->timeout_us + client->config.late_us;
        rest(client, slot->unit, done->at_us, time_after(done->at_us, longest_us));
    }
    answered(slot, MB_ANSWER_WITHDRAWN);
}

// The line let nothing out. So no reply of this one can come, and the unit need not rest for it.
static void unsent(struct mb_client *client, struct mb_client_slot *slot)
{
    client->stats.busy++;
    if (slot->is_doubtful) {
        client->stats.withdrawn++;
        answered(slot, MB_ANSWER_WITHDRAWN);
    } else if (slot->tries <= client->config.retry_max) {
        client->stats.retries++;
        slot->state = MB_SLOT_WAITING;
    } else {
        answered(slot, MB_ANSWER_BUSY);
    }
}

void mb_client_done(struct mb_client *client, const struct mb_line_done *done)
{
    struct mb_client_slot *slot = NULL;
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        if (client->slots[i].state == MB_SLOT_SENT && client->slots[i].token == done->token) {
            slot = &client->slots[i];
        }
    }
    client->must_resume = client->must_resume || done->is_held;
    if (done->outcome == MB_LINE_REPLY || done->outcome == MB_LINE_NOISE ||
        done->outcome == MB_LINE_BUSY) {
        mb_client_heard(client, done->at_us);
    }
    if (slot == NULL) {
        return;
    }
    if (slot->is_doubtful && done->outcome != MB_LINE_LOST && done->outcome != MB_LINE_BUSY) {
        withdrawn(client, slot, done);
        return;
    }
    switch (done->outcome) {
    case MB_LINE_BUSY: unsent(client, slot); break;
    case MB_LINE_REPLY: replied(client, slot, done); break;
    case MB_LINE_SENT: answered(slot, MB_ANSWER_SENT); break;
    case MB_LINE_TIMEOUT:
        client->stats.timeouts++;
        failed(client, slot, done->at_us, client->config.late_us, MB_ANSWER_TIMEOUT);
        break;
    case MB_LINE_NOISE:
        client->stats.bad++;
        failed(client, slot, done->at_us, slot->timeout_us, MB_ANSWER_BAD);
        break;
    case MB_LINE_CANCELLED: withdrawn(client, slot, done); break;
    case MB_LINE_LOST: answered(slot, MB_ANSWER_LOST); break;
    }
}

bool mb_client_cancel(struct mb_client *client, uint32_t *token)
{
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        struct mb_client_slot *slot = &client->slots[i];
        if (slot->state == MB_SLOT_SENT && slot->must_cancel) {
            slot->must_cancel = false;
            *token = slot->token;
            return true;
        }
    }
    return false;
}

uint32_t mb_client_resting(const struct mb_client *client, uint64_t now_us, uint64_t *until_us)
{
    uint32_t count = 0;
    *until_us = TIME_NEVER;
    for (size_t i = 0; i < MB_CLIENT_RESTS; i++) {
        const struct mb_client_rest *it = &client->rests[i];
        if (it->unit != 0 && it->until_us > now_us) {
            count++;
            *until_us = time_min(*until_us, it->until_us);
        }
    }
    return count;
}

bool mb_client_forget(struct mb_client *client, uint32_t tag)
{
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        struct mb_client_slot *slot = &client->slots[i];
        if (slot->tag == tag && slot->state == MB_SLOT_WAITING) {
            slot->state = MB_SLOT_FREE;
            return true;
        }
        if (slot->tag == tag && slot->state == MB_SLOT_SENT) {
            slot->must_cancel = true;
        }
    }
    return false;
}

bool mb_client_resume(struct mb_client *client)
{
    bool must_resume = client->must_resume;
    client->must_resume = false;
    return must_resume;
}

void mb_client_heard(struct mb_client *client, uint64_t at_us)
{
    if (client->last_heard_us < at_us) {
        client->last_heard_us = at_us;
    }
}

bool mb_client_answer(struct mb_client *client, struct mb_answer *out)
{
    struct mb_client_slot *slot = NULL;
    for (size_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        struct mb_client_slot *it = &client->slots[i];
        if (it->state == MB_SLOT_ANSWERED && (slot == NULL || it->order < slot->order)) {
            slot = it;
        }
    }
    if (slot == NULL) {
        return false;
    }
    *out = (struct mb_answer){
        .tag = slot->tag,
        .unit = slot->unit,
        .kind = slot->answer,
        .tries = slot->tries,
    };
    if (slot->answer == MB_ANSWER_REPLY) {
        enum err err = decode(client, slot, &out->reply);
        ASSERT(err == OK);
    }
    slot->state = MB_SLOT_FREE;
    return true;
}
