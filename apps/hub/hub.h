// SPDX-License-Identifier: Apache-2.0
// The hub, or DPS, as a machine that knows no broker: who may connect, publish, subscribe and
// receive, what is stored, and what goes over the link. One thread. After each input the outputs
// are drained with hub_next in the same turn. All texts in results are static.
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "apps/hub/link.h"
#include "apps/hub/log_writer.h"

struct hub_config {
    enum hub_mode mode;
    struct hub_directory *directory;     // the caller's
    struct hub_connections *connections; // the caller's
    struct hub_log *log;                 // the caller's, open; NULL in DPS
    struct hub_quota *quota;             // the caller's; NULL: no limits
    uint64_t boot;                       // random
};

struct hub {
    struct hub_config cfg;
    struct hub_link link;
    const void *backend;      // the link's connection; NULL: away
    const void *replaced;     // the connection that the last one took over, until it has ended
    const void *ended;        // the device's connection that ended last; the next connect clears it
    uint32_t check_at;        // connections from here on have not been held against hub.db since it
                              // changed
    bool check_again;         // it changed once more meanwhile
    uint32_t close_at;        // nor looked at for closing, since the last tick
    uint64_t utc_s;           // of the last tick
    uint64_t turn;            // of the broker's loop, from 1
    uint64_t will_generation; // of the device that `replaced` or `ended` was
};

struct hub_publish {
    const void *client;
    struct bytes client_id;
    struct bytes topic;
    struct bytes payload;
    bool is_retained;
    int64_t utc_ms;
    uint64_t now_us; // of the same moment, monotonic
};

enum hub_outcome {
    HUB_OK,
    HUB_REFUSED, // the peer may not: close its connection, acknowledge nothing
    HUB_FAILED,  // the hub cannot now, or its quota is used up: the same, and the device will send
                 // or connect again
    HUB_IGNORED, // of the link: not understood and passed over
};

struct hub_answer {
    enum hub_outcome outcome;
    const char *why;   // NULL if OK
    enum err err;      // of the log, if HUB_FAILED
    size_t size;       // of an event, as it is measured
    uint64_t sequence; // of the stored message; 0: nothing was to be stored
};

void hub_init(struct hub *hub, const struct hub_config *cfg);

// Judges a CONNECT. OK: the connection is the device's one and only from now on.
struct hub_answer hub_connect(struct hub *hub, const struct hub_connect *in);

// The connection ended; one that was taken over before is none of ours any more.
void hub_disconnect(struct hub *hub, const void *client, struct bytes client_id);

// Judges a PUBLISH without acting on it.
struct hub_answer hub_may_publish(struct hub *hub, const struct hub_publish *in);
// Judges it and stores the message (OK: durable, acknowledge), or hands a request to the link.
struct hub_answer hub_publish(struct hub *hub, const struct hub_publish *in);

// Whether what this client is about to publish is its will: its connection has just ended or was
// taken over.
bool hub_is_will(const struct hub *hub, const void *client);
// Judges and stores it, once. Nobody waits for an acknowledgement.
struct hub_answer hub_store_will(struct hub *hub, const struct hub_publish *in);

// qos: as asked for; what is sent is sent with no more.
struct hub_answer hub_subscribe(struct hub *hub, const void *client, struct bytes client_id,
                                struct bytes filter, uint8_t qos);
void hub_unsubscribe(struct hub *hub, const void *client, struct bytes client_id,
                     struct bytes filter);
// May the broker hand this message to that client? What is its own, and subscribed to.
bool hub_may_receive(struct hub *hub, const void *client, struct bytes client_id,
                     struct bytes topic);

// The broker's loop ends a turn: in the next one everything that was put out is in its queues,
// before any input comes.
void hub_turn_ends(struct hub *hub);
// Once a second, and sooner while hub_is_checking. directory_changed: hub_directory_poll said so.
void hub_tick(struct hub *hub, uint64_t utc_s, bool directory_changed);
// A tick soon would go on with what this one had no time for.
bool hub_is_checking(const struct hub *hub);

// What is to be sent or closed; false: nothing more. Spans are good until the next call of
// anything here.
bool hub_next(struct hub *hub, struct hub_out *out);

#endif
