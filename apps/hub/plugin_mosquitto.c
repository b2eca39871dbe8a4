// SPDX-License-Identifier: Apache-2.0
// busward_hub.so: the hub behind mosquitto 2.0. Thin: events in, verdicts out. See docs/hub.md.
// mosquitto answers MOSQ_ERR_ACL_DENIED to an MQTT 3.1.1 PUBLISH with a PUBACK, which would be a
// silent loss; every other error closes the connection, and that is what a refusal here is.
#include "apps/hub/plugin_options.h"

#include "apps/hub/hub.h"
#include "apps/hub/identity_file.h"
#include "apps/hub/topic.h"
#include "base/assert.h"
#include "port/linux/cells.h"
#include "port/linux/log.h"
#include "port/linux/storage.h"

#include <inttypes.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// All else stays hidden from the broker and other plugins.
#define PLUGIN_EXPORT __attribute__((visibility("default")))

enum { MQTT_3_1_1 = 4, OPEN_BUFFER_SIZE = 256 * 1024 };

struct plugin {
    struct hub_options options;
    struct hub hub;
    struct hub_log log;
    struct linux_storage storage;
    struct linux_cells cells;
    struct hub_identity_file file;
    struct hub_identities *spare; // the set that is not in use
    mosquitto_plugin_id_t *id;
    time_t ticked_s;
    bool was_full; // and said so
};

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

static int on_basic_auth(int event, void *event_data, void *user_data)
{
    (void)event;
    struct plugin *plugin = user_data;
    struct mosquitto_evt_basic_auth *in = event_data;
    if (mosquitto_client_protocol_version(in->client) != MQTT_3_1_1) {
        log_refusal("connect_refused", in->client, "only MQTT 3.1.1 is spoken here");
        return MOSQ_ERR_AUTH;
    }
    struct hub_connect connect = {
        .client = in->client,
        .client_id = text_bytes(client_id(in->client)),
        .user_name = text_bytes(in->username),
        .password = text_bytes(in->password),
        .utc_s = utc_s(),
    };
    struct hub_answer answer = hub_connect(&plugin->hub, &connect);
    if (answer.outcome != HUB_OK) {
        log_refusal("connect_refused", in->client, answer.why);
        return MOSQ_ERR_AUTH;
    }
    log_info("hub", "connected", "client=%s", log_quote(client_id(in->client)).text);
    return MOSQ_ERR_SUCCESS;
}

