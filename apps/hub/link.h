// SPDX-License-Identifier: Apache-2.0
// The plugin's end of the link to the backend (docs/protocol/hub-link.md), as a machine: inputs,
// then hub_link_next until it is empty, within the same turn, since outputs borrow from the input.
#ifndef HUB_LINK_H
#define HUB_LINK_H

#include "apps/hub/connections.h"
#include "apps/hub/filter.h"
#include "apps/hub/quota.h"

#define HUB_LINK_CLIENT "/backend"

enum {
    // Messages sent and not acknowledged: mosquitto drops what is beyond its max_queued_messages,
    // 1,000 by default, for a client that does not read.
    HUB_LINK_WINDOW = 768,
    HUB_LINK_BYTES_MAX = 16 << 20,
    HUB_LINK_PER_DEVICE_MAX = 64,
    HUB_LINK_TOOK_MAX = 4096,      // handed over, and the backend is not told yet
    HUB_REQUEST_SIZE_MAX = 131072, // body
    HUB_DPS_REQUEST_SIZE_MAX = 98304,
    HUB_OUT_TEXT_SIZE = 1024, // of topics and bodies that are made here
};

struct hub_out {
    const char *client_id; // to whom: a device or the backend
    const char *close_why; // not NULL: close its connection; there is no message
    const void *client;    // the broker's name for that connection
    struct bytes topic;
    struct bytes parts[3]; // of the payload, one behind the other
    uint8_t qos;
};

// A `tell` that was handed over.
struct hub_link_took {
    uint64_t number;
    uint64_t token;
    uint32_t slot;
};

struct hub_link_stats {
    uint64_t refused_away;   // requests answered here: no backend
    uint64_t refused_behind; // or one that does not keep up
    uint64_t dropped;        // `to` and `kick` for who is not there or has not subscribed
};

struct hub_link_entry {
    uint32_t size;
    uint32_t slot; // of the connection whose request it is
    uint64_t number;
    uint8_t rid_size; // 0: nobody waits for an answer
    char rid[AZ_RID_SIZE_MAX];
};

struct hub_link {
    enum hub_mode mode;
    struct hub_connections *connections;
    uint64_t boot;
    bool is_synced; // the backend is there and has asked for a snapshot
    bool owes_hello;
    uint64_t sent; // messages of all sessions
    uint64_t acknowledged;
    uint64_t before;   // of those sent, how many were sent in earlier sessions
    uint64_t forsaken; // up to here nobody will answer any more: we do
    size_t bytes;      // sent and not acknowledged
    struct hub_link_entry window[HUB_LINK_WINDOW];
    struct hub_link_took took[HUB_LINK_TOOK_MAX]; // a ring
    uint32_t took_first, took_count;
    struct hub_quota_day metered, told; // the day's messages here, and what the backend knows
    struct hub_link_stats stats;
    // What this turn still has to put out; borrowed.
    struct hub_connection *asker; // NULL: no request
    struct az_topic asked;
    struct bytes topic, body;
    uint64_t utc_s;
    bool has_out;
    struct hub_out out; // passed on as it is
    char topic_text[HUB_OUT_TEXT_SIZE];
    char body_text[HUB_OUT_TEXT_SIZE];
};

// connections is the caller's.
void hub_link_init(struct hub_link *link, enum hub_mode mode, struct hub_connections *connections,
                   uint64_t boot);

void hub_link_opened(struct hub_link *link); // the backend has connected
void hub_link_closed(struct hub_link *link);

// A message of the backend. NULL, or why it is none (static text).
const char *hub_link_message(struct hub_link *link, struct bytes topic, struct bytes payload);

// A device asks; `asked` is the parsed topic. It goes on to the backend or is answered here.
void hub_link_request(struct hub_link *link, struct hub_connection *connection,
                      const struct az_topic *asked, struct bytes topic, struct bytes body,
                      uint64_t utc_s);

// Something about the connection has changed: connected, subscribed, ended.
void hub_link_changed(struct hub_link *link, struct hub_connection *connection);

// How many messages of the day passed here; the backend is told.
void hub_link_metered(struct hub_link *link, struct hub_quota_day day);

// False: nothing (more) to put out.
bool hub_link_next(struct hub_link *link, struct hub_out *out);

#endif
