// SPDX-License-Identifier: Apache-2.0
// What the caller's half (mqtt.c) and the thread's half (mqtt_thread.c, mqtt_client.c) of the MQTT
// client share.
#ifndef PORT_LINUX_MQTT_INTERNAL_H
#define PORT_LINUX_MQTT_INTERNAL_H

#include "port/linux/mqtt.h"
#include "port/linux/tunnel.h"

#include <pthread.h>

enum {
    // Acknowledgements, messages up to the pause and what one TLS record may hold beyond it.
    MQTT_EVENTS_MAX = 128,
    MQTT_EVENT_BYTES_MAX = 1024 * 1024,
    // Of a connect command: host, address, client id, user, certificate, password, private key, the
    // will's topic and payload.
    MQTT_LOGIN_TEXTS = 9,
};

struct mosquitto;

enum command_kind { COMMAND_CONNECT, COMMAND_DISCONNECT, COMMAND_SUBSCRIBE, COMMAND_PUBLISH };

// A heap block: texts[] holds text_count texts, each with its final 0, then the payload.
struct command {
    struct command *next;
    enum command_kind kind;
    uint32_t generation;
    uint32_t token;
    uint8_t qos;   // of a publish
    uint16_t port; // of a connect, as the next
    bool keeps_session;
    size_t text_count;
    size_t payload_size;
    size_t size; // of texts[], in bytes
    char texts[];
};

struct event {
    uint32_t generation;
    struct mqtt_event event;
    char *block; // of a message: its topic with a final 0, then its payload
    size_t size; // of the block
};

struct sent {
    bool is_used;
    int mid;
    uint32_t token;
    uint8_t qos;
    size_t size; // counted in publish_bytes
};

struct mqtt {
    // Constant after mqtt_open:
    char ca_file[MQTT_PATH_SIZE_MAX];
    struct tunnel *tunnel; // NULL: no proxy
    uint16_t keep_alive_s;
    uint32_t connect_timeout_ms;
    int command_fd;
    int event_fd;
    pthread_t thread;
    // The caller's: counts connects and disconnects, so that late events of an earlier connection
    // are not taken for the present one; and the block of the message taken last.
    uint32_t generation;
    char *taken;
    // Under the lock:
    pthread_mutex_t lock;
    bool must_end;
    bool has_ended;    // the thread needs nothing of this any more
    bool is_abandoned; // by mqtt_close: the thread frees this at its end
    struct command *first, **end;
    size_t command_count;
    size_t publish_count, publish_bytes;
    bool wants_room; // somebody waits for more
    struct event events[MQTT_EVENTS_MAX];
    size_t event_first, event_count;
    size_t message_count, message_bytes; // of the events
    bool is_paused;                      // the thread does not read: too many messages wait
    // The thread's:
    struct mosquitto *client;
    char host[MQTT_NAME_SIZE_MAX]; // of the present attempt
    uint32_t live_generation;
    bool is_attempting;      // connect begun, no CONNACK yet
    bool must_use_ipv4;      // in the next try
    struct command *attempt; // while attempting: the command that began it
    bool is_connected;
    uint64_t attempt_until_us;
    uint64_t in_at_us, out_at_us; // last traffic, for the keep-alive
    uint64_t misc_at_us;          // last look of the library at its keep-alive
    struct sent sent[MQTT_PUBLISHES_MAX];
    int subscribe_mid;
    uint32_t subscribe_token;
    char reason[MQTT_REASON_SIZE_MAX]; // the library's last error line
};

// mqtt.c
void mqtt_free(struct mqtt *mqtt);               // everything but the thread
void mqtt_command_free(struct command *command); // wiped: it may hold a password
void mqtt_wake(int fd);                          // eventfds: make readable, make quiet
void mqtt_calm(int fd);

// mqtt_thread.c
void *mqtt_run(void *ctx); // the thread; ctx is the struct mqtt
void mqtt_set_reason(struct mqtt *mqtt, const char *text);
// No attempt any more; its command, which may hold a password, is wiped. Tells nobody.
void mqtt_attempt_is_over(struct mqtt *mqtt);
// The attempt or the connection has ended: tells so, once.
void mqtt_lose(struct mqtt *mqtt, enum mqtt_event_kind kind);
// False: there was no room.
bool mqtt_give_event(struct mqtt *mqtt, const struct mqtt_event *event);

// mqtt_client.c: one libmosquitto client per attempt, so that nothing of an earlier connection is
// sent again by the library. NULL: failed, mqtt->reason says why.
struct mosquitto *mqtt_client_new(struct mqtt *mqtt, const struct mqtt_login *login);
void mqtt_client_drop(struct mqtt *mqtt);
void mqtt_client_subscribe(struct mqtt *mqtt, const struct command *command);
void mqtt_client_publish(struct mqtt *mqtt, const struct command *command);
// Judges what a call of the library returned: an error ends the connection.
void mqtt_client_judge(struct mqtt *mqtt, int code);

#endif
