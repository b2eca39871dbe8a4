// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/hub.h"

#include "azure/property_bag.h"

#include <string.h>

enum { CHECKS_PER_TICK = 512 }; // look-ups in hub.db: some milliseconds

static struct hub_answer refused(const char *why)
{
    return (struct hub_answer){.outcome = HUB_REFUSED, .why = why};
}

void hub_init(struct hub *hub, const struct hub_config *cfg)
{
    *hub = (struct hub){
        .cfg = *cfg,
        .check_at = cfg->connections->capacity,
        .close_at = cfg->connections->capacity,
        .turn = 1,
    };
    hub_link_init(&hub->link, cfg->mode, cfg->connections, cfg->boot);
}

static struct hub_answer failed(const char *why)
{
    return (struct hub_answer){.outcome = HUB_FAILED, .why = why};
}

static struct hub_answer admit(struct hub *hub, enum hub_quota_kind kind, struct hub_quota_time now)
{
    switch (hub->cfg.quota != NULL ? hub_quota_take(hub->cfg.quota, kind, now) : HUB_QUOTA_PASS) {
    case HUB_QUOTA_THROTTLED: return failed("429001: more a second than the quota allows");
    case HUB_QUOTA_USED_UP: return failed("403002: the day's messages are used up");
    case HUB_QUOTA_PASS: break;
    }
    return (struct hub_answer){.outcome = HUB_OK};
}

static struct bytes backend_id(void)
{
    return bytes_of(HUB_LINK_CLIENT, strlen(HUB_LINK_CLIENT));
}

static struct hub_answer connect_backend(struct hub *hub, const struct hub_connect *in)
{
    if (!bytes_equal(in->client_id, backend_id())) {
        return refused("only the backend connects here");
    }
    hub->backend = in->client;
    hub_link_opened(&hub->link);
    return (struct hub_answer){.outcome = HUB_OK};
}

static void begin(struct hub *hub, struct hub_connection *connection, const struct hub_connect *in,
                  const struct hub_login *login)
{
    bool is_dps = hub->cfg.mode == HUB_MODE_DPS;
    bool keeps = !in->is_clean && !is_dps; // at DPS nothing is worth its place in the table
    bool has_session = keeps && connection->is_kept;
    // The broker looks in this turn whether the client may have what its session still holds.
    bool is_heir = has_session && connection->login.generation == login->generation;
    connection->discards_turn = is_heir ? 0 : hub->turn;
    hub->replaced = connection->client;
    hub->will_generation = connection->login.generation;
    if (connection->client != NULL) {
        connection->end = "taken_over";
    }
    connection->client = in->client;
    hub->cfg.connections->number_last++;
    connection->number = hub->cfg.connections->number_last;
    connection->login = *login;
    connection->close_why = NULL;
    connection->waiting = 0;
    // mosquitto may have told such a client of DPS that its subscription is still there.
    unsigned assumed = is_dps && !in->is_clean ? HUB_FILTER_DPS : 0;
    connection->filters = has_session ? connection->filters : assumed;
    connection->filters_qos1 = has_session ? connection->filters_qos1 : 0;
    connection->is_kept = keeps;
    connection->was_clean |= !keeps;
    hub_link_changed(&hub->link, connection);
}

struct hub_answer hub_connect(struct hub *hub, const struct hub_connect *in)
{
    hub->ended = NULL; // the broker may use these addresses again
    hub->replaced = NULL;
    if (in->is_local) {
        return connect_backend(hub, in);
    }
    if (in->utc_s == 0) { // every token that ever expired would be good again
        return refused("the clock of the hub is not set yet");
    }
    struct hub_login login;
    const char *why = hub->cfg.mode == HUB_MODE_DPS
                          ? hub_login_registration(hub->cfg.directory, in, &login)
                          : hub_login_device(hub->cfg.directory, in, &login);
    if (why != NULL) {
        return refused(why);
    }
    // Strangers, who were refused above, take nobody's tokens.
    struct hub_quota_time now = {.now_us = in->now_us, .utc_ms = (int64_t)in->utc_s * 1000};
    struct hub_answer answer = admit(hub, HUB_QUOTA_CONNECTS, now);
    if (answer.outcome != HUB_OK) {
        return answer;
    }
    struct hub_connection *connection = hub_connections_enter(hub->cfg.connections, in->client_id);
    if (connection == NULL) {
        return refused("connections_max devices are connected or have a session");
    }
    if (connection->sent_turn == hub->turn && connection->login.generation != login.generation) {
        return failed("device made anew, and something for the former one is on its way");
    }
    begin(hub, connection, in, &login);
    return (struct hub_answer){.outcome = HUB_OK};
}

