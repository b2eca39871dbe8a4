// SPDX-License-Identifier: Apache-2.0
// MQTT 3.1.1 over verified TLS, by libmosquitto on a thread of its own ("mqtt"): name lookup, TCP,
// the TLS handshake and slow sockets block nobody else. The thread sleeps in poll() and wakes for
// traffic, commands and keep-alive only.
//
// Commands are queued (bounded); events come back through a queue whose eventfd the caller's loop
// watches. A half-open link is found by keep-alive after at most twice its interval.
#ifndef PORT_LINUX_MQTT_H
#define PORT_LINUX_MQTT_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum {
    MQTT_QUEUE_MAX = 16,
    MQTT_PAYLOAD_SIZE_MAX = 4096,
    MQTT_TOPIC_SIZE_MAX = 512,
    MQTT_USER_SIZE_MAX = 512,
    MQTT_PASSWORD_SIZE_MAX = 1024,
    MQTT_REASON_SIZE_MAX = 160,
};

struct mqtt_config {
    const char *host;    // what the certificate must carry, and where to connect
    const char *address; // where to connect instead; NULL or empty: host
    uint16_t port;       // default 8883
    const char *client_id;
    const char *ca_file;         // PEM; the only CAs that are trusted; required
    uint16_t keep_alive_s;       // default 60, at most 1177 (Azure)
    uint32_t connect_timeout_ms; // default 30,000: from connect to CONNACK, name lookup aside
};

enum mqtt_event_kind {
    MQTT_CONNECTED,
    MQTT_REFUSED, // the broker said no: reason
    MQTT_LOST,    // the attempt failed (DNS, TCP, TLS) or the connection ended: reason
    MQTT_ACKED,   // token
};

struct mqtt_event {
    enum mqtt_event_kind kind;
    uint32_t token;
    char reason[MQTT_REASON_SIZE_MAX]; // for people, without secrets
};

struct mqtt; // opaque: holds a thread, a socket and queues

// Starts the thread; not connected yet. cfg's strings are copied. ERR_ARG, ERR_NOT_FOUND (CA file
// cannot be read), ERR_IO.
NODISCARD enum err mqtt_open(struct mqtt **out, const struct mqtt_config *cfg);
// Ends the connection (DISCONNECT if there is one) and the thread; waits for it, but no longer than
// 2 s: a thread that hangs in a name lookup ends, and frees what it has, by itself.
void mqtt_close(struct mqtt *mqtt);

// Queue a command. ERR_FULL: the queue is full, nothing happened.
NODISCARD enum err mqtt_connect(struct mqtt *mqtt, const char *user, const char *password);
NODISCARD enum err mqtt_disconnect(struct mqtt *mqtt);
// QoS 1; token comes back in MQTT_ACKED. Publishes of a connection that ended are forgotten.
NODISCARD enum err mqtt_publish(struct mqtt *mqtt, uint32_t token, const char *topic,
                                struct bytes payload);

int mqtt_event_fd(const struct mqtt *mqtt); // readable while events wait
bool mqtt_next(struct mqtt *mqtt, struct mqtt_event *out);

#endif
