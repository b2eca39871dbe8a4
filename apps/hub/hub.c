// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/hub.h"

#include "apps/hub/topic.h"
#include "apps/hub/user_name.h"
#include "azure/property_bag.h"

#include <string.h>

static struct hub_answer refused(const char *why)
{
    return (struct hub_answer){.outcome = HUB_REFUSED, .why = why};
}

static bool same_host(struct bytes a, const char *b)
{
    if (a.size != strlen(b)) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        uint8_t left = a.data[i];
        uint8_t right = (uint8_t)b[i];
        left = left >= 'A' && left <= 'Z' ? (uint8_t)(left + 32) : left;
        right = right >= 'A' && right <= 'Z' ? (uint8_t)(right + 32) : right;
        if (left != right) {
            return false;
        }
    }
    return true;
}

struct hub_answer hub_connect(struct hub *hub, const struct hub_connect *in)
{
    struct hub_user_name name;
    struct hub_sas sas;
    const char *why = NULL;
    hub->ended = NULL; // the broker may use these addresses again
    hub->replaced = NULL;
    if (hub_user_name_parse(in->user_name, &name, &why) != OK ||
        hub_sas_parse(in->password, &sas, &why) != OK) {
        return refused(why);
    }
    if (!same_host(name.host, hub->identities->host)) {
        return refused("user name with another hub's host");
    }
    if (name.module_id.size > 0) {
        return refused("module identities are not offered");
    }
    if (!bytes_equal(name.device_id, in->client_id)) {
        return refused("client id differs from the device id in the user name");
    }
    struct hub_identity *identity = hub_identities_find(hub->identities, name.device_id);
    if (sas.policy.size > 0) {
        return refused("tokens of shared access policies are not offered");
    }
    // An unknown device costs the same work as a known one.
    static const struct hub_sas_key nobody[HUB_KEYS_MAX] = {{.size = HUB_KEY_SIZE_MIN},
                                                            {.size = HUB_KEY_SIZE_MIN}};
    bool is_signed =
        hub_sas_is_signed(&sas, identity != NULL ? identity->keys : nobody, HUB_KEYS_MAX);
    if (identity == NULL) {
        return refused("unknown device");
    }
    if (!is_signed) {
        return refused("signature does not match a key of the device");
    }
    if (!hub_sas_opens(&sas, name.host, name.device_id, name.module_id)) {
        return refused("token for another resource");
    }
    if (sas.expires_utc_s <= in->utc_s) {
        return refused("token expired");
    }
    if (!identity->is_enabled) {
        return refused("device disabled");
    }
    hub->replaced = identity->client;
    identity->client = in->client;
    identity->expires_utc_s = sas.expires_utc_s;
    return (struct hub_answer){.outcome = HUB_OK};
}

void hub_disconnect(struct hub *hub, const void *client, struct bytes client_id)
{
    struct hub_identity *identity = hub_identities_find(hub->identities, client_id);
    bool is_current = identity != NULL && identity->client == client;
    hub->ended = is_current || (client != NULL && client == hub->replaced) ? client : NULL;
    hub->replaced = NULL;
    if (is_current) {
        identity->client = NULL;
    }
}

bool hub_knows(struct hub *hub, const void *client, struct bytes client_id)
{
    const struct hub_identity *identity = hub_identities_find(hub->identities, client_id);
    return identity != NULL && identity->client == client && identity->is_enabled;
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
    return (struct hub_answer){.outcome = HUB_OK};
}

static struct hub_answer judge(const struct hub_publish *in, bool is_known,
                               struct hub_events_topic *topic)
{
    if (!is_known) {
        return refused("not connected as an enabled device");
    }
    if (hub_events_topic_parse(in->topic, topic) != OK) {
        return refused("not a topic that devices may publish to");
    }
    if (!bytes_equal(topic->device_id, in->client_id) || topic->module_id.size > 0) {
        return refused("events topic of another device or module");
    }
    return judge_size(topic->properties, in->payload);
}

struct hub_answer hub_may_publish(struct hub *hub, const struct hub_publish *in)
{
    struct hub_events_topic topic;
    return judge(in, hub_knows(hub, in->client, in->client_id), &topic);
}

static struct hub_answer store(struct hub *hub, const struct hub_publish *in, bool is_known,
                               bool is_will)
{
    struct hub_events_topic topic;
    struct hub_answer answer = judge(in, is_known, &topic);
    if (answer.outcome != HUB_OK) {
        return answer;
    }
    struct hub_record record = {
        .received_utc_ms = in->utc_ms,
        .is_retained = in->is_retained,
        .is_will = is_will,
        .device_id = topic.device_id,
        .properties = topic.properties,
        .payload = in->payload,
    };
    answer.err = hub_log_store(hub->log, &record, &answer.sequence);
    if (answer.err != OK) {
        answer.outcome = HUB_FAILED;
        answer.why = answer.err == ERR_FULL ? "log full" : "log cannot store";
    }
    return answer;
}

struct hub_answer hub_publish(struct hub *hub, const struct hub_publish *in)
{
    return store(hub, in, hub_knows(hub, in->client, in->client_id), false);
}

bool hub_is_will(const struct hub *hub, const void *client)
{
    return client != NULL && (client == hub->ended || client == hub->replaced);
}

struct hub_answer hub_store_will(struct hub *hub, const struct hub_publish *in)
{
    const struct hub_identity *identity = hub_identities_find(hub->identities, in->client_id);
    bool is_known = hub_is_will(hub, in->client) && identity != NULL && identity->is_enabled;
    hub->ended = NULL;
    hub->replaced = NULL;
    return store(hub, in, is_known, true);
}

struct hub_identities *hub_set_identities(struct hub *hub, struct hub_identities *fresh)
{
    struct hub_identities *old = hub->identities;
    hub_identities_adopt(fresh, old);
    hub->identities = fresh;
    return old;
}

const struct hub_identity *hub_next_to_close(const struct hub *hub, uint64_t utc_s,
                                             size_t *position)
{
    while (*position < hub->identities->count) {
        const struct hub_identity *identity = &hub->identities->list[*position];
        (*position)++;
        if (identity->client != NULL &&
            (!identity->is_enabled || identity->expires_utc_s <= utc_s)) {
            return identity;
        }
    }
    return NULL;
}
