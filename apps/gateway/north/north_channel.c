// SPDX-License-Identifier: Apache-2.0
// The channel beside the journal: carries between the MQTT client and the machines in the inbox.
#include "apps/gateway/north/north_internal.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <string.h>

enum {
    // What the journal's publishes may need at any time is left to them.
    JOURNAL_ROOM_BYTES = UPLINK_WINDOW_MAX * (JOURNAL_PAYLOAD_SIZE_MAX + UPLINK_TOPIC_SIZE_MAX),
    ONE_PUBLISH_BYTES = MQTT_PAYLOAD_SIZE_MAX + MQTT_TOPIC_SIZE_MAX,
    CHANNEL_TOKEN = UPLINK_WINDOW_MAX, // no slot of the uplink has it
    ROOM_LOOK_US = 100 * 1000,         // new room wakes us anyway
};
_Static_assert((int)JOURNAL_ROOM_BYTES + (int)ONE_PUBLISH_BYTES <= (int)MQTT_PUBLISH_BYTES_MAX,
               "the largest message must find room beside the journal's");
_Static_assert((int)UPLINK_WINDOW_MAX < (int)MQTT_PUBLISHES_MAX, "and a place");

void north_plug(struct north *north, enum inbox_user user, const struct inbox_ops *ops, void *ctx)
{
    inbox_plug(&north->inbox, user, ops, ctx);
}

const char *north_device(const struct north *north)
{
    return north->id.assignment.device;
}

void north_channel_message(struct north *north, uint64_t now_us, const struct mqtt_event *event)
{
    uint64_t throttled = north->inbox.stats.throttled;
    enum inbox_verdict verdict = inbox_message(
        &north->inbox, now_us, bytes_of(event->topic, strlen(event->topic)), event->payload);
    if (north->inbox.stats.throttled != throttled) {
        log_warn("uplink", "throttled", "hub=%s", log_quote(north->id.assignment.host).text);
        pacing_throttled(&north->forward.pacing, now_us, 0);
    }
    switch (verdict) {
    case INBOX_TAKEN: break;
    case INBOX_UNKNOWN:
        log_warn("uplink", "message_unknown", "topic=%s", log_quote(event->topic).text);
        break;
    case INBOX_FOREIGN:
        log_warn("uplink", "message_foreign", "topic=%s", log_quote(event->topic).text);
        break;
    case INBOX_NOBODY:
        log_debug("uplink", "message_unused", "topic=%s", log_quote(event->topic).text);
        break;
    }
}

static void publish(struct north *north, const struct inbox_out *out)
{
    char topic[MQTT_TOPIC_SIZE_MAX];
    struct writer w = writer_of(topic, sizeof(topic));
    az_topic_build(&out->topic, &w);
    put_u8(&w, 0);
    ASSERT(!w.failed); // a machine's own topic
    enum err err = mqtt_publish(north->mqtt, &(struct mqtt_publish){.token = CHANNEL_TOKEN,
                                                                    .qos = out->qos,
                                                                    .topic = topic,
                                                                    .payload = out->body});
    if (err != OK) {
        log_warn("uplink", "publish", "topic=%s problem=%s", log_quote(topic).text, err_name(err));
    }
}

// A connection that ended and one that came meanwhile are two: in between is an offline.
static void follow_uplink(struct north *north, uint64_t now_us)
{
    bool is_online = north->uplink.state == UPLINK_ONLINE;
    bool is_same = north->inbox_connect == north->uplink.stats.connects;
    if (north->inbox.is_online && (!is_online || !is_same)) {
        inbox_offline(&north->inbox, now_us);
    }
    if (is_online && !north->inbox.is_online) {
        north->inbox_connect = north->uplink.stats.connects;
        inbox_online(&north->inbox, now_us);
    }
}

static bool has_room(struct north *north)
{
    return mqtt_has_room(north->mqtt, UPLINK_WINDOW_MAX + 1,
                         JOURNAL_ROOM_BYTES + ONE_PUBLISH_BYTES);
}

uint64_t north_channel_turn(struct north *north, uint64_t now_us)
{
    follow_uplink(north, now_us);
    inbox_tick(&north->inbox, now_us);
    struct inbox_out out;
    bool may_send = north->inbox.is_online;
    while (may_send && has_room(north) && inbox_next(&north->inbox, now_us, &out)) {
        publish(north, &out);
    }
    // What is due but finds no room stays due: a link that takes nothing must not make us spin.
    uint64_t deadline_us = inbox_deadline_us(&north->inbox);
    uint64_t look_us = may_send && !has_room(north) ? now_us + ROOM_LOOK_US : now_us;
    return deadline_us > look_us ? deadline_us : look_us;
}
