// SPDX-License-Identifier: Apache-2.0
// The hub as a machine that knows no broker: who may connect, publish, subscribe and receive, and
// what is stored. One thread. All texts in results are static.
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "apps/hub/identities.h"
#include "apps/hub/log_writer.h"

struct hub {
    struct hub_log *log;               // open; the caller's
    struct hub_identities *identities; // the caller's; exchanged by hub_set_identities
    const void *replaced; // the connection that the last one took over, until it has ended
    const void *ended;    // the device's connection that ended last; the next connect clears it
};

struct hub_connect {
    const void *client; // the broker's name for this connection
    struct bytes client_id;
    struct bytes user_name;
    struct bytes password;
    uint64_t utc_s;
};

struct hub_publish {
    const void *client;
    struct bytes client_id;
    struct bytes topic;
    struct bytes payload;
    bool is_retained;
    int64_t utc_ms;
};

enum hub_outcome {
    HUB_OK,
    HUB_REFUSED, // the peer may not: close its connection, acknowledge nothing
    HUB_FAILED,  // the hub cannot now: the same, and the device will send again
};

struct hub_answer {
    enum hub_outcome outcome;
    const char *why;   // NULL if OK
    enum err err;      // of the log, if HUB_FAILED
    uint64_t sequence; // of the stored message
};

// Judges a CONNECT. OK: the connection is the device's one and only from now on.
struct hub_answer hub_connect(struct hub *hub, const struct hub_connect *in);

// The connection ended; one that was taken over before is none of ours any more.
void hub_disconnect(struct hub *hub, const void *client, struct bytes client_id);

// Judges a PUBLISH without storing it.
struct hub_answer hub_may_publish(struct hub *hub, const struct hub_publish *in);
// Judges and stores it. OK: durable, acknowledge.
struct hub_answer hub_publish(struct hub *hub, const struct hub_publish *in);

// Whether what this client is about to publish is its will: its connection has just ended or was
// taken over.
bool hub_is_will(const struct hub *hub, const void *client);
// Judges and stores it, once. Nobody waits for an acknowledgement.
struct hub_answer hub_store_will(struct hub *hub, const struct hub_publish *in);

bool hub_knows(struct hub *hub, const void *client, struct bytes client_id);

// Exchanges the set, keeping live connections; returns the old one.
struct hub_identities *hub_set_identities(struct hub *hub, struct hub_identities *fresh);

// A connected device whose token has expired or that is not enabled any more: its connection is to
// be closed. Goes through the list with *position, which begins at 0; NULL: no more.
const struct hub_identity *hub_next_to_close(const struct hub *hub, uint64_t utc_s,
                                             size_t *position);

#endif
