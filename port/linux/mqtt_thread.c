// SPDX-License-Identifier: Apache-2.0
// The thread of the MQTT client: carries out commands and serves the socket.
#include "port/linux/mqtt_internal.h"

#include "base/assert.h"
#include "port/api/clock.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bool mqtt_give_event(struct mqtt *mqtt, const struct mqtt_event *event)
{
    bool is_message = event->kind == MQTT_MESSAGE;
    size_t topic_size = is_message ? strlen(event->topic) + 1 : 0;
    size_t size = is_message ? topic_size + event->payload.size : 0;
    char *block = is_message ? malloc(size) : NULL;
    pthread_mutex_lock(&mqtt->lock);
    // The last slots are for what ends a connection: its news must always find room.
    size_t reserve = event->kind == MQTT_LOST || event->kind == MQTT_REFUSED ? 0 : 2;
    bool fits = mqtt->event_count + reserve < MQTT_EVENTS_MAX && (block != NULL || !is_message) &&
                size <= MQTT_EVENT_BYTES_MAX - mqtt->message_bytes;
    if (fits) {
        struct event *slot =
            &mqtt->events[(mqtt->event_first + mqtt->event_count++) % MQTT_EVENTS_MAX];
        *slot = (struct event){
            .generation = mqtt->live_generation, .event = *event, .block = block, .size = size};
        if (is_message) {
            memcpy(block, event->topic, topic_size);
            if (event->payload.size > 0) {
                memcpy(block + topic_size, event->payload.data, event->payload.size);
            }
            slot->event.topic = block;
            slot->event.payload.data = (const uint8_t *)block + topic_size;
            mqtt->message_count++;
            mqtt->message_bytes += size;
        }
    }
    pthread_mutex_unlock(&mqtt->lock);
    if (!fits) {
        free(block);
    }
    mqtt_wake(mqtt->event_fd);
    return fits;
}

void mqtt_set_reason(struct mqtt *mqtt, const char *text)
{
    snprintf(mqtt->reason, sizeof(mqtt->reason), "%s", text);
}

void mqtt_attempt_is_over(struct mqtt *mqtt)
{
    mqtt->is_attempting = false;
    if (mqtt->attempt != NULL) {
        mqtt_command_free(mqtt->attempt);
        mqtt->attempt = NULL;
    }
}

void mqtt_lose(struct mqtt *mqtt, enum mqtt_event_kind kind)
{
    if (!mqtt->is_attempting && !mqtt->is_connected) {
        return;
    }
    mqtt_attempt_is_over(mqtt);
    mqtt->is_connected = false;
    if (mqtt->tunnel != NULL && kind == MQTT_LOST) {
        char why[TUNNEL_REASON_SIZE_MAX];
        tunnel_reason(mqtt->tunnel, why, sizeof(why));
        if (why[0] != 0) {
            mqtt_set_reason(mqtt, why);
        }
    }
    struct mqtt_event event = {.kind = kind};
    snprintf(event.reason, sizeof(event.reason), "%s", mqtt->reason);
    bool is_told = mqtt_give_event(mqtt, &event);
    ASSERT(is_told); // at most one per attempt, and there are two places for it
}

// The library's code.
static int start_connect(struct mqtt *mqtt, const struct mqtt_login *login)
{
    uint16_t port = login->port;
    if (mqtt->tunnel != NULL) {
        enum err err = tunnel_aim(mqtt->tunnel, login->address, port);
        ASSERT(err == OK); // names were checked
        return mosquitto_connect_bind_async(mqtt->client, tunnel_path(mqtt->tunnel), 0,
                                            mqtt->keep_alive_s, NULL);
    }
    // The library tries only the first address that a name has, often an IPv6 one that nobody
    // serves: after a failure the next try is held to IPv4, by a local address of that family.
    // Where there is no IPv4 that fails at once, and another client (this one keeps the local
    // address) goes on without.
    bool is_held = mqtt->must_use_ipv4;
    mqtt->must_use_ipv4 = !is_held;
    // Blocks in the name lookup only; TCP and TLS go on in the poll loop.
    int code = mosquitto_connect_bind_async(mqtt->client, login->address, port, mqtt->keep_alive_s,
                                            is_held ? "0.0.0.0" : NULL);
    if (is_held && code != MOSQ_ERR_SUCCESS) {
        mqtt->reason[0] = 0;
        mosquitto_destroy(mqtt->client);
        mqtt->client = mqtt_client_new(mqtt, login);
        code = mqtt->client == NULL ? MOSQ_ERR_NOMEM
                                    : mosquitto_connect_bind_async(mqtt->client, login->address,
                                                                   port, mqtt->keep_alive_s, NULL);
    }
    if (code == MOSQ_ERR_EAI) {
        mqtt_set_reason(mqtt, "host name not found");
    }
    return code;
}

