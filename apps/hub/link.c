// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/link.h"

#include "apps/hub/link_text.h"
#include "base/assert.h"

#include <stdio.h>
#include <string.h>

void hub_link_init(struct hub_link *link, enum hub_mode mode, struct hub_connections *connections,
                   uint64_t boot)
{
    *link = (struct hub_link){.mode = mode, .connections = connections, .boot = boot};
}

static struct hub_link_entry *entry_of(struct hub_link *link, uint64_t seq)
{
    return &link->window[seq % HUB_LINK_WINDOW];
}

static void forget_entry(struct hub_link *link, const struct hub_link_entry *entry)
{
    link->bytes -= entry->size;
    struct hub_connection *connection = &link->connections->list[entry->slot];
    if (entry->number != 0 && connection->number == entry->number) {
        connection->waiting--;
    }
}

static void acknowledge(struct hub_link *link, uint64_t seq)
{
    while (link->acknowledged < seq && seq <= link->sent) {
        link->acknowledged++;
        forget_entry(link, entry_of(link, link->acknowledged));
    }
}

void hub_link_opened(struct hub_link *link)
{
    hub_link_closed(link);
    link->sent = 0;
    link->acknowledged = 0;
}

// Whatever the backend was told counts for nothing from now on.
static void forget_told(struct hub_link *link)
{
    struct hub_connections *table = link->connections;
    while (hub_connections_marked(table) != NULL) {
        hub_connections_unmark_first(table);
    }
    for (uint32_t i = 0; i < table->capacity; i++) {
        struct hub_connection *connection = &table->list[i];
        if (connection->id[0] != '\0') {
            connection->told_number = 0;
            hub_connections_leave(table, connection);
        }
    }
}

void hub_link_closed(struct hub_link *link)
{
    acknowledge(link, link->sent);
    link->is_synced = false;
    link->owes_hello = false;
    forget_told(link);
}

void hub_link_changed(struct hub_link *link, struct hub_connection *connection)
{
    if (link->is_synced) {
        hub_connections_mark(link->connections, connection);
    } else {
        hub_connections_leave(link->connections, connection);
    }
}

static void sync(struct hub_link *link)
{
    struct hub_connections *table = link->connections;
    forget_told(link);
    link->is_synced = true;
    link->owes_hello = true;
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->list[i].client != NULL) {
            hub_connections_mark(table, &table->list[i]);
        }
    }
}

static struct hub_connection *present(struct hub_link *link, const struct hub_link_words *words)
{
    struct hub_connection *connection = hub_connections_find(link->connections, words->device);
    bool is_present = connection != NULL && connection->number == words->number &&
                      connection->number != 0 && connection->close_why == NULL;
    link->stats.dropped += is_present ? 0 : 1;
    return is_present ? connection : NULL;
}

// What may stand in a topic name on the wire; all of the dialect is ASCII.
static bool is_plain(struct bytes topic)
{
    for (size_t i = 0; i < topic.size; i++) {
        uint8_t c = topic.data[i];
        if (c < ' ' || c > '~' || c == '+' || c == '#') {
            return false;
        }
    }
    return true;
}

static const char *pass_on(struct hub_link *link, const struct hub_link_words *words,
                           struct bytes payload)
{
    const uint8_t *end = payload.size > 0 ? memchr(payload.data, '\0', payload.size) : NULL;
    size_t size = end != NULL ? (size_t)(end - payload.data) : 0;
    if (words->qos > 1 || size == 0) {
        return "to/ without a QoS of 0 or 1, or a payload that is not topic, 0, body";
    }
    struct bytes topic = bytes_of(payload.data, size);
    unsigned needed = is_plain(topic) ? hub_filter_needed(link->mode, words->device, topic) : 0;
    if (needed == 0) {
        return "to/ with a topic that this device may not be sent";
    }
    struct hub_connection *connection = present(link, words);
    if (connection != NULL && (hub_filter_mask(connection->filters) & needed) == 0) {
        link->stats.dropped++;
        return NULL;
    }
    bool is_qos1 = connection != NULL && (hub_filter_mask(connection->filters_qos1) & needed) != 0;
    link->has_out = connection != NULL;
    link->out = (struct hub_out){
        .client_id = connection != NULL ? connection->id : NULL,
        .topic = topic,
        .parts = {bytes_of(end + 1, payload.size - size - 1)},
        .qos = is_qos1 ? (uint8_t)words->qos : 0,
    };
    return NULL;
}

const char *hub_link_message(struct hub_link *link, struct bytes topic, struct bytes payload)
{
    struct hub_link_words words;
    switch (hub_link_words_parse(topic, &words)) {
    case HUB_LINK_SYNC: sync(link); return NULL;
    case HUB_LINK_ACK: acknowledge(link, words.number); return NULL;
    case HUB_LINK_TO: return pass_on(link, &words, payload);
    case HUB_LINK_KICK: {
        struct hub_connection *connection = present(link, &words);
        if (connection != NULL) {
            connection->close_why = "kicked by the backend";
            link->has_out = true;
            link->out =
                (struct hub_out){.client_id = connection->id, .close_why = connection->close_why};
        }
        return NULL;
    }
    case HUB_LINK_NONE: break;
    }
    return "topic is not one of sync, ack/, to/, kick/ with their parts";
}

void hub_link_request(struct hub_link *link, struct hub_connection *connection,
                      const struct az_topic *asked, struct bytes topic, struct bytes body,
                      uint64_t utc_s)
{
    link->asker = connection;
    link->asked = *asked;
    link->topic = topic;
    link->body = body;
    link->utc_s = utc_s;
}

