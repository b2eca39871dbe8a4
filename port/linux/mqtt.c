// SPDX-License-Identifier: Apache-2.0
#include "port/linux/mqtt_internal.h"

#include "base/assert.h"

#include <errno.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    PORT_DEFAULT = 8883,
    KEEP_ALIVE_DEFAULT_S = 60,
    KEEP_ALIVE_MIN_S = 5, // the library accepts no less
    KEEP_ALIVE_MAX_S = 1177,
    CONNECT_TIMEOUT_DEFAULT_MS = 30000,
    CLOSE_WAIT_S = 2,
};

void mqtt_wake(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof(one));
    ASSERT(written == (ssize_t)sizeof(one) || errno == EAGAIN);
}

void mqtt_calm(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    ASSERT(got == (ssize_t)sizeof(count) || errno == EAGAIN);
}

static enum err copy_config(struct mqtt *mqtt, const struct mqtt_config *cfg)
{
    if (strlen(cfg->ca_file) >= sizeof(mqtt->ca_file) || cfg->keep_alive_s > KEEP_ALIVE_MAX_S) {
        return ERR_ARG;
    }
    if (access(cfg->ca_file, R_OK) != 0) {
        return ERR_NOT_FOUND;
    }
    snprintf(mqtt->ca_file, sizeof(mqtt->ca_file), "%s", cfg->ca_file);
    mqtt->keep_alive_s = cfg->keep_alive_s == 0 ? KEEP_ALIVE_DEFAULT_S : cfg->keep_alive_s;
    if (mqtt->keep_alive_s < KEEP_ALIVE_MIN_S) {
        mqtt->keep_alive_s = KEEP_ALIVE_MIN_S;
    }
    mqtt->connect_timeout_ms =
        cfg->connect_timeout_ms == 0 ? CONNECT_TIMEOUT_DEFAULT_MS : cfg->connect_timeout_ms;
    return OK;
}

static bool start_thread(struct mqtt *mqtt)
{
    // Signals belong to the main thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&mqtt->thread, NULL, mqtt_run, mqtt) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (is_started) {
        (void)pthread_setname_np(mqtt->thread, "mqtt");
    }
    return is_started;
}

enum err mqtt_open(struct mqtt **out, const struct mqtt_config *cfg)
{
    struct mqtt *mqtt = calloc(1, sizeof(*mqtt));
    if (mqtt == NULL) {
        return ERR_FULL;
    }
    enum err err = copy_config(mqtt, cfg);
    if (err != OK) {
        free(mqtt);
        return err;
    }
    (void)mosquitto_lib_init();
    mqtt->end = &mqtt->first;
    pthread_mutex_init(&mqtt->lock, NULL);
    mqtt->command_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    mqtt->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    err = cfg->proxy == NULL ? OK : tunnel_open(&mqtt->tunnel, cfg->proxy);
    if (err == OK && mqtt->command_fd >= 0 && mqtt->event_fd >= 0 && start_thread(mqtt)) {
        *out = mqtt;
        return OK;
    }
    if (mqtt->tunnel != NULL) {
        tunnel_close(mqtt->tunnel);
    }
    close(mqtt->command_fd);
    close(mqtt->event_fd);
    pthread_mutex_destroy(&mqtt->lock);
    free(mqtt);
    return ERR_IO;
}

void mqtt_command_free(struct command *command)
{
    explicit_bzero(command->texts, command->size);
    free(command);
}

void mqtt_free(struct mqtt *mqtt)
{
    if (mqtt->tunnel != NULL) {
        tunnel_close(mqtt->tunnel);
    }
    close(mqtt->command_fd);
    close(mqtt->event_fd);
    pthread_mutex_destroy(&mqtt->lock);
    while (mqtt->first != NULL) {
        struct command *next = mqtt->first->next;
        mqtt_command_free(mqtt->first);
        mqtt->first = next;
    }
    for (size_t i = 0; i < mqtt->event_count; i++) {
        free(mqtt->events[(mqtt->event_first + i) % MQTT_EVENTS_MAX].block);
    }
    free(mqtt->taken);
    free(mqtt);
    (void)mosquitto_lib_cleanup();
}