// The device's connection, if this is the present one.
static struct hub_connection *current(struct hub *hub, const void *client, struct bytes client_id)
{
    struct hub_connection *connection = hub_connections_find(hub->cfg.connections, client_id);
    return connection != NULL && client != NULL && connection->client == client ? connection : NULL;
}

// And not one that is about to be closed.
static struct hub_connection *known(struct hub *hub, const void *client, struct bytes client_id)
{
    struct hub_connection *connection = current(hub, client, client_id);
    return connection != NULL && connection->close_why == NULL ? connection : NULL;
}

void hub_disconnect(struct hub *hub, const void *client, struct bytes client_id)
{
    if (client != NULL && client == hub->backend) {
        hub->backend = NULL;
        hub_link_closed(&hub->link);
        return;
    }
    struct hub_connection *connection = current(hub, client, client_id);
    bool is_ours = connection != NULL || (client != NULL && client == hub->replaced);
    hub->ended = is_ours ? client : NULL;
    hub->replaced = NULL;
    if (connection == NULL) {
        return;
    }
    hub->will_generation = connection->login.generation;
    connection->end = connection->close_why != NULL ? "closed" : "ended";
    connection->client = NULL;
    connection->number = 0;
    hub_link_changed(&hub->link, connection);
}

// Azure's measure: body, values of system properties, names and values of the others.
static struct hub_answer judge_size(struct bytes bag, struct bytes payload)
{
    uint8_t scratch[2 * AZ_PROPERTY_SIZE_MAX];
    size_t size = payload.size;
    struct az_property property;
    enum err err = OK;
    if (bag.size > HUB_PROPERTIES_SIZE_MAX) {
        return refused("property bag above 16384 bytes");
    }
    while ((err = az_bag_next(&bag, scratch, sizeof(scratch), &property)) == OK) {
        bool is_system =
            property.key.size > 2 && property.key.data[0] == '$' && property.key.data[1] == '.';
        size += property.value.size + (is_system ? 0 : property.key.size);
    }
    if (err != ERR_EMPTY) {
        return refused(err == ERR_SIZE ? "property above 8192 bytes"
                                       : "property bag with a wrong percent escape");
    }
    if (size > HUB_PAYLOAD_SIZE_MAX) {
        return refused("message above 262144 bytes");
    }
    return (struct hub_answer){.outcome = HUB_OK, .size = size};
}

static struct hub_answer judge_events(const struct hub_publish *in, const struct az_topic *topic)
{
    if (!bytes_equal(topic->device_id, in->client_id) || topic->module_id.size > 0) {
        return refused("events topic of another device or module");
    }
    return judge_size(topic->bag, in->payload);
}

static bool is_request(enum hub_mode mode, enum az_topic_kind kind)
{
    bool is_of_hub = kind == AZ_TWIN_GET || kind == AZ_TWIN_REPORT || kind == AZ_METHOD_ANSWER;
    bool is_of_dps = kind == AZ_DPS_REGISTER || kind == AZ_DPS_STATUS;
    return mode == HUB_MODE_DPS ? is_of_dps : is_of_hub;
}

static struct hub_answer judge(const struct hub *hub, const struct hub_publish *in, bool is_known,
                               struct az_topic *topic)
{
    if (!is_known) {
        return refused("not connected as an enabled device");
    }
    enum err err = az_topic_parse(in->topic, topic);
    if (err == ERR_CORRUPT) {
        return refused("topic of the dialect with a part missing or wrong");
    }
    if (err == OK && topic->kind == AZ_EVENTS && hub->cfg.mode == HUB_MODE_HUB) {
        return judge_events(in, topic);
    }
    if (err != OK || !is_request(hub->cfg.mode, topic->kind)) {
        return refused("not a topic that devices may publish to");
    }
    size_t size_max =
        hub->cfg.mode == HUB_MODE_DPS ? HUB_DPS_REQUEST_SIZE_MAX : HUB_REQUEST_SIZE_MAX;
    return in->payload.size <= size_max ? (struct hub_answer){.outcome = HUB_OK}
                                        : refused("request with a body above its limit");
}

static bool is_backend(const struct hub *hub, const void *client)
{
    return client != NULL && client == hub->backend;
}

struct hub_answer hub_may_publish(struct hub *hub, const struct hub_publish *in)
{
    struct az_topic topic;
    if (is_backend(hub, in->client)) {
        return (struct hub_answer){.outcome = HUB_OK};
    }
    return judge(hub, in, known(hub, in->client, in->client_id) != NULL, &topic);
}

