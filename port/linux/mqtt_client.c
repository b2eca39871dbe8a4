// SPDX-License-Identifier: Apache-2.0
// One attempt and its connection in terms of libmosquitto; on the MQTT client's thread.
#include "port/linux/mqtt_internal.h"

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/authorities.h"
#include "port/linux/tls_client.h"

#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GOODBYE_MS = 500 };

// The publish is done with: its room is free again.
static void give_back(struct mqtt *mqtt, size_t size)
{
    pthread_mutex_lock(&mqtt->lock);
    ASSERT(mqtt->publish_count > 0 && mqtt->publish_bytes >= size);
    mqtt->publish_count--;
    mqtt->publish_bytes -= size;
    bool must_wake = mqtt->wants_room;
    mqtt->wants_room = false;
    pthread_mutex_unlock(&mqtt->lock);
    if (must_wake) {
        mqtt_wake(mqtt->event_fd);
    }
}

static void on_connect(struct mosquitto *client, void *ctx, int code, int flags)
{
    (void)client;
    struct mqtt *mqtt = ctx;
    if (code == 0) {
        mqtt_attempt_is_over(mqtt);
        mqtt->is_connected = true;
        mqtt->must_use_ipv4 = !mqtt->must_use_ipv4; // this family works: come back to it
        mqtt->reason[0] = 0;
        struct mqtt_event event = {.kind = MQTT_CONNECTED, .has_session = (flags & 1) != 0};
        if (!mqtt_give_event(mqtt, &event)) {
            mqtt_set_reason(mqtt, "events are not taken");
            mqtt_lose(mqtt, MQTT_LOST);
        }
        return;
    }
    mqtt_set_reason(mqtt, mosquitto_connack_string(code));
    // 3: the server is not available. It did not look at who we are.
    mqtt_lose(mqtt, code == 3 ? MQTT_LOST : MQTT_REFUSED);
}

static void tell(struct mqtt *mqtt, const struct mqtt_event *event, const char *problem)
{
    if (mqtt->is_connected && !mqtt_give_event(mqtt, event)) {
        mqtt_set_reason(mqtt, problem);
        mqtt_lose(mqtt, MQTT_LOST);
    }
}

// Of a QoS 1 publish when it is acknowledged, of a QoS 0 one when it is written.
static void on_publish(struct mosquitto *client, void *ctx, int mid)
{
    (void)client;
    struct mqtt *mqtt = ctx;
    size_t i = 0;
    while (i < MQTT_PUBLISHES_MAX && !(mqtt->sent[i].is_used && mqtt->sent[i].mid == mid)) {
        i++;
    }
    if (i == MQTT_PUBLISHES_MAX) {
        return;
    }
    struct sent sent = mqtt->sent[i];
    mqtt->sent[i].is_used = false;
    give_back(mqtt, sent.size);
    if (sent.qos > 0) {
        tell(mqtt, &(struct mqtt_event){.kind = MQTT_ACKED, .token = sent.token},
             "acknowledgements are not taken");
    }
}

static void on_subscribe(struct mosquitto *client, void *ctx, int mid, int count,
                         const int *granted)
{
    (void)client;
    struct mqtt *mqtt = ctx;
    struct mqtt_event event = {.kind = MQTT_SUBSCRIBED, .token = mqtt->subscribe_token};
    for (int i = 0; i < count && i < MQTT_FILTERS_MAX; i++) {
        event.refused_mask |= (granted[i] & 0x80) != 0 ? UINT32_C(1) << i : 0;
    }
    if (mid == mqtt->subscribe_mid) {
        tell(mqtt, &event, "events are not taken");
    }
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *message)
{
    (void)client;
    struct mqtt *mqtt = ctx;
    struct mqtt_event event = {.kind = MQTT_MESSAGE,
                               .topic = message->topic,
                               .payload = bytes_of(message->payload, (size_t)message->payloadlen)};
    if (event.payload.size > MQTT_PAYLOAD_SIZE_MAX ||
        strlen(message->topic) >= MQTT_TOPIC_SIZE_MAX) {
        mqtt_set_reason(mqtt, "the hub sent a message that is too large");
        mqtt_lose(mqtt, MQTT_LOST);
        return;
    }
    tell(mqtt, &event, "more messages from the hub than find room");
}

// Why TLS failed is known only while the library logs it: then the session still exists.
static void on_log(struct mosquitto *client, void *ctx, int level, const char *text)
{
    struct mqtt *mqtt = ctx;
    if (level != MOSQ_LOG_ERR) {
        return;
    }
    const char *verdict = tls_client_verdict(mosquitto_ssl_get(client));
    if (verdict != NULL) {
        snprintf(mqtt->reason, sizeof(mqtt->reason), "certificate of %.80s: %s", mqtt->host,
                 verdict);
    } else if (mqtt->reason[0] == 0) {
        mqtt_set_reason(mqtt, text);
    }
}

// Waits for `events`; false when the time is over.
static bool wait_for(int fd, short events, uint64_t until_us)
{
    uint64_t now_us = port_now_us();
    struct pollfd wait = {.fd = fd, .events = events};
    return now_us < until_us && poll(&wait, 1, (int)((until_us - now_us) / US_PER_MS + 1)) > 0;
}

