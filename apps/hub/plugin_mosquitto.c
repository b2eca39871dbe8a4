// SPDX-License-Identifier: Apache-2.0
// busward_hub.so: the hub behind mosquitto 2.0. Thin: events in, verdicts out. See docs/hub.md.
// mosquitto answers MOSQ_ERR_ACL_DENIED to an MQTT 3.1.1 PUBLISH with a PUBACK, which would be a
// silent loss; every other error closes the connection, and that is what a refusal here is.
#include "apps/hub/plugin.h"

#include "apps/hub/plugin_tls.h"
#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <limits.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// All else stays hidden from the broker and other plugins.
#define PLUGIN_EXPORT __attribute__((visibility("default")))

enum { MQTT_3_1_1 = 4 };

static int64_t utc_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t utc_s(void)
{
    return (uint64_t)(utc_ms() / 1000);
}

static struct bytes text_bytes(const char *text)
{
    return text != NULL ? bytes_of(text, strlen(text)) : (struct bytes){0};
}

static const char *client_id(const struct mosquitto *client)
{
    const char *id = mosquitto_client_id(client);
    return id != NULL ? id : "";
}

static void log_refusal(const char *event, const struct mosquitto *client, const char *why)
{
    log_warn("hub", event, "client=%s why=%s", log_quote(client_id(client)).text,
             log_quote(why).text);
}

// The link's socket, as the broker names the client. NULL, or why its end there is not believed.
static const char *socket_fault(const char *path)
{
    char folder[PATH_MAX];
    struct stat of_socket;
    struct stat of_folder;
    const char *slash = strrchr(path, '/');
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    if (size >= sizeof(folder)) {
        return "path of the link's socket is too long";
    }
    memcpy(folder, path, size);
    folder[size] = '\0';
    if (stat(path, &of_socket) != 0 || stat(folder, &of_folder) != 0) {
        return "the link's socket cannot be looked at";
    }
    bool is_open = (of_socket.st_mode & S_IWOTH) != 0 && (of_folder.st_mode & S_IXOTH) != 0;
    return is_open ? "others may open the link's socket: its folder must be 0700 or 0750" : NULL;
}

static int on_basic_auth(int event, void *event_data, void *user_data)
{
    (void)event;
    struct plugin *plugin = user_data;
    struct mosquitto_evt_basic_auth *in = event_data;
    if (mosquitto_client_protocol_version(in->client) != MQTT_3_1_1) {
        log_refusal("connect_refused", in->client, "only MQTT 3.1.1 is spoken here");
        return MOSQ_ERR_AUTH;
    }
    struct hub_certificate certificate;
    const char *address = mosquitto_client_address(in->client);
    bool is_local = address != NULL && address[0] == '/'; // the socket's path
    const char *fault = is_local ? socket_fault(address) : NULL;
    if (fault != NULL) {
        log_refusal("connect_refused", in->client, fault);
        return MOSQ_ERR_AUTH;
    }
    struct wall_time wall = {0}; // stays so if it was never set
    (void)port_wall_time(&wall);
    bool has_certificate = hub_tls_certificate(in->client, &certificate);
    struct hub_connect connect = {
        .client = in->client,
        .client_id = text_bytes(client_id(in->client)),
        .user_name = text_bytes(in->username),
        .password = text_bytes(in->password),
        .certificate = has_certificate ? &certificate : NULL,
        .is_clean = mosquitto_client_clean_session(in->client),
        .is_local = is_local,
        .utc_s = (uint64_t)(wall.utc_ms / 1000),
        .now_us = port_now_us(),
    };
    struct hub_answer answer = hub_connect(&plugin->hub, &connect);
    if (has_certificate) {
        hub_tls_release(&certificate);
    }
    plugin_drain(plugin);
    if (answer.outcome != HUB_OK) {
        log_refusal("connect_refused", in->client, answer.why);
        // Without a CONNACK nobody takes a busy hub for one that does not know him.
        return answer.outcome == HUB_FAILED ? MOSQ_ERR_UNKNOWN : MOSQ_ERR_AUTH;
    }
    log_info("hub", connect.is_local ? "link_opened" : "connected", "client=%s",
             log_quote(client_id(in->client)).text);
    return MOSQ_ERR_SUCCESS;
}

static int on_disconnect(int event, void *event_data, void *user_data)
{
    (void)event;
    struct plugin *plugin = user_data;
    struct mosquitto_evt_disconnect *in = event_data;
    if (plugin->hub.backend == in->client) {
        const struct hub_link_stats *stats = &plugin->hub.link.stats;
        log_warn("hub", "link_closed",
                 "refused_away=%" PRIu64 " refused_behind=%" PRIu64 " dropped=%" PRIu64,
                 stats->refused_away, stats->refused_behind, stats->dropped);
    }
    hub_disconnect(&plugin->hub, in->client, text_bytes(client_id(in->client)));
    plugin_drain(plugin);
    return MOSQ_ERR_SUCCESS;
}

