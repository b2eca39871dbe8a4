// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/plugin.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <stdio.h>
#include <string.h>

// The broker takes the payload over and sends it in its next turn, to that client alone:
// subscriptions and access are not looked at there.
static void publish(struct plugin *plugin, const struct hub_out *out)
{
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(out->parts); i++) {
        size += out->parts[i].size;
    }
    uint8_t *payload = mosquitto_malloc(size + 1); // one more: never none
    if (payload == NULL || out->topic.size >= sizeof(plugin->topic)) {
        mosquitto_free(payload);
        log_error("hub", "message_dropped", "client=%s bytes=%zu", log_quote(out->client_id).text,
                  size);
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < COUNT_OF(out->parts); i++) {
        if (out->parts[i].size > 0) {
            memcpy(payload + at, out->parts[i].data, out->parts[i].size);
            at += out->parts[i].size;
        }
    }
    memcpy(plugin->topic, out->topic.data, out->topic.size);
    plugin->topic[out->topic.size] = '\0';
    if (mosquitto_broker_publish(out->client_id, plugin->topic, (int)size, payload, out->qos, false,
                                 NULL) != MOSQ_ERR_SUCCESS) {
        mosquitto_free(payload);
        log_error("hub", "message_dropped", "client=%s bytes=%zu", log_quote(out->client_id).text,
                  size);
    }
}

void plugin_drain(struct plugin *plugin)
{
    struct hub_out out;
    while (hub_next(&plugin->hub, &out)) {
        if (out.close_why == NULL) {
            publish(plugin, &out);
            continue;
        }
        // Closing comes back here through the DISCONNECT event, which frees what out points to.
        char id[HUB_ID_SIZE_MAX + 1];
        snprintf(id, sizeof(id), "%s", out.client_id);
        log_info("hub", "closing", "client=%s why=%s", log_quote(id).text,
                 log_quote(out.close_why).text);
        if (mosquitto_kick_client_by_clientid(id, false) != MOSQ_ERR_SUCCESS) {
            // The broker gave it up after its login and told nobody.
            hub_disconnect(&plugin->hub, out.client, bytes_of(id, strlen(id)));
        }
    }
}
