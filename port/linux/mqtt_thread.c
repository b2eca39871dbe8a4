// SPDX-License-Identifier: Apache-2.0
// The thread of the MQTT client: carries out commands and serves the socket.
#include "port/linux/mqtt_internal.h"

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/tls_client.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void give_event(struct mqtt *mqtt, enum mqtt_event_kind kind, uint32_t token)
{
    pthread_mutex_lock(&mqtt->lock);
    // Cannot overflow: at most MQTT_QUEUE_MAX publishes are unacknowledged, and events of an
    // earlier connection are thrown away first.
    if (mqtt->event_count == MQTT_QUEUE_MAX) {
        mqtt->event_first = (mqtt->event_first + 1) % MQTT_QUEUE_MAX;
        mqtt->event_count--;
    }
    struct event *event = &mqtt->events[(mqtt->event_first + mqtt->event_count++) % MQTT_QUEUE_MAX];
    event->generation = mqtt->live_generation;
    event->event.kind = kind;
    event->event.token = token;
    snprintf(event->event.reason, sizeof(event->event.reason), "%s", mqtt->reason);
    pthread_mutex_unlock(&mqtt->lock);
    mqtt_wake(mqtt->event_fd);
}

static void set_reason(struct mqtt *mqtt, const char *text)
{
    snprintf(mqtt->reason, sizeof(mqtt->reason), "%s", text);
}

static void forget_connection(struct mqtt *mqtt)
{
    mqtt->is_attempting = false;
    mqtt->is_connected = false;
    memset(mqtt->sent, 0, sizeof(mqtt->sent));
}

static void lose(struct mqtt *mqtt, enum mqtt_event_kind kind)
{
    if (mqtt->is_attempting || mqtt->is_connected) {
        forget_connection(mqtt);
        give_event(mqtt, kind, 0);
    }
}

static void on_connect(struct mosquitto *client, void *ctx, int code)
{
    (void)client;
    struct mqtt *mqtt = ctx;
    if (code == 0) {
        mqtt->is_attempting = false;
        mqtt->is_connected = true;
        mqtt->must_use_ipv4 = !mqtt->must_use_ipv4; // this family works: come back to it
        mqtt->reason[0] = 0;
        give_event(mqtt, MQTT_CONNECTED, 0);
        return;
    }
    set_reason(mqtt, mosquitto_connack_string(code));
    lose(mqtt, MQTT_REFUSED);
}

static void on_publish(struct mosquitto *client, void *ctx, int mid)
{
    (void)client;
    struct mqtt *mqtt = ctx;
    for (size_t i = 0; i < MQTT_QUEUE_MAX; i++) {
        if (mqtt->sent[i].is_used && mqtt->sent[i].mid == mid) {
            mqtt->sent[i].is_used = false;
            give_event(mqtt, MQTT_ACKED, mqtt->sent[i].token);
            return;
        }
    }
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
        set_reason(mqtt, text);
    }
}

// A new client for each attempt: nothing of an earlier connection is sent again by the library.
static void drop_client(struct mqtt *mqtt)
{
    forget_connection(mqtt);
    if (mqtt->client != NULL) {
        (void)mosquitto_disconnect(mqtt->client);
        mosquitto_destroy(mqtt->client);
        mqtt->client = NULL;
    }
}

static struct mosquitto *make_client(struct mqtt *mqtt, const struct command *command)
{
    struct mosquitto *client = mosquitto_new(mqtt->client_id, true, mqtt);
    if (client == NULL) {
        return NULL;
    }
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_publish_callback_set(client, on_publish);
    mosquitto_log_callback_set(client, on_log);
    // The library's own check knows but the name that it connects to, which `address` may replace.
    void *context = tls_client_context(mqtt->ca_file, mqtt->host);
    int failed = context == NULL ? MOSQ_ERR_TLS : MOSQ_ERR_SUCCESS;
    failed |= mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, context); // takes a reference
    tls_client_context_free(context);
    failed |= mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, false);
    failed |= mosquitto_username_pw_set(client, command->topic, (const char *)command->payload);
    failed |= mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    if (failed != MOSQ_ERR_SUCCESS) {
        mosquitto_destroy(client);
        return NULL;
    }
    return client;
}

