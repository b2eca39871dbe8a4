// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/uplink_internal.h"

#include "base/assert.h"
#include "telemetry/event.h"

#include <stdio.h>
#include <string.h>

enum { PROPERTIES_SIZE = 40 }; // names and values that the hub meters with the body

// An event like any other, dated with the beginning of the connection that it is about. Its journal
// id is the uplink's own, so that the numbers of the journal stay without holes.
void uplink_make_will(struct uplink *up, uint64_t now_us)
{
    static const char text[] = "link: the connection that began here ended without a farewell";
    up->will_topic[0] = up->will_payload[0] = 0;
    if (!up->cfg.has_will || !up->has_clock) {
        return;
    }
    const struct tm_bag bag = {
        .kind = TM_MESSAGE_EVENTS, .journal_id = up->will_id, .number = ++up->will_number};
    const struct tm_event event = {.kind = TM_EVENT_NOTE,
                                   .at_ms = up->utc_offset_ms + (int64_t)(now_us / US_PER_MS),
                                   .text = bytes_of(text, sizeof(text) - 1)};
    struct tm_body body = {.out = up->will_payload, .capacity = sizeof(up->will_payload) - 1};
    enum err err = tm_events_write(0, (struct tm_axis){.boot_id = 0}, &event, 1, &body);
    ASSERT(err == OK && body.taken == 1);
    up->will_payload[body.size] = 0;
    int at = snprintf(up->will_topic, sizeof(up->will_topic), "devices/%s/messages/events/",
                      up->id.device);
    ASSERT(at > 0 && (size_t)at < sizeof(up->will_topic) / 2);
    size_t size = 0;
    err = tm_bag_write(&bag, up->will_topic + at, sizeof(up->will_topic) - (size_t)at - 1, &size);
    ASSERT(err == OK);
    up->will_topic[(size_t)at + size] = 0;
}

static uint64_t waiting_since_us(const struct uplink *up)
{
    uint64_t since_us = TIME_NEVER;
    for (size_t i = 0; i < UPLINK_WINDOW_MAX; i++) {
        const struct uplink_slot *slot = &up->slots[i];
        since_us = slot->is_used && slot->is_sent ? time_min(since_us, slot->sent_at_us) : since_us;
    }
    return since_us;
}

// A hub that throttles is slow but not silent: each PUBACK gives the others time anew.
uint64_t uplink_ack_deadline_us(const struct uplink *up)
{
    uint64_t since_us = waiting_since_us(up);
    if (since_us == TIME_NEVER) {
        return TIME_NEVER;
    }
    since_us = since_us > up->acked_at_us ? since_us : up->acked_at_us;
    return time_after(since_us, up->cfg.ack_timeout_ms * US_PER_MS);
}

void uplink_tell_online(struct uplink *up, uint64_t now_us)
{
    up->acked_at_us = now_us;
    if (up->cfg.pacing != NULL) {
        pacing_online(up->cfg.pacing, now_us);
    }
    if (up->cfg.budget != NULL) {
        budget_online(up->cfg.budget, now_us);
    }
}

void uplink_tell_offline(struct uplink *up, uint64_t now_us, bool is_closed)
{
    if (up->cfg.pacing != NULL) {
        pacing_offline(up->cfg.pacing, now_us);
    }
    if (up->cfg.budget != NULL && is_closed) {
        budget_closed(up->cfg.budget, now_us);
    } else if (up->cfg.budget != NULL) {
        budget_online(up->cfg.budget, now_us); // the next one begins with nothing published
    }
}

void uplink_tell_taken(struct uplink *up, uint64_t now_us, const struct journal_message *message)
{
    if (message->is_backlog && up->cfg.pacing != NULL) {
        pacing_took(up->cfg.pacing, now_us, 1);
    }
}

bool uplink_may_publish(struct uplink *up, uint64_t now_us, const struct journal_message *message)
{
    return up->cfg.budget == NULL ||
           budget_may_publish(up->cfg.budget, now_us, message->lane, message->is_backlog,
                              message->payload.size + PROPERTIES_SIZE);
}

void uplink_tell_published(struct uplink *up, uint64_t now_us, const struct uplink_slot *slot)
{
    if (up->cfg.pacing != NULL) {
        pacing_waiting(up->cfg.pacing, now_us, waiting_since_us(up));
    }
    if (up->cfg.budget != NULL) {
        budget_published(up->cfg.budget, now_us, slot->message.payload.size + PROPERTIES_SIZE);
    }
}

void uplink_tell_acked(struct uplink *up, uint64_t now_us, const struct uplink_slot *slot)
{
    up->acked_at_us = now_us;
    if (up->cfg.pacing != NULL) {
        pacing_acked(up->cfg.pacing, now_us, now_us - slot->sent_at_us);
        pacing_waiting(up->cfg.pacing, now_us, waiting_since_us(up));
    }
    if (up->cfg.budget != NULL) {
        budget_acked(up->cfg.budget, now_us);
    }
}

size_t uplink_backlog_room(struct uplink *up, uint64_t now_us)
{
    size_t free = uplink_room(up, LANE_TELEMETRY);
    uint32_t held = 0;
    for (size_t i = UPLINK_ALERTS_MAX; i < UPLINK_WINDOW_MAX; i++) {
        held += up->slots[i].is_used && up->slots[i].message.is_backlog;
    }
    if (up->cfg.pacing == NULL) {
        return free;
    }
    bool must_wait = up->cfg.budget != NULL &&
                     (up->cfg.budget->step >= BUDGET_NO_BACKFILL || up->cfg.budget->is_refused);
    uint32_t room = must_wait ? 0 : pacing_room(up->cfg.pacing, now_us, held);
    return room < free ? room : free;
}