static int on_disconnect(int event, void *event_data, void *user_data)
{
    (void)event;
    struct plugin *plugin = user_data;
    struct mosquitto_evt_disconnect *in = event_data;
    hub_disconnect(&plugin->hub, in->client, text_bytes(client_id(in->client)));
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
    struct hub_answer answer = hub_store_will(&plugin->hub, publish);
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

static int on_acl_check(int event, void *event_data, void *user_data)
{
    (void)event;
    struct plugin *plugin = user_data;
    struct mosquitto_evt_acl_check *in = event_data;
    struct bytes id = text_bytes(client_id(in->client));
    struct bytes topic = text_bytes(in->topic);
    bool is_known = hub_knows(&plugin->hub, in->client, id);
    switch (in->access) {
    case MOSQ_ACL_WRITE: return check_write(plugin, in);
    case MOSQ_ACL_SUBSCRIBE:
        if (!is_known || !hub_may_subscribe(id, topic)) {
            log_refusal("subscribe_refused", in->client, "not a filter of this device");
            return MOSQ_ERR_AUTH; // Azure closes the connection, too
        }
        return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_UNSUBSCRIBE: return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_READ:
        return is_known && hub_may_receive(id, topic) ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
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
    struct hub_answer answer = hub_publish(&plugin->hub, &publish);
    tell_fullness(plugin, &answer);
    if (answer.outcome != HUB_OK) {
        log_publish_refused(in->client, &answer);
        return MOSQ_ERR_UNKNOWN; // closes the connection, no PUBACK
    }
    in->retain = false; // the broker keeps nothing; the record says that it was set
    return MOSQ_ERR_SUCCESS;
}

static void log_fault(const struct plugin *plugin, const char *event, enum err err,
                      const struct hub_fault *fault)
{
    log_error("hub", event, "file=%s line=%" PRIu32 " column=%" PRIu32 " err=%s why=%s",
              log_quote(plugin->options.identities).text, fault->line, fault->column, err_name(err),
              log_quote(fault->message).text);
}

static void reload_identities(struct plugin *plugin)
{
    struct hub_fault fault;
    enum err err = hub_identity_file_load(&plugin->file, plugin->spare, &fault);
    if (err != OK) {
        log_fault(plugin, "identities_refused", err, &fault);
        return; // the old set stays
    }
    plugin->spare = hub_set_identities(&plugin->hub, plugin->spare);
    log_info("hub", "identities_loaded", "devices=%zu", plugin->hub.identities->count);
}

static void close_unwanted(struct plugin *plugin)
{
    size_t position = 0;
    const struct hub_identity *identity = NULL;
    while ((identity = hub_next_to_close(&plugin->hub, utc_s(), &position)) != NULL) {
        log_info("hub", "closing", "client=%s why=%s", identity->id,
                 identity->is_enabled ? "token_expired" : "disabled");
        mosquitto_kick_client_by_clientid(identity->id, false);
    }
}

static int on_tick(int event, void *event_data, void *user_data)
{
    (void)event;
    (void)event_data;
    struct plugin *plugin = user_data;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec == plugin->ticked_s) {
        return MOSQ_ERR_SUCCESS;
    }
    plugin->ticked_s = now.tv_sec;
    if (hub_identity_file_is_new(&plugin->file)) {
        reload_identities(plugin);
    }
    close_unwanted(plugin);
    enum err err = hub_log_tick(&plugin->log);
    if (err != OK) {
        log_warn("hub", "log_upkeep_failed", "err=%s", err_name(err));
    }
    return MOSQ_ERR_SUCCESS;
}

static int on_reload(int event, void *event_data, void *user_data)
{
    (void)event;
    (void)event_data;
    reload_identities(user_data);
    return MOSQ_ERR_SUCCESS;
}

static enum err open_log(struct plugin *plugin)
{
    enum err err = linux_storage_open(&plugin->storage, plugin->options.data_dir, false);
    if (err != OK) {
        log_error("hub", "log_folder_refused", "folder=%s err=%s",
                  log_quote(plugin->options.data_dir).text, err_name(err));
        return err;
    }
    err = linux_cells_open(&plugin->cells, plugin->options.data_dir);
    if (err != OK) {
        return err;
    }
    uint8_t *buffer = malloc(OPEN_BUFFER_SIZE);
    if (buffer == NULL) {
        return ERR_FULL;
    }
    struct hub_log_config config = {
        .storage = &plugin->storage.storage,
        .cells = &plugin->cells.cells,
        .buffer = buffer,
        .buffer_size = OPEN_BUFFER_SIZE,
        .bytes_max = plugin->options.log_bytes_max,
    };
    err = hub_log_open(&plugin->log, &config);
    free(buffer);
    const struct sl_recovery *found = &plugin->log.found;
    if (err != OK) {
        log_error("hub", "log_not_opened", "err=%s", err_name(err));
        return err;
    }
    log_info("hub", "log_opened", "first=%" PRIu64 " next=%" PRIu64 " torn_bytes=%" PRIu32,
             found->first, found->next, found->torn_bytes);
    if (found->corrupt_segments > 0) {
        log_error("hub", "log_damaged", "segment=%016" PRIx64 " offset=%" PRIu32,
                  found->corrupt_segment, found->corrupt_offset);
    }
    return OK;
}

static void free_plugin(struct plugin *plugin)
{
    linux_storage_close(&plugin->storage);
    linux_cells_close(&plugin->cells);
    free(plugin->hub.identities);
    free(plugin->spare);
    free(plugin->file.buffer);
    free(plugin);
}

static enum err open_plugin(struct plugin *plugin, const struct mosquitto_opt *options, int count)
{
    struct hub_fault fault;
    if (hub_options_read(&plugin->options, options, count, &fault) != OK) {
        log_error("hub", "options_refused", "why=%s", log_quote(fault.message).text);
        return ERR_ARG;
    }
    plugin->hub =
        (struct hub){.log = &plugin->log, .identities = calloc(1, sizeof(*plugin->spare))};
    plugin->spare = calloc(1, sizeof(*plugin->spare));
    plugin->file = (struct hub_identity_file){.path = plugin->options.identities,
                                              .buffer = malloc(HUB_IDENTITY_FILE_SIZE_MAX)};
    if (plugin->hub.identities == NULL || plugin->spare == NULL || plugin->file.buffer == NULL) {
        return ERR_FULL;
    }
    enum err err = hub_identity_file_load(&plugin->file, plugin->hub.identities, &fault);
    if (err != OK) {
        log_fault(plugin, "identities_refused", err, &fault);
        return err;
    }
    return open_log(plugin);
}

static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
} events[] = {
    {MOSQ_EVT_BASIC_AUTH, on_basic_auth}, {MOSQ_EVT_ACL_CHECK, on_acl_check},
    {MOSQ_EVT_MESSAGE, on_message},       {MOSQ_EVT_TICK, on_tick},
    {MOSQ_EVT_DISCONNECT, on_disconnect}, {MOSQ_EVT_RELOAD, on_reload},
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
    plugin->storage = (struct linux_storage){.folder_fd = -1, .append_fd = -1, .read_fd = -1};
    plugin->cells = (struct linux_cells){.folder_fd = -1, .publish_fd = -1};
    if (open_plugin(plugin, options, option_count) != OK) {
        free_plugin(plugin);
        return MOSQ_ERR_UNKNOWN;
    }
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        int result = mosquitto_callback_register(identifier, events[i].event, events[i].callback,
                                                 NULL, plugin);
        if (result != MOSQ_ERR_SUCCESS) {
            free_plugin(plugin);
            return result;
        }
    }
    log_info("hub", "ready", "host=%s devices=%zu log_bytes_max=%" PRIu64,
             log_quote(plugin->hub.identities->host).text, plugin->hub.identities->count,
             plugin->options.log_bytes_max);
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
    free_plugin(plugin);
    return MOSQ_ERR_SUCCESS;
}
