// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/inbox.h"

#include "base/assert.h"

#include <string.h>

enum { STATUS_TOO_MANY = 429 };

void inbox_init(struct inbox *inbox, const char *device)
{
    *inbox = (struct inbox){.device = device};
}

void inbox_plug(struct inbox *inbox, enum inbox_user user, const struct inbox_ops *ops, void *ctx)
{
    ASSERT(user < INBOX_USERS && inbox->users[user].ops == NULL);
    inbox->users[user].ops = ops;
    inbox->users[user].ctx = ctx;
}

void inbox_online(struct inbox *inbox, uint64_t now_us)
{
    ASSERT(!inbox->is_online);
    inbox->is_online = true;
    for (size_t i = 0; i < INBOX_USERS; i++) {
        if (inbox->users[i].ops != NULL) {
            inbox->users[i].ops->online(inbox->users[i].ctx, now_us);
        }
    }
}

void inbox_offline(struct inbox *inbox, uint64_t now_us)
{
    ASSERT(inbox->is_online);
    inbox->is_online = false;
    for (size_t i = 0; i < INBOX_USERS; i++) {
        if (inbox->users[i].ops != NULL) {
            inbox->users[i].ops->offline(inbox->users[i].ctx, now_us);
        }
    }
}

// INBOX_USERS: nobody's.
static enum inbox_user user_of(enum az_topic_kind kind)
{
    switch (kind) {
    case AZ_TWIN_ANSWER:
    case AZ_TWIN_DESIRED: return INBOX_TWIN;
    case AZ_METHOD_CALL: return INBOX_METHODS;
    case AZ_C2D: return INBOX_NUDGE;
    case AZ_EVENTS:
    case AZ_TWIN_GET:
    case AZ_TWIN_REPORT:
    case AZ_METHOD_ANSWER:
    case AZ_DPS_REGISTER:
    case AZ_DPS_STATUS:
    case AZ_DPS_ANSWER: return INBOX_USERS;
    }
    return INBOX_USERS;
}

static bool is_ours(const struct inbox *inbox, const struct az_topic *topic)
{
    size_t size = strlen(inbox->device);
    return topic->kind != AZ_C2D || (topic->device_id.size == size && topic->module_id.size == 0 &&
                                     memcmp(topic->device_id.data, inbox->device, size) == 0);
}

enum inbox_verdict inbox_message(struct inbox *inbox, uint64_t now_us, struct bytes topic,
                                 struct bytes body)
{
    struct az_topic parsed;
    enum inbox_user user = INBOX_USERS;
    if (az_topic_parse(topic, &parsed) == OK) {
        user = user_of(parsed.kind);
    }
    if (user == INBOX_USERS) {
        inbox->stats.unknown++;
        return INBOX_UNKNOWN;
    }
    if (!is_ours(inbox, &parsed)) {
        inbox->stats.foreign++;
        return INBOX_FOREIGN;
    }
    bool is_throttled = parsed.kind == AZ_TWIN_ANSWER && parsed.status == STATUS_TOO_MANY;
    inbox->stats.throttled += is_throttled;
    if (inbox->users[user].ops == NULL) {
        inbox->stats.nobody++;
        return INBOX_NOBODY;
    }
    inbox->stats.taken++;
    inbox->users[user].ops->message(inbox->users[user].ctx, now_us, &parsed, body);
    return INBOX_TAKEN;
}

uint64_t inbox_deadline_us(const struct inbox *inbox)
{
    uint64_t deadline_us = TIME_NEVER;
    for (size_t i = 0; i < INBOX_USERS; i++) {
        if (inbox->users[i].ops != NULL) {
            deadline_us =
                time_min(deadline_us, inbox->users[i].ops->deadline_us(inbox->users[i].ctx));
        }
    }
    return deadline_us;
}

void inbox_tick(struct inbox *inbox, uint64_t now_us)
{
    for (size_t i = 0; i < INBOX_USERS; i++) {
        if (inbox->users[i].ops != NULL) {
            inbox->users[i].ops->tick(inbox->users[i].ctx, now_us);
        }
    }
}

bool inbox_next(struct inbox *inbox, uint64_t now_us, struct inbox_out *out)
{
    for (size_t n = 0; n < INBOX_USERS && inbox->is_online; n++) {
        size_t i = inbox->turn;
        inbox->turn = (inbox->turn + 1) % INBOX_USERS;
        if (inbox->users[i].ops != NULL &&
            inbox->users[i].ops->next(inbox->users[i].ctx, now_us, out)) {
            return true;
        }
    }
    return false;
}