static bool ends_in_time(struct mqtt *mqtt)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CLOSE_WAIT_S;
    return pthread_clockjoin_np(mqtt->thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

void mqtt_close(struct mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->must_end = true;
    pthread_mutex_unlock(&mqtt->lock);
    mqtt_wake(mqtt->command_fd);
    if (ends_in_time(mqtt)) {
        mqtt_free(mqtt);
        return;
    }
    // A name lookup cannot be cut short.
    pthread_mutex_lock(&mqtt->lock);
    bool has_ended = mqtt->has_ended;
    mqtt->is_abandoned = !has_ended;
    pthread_t thread = mqtt->thread;
    pthread_mutex_unlock(&mqtt->lock);
    if (has_ended) {
        pthread_join(thread, NULL);
        mqtt_free(mqtt);
    } else {
        (void)pthread_detach(thread);
    }
}

struct queued {
    enum command_kind kind;
    uint32_t token;
    uint8_t qos;
    uint16_t port;
    bool keeps_session;
    const char *const *texts;
    size_t text_count;
    struct bytes payload;
};

static size_t texts_size(const struct queued *in)
{
    size_t size = 0;
    for (size_t i = 0; i < in->text_count; i++) {
        size += strlen(in->texts[i]) + 1;
    }
    return size;
}

static struct command *make_command(const struct queued *in)
{
    size_t size = texts_size(in) + in->payload.size;
    struct command *command = malloc(sizeof(*command) + size);
    if (command == NULL) {
        return NULL;
    }
    *command = (struct command){.kind = in->kind,
                                .token = in->token,
                                .qos = in->qos,
                                .port = in->port,
                                .keeps_session = in->keeps_session,
                                .text_count = in->text_count,
                                .payload_size = in->payload.size,
                                .size = size};
    char *at = command->texts;
    for (size_t i = 0; i < in->text_count; i++) {
        at = stpcpy(at, in->texts[i]) + 1;
    }
    if (in->payload.size > 0) {
        memcpy(at, in->payload.data, in->payload.size);
    }
    return command;
}

// Under the lock.
static bool has_room(const struct mqtt *mqtt, const struct command *command)
{
    bool fits = command->kind != COMMAND_PUBLISH ||
                (mqtt->publish_count < MQTT_PUBLISHES_MAX &&
                 command->size <= MQTT_PUBLISH_BYTES_MAX - mqtt->publish_bytes);
    return fits && mqtt->command_count < MQTT_COMMANDS_MAX;
}

static enum err queue_command(struct mqtt *mqtt, const struct queued *in)
{
    struct command *command = make_command(in);
    if (command == NULL) {
        return ERR_FULL;
    }
    pthread_mutex_lock(&mqtt->lock);
    if (!has_room(mqtt, command)) {
        pthread_mutex_unlock(&mqtt->lock);
        mqtt_command_free(command);
        return ERR_FULL;
    }
    if (in->kind == COMMAND_CONNECT || in->kind == COMMAND_DISCONNECT) {
        mqtt->generation++;
    }
    if (in->kind == COMMAND_PUBLISH) {
        mqtt->publish_count++;
        mqtt->publish_bytes += command->size;
    }
    command->generation = mqtt->generation;
    *mqtt->end = command;
    mqtt->end = &command->next;
    mqtt->command_count++;
    pthread_mutex_unlock(&mqtt->lock);
    mqtt_wake(mqtt->command_fd);
    return OK;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

enum err mqtt_connect(struct mqtt *mqtt, const struct mqtt_login *login)
{
    static const size_t sizes[MQTT_LOGIN_TEXTS] = {
        MQTT_NAME_SIZE_MAX, MQTT_NAME_SIZE_MAX,  MQTT_NAME_SIZE_MAX,
        MQTT_USER_SIZE_MAX, MQTT_PATH_SIZE_MAX,  MQTT_PASSWORD_SIZE_MAX,
        MQTT_PATH_SIZE_MAX, MQTT_TOPIC_SIZE_MAX, MQTT_WILL_SIZE_MAX};
    const char *const texts[MQTT_LOGIN_TEXTS] = {
        login->host,
        or_empty(login->address),
        login->client_id,
        login->user,
        or_empty(login->certificate_file),
        or_empty(login->password),
        or_empty(login->private_key_file),
        or_empty(login->will_topic),
        or_empty(login->will_payload),
    };
    for (size_t i = 0; i < MQTT_LOGIN_TEXTS; i++) {
        if (strlen(texts[i]) >= sizes[i]) {
            return ERR_SIZE;
        }
    }
    return queue_command(mqtt,
                         &(struct queued){.kind = COMMAND_CONNECT,
                                          .port = login->port == 0 ? PORT_DEFAULT : login->port,
                                          .keeps_session = login->keeps_session,
                                          .texts = texts,
                                          .text_count = MQTT_LOGIN_TEXTS});
}

enum err mqtt_disconnect(struct mqtt *mqtt)
{
    return queue_command(mqtt, &(struct queued){.kind = COMMAND_DISCONNECT});
}

enum err mqtt_subscribe(struct mqtt *mqtt, uint32_t token, const char *const *filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(filters[i]) >= MQTT_TOPIC_SIZE_MAX) {
            return ERR_SIZE;
        }
    }
    if (count == 0 || count > MQTT_FILTERS_MAX) {
        return ERR_SIZE;
    }
    return queue_command(mqtt, &(struct queued){.kind = COMMAND_SUBSCRIBE,
                                                .token = token,
                                                .texts = filters,
                                                .text_count = count});
}