static struct hub_answer store(struct hub *hub, const struct hub_publish *in,
                               const struct az_topic *topic, size_t size, bool is_will)
{
    struct hub_quota_time now = {.now_us = in->now_us, .utc_ms = in->utc_ms};
    struct hub_answer answer = admit(hub, HUB_QUOTA_SENDS, now);
    if (answer.outcome != HUB_OK) {
        return answer;
    }
    struct hub_record record = {
        .received_utc_ms = in->utc_ms,
        .is_retained = in->is_retained,
        .is_will = is_will,
        .device_id = topic->device_id,
        .properties = topic->bag,
        .payload = in->payload,
    };
    answer.err = hub_log_store(hub->cfg.log, &record, &answer.sequence);
    if (answer.err != OK) {
        answer.outcome = HUB_FAILED;
        answer.why = answer.err == ERR_FULL ? "log full" : "log cannot store";
    } else if (hub->cfg.quota != NULL) {
        hub_quota_charge(hub->cfg.quota, in->utc_ms, size);
    }
    return answer;
}

// The device was removed and made anew, and its former one is still connected.
static bool is_for_another(struct hub *hub, const struct hub_out *out)
{
    struct hub_device device;
    struct bytes id = bytes_of(out->client_id, strlen(out->client_id));
    if (out->close_why != NULL || hub->cfg.mode == HUB_MODE_DPS) {
        return false;
    }
    const struct hub_connection *connection = hub_connections_find(hub->cfg.connections, id);
    enum err err = hub_directory_device(hub->cfg.directory, id, &device);
    return err == ERR_NOT_FOUND ||
           (err == OK && connection != NULL && device.generation != connection->login.generation);
}

struct hub_answer hub_publish(struct hub *hub, const struct hub_publish *in)
{
    if (is_backend(hub, in->client)) {
        uint32_t took_count = hub->link.took_count;
        const char *why = hub_link_message(&hub->link, in->topic, in->payload);
        if (hub->link.has_out && is_for_another(hub, &hub->link.out)) {
            hub->link.has_out = false;
            hub->link.took_count = took_count; // nor is the backend told that it was handed over
            hub->link.stats.dropped++;
        }
        return (struct hub_answer){.outcome = why == NULL ? HUB_OK : HUB_IGNORED, .why = why};
    }
    struct az_topic topic;
    struct hub_connection *connection = known(hub, in->client, in->client_id);
    struct hub_answer answer = judge(hub, in, connection != NULL, &topic);
    if (answer.outcome != HUB_OK) {
        return answer;
    }
    if (topic.kind == AZ_EVENTS) {
        return store(hub, in, &topic, answer.size, false);
    }
    hub_link_request(&hub->link, connection, &topic, in->topic, in->payload,
                     (uint64_t)in->utc_ms / 1000);
    return answer;
}

bool hub_is_will(const struct hub *hub, const void *client)
{
    return client != NULL && (client == hub->ended || client == hub->replaced);
}

struct hub_answer hub_store_will(struct hub *hub, const struct hub_publish *in)
{
    struct hub_device device;
    bool is_enabled = hub_directory_device(hub->cfg.directory, in->client_id, &device) == OK &&
                      device.is_enabled && device.generation == hub->will_generation;
    bool is_known = hub_is_will(hub, in->client) && is_enabled;
    struct az_topic topic;
    hub->ended = NULL;
    hub->replaced = NULL;
    struct hub_answer answer = judge(hub, in, is_known, &topic);
    if (answer.outcome == HUB_OK && topic.kind != AZ_EVENTS) {
        return refused("a will that is no event");
    }
    return answer.outcome == HUB_OK ? store(hub, in, &topic, answer.size, true) : answer;
}

struct hub_answer hub_subscribe(struct hub *hub, const void *client, struct bytes client_id,
                                struct bytes filter, uint8_t qos)
{
    if (is_backend(hub, client)) {
        return (struct hub_answer){.outcome = HUB_OK};
    }
    struct hub_connection *connection = known(hub, client, client_id);
    unsigned bit = hub_filter_bit(hub->cfg.mode, client_id, filter);
    if (connection == NULL || bit == 0) {
        return refused("not a filter of this device");
    }
    connection->filters |= bit;
    connection->filters_qos1 = (connection->filters_qos1 & ~bit) | (qos > 0 ? bit : 0);
    hub_link_changed(&hub->link, connection);
    return (struct hub_answer){.outcome = HUB_OK};
}