// One try of the attempt: the first address that the name has, or after that the IPv4 one.
static void try_connect(struct mqtt *mqtt)
{
    const struct command *command = mqtt->attempt;
    const char *texts[MQTT_LOGIN_TEXTS];
    const char *at = command->texts;
    for (size_t i = 0; i < MQTT_LOGIN_TEXTS; i++) {
        texts[i] = at;
        at += strlen(at) + 1;
    }
    const struct mqtt_login login = {.host = texts[0],
                                     .address = texts[1][0] == 0 ? texts[0] : texts[1],
                                     .port = command->port,
                                     .keeps_session = command->keeps_session,
                                     .client_id = texts[2],
                                     .user = texts[3],
                                     .certificate_file = texts[4],
                                     .password = texts[5],
                                     .private_key_file = texts[6],
                                     .will_topic = texts[7],
                                     .will_payload = texts[8]};
    mqtt->reason[0] = 0;
    snprintf(mqtt->host, sizeof(mqtt->host), "%s", login.host);
    mqtt->client = mqtt_client_new(mqtt, &login);
    if (mqtt->client == NULL) {
        mqtt_lose(mqtt, MQTT_LOST);
        return;
    }
    int code = start_connect(mqtt, &login);
    mqtt->in_at_us = mqtt->out_at_us = mqtt->misc_at_us = port_now_us();
    mqtt_client_judge(mqtt, code);
}

// Takes the command.
static void run_connect(struct mqtt *mqtt, struct command *command)
{
    mqtt_client_drop(mqtt);
    mqtt->live_generation = command->generation;
    mqtt->is_attempting = true;
    mqtt->attempt = command;
    mqtt->attempt_until_us =
        time_after(port_now_us(), (uint64_t)mqtt->connect_timeout_ms * US_PER_MS);
    try_connect(mqtt);
}

// NULL when there is none. The caller frees it.
static struct command *take_command(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    struct command *command = mqtt->first;
    if (command != NULL) {
        mqtt->first = command->next;
        mqtt->end = mqtt->first == NULL ? &mqtt->first : mqtt->end;
        mqtt->command_count--;
    }
    pthread_mutex_unlock(&mqtt->lock);
    return command;
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
    struct command *command = should_end(mqtt) ? NULL : take_command(mqtt);
    while (command != NULL) {
        switch (command->kind) {
        case COMMAND_CONNECT:
            run_connect(mqtt, command);
            command = NULL;
            break;
        case COMMAND_DISCONNECT: mqtt_client_drop(mqtt); break;
        case COMMAND_SUBSCRIBE: mqtt_client_subscribe(mqtt, command); break;
        case COMMAND_PUBLISH: mqtt_client_publish(mqtt, command); break;
        }
        if (command != NULL) {
            mqtt_command_free(command);
        }
        command = should_end(mqtt) ? NULL : take_command(mqtt);
    }
}

// True while more messages wait to be taken than should: nothing is read then.
static bool is_paused(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->is_paused = mqtt->message_count >= MQTT_INBOUND_PAUSE ||
                      mqtt->message_bytes >= MQTT_INBOUND_PAUSE_BYTES;
    bool must_pause = mqtt->is_paused;
    pthread_mutex_unlock(&mqtt->lock);
    return must_pause;
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

// This try failed before anything was said: the attempt goes on with the name's IPv4 address, if
// that has not been tried yet. The socket is no more then.
static void fail_try(struct mqtt *mqtt, const char *reason)
{
    if (mqtt->is_attempting && mqtt->must_use_ipv4 && mqtt->tunnel == NULL) {
        mosquitto_destroy(mqtt->client);
        try_connect(mqtt);
        return;
    }
    mqtt_set_reason(mqtt, reason);
    mqtt_lose(mqtt, MQTT_LOST);
}

// A TCP connect that failed is named by the socket; the library would only say "TLS error". False:
// it did.
static bool check_socket(struct mqtt *mqtt, int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (!mqtt->is_attempting || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 ||
        error == 0) {
        return true;
    }
    fail_try(mqtt, strerror(error));
    return false;
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
            fail_try(mqtt, mqtt->is_connected ? "closed by the hub" : "connection refused");
        } else {
            mqtt_lose(mqtt, MQTT_LOST);
        }
    }
}

static void serve_socket(struct mqtt *mqtt, int fd, short ready)
{
    if ((ready & (POLLERR | POLLHUP)) && !check_socket(mqtt, fd)) {
        return;
    }
    if ((ready & (POLLIN | POLLERR | POLLHUP)) && (mqtt->is_attempting || mqtt->is_connected)) {
        mqtt->in_at_us = port_now_us();
        mqtt_client_judge(mqtt, mosquitto_loop_read(mqtt->client, 1));
    }
    if ((ready & POLLOUT) && (mqtt->is_attempting || mqtt->is_connected)) {
        mqtt->out_at_us = port_now_us();
        mqtt_client_judge(mqtt, mosquitto_loop_write(mqtt->client, 1));
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
        mqtt_set_reason(mqtt, "no answer in time");
        mqtt_lose(mqtt, MQTT_LOST);
        return;
    }
    mqtt->misc_at_us = port_now_us();
    mqtt_client_judge(mqtt, mosquitto_loop_misc(mqtt->client));
}

void *mqtt_run(void *ctx)
{
    struct mqtt *mqtt = ctx;
    while (!should_end(mqtt)) {
        int fd = mqtt->client == NULL ? -1 : mosquitto_socket(mqtt->client);
        short wanted = is_paused(mqtt) ? 0 : POLLIN;
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
            mqtt_client_drop(mqtt);
        }
    }
    mqtt_client_drop(mqtt);
    pthread_mutex_lock(&mqtt->lock);
    mqtt->has_ended = true;
    bool is_abandoned = mqtt->is_abandoned;
    pthread_mutex_unlock(&mqtt->lock);
    if (is_abandoned) {
        mqtt_free(mqtt);
    }
    return NULL;
}