static void tell_fullness(struct plugin *plugin, const struct hub_answer *answer)
{
    if (plugin->log.is_full && !plugin->was_full) {
        log_error("hub", "log_full",
                  "limit=%" PRIu64 " used=%" PRIu64 " consumers=%" PRIu32 " passed=%" PRIu64
                  " publishers=disconnected",
                  plugin->options.log_bytes_max, plugin->log.records.bytes_used,
                  plugin->log.consumer_count, plugin->log.passed_min);
        plugin->was_full = true;
    } else if (answer->outcome == HUB_OK && plugin->was_full) {
        log_info("hub", "log_healed", "refused=%" PRIu64, plugin->log.stats.refused_full);
        plugin->was_full = false;
    }
}

static struct hub_publish publish_of(const struct mosquitto *client, const char *topic,
                                     struct bytes payload, bool is_retained)
{
    return (struct hub_publish){
        .client = client,
        .client_id = text_bytes(client_id(client)),
        .topic = text_bytes(topic),
        .payload = payload,
        .is_retained = is_retained,
        .utc_ms = utc_ms(),
        .now_us = port_now_us(),
    };
}

static void log_publish_refused(const struct mosquitto *client, const struct hub_answer *answer)
{
    log_warn("hub", "publish_refused", "client=%s why=%s err=%s", log_quote(client_id(client)).text,
             log_quote(answer->why).text, err_name(answer->err));
}

// mosquitto checks a will here, when the connection has ended, and shows it nowhere else: so this
// is where it is stored. The refusal keeps the broker from retaining it.
static int take_will(struct plugin *plugin, const struct hub_publish *publish,
                     const struct mosquitto *client)
{
    struct hub_quota_day before = plugin->quota.own;
    struct hub_answer answer = hub_store_will(&plugin->hub, publish);
    plugin_keep_quota(plugin, before);
    tell_fullness(plugin, &answer);
    if (answer.outcome != HUB_OK) {
        log_publish_refused(client, &answer);
    } else {
        log_info("hub", "will_stored", "client=%s", log_quote(client_id(client)).text);
    }
    return MOSQ_ERR_ACL_DENIED;
}

static int check_write(struct plugin *plugin, const struct mosquitto_evt_acl_check *in)
{
    struct hub_publish publish =
        publish_of(in->client, in->topic, bytes_of(in->payload, in->payloadlen), in->retain);
    if (hub_is_will(&plugin->hub, in->client)) {
        return take_will(plugin, &publish, in->client);
    }
    struct hub_answer answer = hub_may_publish(&plugin->hub, &publish);
    if (answer.outcome != HUB_OK) {
        log_refusal("publish_refused", in->client, answer.why);
        return MOSQ_ERR_AUTH; // not ACL_DENIED: see above
    }
    return MOSQ_ERR_SUCCESS;
}

static int check_subscribe(struct plugin *plugin, const struct mosquitto_evt_acl_check *in)
{
    struct hub_answer answer =
        hub_subscribe(&plugin->hub, in->client, text_bytes(client_id(in->client)),
                      text_bytes(in->topic), in->qos);
    plugin_drain(plugin);
    if (answer.outcome != HUB_OK) {
        log_refusal("subscribe_refused", in->client, answer.why);
        return MOSQ_ERR_AUTH; // Azure closes the connection, too
    }
    return MOSQ_ERR_SUCCESS;
}

static int on_acl_check(int event, void *event_data, void *user_data)
{
    (void)event;
    struct plugin *plugin = user_data;
    struct mosquitto_evt_acl_check *in = event_data;
    struct bytes id = text_bytes(client_id(in->client));
    struct bytes topic = text_bytes(in->topic);
    switch (in->access) {
    case MOSQ_ACL_WRITE: return check_write(plugin, in);
    case MOSQ_ACL_SUBSCRIBE: return check_subscribe(plugin, in);
    case MOSQ_ACL_UNSUBSCRIBE:
        hub_unsubscribe(&plugin->hub, in->client, id, topic);
        plugin_drain(plugin);
        return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_READ:
        return hub_may_receive(&plugin->hub, in->client, id, topic) ? MOSQ_ERR_SUCCESS
                                                                    : MOSQ_ERR_ACL_DENIED;
    default: return MOSQ_ERR_ACL_DENIED;
    }
}