void hub_unsubscribe(struct hub *hub, const void *client, struct bytes client_id,
                     struct bytes filter)
{
    struct hub_connection *connection = current(hub, client, client_id);
    unsigned bit = hub_filter_bit(hub->cfg.mode, client_id, filter);
    if (connection != NULL && bit != 0) {
        connection->filters &= ~bit;
        connection->filters_qos1 &= ~bit;
        hub_link_changed(&hub->link, connection);
    }
}

bool hub_may_receive(struct hub *hub, const void *client, struct bytes client_id,
                     struct bytes topic)
{
    if (is_backend(hub, client)) {
        return topic.size > 2 && memcmp(topic.data, "l/", 2) == 0;
    }
    const struct hub_connection *connection = known(hub, client, client_id);
    unsigned needed = hub_filter_needed(hub->cfg.mode, client_id, topic);
    return connection != NULL && connection->discards_turn != hub->turn &&
           (hub_filter_mask(connection->filters) & needed) != 0;
}

bool hub_is_checking(const struct hub *hub)
{
    return hub->cfg.mode == HUB_MODE_HUB && hub->check_at < hub->cfg.connections->capacity;
}

// A session whose device is gone from the registry would hold its place for ever.
static void recheck_session(struct hub *hub, struct hub_connection *connection)
{
    struct hub_device device;
    struct bytes id = bytes_of(connection->id, strlen(connection->id));
    if (hub_directory_device(hub->cfg.directory, id, &device) == ERR_NOT_FOUND) {
        connection->is_kept = false;
        connection->filters = 0;
        connection->filters_qos1 = 0;
        hub_connections_leave(hub->cfg.connections, connection);
    }
}

// Some of the connections against hub.db, from where the last turn stopped.
static void recheck(struct hub *hub)
{
    struct hub_connections *table = hub->cfg.connections;
    struct hub_trust trust;
    if (!hub_is_checking(hub) || hub_trust_init(&trust) != OK) {
        return;
    }
    hub_trust_add_directory(&trust, hub->cfg.directory);
    for (int n = 0; n < CHECKS_PER_TICK && hub->check_at < table->capacity; hub->check_at++) {
        struct hub_connection *connection = &table->list[hub->check_at];
        if (connection->client != NULL && connection->close_why == NULL) {
            struct bytes id = bytes_of(connection->id, strlen(connection->id));
            connection->close_why =
                hub_login_recheck(hub->cfg.directory, &trust, id, &connection->login);
            n++;
        } else if (connection->client == NULL && connection->is_kept) {
            recheck_session(hub, connection);
            n++;
        }
    }
    hub_trust_deinit(&trust);
    if (hub->check_at == table->capacity && hub->check_again) {
        hub->check_at = 0;
        hub->check_again = false;
    }
}

void hub_tick(struct hub *hub, uint64_t utc_s, bool directory_changed)
{
    hub->utc_s = utc_s;
    if (hub->cfg.quota != NULL && hub->cfg.quota->limits.messages_per_day > 0) {
        hub_link_metered(&hub->link, hub->cfg.quota->own);
    }
    if (directory_changed && hub_is_checking(hub)) {
        hub->check_again = true; // from the start, but this round comes to its end
    } else if (directory_changed) {
        hub->check_at = 0;
    }
    recheck(hub);
    hub->close_at = 0;
}

static bool next_to_close(struct hub *hub, struct hub_out *out)
{
    struct hub_connections *table = hub->cfg.connections;
    while (hub->close_at < table->capacity) {
        struct hub_connection *connection = &table->list[hub->close_at];
        hub->close_at++;
        if (connection->client == NULL) {
            continue;
        }
        if (connection->close_why == NULL && connection->login.expires_utc_s <= hub->utc_s) {
            connection->close_why =
                connection->login.certificate.size > 0 ? "certificate expired" : "token expired";
        }
        if (connection->close_why != NULL) {
            *out =
                (struct hub_out){.client_id = connection->id, .close_why = connection->close_why};
            return true;
        }
    }
    return false;
}

static void note_sent(struct hub *hub, const struct hub_out *out)
{
    struct bytes id = bytes_of(out->client_id, strlen(out->client_id));
    struct hub_connection *connection = hub_connections_find(hub->cfg.connections, id);
    if (connection != NULL) {
        connection->sent_turn = hub->turn;
    }
}

bool hub_next(struct hub *hub, struct hub_out *out)
{
    if (hub_link_next(&hub->link, out)) {
        note_sent(hub, out);
        return true;
    }
    return next_to_close(hub, out);
}

void hub_turn_ends(struct hub *hub)
{
    hub->turn++;
}