// DISCONNECT, and what is on its way to us is heard out: a socket closed over unread bytes resets
// the connection, and the hub would see no farewell but a loss. The library closes its socket as
// soon as DISCONNECT is written, hence a second one of the same connection.
static void say_goodbye(struct mqtt *mqtt)
{
    int fd = fcntl(mosquitto_socket(mqtt->client), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    uint64_t until_us = port_now_us() + GOODBYE_MS * US_PER_MS;
    int code = mosquitto_disconnect(mqtt->client);
    while (code == MOSQ_ERR_SUCCESS && mosquitto_want_write(mqtt->client) &&
           wait_for(fd, POLLOUT, until_us)) {
        code = mosquitto_loop_write(mqtt->client, 1);
    }
    uint8_t bytes[4096];
    (void)shutdown(fd, SHUT_WR);
    while (wait_for(fd, POLLIN, until_us) && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
    close(fd);
}

void mqtt_client_drop(struct mqtt *mqtt)
{
    if (mqtt->client != NULL && mqtt->is_connected) {
        say_goodbye(mqtt);
    }
    mqtt_attempt_is_over(mqtt);
    mqtt->is_connected = false;
    for (size_t i = 0; i < MQTT_PUBLISHES_MAX; i++) {
        if (mqtt->sent[i].is_used) {
            mqtt->sent[i].is_used = false;
            give_back(mqtt, mqtt->sent[i].size);
        }
    }
    if (mqtt->client != NULL) {
        mosquitto_destroy(mqtt->client);
        mqtt->client = NULL;
    }
}

// The SSL_CTX *; NULL: mqtt->reason says why.
static void *make_context(struct mqtt *mqtt, const struct mqtt_login *login)
{
    void *context = tls_client_context(mqtt->ca_file, mqtt->host);
    if (context == NULL) {
        const char *problem = authorities_problem(mqtt->ca_file);
        mqtt_set_reason(mqtt, problem != NULL
                                  ? problem
                                  : "TLS set-up failed: is the CA file a PEM certificate?");
        return NULL;
    }
    if (login->certificate_file[0] == 0) {
        return context;
    }
    const char *problem =
        tls_client_identity(context, login->certificate_file, login->private_key_file);
    if (problem != NULL) {
        mqtt_set_reason(mqtt, problem);
        tls_client_context_free(context);
        return NULL;
    }
    return context;
}

struct mosquitto *mqtt_client_new(struct mqtt *mqtt, const struct mqtt_login *login)
{
    void *context = make_context(mqtt, login);
    if (context == NULL) {
        return NULL;
    }
    struct mosquitto *client = mosquitto_new(login->client_id, !login->keeps_session, mqtt);
    if (client == NULL) {
        tls_client_context_free(context);
        mqtt_set_reason(mqtt, "no memory");
        return NULL;
    }
    mosquitto_connect_with_flags_callback_set(client, on_connect);
    mosquitto_publish_callback_set(client, on_publish);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_log_callback_set(client, on_log);
    // The library's own check knows but the name that it connects to, which `address` may replace.
    int failed = mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, context); // takes a reference
    tls_client_context_free(context);
    const char *password = login->password[0] == 0 ? NULL : login->password;
    failed |= mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, false);
    failed |= mosquitto_username_pw_set(client, login->user, password);
    failed |= mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    if (login->will_topic[0] != 0) {
        failed |= mosquitto_will_set(client, login->will_topic, (int)strlen(login->will_payload),
                                     login->will_payload, 1, false);
    }
    if (failed != MOSQ_ERR_SUCCESS) {
        mosquitto_destroy(client);
        mqtt_set_reason(mqtt, "TLS set-up failed");
        return NULL;
    }
    return client;
}

void mqtt_client_judge(struct mqtt *mqtt, int code)
{
    if (code == MOSQ_ERR_SUCCESS || (!mqtt->is_attempting && !mqtt->is_connected)) {
        return;
    }
    if (mqtt->reason[0] == 0) {
        // The library has no word for the one.
        mqtt_set_reason(mqtt, code == MOSQ_ERR_KEEPALIVE ? "silent for 2 x keep_alive_s"
                              : code == MOSQ_ERR_ERRNO   ? strerror(errno)
                                                         : mosquitto_strerror(code));
    }
    mqtt_lose(mqtt, MQTT_LOST);
}

void mqtt_client_subscribe(struct mqtt *mqtt, const struct command *command)
{
    if (!mqtt->is_connected || command->generation != mqtt->live_generation) {
        return;
    }
    // The library wants the texts writable, but only reads them.
    char texts[MQTT_FILTERS_MAX][MQTT_TOPIC_SIZE_MAX];
    char *filters[MQTT_FILTERS_MAX];
    const char *at = command->texts;
    for (size_t i = 0; i < command->text_count; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%s", at);
        filters[i] = texts[i];
        at += strlen(at) + 1;
    }
    mqtt->subscribe_token = command->token;
    mqtt->out_at_us = port_now_us();
    mqtt_client_judge(mqtt,
                      mosquitto_subscribe_multiple(mqtt->client, &mqtt->subscribe_mid,
                                                   (int)command->text_count, filters, 1, 0, NULL));
}

void mqtt_client_publish(struct mqtt *mqtt, const struct command *command)
{
    if (!mqtt->is_connected || command->generation != mqtt->live_generation) {
        give_back(mqtt, command->size);
        return;
    }
    size_t i = 0;
    while (mqtt->sent[i].is_used) {
        i++;
        ASSERT(i < MQTT_PUBLISHES_MAX); // mqtt_publish counts them
    }
    // A QoS 0 publish may be written, and told, before the library's call returns; its number is
    // known then, since the library sets it first.
    struct sent *sent = &mqtt->sent[i];
    *sent = (struct sent){
        .is_used = true, .token = command->token, .qos = command->qos, .size = command->size};
    const char *payload = command->texts + strlen(command->texts) + 1;
    int code = mosquitto_publish(mqtt->client, &sent->mid, command->texts,
                                 (int)command->payload_size, payload, command->qos, false);
    mqtt->out_at_us = port_now_us();
    mqtt_client_judge(mqtt, code);
}
