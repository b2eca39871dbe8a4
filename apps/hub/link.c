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
    link->before = link->sent;
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
    link->forsaken = link->sent;
    link->took_count = 0;
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
    link->told = (struct hub_quota_day){0};
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

static void note_taken(struct hub_link *link, const struct hub_connection *connection,
                       uint64_t token)
{
    if (link->took_count == HUB_LINK_TOOK_MAX) { // more than a backend has under way
        link->stats.dropped++;
        return;
    }
    uint32_t at = (link->took_first + link->took_count) % HUB_LINK_TOOK_MAX;
    link->took[at] = (struct hub_link_took){
        .number = connection->number,
        .token = token,
        .slot = (uint32_t)(connection - link->connections->list),
    };
    link->took_count++;
}

static const char *pass_on(struct hub_link *link, const struct hub_link_words *words,
                           struct bytes payload, bool wants_to_know)
{
    const uint8_t *end = payload.size > 0 ? memchr(payload.data, '\0', payload.size) : NULL;
    size_t size = end != NULL ? (size_t)(end - payload.data) : 0;
    if (words->qos > 1 || size == 0) {
        return "to/ without a QoS of 0 or 1, or it or tell/ with a payload that is not topic, 0, "
               "body";
    }
    struct bytes topic = bytes_of(payload.data, size);
    unsigned needed = is_plain(topic) ? hub_filter_needed(link->mode, words->device, topic) : 0;
    if (needed == 0) {
        return "to/ or tell/ with a topic that this device may not be sent";
    }
    struct hub_connection *connection = present(link, words);
    if (connection != NULL && (hub_filter_mask(connection->filters) & needed) == 0) {
        link->stats.dropped++;
        return NULL;
    }
    bool is_qos1 = connection != NULL && (hub_filter_mask(connection->filters_qos1) & needed) != 0;
    link->has_out = connection != NULL;
    if (connection != NULL && wants_to_know) {
        note_taken(link, connection, words->token);
    }
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
    case HUB_LINK_ACK: acknowledge(link, link->before + words.number); return NULL;
    case HUB_LINK_TO: return pass_on(link, &words, payload, false);
    case HUB_LINK_TELL: return pass_on(link, &words, payload, true);
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
    return "topic is not one of sync, ack/, to/, tell/, kick/ with their parts";
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

static uint64_t next_seq(const struct hub_link *link)
{
    return link->sent + 1 - link->before;
}

static void name(struct hub_link *link, const char *word, uint64_t number,
                 const struct hub_connection *connection)
{
    hub_link_put_topic(link->topic_text, sizeof(link->topic_text), next_seq(link), word, number,
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

struct asker {
    const struct hub_connection *connection;
    struct bytes rid;
};

// Our own answer, if the device has subscribed to answers.
static bool answer(struct hub_link *link, struct asker asker, int32_t status, struct hub_out *out)
{
    unsigned needed = link->mode == HUB_MODE_DPS ? HUB_FILTER_DPS : HUB_FILTER_TWIN_ANSWER;
    if ((asker.connection->filters & needed) == 0) {
        return false;
    }
    struct hub_link_refusal refusal = {
        .status = status,
        .boot = link->boot,
        .number = asker.connection->number,
        .utc_s = link->utc_s,
        .mode = link->mode,
        .rid = asker.rid,
    };
    hub_link_put_refusal(&refusal, link->topic_text, link->body_text, HUB_OUT_TEXT_SIZE);
    *out = (struct hub_out){
        .client_id = asker.connection->id,
        .topic = bytes_of(link->topic_text, strlen(link->topic_text)),
        .parts = {bytes_of(link->body_text, strlen(link->body_text))},
    };
    return true;
}

static bool refuse(struct hub_link *link, const struct hub_connection *connection,
                   struct hub_out *out)
{
    bool is_away = !link->is_synced;
    link->stats.refused_away += is_away ? 1 : 0;
    link->stats.refused_behind += is_away ? 0 : 1;
    return link->asked.kind != AZ_METHOD_ANSWER &&
           answer(link, (struct asker){connection, link->asked.rid}, is_away ? 503 : 429, out);
}

// Of a session that ended: what it had not acknowledged it may not have answered either.
static bool refuse_forsaken(struct hub_link *link, struct hub_out *out)
{
    while (link->acknowledged < link->forsaken) {
        link->acknowledged++;
        const struct hub_link_entry *entry = entry_of(link, link->acknowledged);
        const struct hub_connection *connection = &link->connections->list[entry->slot];
        forget_entry(link, entry);
        if (entry->rid_size == 0 || connection->number != entry->number ||
            connection->close_why != NULL) {
            continue;
        }
        link->stats.refused_away++;
        struct asker asker = {connection, bytes_of(entry->rid, entry->rid_size)};
        if (answer(link, asker, 503, out)) {
            return true;
        }
    }
    return false;
}

// What was handed over, before the end of the connection it was handed to.
static bool tell_taken(struct hub_link *link, struct hub_out *out)
{
    while (link->took_count > 0 &&
           has_room(link, sizeof(link->topic_text) + sizeof(link->body_text))) {
        const struct hub_link_took *took = &link->took[link->took_first];
        const struct hub_connection *connection = &link->connections->list[took->slot];
        link->took_first = (link->took_first + 1) % HUB_LINK_TOOK_MAX;
        link->took_count--;
        if (connection->told_number != took->number) {
            continue; // it ended: what it had not acknowledged is sent again
        }
        name(link, "took", took->number, connection);
        snprintf(link->body_text, sizeof(link->body_text), "%llu", (unsigned long long)took->token);
        send(link, NULL, strlen(link->topic_text) + strlen(link->body_text), out);
        return true;
    }
    return false;
}

void hub_link_metered(struct hub_link *link, struct hub_quota_day day)
{
    link->metered = day;
}

static bool tell_metered(struct hub_link *link, struct hub_out *out)
{
    bool is_new =
        link->metered.number != link->told.number || link->metered.used != link->told.used;
    if (!is_new || !has_room(link, sizeof(link->topic_text) + sizeof(link->body_text))) {
        return false;
    }
    link->told = link->metered;
    hub_link_put_metered(link->topic_text, link->body_text, HUB_OUT_TEXT_SIZE, next_seq(link),
                         link->metered);
    send(link, NULL, strlen(link->topic_text) + strlen(link->body_text), out);
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
    struct hub_link_entry *entry = entry_of(link, link->sent);
    if (link->asked.kind != AZ_METHOD_ANSWER) {
        ASSERT(link->asked.rid.size <= sizeof(entry->rid));
        entry->rid_size = (uint8_t)link->asked.rid.size;
        memcpy(entry->rid, link->asked.rid.data, link->asked.rid.size);
    }
    asker->waiting++;
    out->parts[0] = link->topic;
    out->parts[1] = bytes_of(zero, 1);
    out->parts[2] = link->body;
    return true;
}

bool hub_link_next(struct hub_link *link, struct hub_out *out)
{
    if (refuse_forsaken(link, out)) {
        return true;
    }
    if (link->has_out) {
        link->has_out = false;
        *out = link->out;
        return true;
    }
    if (link->owes_hello && has_room(link, sizeof(link->topic_text))) {
        link->owes_hello = false;
        hub_link_put_hello(link->topic_text, link->body_text, HUB_OUT_TEXT_SIZE, next_seq(link),
                           link->boot);
        send(link, NULL, strlen(link->topic_text) + strlen(link->body_text), out);
        return true;
    }
    bool is_told = link->is_synced && !link->owes_hello;
    return (is_told &&
            (tell_taken(link, out) || tell_next(link, out) || tell_metered(link, out))) ||
           (link->asker != NULL && ask(link, out));
}