enum err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publish *publish)
{
    ASSERT(publish->qos <= 1);
    if (publish->payload.size > MQTT_PAYLOAD_SIZE_MAX ||
        strlen(publish->topic) >= MQTT_TOPIC_SIZE_MAX) {
        return ERR_SIZE;
    }
    return queue_command(mqtt, &(struct queued){.kind = COMMAND_PUBLISH,
                                                .token = publish->token,
                                                .qos = publish->qos,
                                                .texts = &publish->topic,
                                                .text_count = 1,
                                                .payload = publish->payload});
}

bool mqtt_has_room(struct mqtt *mqtt, size_t count, size_t bytes)
{
    pthread_mutex_lock(&mqtt->lock);
    bool has = count <= MQTT_COMMANDS_MAX - mqtt->command_count &&
               count <= MQTT_PUBLISHES_MAX - mqtt->publish_count &&
               bytes <= MQTT_PUBLISH_BYTES_MAX - mqtt->publish_bytes;
    mqtt->wants_room = mqtt->wants_room || !has;
    pthread_mutex_unlock(&mqtt->lock);
    return has;
}

int mqtt_event_fd(const struct mqtt *mqtt)
{
    return mqtt->event_fd;
}

// Under the lock: the oldest event; false if it belongs to an earlier connection.
static bool take_event(struct mqtt *mqtt, struct mqtt_event *out)
{
    struct event *event = &mqtt->events[mqtt->event_first];
    bool is_present = event->generation == mqtt->generation;
    mqtt->event_first = (mqtt->event_first + 1) % MQTT_EVENTS_MAX;
    mqtt->event_count--;
    if (event->block != NULL) {
        mqtt->message_count--;
        mqtt->message_bytes -= event->size;
        free(mqtt->taken);
        mqtt->taken = event->block;
        event->block = NULL;
    }
    *out = event->event;
    return is_present;
}

bool mqtt_next(struct mqtt *mqtt, struct mqtt_event *out)
{
    mqtt_calm(mqtt->event_fd);
    pthread_mutex_lock(&mqtt->lock);
    bool found = false;
    while (!found && mqtt->event_count > 0) {
        found = take_event(mqtt, out);
    }
    bool has_more = mqtt->event_count > 0;
    bool must_resume = mqtt->is_paused && mqtt->message_count < MQTT_INBOUND_PAUSE &&
                       mqtt->message_bytes < MQTT_INBOUND_PAUSE_BYTES;
    mqtt->is_paused = mqtt->is_paused && !must_resume;
    pthread_mutex_unlock(&mqtt->lock);
    if (has_more) {
        mqtt_wake(mqtt->event_fd);
    }
    if (must_resume) {
        mqtt_wake(mqtt->command_fd);
    }
    return found;
}
