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
    bool has_address = cfg->address != NULL && cfg->address[0] != 0;
    const char *address = has_address ? cfg->address : cfg->host;
    if (strlen(cfg->host) >= sizeof(mqtt->host) || cfg->host[0] == 0 ||
        strlen(address) >= sizeof(mqtt->address) ||
        strlen(cfg->client_id) >= sizeof(mqtt->client_id) || cfg->client_id[0] == 0 ||
        strlen(cfg->ca_file) >= sizeof(mqtt->ca_file) || cfg->keep_alive_s > KEEP_ALIVE_MAX_S) {
        return ERR_ARG;
    }
    if (access(cfg->ca_file, R_OK) != 0) {
        return ERR_NOT_FOUND;
    }
    snprintf(mqtt->host, sizeof(mqtt->host), "%s", cfg->host);
    snprintf(mqtt->address, sizeof(mqtt->address), "%s", address);
    snprintf(mqtt->client_id, sizeof(mqtt->client_id), "%s", cfg->client_id);
    snprintf(mqtt->ca_file, sizeof(mqtt->ca_file), "%s", cfg->ca_file);
    mqtt->port = cfg->port == 0 ? PORT_DEFAULT : cfg->port;
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
    pthread_mutex_init(&mqtt->lock, NULL);
    mqtt->command_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    mqtt->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (mqtt->command_fd >= 0 && mqtt->event_fd >= 0 && start_thread(mqtt)) {
        *out = mqtt;
        return OK;
    }
    close(mqtt->command_fd);
    close(mqtt->event_fd);
    pthread_mutex_destroy(&mqtt->lock);
    free(mqtt);
    return ERR_IO;
}

void mqtt_free(struct mqtt *mqtt)
{
    close(mqtt->command_fd);
    close(mqtt->event_fd);
    pthread_mutex_destroy(&mqtt->lock);
    explicit_bzero(mqtt->commands, sizeof(mqtt->commands));
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
    const char *topic;
    struct bytes payload;
};

static enum err queue_command(struct mqtt *mqtt, const struct queued *in)
{
    if (in->payload.size > MQTT_PAYLOAD_SIZE_MAX || strlen(in->topic) >= MQTT_TOPIC_SIZE_MAX) {
        return ERR_SIZE;
    }
    pthread_mutex_lock(&mqtt->lock);
    if (mqtt->command_count == MQTT_QUEUE_MAX) {
        pthread_mutex_unlock(&mqtt->lock);
        return ERR_FULL;
    }
    if (in->kind != COMMAND_PUBLISH) {
        mqtt->generation++;
    }
    struct command *command =
        &mqtt->commands[(mqtt->command_first + mqtt->command_count++) % MQTT_QUEUE_MAX];
    command->kind = in->kind;
    command->generation = mqtt->generation;
    command->token = in->token;
    command->size = in->payload.size;
    memcpy(command->topic, in->topic, strlen(in->topic) + 1);
    if (in->payload.size > 0) {
        memcpy(command->payload, in->payload.data, in->payload.size);
    }
    pthread_mutex_unlock(&mqtt->lock);
    mqtt_wake(mqtt->command_fd);
    return OK;
}

enum err mqtt_connect(struct mqtt *mqtt, const char *user, const char *password)
{
    size_t size = strlen(password) + 1;
    if (size > MQTT_PASSWORD_SIZE_MAX) {
        return ERR_SIZE;
    }
    return queue_command(mqtt, &(struct queued){.kind = COMMAND_CONNECT,
                                                .topic = user,
                                                .payload = bytes_of(password, size)});
}

enum err mqtt_disconnect(struct mqtt *mqtt)
{
    return queue_command(mqtt, &(struct queued){.kind = COMMAND_DISCONNECT, .topic = ""});
}

enum err mqtt_publish(struct mqtt *mqtt, uint32_t token, const char *topic, struct bytes payload)
{
    return queue_command(
        mqtt, &(struct queued){
                  .kind = COMMAND_PUBLISH, .token = token, .topic = topic, .payload = payload});
}

int mqtt_event_fd(const struct mqtt *mqtt)
{
    return mqtt->event_fd;
}

bool mqtt_next(struct mqtt *mqtt, struct mqtt_event *out)
{
    mqtt_calm(mqtt->event_fd);
    pthread_mutex_lock(&mqtt->lock);
    bool found = false;
    while (!found && mqtt->event_count > 0) {
        const struct event *event = &mqtt->events[mqtt->event_first];
        found = event->generation == mqtt->generation;
        *out = event->event;
        mqtt->event_first = (mqtt->event_first + 1) % MQTT_QUEUE_MAX;
        mqtt->event_count--;
    }
    bool has_more = mqtt->event_count > 0;
    pthread_mutex_unlock(&mqtt->lock);
    if (has_more) {
        mqtt_wake(mqtt->event_fd);
    }
    return found;
}
