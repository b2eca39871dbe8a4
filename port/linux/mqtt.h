// SPDX-License-Identifier: Apache-2.0
// MQTT 3.1.1 over verified TLS, by libmosquitto on a thread of its own ("mqtt"): name lookup, TCP,
// the TLS handshake and slow sockets block nobody else. The thread sleeps in poll() and wakes for
// traffic, commands and keep-alive only.
//
// Commands are queued, events come back through a queue whose eventfd the caller's loop watches;
// both are bounded in number and in bytes. While messages wait to be taken the thread stops to
// read, so the hub is slowed instead of anything dropped. A half-open link is found by keep-alive
// after at most twice its interval.
#ifndef PORT_LINUX_MQTT_H
#define PORT_LINUX_MQTT_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

struct proxy; // port/linux/proxy.h

enum {
    MQTT_COMMANDS_MAX = 64,              // queued
    MQTT_PUBLISHES_MAX = 32,             // queued or on their way to the hub
    MQTT_PUBLISH_BYTES_MAX = 512 * 1024, // topics and payloads of these, together
    MQTT_PAYLOAD_SIZE_MAX = 256 * 1024,  // either way; more from the hub ends the connection
    MQTT_INBOUND_PAUSE = 16,             // messages not taken yet: no more is read then
    MQTT_INBOUND_PAUSE_BYTES = 128 * 1024,
    MQTT_FILTERS_MAX = 8,
    MQTT_TOPIC_SIZE_MAX = 1536,
    MQTT_NAME_SIZE_MAX = 256, // host, address, client id: with the final 0
    MQTT_USER_SIZE_MAX = 512,
    MQTT_PASSWORD_SIZE_MAX = 1024,
    MQTT_PATH_SIZE_MAX = 1024,
    MQTT_WILL_SIZE_MAX = 1024,
    MQTT_REASON_SIZE_MAX = 160,
};

struct mqtt_config {
    const char *ca_file;         // authorities.h: the only ones that are trusted; required
    const struct proxy *proxy;   // all goes through it; NULL: there is none
    uint16_t keep_alive_s;       // default 60, at most 1177 (Azure)
    uint32_t connect_timeout_ms; // default 30,000: from connect to CONNACK, name lookup aside
};

// Whom one attempt goes to, and how it proves who we are.
struct mqtt_login {
    const char *host;    // what the certificate must carry, and where to connect
    const char *address; // where to connect instead; NULL or empty: host
    uint16_t port;       // 0: 8883
    bool keeps_session;  // CleanSession=0: what the hub has queued comes after a reconnect
    const char *client_id;
    const char *user;
    const char *password;         // NULL or empty: none, the certificate counts
    const char *certificate_file; // PEM, the device's first, then its chain; NULL or empty: none
    const char *private_key_file; // PEM
    const char *will_topic;       // what the hub publishes, QoS 1, if the connection ends without
    const char *will_payload;     // DISCONNECT; NULL or empty: nothing
};

enum mqtt_event_kind {
    MQTT_CONNECTED,  // has_session
    MQTT_REFUSED,    // the broker said no to who we are: reason
    MQTT_LOST,       // the attempt failed (DNS, TCP, TLS) or the connection ended: reason
    MQTT_SUBSCRIBED, // token, refused_mask
    MQTT_ACKED,      // token of a QoS 1 publish
    MQTT_MESSAGE,    // topic, payload
};

struct mqtt_event {
    enum mqtt_event_kind kind;
    bool has_session;      // the hub kept what an earlier connection had subscribed to
    uint32_t token;        //
    uint32_t refused_mask; // bit i: the hub does not grant filters[i]
    const char *topic;     // topic and payload are valid until the next mqtt_next or mqtt_close
    struct bytes payload;
    char reason[MQTT_REASON_SIZE_MAX]; // for people, without secrets
};

struct mqtt_publish {
    uint32_t token; // comes back in MQTT_ACKED
    uint8_t qos;    // 0 or 1
    const char *topic;
    struct bytes payload;
};

struct mqtt; // opaque: holds a thread, a socket and queues

// Starts the thread; not connected yet. cfg's strings are copied. ERR_ARG, ERR_NOT_FOUND (CA file
// cannot be read), ERR_IO.
NODISCARD enum err mqtt_open(struct mqtt **out, const struct mqtt_config *cfg);
// Ends the connection (DISCONNECT if there is one) and the thread; waits for it, but no longer than
// 2 s: a thread that hangs in a name lookup ends, and frees what it has, by itself.
void mqtt_close(struct mqtt *mqtt);

// Queue a command; all it points to is copied. ERR_FULL: no room, nothing happened. ERR_SIZE: a
// part is longer than its limit.
NODISCARD enum err mqtt_connect(struct mqtt *mqtt, const struct mqtt_login *login);
NODISCARD enum err mqtt_disconnect(struct mqtt *mqtt);
// With QoS 1, in one packet, answered by one MQTT_SUBSCRIBED.
NODISCARD enum err mqtt_subscribe(struct mqtt *mqtt, uint32_t token, const char *const *filters,
                                  size_t count);
// Publishes of a connection that ended are forgotten.
NODISCARD enum err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publish *publish);
// True if mqtt_publish would take so many of so many bytes (topics included) together. If not, the
// event fd becomes readable when there is more room than now.
bool mqtt_has_room(struct mqtt *mqtt, size_t count, size_t bytes);

int mqtt_event_fd(const struct mqtt *mqtt); // readable while events wait
bool mqtt_next(struct mqtt *mqtt, struct mqtt_event *out);

#endif