static int on_message(int event, void *event_data, void *user_data)
{
    (void)event;
    struct plugin *plugin = user_data;
    struct mosquitto_evt_message *in = event_data;
    struct hub_publish publish =
        publish_of(in->client, in->topic, bytes_of(in->payload, in->payloadlen), in->retain);
    struct hub_quota_day before = plugin->quota.own;
    struct hub_answer answer = hub_publish(&plugin->hub, &publish);
    plugin_keep_quota(plugin, before);
    plugin_drain(plugin);
    tell_fullness(plugin, &answer);
    in->retain = false; // the broker keeps nothing; the record says that it was set
    if (answer.outcome == HUB_IGNORED) {
        log_refusal("link_refused", in->client, answer.why);
    } else if (answer.outcome != HUB_OK) {
        log_publish_refused(in->client, &answer);
        return MOSQ_ERR_UNKNOWN; // closes the connection, no PUBACK
    }
    return MOSQ_ERR_SUCCESS;
}

static void tell_directory(const struct plugin *plugin)
{
    const char *fault = hub_directory_fault(&plugin->directory);
    if (fault[0] != '\0') {
        log_error("hub", "directory_refused", "file=%s why=%s connects=refused",
                  log_quote(plugin->options.directory).text, log_quote(fault).text);
    } else {
        log_info("hub", "directory_opened", "file=%s", log_quote(plugin->options.directory).text);
    }
}

// In each turn; its work once a second, and sooner while connections are being held against a
// hub.db that changed.
static int on_tick(int event, void *event_data, void *user_data)
{
    (void)event;
    (void)event_data;
    struct plugin *plugin = user_data;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    hub_turn_ends(&plugin->hub);
    if (now.tv_sec == plugin->ticked_s && !hub_is_checking(&plugin->hub)) {
        return MOSQ_ERR_SUCCESS;
    }
    bool is_new_second = now.tv_sec != plugin->ticked_s;
    plugin->ticked_s = now.tv_sec;
    enum err fault = plugin->directory.fault;
    bool has_changed = is_new_second && hub_directory_poll(&plugin->directory);
    if (fault != plugin->directory.fault) {
        tell_directory(plugin);
    }
    if (is_new_second && plugin->options.quota.messages_per_day > 0) {
        hub_directory_metered(&plugin->directory, &plugin->quota.other);
    }
    hub_tick(&plugin->hub, utc_s(), has_changed);
    plugin_drain(plugin);
    enum err err =
        is_new_second && plugin->hub.cfg.log != NULL ? hub_log_tick(plugin->hub.cfg.log) : OK;
    if (err != OK) {
        log_warn("hub", "log_upkeep_failed", "err=%s", err_name(err));
    }
    return MOSQ_ERR_SUCCESS;
}

static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
} events[] = {
    {MOSQ_EVT_BASIC_AUTH, on_basic_auth}, {MOSQ_EVT_ACL_CHECK, on_acl_check},
    {MOSQ_EVT_MESSAGE, on_message},       {MOSQ_EVT_TICK, on_tick},
    {MOSQ_EVT_DISCONNECT, on_disconnect},
};

PLUGIN_EXPORT int mosquitto_plugin_version(int supported_version_count,
                                           const int *supported_versions)
{
    for (int i = 0; i < supported_version_count; i++) {
        if (supported_versions[i] == MOSQ_PLUGIN_VERSION) {
            return MOSQ_PLUGIN_VERSION;
        }
    }
    return -1;
}

PLUGIN_EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata,
                                        struct mosquitto_opt *options, int option_count)
{
    struct plugin *plugin = calloc(1, sizeof(*plugin));
    if (plugin == NULL) {
        return MOSQ_ERR_NOMEM;
    }
    plugin->id = identifier;
    if (plugin_open(plugin, options, option_count) != OK) {
        plugin_free(plugin);
        return MOSQ_ERR_UNKNOWN;
    }
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        int result = mosquitto_callback_register(identifier, events[i].event, events[i].callback,
                                                 NULL, plugin);
        if (result != MOSQ_ERR_SUCCESS) {
            plugin_free(plugin);
            return result;
        }
    }
    log_info("hub", "ready", "mode=%s connections_max=%" PRIu32 " log_bytes_max=%" PRIu64,
             plugin->options.mode == HUB_MODE_DPS ? "dps" : "hub", plugin->options.connections_max,
             plugin->options.mode == HUB_MODE_DPS ? 0 : plugin->options.log_bytes_max);
    tell_directory(plugin);
    *userdata = plugin;
    return MOSQ_ERR_SUCCESS;
}

PLUGIN_EXPORT int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options,
                                           int option_count)
{
    (void)options;
    (void)option_count;
    struct plugin *plugin = userdata;
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        mosquitto_callback_unregister(plugin->id, events[i].event, events[i].callback, NULL);
    }
    plugin_free(plugin);
    return MOSQ_ERR_SUCCESS;
}
