// SPDX-License-Identifier: Apache-2.0
// What the caller's half (mqtt.c) and the thread's half (mqtt_thread.c) of the MQTT client share.
#ifndef PORT_LINUX_MQTT_INTERNAL_H
#define PORT_LINUX_MQTT_INTERNAL_H

#include "port/linux/mqtt.h"

#include <pthread.h>

enum { MQTT_HOST_SIZE_MAX = 256, MQTT_PATH_SIZE_MAX = 1024 };

struct mosquitto;

enum command_kind { COMMAND_CONNECT, COMMAND_DISCONNECT, COMMAND_PUBLISH };

struct command {
    enum command_kind kind;
    uint32_t generation;
    uint32_t token;
    size_t size;
    char topic[MQTT_TOPIC_SIZE_MAX];        // or the user name
    uint8_t payload[MQTT_PAYLOAD_SIZE_MAX]; // or the password
};

struct event {
    uint32_t generation;
    struct mqtt_event event;
};

struct mqtt {
    // Constant after mqtt_open:
    char host[MQTT_HOST_SIZE_MAX];
    char address[MQTT_HOST_SIZE_MAX];
    char client_id[MQTT_HOST_SIZE_MAX];
    char ca_file[MQTT_PATH_SIZE_MAX];
    uint16_t port;
    uint16_t keep_alive_s;
    uint32_t connect_timeout_ms;
    int command_fd;
    int event_fd;
    pthread_t thread;
    // The caller's: counts connects and disconnects, so that late events of an earlier connection
    // are not taken for the present one.
    uint32_t generation;
    // Under the lock:
    pthread_mutex_t lock;
    bool must_end;
    bool has_ended;    // the thread needs nothing of this any more
    bool is_abandoned; // by mqtt_close: the thread frees this at its end
    struct command commands[MQTT_QUEUE_MAX];
    size_t command_first, command_count;
    struct event events[MQTT_QUEUE_MAX];
    size_t event_first, event_count;
    // The thread's:
    struct mosquitto *client;
    struct command command; // being carried out
    uint32_t live_generation;
    bool is_attempting; // connect begun, no CONNACK yet
    bool must_use_ipv4; // in the next attempt
    bool is_connected;
    uint64_t attempt_until_us;
    uint64_t in_at_us, out_at_us; // last traffic, for the keep-alive
    uint64_t misc_at_us;          // last look of the library at its keep-alive
    struct {
        bool is_used;
        int mid;
        uint32_t token;
    } sent[MQTT_QUEUE_MAX];
    char reason[MQTT_REASON_SIZE_MAX]; // the library's last error line
};

// Frees everything but the thread.
void mqtt_free(struct mqtt *mqtt);
// The thread; ctx is the struct mqtt.
void *mqtt_run(void *ctx);
// Eventfds: make readable, make quiet.
void mqtt_wake(int fd);
void mqtt_calm(int fd);

#endif
