// SPDX-License-Identifier: Apache-2.0
// The backend's end of docs/protocol/hub-link.md, one per broker: a pure machine between the
// messages of an MQTT client and what they tell. It asks for a snapshot when the session begins and
// after a gap, acknowledges, and believes nothing before the `hello` of a snapshot.
#ifndef HUB_BACKEND_LINK_H
#define HUB_BACKEND_LINK_H

#include "apps/hub/backend/ids.h"
#include "apps/hub/backend/verdict.h"
#include "apps/hub/quota.h"

#include <stdint.h>

enum {
    LINK_ACK_MAX = 256, // messages that are taken before an acknowledgement goes out
    LINK_BOOT_SIZE = 33,
    LINK_TOPIC_SIZE_MAX = 256,
};

enum link_event_kind {
    LINK_HELLO,
    LINK_UP,
    LINK_SUBSCRIBED,
    LINK_DOWN,
    LINK_REQUEST,
    LINK_TOOK,
    LINK_METERED,
};

// Spans lie in the message.
struct link_event {
    enum link_event_kind kind;
    char boot[LINK_BOOT_SIZE]; // LINK_HELLO
    struct bytes device;       // the others
    uint64_t connection;
    uint32_t subscriptions; // LINK_UP, LINK_SUBSCRIBED: mask of enum sessions_subscription
    bool is_x509, is_clean; // LINK_UP
    bool is_group;          // LINK_UP of DPS's broker
    char enrolment[ID_SIZE];
    struct thumbprint thumbprint; // LINK_UP with is_x509
    struct bytes reason;          // LINK_DOWN
    struct bytes topic, body;     // LINK_REQUEST
    uint64_t token;               // LINK_TOOK
    struct hub_quota_day metered; // LINK_METERED: of what passes the plugin
};

struct link {
    // Public to read:
    bool is_connected;
    bool is_synced;     // a hello has come, and no gap since
    uint64_t bad_count; // messages that break the protocol
    uint64_t gap_count;
    // Private:
    uint64_t sequence; // last taken
    uint64_t acknowledged;
    bool wants_sync;
    bool wants_ack;
    char topic[LINK_TOPIC_SIZE_MAX];
};

void link_init(struct link *link);
void link_connected(struct link *link);
void link_lost(struct link *link);
// True: *out tells something. A message that breaks the protocol is counted; its number counts.
bool link_message(struct link *link, struct bytes topic, struct bytes payload,
                  struct link_event *out);
// Nothing else waits to be taken: acknowledge now.
void link_idle(struct link *link);
// The next topic to publish with an empty payload, QoS 1; NULL: none. Valid until the next call.
const char *link_next(struct link *link);

#endif
