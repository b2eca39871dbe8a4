// SPDX-License-Identifier: Apache-2.0
// The backend as one machine between the links to the two brokers, the store, and whoever serves
// the operators (which uses store, twins, c2d and methods directly). No socket, no clock.
//
//   backend_connected / backend_message / backend_lost   what the links bring
//   backend_next(b, broker, ...)   what is to be published there; drain it after every input
#ifndef HUB_BACKEND_BACKEND_H
#define HUB_BACKEND_BACKEND_H

#include "apps/hub/backend/c2d.h"
#include "apps/hub/backend/dps.h"
#include "apps/hub/backend/link.h"
#include "apps/hub/backend/metered.h"
#include "apps/hub/backend/methods.h"
#include "apps/hub/backend/registry.h"
#include "apps/hub/backend/twins.h"

enum {
    BACKEND_REQUEST_SIZE_MAX = 128 * 1024,
    BACKEND_TWIN_ANSWER_SIZE = 300 * 1024, // two sections of 128 KiB and their frame
    BACKEND_TOPIC_SIZE_MAX = 64 + 2 * ID_SIZE,
    BACKEND_CHANGES_MAX = 256, // connection states that are not stored yet
    BACKEND_PAYLOAD_SIZE_MAX = C2D_FULL_BAG_SIZE_MAX + 1024 + BACKEND_TWIN_ANSWER_SIZE,
};

enum backend_broker { BROKER_HUB, BROKER_DPS, BROKER_COUNT };

struct backend_time {
    uint64_t now_us;
    int64_t utc_ms;
};

struct backend_stats {
    uint64_t requests[BROKER_COUNT];
    uint64_t refused; // answers that are no success
    uint64_t unknown; // requests of devices that are not connected: passed over
};

struct backend_change {
    char device_id[ID_SIZE];
    bool is_connected;
    int64_t utc_ms;
};

struct backend_told {
    char device_id[ID_SIZE];
    uint64_t version; // of desired
};

// Memory of the caller's: see backend_init.
struct backend_config {
    struct store *store; // open
    struct session *slots[BROKER_COUNT];
    size_t slot_count; // of each; a power of two
    struct methods_call *calls;
    size_t call_count;
    uint8_t *payloads; // call_count * METHODS_PAYLOAD_SIZE_MAX
    uint8_t *notices;  // TWINS_NOTICE_BYTES
    uint32_t salt;     // random
    const char *host;  // of this hub
    struct hub_quota_limits quota;
};

// About 6 MB: static or from the heap. Public: twins, c2d, methods, dps, quota, links, sessions,
// stats.
struct backend {
    struct store *store;
    struct twins twins;
    struct c2d c2d;
    struct methods methods;
    struct dps dps;
    struct hub_quota quota;
    struct link links[BROKER_COUNT];
    struct sessions sessions[BROKER_COUNT];
    struct backend_stats stats;
    // Private:
    bool has_answer; // to the request that came last
    enum backend_broker answer_broker;
    uint64_t answer_connection;
    char answer_device[ID_SIZE];
    struct az_topic answer_topic;
    char answer_rid[AZ_RID_SIZE_MAX + 1];
    struct bytes answer_body;
    char answer_text[BACKEND_TWIN_ANSWER_SIZE];
    struct backend_change changes[BACKEND_CHANGES_MAX];
    size_t change_count;
    struct backend_told told[BACKEND_CHANGES_MAX];
    size_t told_count;
    struct hub_quota_day kept; // of the quota, as stored
    uint64_t flush_us;         // when these are stored
    char topic[BACKEND_TOPIC_SIZE_MAX];
    uint8_t payload[BACKEND_PAYLOAD_SIZE_MAX];
};

void backend_init(struct backend *b, const struct backend_config *cfg);

void backend_connected(struct backend *b, enum backend_broker broker);
void backend_lost(struct backend *b, enum backend_broker broker);
void backend_message(struct backend *b, enum backend_broker broker, struct backend_time now,
                     struct bytes topic, struct bytes payload);
// A transaction around inputs was undone: the next hello is taken for that of another boot.
void backend_undone(struct backend *b);
// Nothing waits to be read from that broker.
void backend_idle(struct backend *b, enum backend_broker broker);

uint64_t backend_deadline_us(const struct backend *b);
void backend_tick(struct backend *b, struct backend_time now);
// Before the end: stores what waits.
void backend_flush(struct backend *b);

struct backend_out {
    const char *topic;
    struct bytes payload;
    int qos; // of the publish on the link
};
// Valid until the next call. Only while that link is connected.
bool backend_next(struct backend *b, enum backend_broker broker, struct backend_time now,
                  struct backend_out *out);

#endif