static bool has_room(const struct hub_link *link, size_t size)
{
    return link->sent - link->acknowledged < HUB_LINK_WINDOW &&
           link->bytes + size <= HUB_LINK_BYTES_MAX;
}

// Counts and addresses a message whose topic and body stand in the texts.
static void send(struct hub_link *link, struct hub_connection *asker, size_t size,
                 struct hub_out *out)
{
    link->sent++;
    *entry_of(link, link->sent) = (struct hub_link_entry){
        .size = (uint32_t)size,
        .slot = asker != NULL ? (uint32_t)(asker - link->connections->list) : 0,
        .number = asker != NULL ? asker->number : 0,
    };
    link->bytes += size;
    *out = (struct hub_out){
        .client_id = HUB_LINK_CLIENT,
        .topic = bytes_of(link->topic_text, strlen(link->topic_text)),
        .parts = {bytes_of(link->body_text, strlen(link->body_text))},
    };
}

static void name(struct hub_link *link, const char *word, uint64_t number,
                 const struct hub_connection *connection)
{
    hub_link_put_topic(link->topic_text, sizeof(link->topic_text), link->sent + 1, word, number,
                       connection->id);
}

// One message about the connection; false: the backend knows all.
static bool tell(struct hub_link *link, struct hub_connection *connection, struct hub_out *out)
{
    unsigned mask = hub_filter_mask(connection->filters);
    if (connection->told_number != 0 && connection->told_number != connection->number) {
        name(link, "down", connection->told_number, connection);
        snprintf(link->body_text, sizeof(link->body_text), "%s", connection->end);
        connection->told_number = 0;
    } else if (connection->number != 0 && connection->told_number == 0) {
        name(link, "up", connection->number, connection);
        hub_link_put_up(link->body_text, sizeof(link->body_text), link->mode, connection);
        connection->told_number = connection->number;
        connection->told_mask = mask;
        connection->was_clean = false;
    } else if (connection->number != 0 && connection->told_mask != mask) {
        name(link, "subs", connection->number, connection);
        snprintf(link->body_text, sizeof(link->body_text), "%u", mask);
        connection->told_mask = mask;
    } else {
        return false;
    }
    send(link, NULL, strlen(link->topic_text) + strlen(link->body_text), out);
    return true;
}

static bool tell_next(struct hub_link *link, struct hub_out *out)
{
    struct hub_connection *connection = NULL;
    while (has_room(link, sizeof(link->topic_text) + sizeof(link->body_text)) &&
           (connection = hub_connections_marked(link->connections)) != NULL) {
        if (tell(link, connection, out)) {
            return true;
        }
        hub_connections_unmark_first(link->connections);
        hub_connections_leave(link->connections, connection);
    }
    return false;
}

static bool refuse(struct hub_link *link, struct hub_connection *asker, struct hub_out *out)
{
    bool is_away = !link->is_synced;
    link->stats.refused_away += is_away ? 1 : 0;
    link->stats.refused_behind += is_away ? 0 : 1;
    unsigned needed = link->mode == HUB_MODE_DPS ? HUB_FILTER_DPS : HUB_FILTER_TWIN_ANSWER;
    if (link->asked.kind == AZ_METHOD_ANSWER || (asker->filters & needed) == 0) {
        return false;
    }
    struct hub_link_refusal refusal = {
        .status = is_away ? 503 : 429,
        .boot = link->boot,
        .number = asker->number,
        .utc_s = link->utc_s,
        .mode = link->mode,
        .rid = link->asked.rid,
    };
    hub_link_put_refusal(&refusal, link->topic_text, link->body_text, HUB_OUT_TEXT_SIZE);
    *out = (struct hub_out){
        .client_id = asker->id,
        .topic = bytes_of(link->topic_text, strlen(link->topic_text)),
        .parts = {bytes_of(link->body_text, strlen(link->body_text))},
    };
    return true;
}

static bool ask(struct hub_link *link, struct hub_out *out)
{
    struct hub_connection *asker = link->asker;
    size_t size = sizeof(link->topic_text) + link->topic.size + 1 + link->body.size;
    link->asker = NULL;
    if (!link->is_synced || !has_room(link, size) || asker->waiting == HUB_LINK_PER_DEVICE_MAX ||
        asker->told_number != asker->number) { // it has not been announced: there was no room
        return refuse(link, asker, out);
    }
    static const uint8_t zero[1] = {0};
    name(link, "req", asker->number, asker);
    send(link, asker, size, out);
    asker->waiting++;
    out->parts[0] = link->topic;
    out->parts[1] = bytes_of(zero, 1);
    out->parts[2] = link->body;
    return true;
}

bool hub_link_next(struct hub_link *link, struct hub_out *out)
{
    if (link->has_out) {
        link->has_out = false;
        *out = link->out;
        return true;
    }
    if (link->owes_hello && has_room(link, sizeof(link->topic_text))) {
        link->owes_hello = false;
        hub_link_put_hello(link->topic_text, link->body_text, HUB_OUT_TEXT_SIZE, link->sent + 1,
                           link->boot);
        send(link, NULL, strlen(link->topic_text) + strlen(link->body_text), out);
        return true;
    }
    return (link->is_synced && !link->owes_hello && tell_next(link, out)) ||
           (link->asker != NULL && ask(link, out));
}