static void judge(struct mqtt *mqtt, int code)
{
    if (code == MOSQ_ERR_SUCCESS || (!mqtt->is_attempting && !mqtt->is_connected)) {
        return;
    }
    if (mqtt->reason[0] == 0) {
        set_reason(mqtt, code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code));
    }
    lose(mqtt, MQTT_LOST);
}

static void run_connect(struct mqtt *mqtt, const struct command *command)
{
    drop_client(mqtt);
    mqtt->live_generation = command->generation;
    mqtt->is_attempting = true;
    mqtt->reason[0] = 0;
    mqtt->client = make_client(mqtt, command);
    if (mqtt->client == NULL) {
        set_reason(mqtt, "TLS set-up failed: is the CA file a PEM certificate?");
        lose(mqtt, MQTT_LOST);
        return;
    }
    // The library tries only the first address that a name has, often an IPv6 one that nobody
    // serves: after a failure the next attempt is held to IPv4, by a local address of that family.
    const char *local = mqtt->must_use_ipv4 ? "0.0.0.0" : NULL;
    mqtt->must_use_ipv4 = !mqtt->must_use_ipv4;
    // Blocks in the name lookup only; TCP and TLS go on in the poll loop.
    int code = mosquitto_connect_bind_async(mqtt->client, mqtt->address, mqtt->port,
                                            mqtt->keep_alive_s, local);
    mqtt->in_at_us = mqtt->out_at_us = mqtt->misc_at_us = port_now_us();
    mqtt->attempt_until_us =
        time_after(mqtt->in_at_us, (uint64_t)mqtt->connect_timeout_ms * US_PER_MS);
    if (code == MOSQ_ERR_EAI) {
        set_reason(mqtt, "host name not found");
    }
    judge(mqtt, code);
}

static void run_publish(struct mqtt *mqtt, const struct command *command)
{
    if (!mqtt->is_connected || command->generation != mqtt->live_generation) {
        return;
    }
    size_t i = 0;
    while (i < MQTT_QUEUE_MAX && mqtt->sent[i].is_used) {
        i++;
    }
    if (i == MQTT_QUEUE_MAX) {
        set_reason(mqtt, "more publishes than the window");
        lose(mqtt, MQTT_LOST);
        return;
    }
    int mid = 0;
    mqtt->sent[i].is_used = true;
    mqtt->sent[i].token = command->token;
    int code = mosquitto_publish(mqtt->client, &mid, command->topic, (int)command->size,
                                 command->payload, 1, false);
    mqtt->sent[i].mid = mid;
    mqtt->out_at_us = port_now_us();
    judge(mqtt, code);
}

// False when there is none. The command is copied out, so that a slow one holds no lock.
static bool take_command(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    bool has = mqtt->command_count > 0;
    if (has) {
        mqtt->command = mqtt->commands[mqtt->command_first];
        explicit_bzero(mqtt->commands[mqtt->command_first].payload, MQTT_PASSWORD_SIZE_MAX);
        mqtt->command_first = (mqtt->command_first + 1) % MQTT_QUEUE_MAX;
        mqtt->command_count--;
    }
    pthread_mutex_unlock(&mqtt->lock);
    return has;
}

static bool should_end(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    bool must_end = mqtt->must_end;
    pthread_mutex_unlock(&mqtt->lock);
    return must_end;
}

static void run_commands(struct mqtt *mqtt)
{
    while (!should_end(mqtt) && take_command(mqtt)) {
        switch (mqtt->command.kind) {
        case COMMAND_CONNECT: run_connect(mqtt, &mqtt->command); break;
        case COMMAND_DISCONNECT: drop_client(mqtt); break;
        case COMMAND_PUBLISH: run_publish(mqtt, &mqtt->command); break;
        }
        explicit_bzero(mqtt->command.payload, MQTT_PASSWORD_SIZE_MAX);
    }
}

static uint64_t deadline_us(const struct mqtt *mqtt)
{
    if (mqtt->is_attempting) {
        return mqtt->attempt_until_us;
    }
    if (!mqtt->is_connected) {
        return TIME_NEVER;
    }
    // The library counts in whole seconds: one more makes sure that it sees the interval over.
    uint64_t quiet_us = time_min(mqtt->in_at_us, mqtt->out_at_us);
    uint64_t since_us = quiet_us > mqtt->misc_at_us ? quiet_us : mqtt->misc_at_us;
    return since_us + (mqtt->keep_alive_s + UINT64_C(1)) * US_PER_S;
}

static int poll_timeout_ms(const struct mqtt *mqtt)
{
    uint64_t until_us = deadline_us(mqtt);
    uint64_t at_us = port_now_us();
    if (until_us == TIME_NEVER) {
        return -1;
    }
    return until_us <= at_us ? 0 : (int)((until_us - at_us) / US_PER_MS + 1);
}

// A TCP connect that failed is named by the socket; the library would only say "TLS error".
static void check_socket(struct mqtt *mqtt, int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (mqtt->is_attempting && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
        error != 0) {
        set_reason(mqtt, strerror(error));
        lose(mqtt, MQTT_LOST);
    }
}

// The other end is gone and nothing is left to read. TLS may have taken the socket's error already,
// and the library then sees neither error nor end: poll would return at once for ever.
static void check_hang_up(struct mqtt *mqtt, int fd)
{
    char byte;
    bool is_live = mqtt->is_attempting || mqtt->is_connected;
    ssize_t left = is_live ? recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) : 1;
    if (left == 0 || (left < 0 && errno != EAGAIN && errno != EINTR)) {
        if (mqtt->reason[0] == 0) {
            set_reason(mqtt, mqtt->is_connected ? "closed by the hub" : "connection refused");
        }
        lose(mqtt, MQTT_LOST);
    }
}

static void serve_socket(struct mqtt *mqtt, int fd, short ready)
{
    if (ready & (POLLERR | POLLHUP)) {
        check_socket(mqtt, fd);
    }
    if ((ready & (POLLIN | POLLERR | POLLHUP)) && (mqtt->is_attempting || mqtt->is_connected)) {
        mqtt->in_at_us = port_now_us();
        judge(mqtt, mosquitto_loop_read(mqtt->client, 1));
    }
    if ((ready & POLLOUT) && (mqtt->is_attempting || mqtt->is_connected)) {
        mqtt->out_at_us = port_now_us();
        judge(mqtt, mosquitto_loop_write(mqtt->client, 1));
    }
    if (ready & (POLLERR | POLLHUP)) {
        check_hang_up(mqtt, fd);
    }
}

static void check_time(struct mqtt *mqtt)
{
    if (port_now_us() < deadline_us(mqtt)) {
        return;
    }
    if (mqtt->is_attempting) {
        set_reason(mqtt, "no answer in time");
        lose(mqtt, MQTT_LOST);
        return;
    }
    mqtt->misc_at_us = port_now_us();
    judge(mqtt, mosquitto_loop_misc(mqtt->client));
}

void *mqtt_run(void *ctx)
{
    struct mqtt *mqtt = ctx;
    while (!should_end(mqtt)) {
        int fd = mqtt->client == NULL ? -1 : mosquitto_socket(mqtt->client);
        short wanted = POLLIN;
        if (fd >= 0 && mosquitto_want_write(mqtt->client)) {
            wanted |= POLLOUT;
        }
        struct pollfd fds[2] = {{.fd = mqtt->command_fd, .events = POLLIN},
                                {.fd = fd, .events = wanted}};
        int ready = poll(fds, 2, poll_timeout_ms(mqtt));
        ASSERT(ready >= 0 || errno == EINTR);
        if (ready > 0 && fds[1].revents != 0) {
            serve_socket(mqtt, fd, fds[1].revents);
        }
        if (mqtt->is_attempting || mqtt->is_connected) {
            check_time(mqtt);
        }
        if (ready > 0 && fds[0].revents != 0) {
            mqtt_calm(mqtt->command_fd);
            run_commands(mqtt);
        }
        if (!mqtt->is_attempting && !mqtt->is_connected && mqtt->client != NULL) {
            drop_client(mqtt);
        }
    }
    drop_client(mqtt);
    pthread_mutex_lock(&mqtt->lock);
    mqtt->has_ended = true;
    bool is_abandoned = mqtt->is_abandoned;
    pthread_mutex_unlock(&mqtt->lock);
    if (is_abandoned) {
        mqtt_free(mqtt);
    }
    return NULL;
}
