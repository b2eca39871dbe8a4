// SPDX-License-Identifier: Apache-2.0
// The uplink's types; apps/gateway/north/uplink.h has the functions.
#ifndef GATEWAY_UPLINK_TYPES_H
#define GATEWAY_UPLINK_TYPES_H

#include "apps/gateway/north/budget.h"
#include "apps/gateway/north/pacing.h"
#include "apps/gateway/north/sas.h"

enum {
    UPLINK_ALERTS_MAX = 4, // messages in flight, per lane
    UPLINK_TELEMETRY_MAX = 8,
    UPLINK_WINDOW_MAX = UPLINK_ALERTS_MAX + UPLINK_TELEMETRY_MAX,
    UPLINK_TOPIC_SIZE_MAX = 512,
    UPLINK_USER_SIZE_MAX = 512,
    UPLINK_WILL_SIZE_MAX = 512,
    UPLINK_FILTERS = 4, // methods, twin answers, desired properties, cloud-to-device messages
};

// All borrowed.
struct uplink_identity {
    const char *host;          // the hub's name: in user name and token
    const char *device;        // device id and client id
    const struct sas_key *key; // NULL: a certificate counts, and there is no password
};

struct uplink_config {
    // Default 3,600; renewed when a fifth is left. After two refusals in a row a token lasts a day
    // longer, for a clock of ours that is behind; after three a sixth only, for a hub that wants
    // short ones; then all over again.
    uint32_t token_life_s;
    uint32_t connect_timeout_ms; // until CONNACK, and again until SUBACK; default 20,000
    uint32_t ack_timeout_ms;     // a PUBLISH without PUBACK ends the connection; default 40,000
    uint32_t backoff_min_ms;     // default 2,000
    uint32_t backoff_max_ms;     // default 35,000
    uint64_t seed;               // of the jitter
    bool has_will;               // the hub tells if a connection ends without a farewell
    struct pacing *pacing;       // of the backlog; borrowed, NULL: none
    struct budget *budget;       // the same
};

enum uplink_state {
    UPLINK_IDLE,
    UPLINK_CONNECTING,
    UPLINK_SUBSCRIBING,
    UPLINK_ONLINE,
    UPLINK_WAITING,
};

struct uplink_slot {
    bool is_used;
    bool is_sent;  // in this connection
    bool was_sent; // in any
    uint64_t sent_at_us;
    struct journal_message message;
    uint8_t payload[JOURNAL_PAYLOAD_SIZE_MAX];
};

struct uplink_stats {
    uint32_t connects, refusals, losses, renewals;
    uint32_t odd_lives; // connects that only a token of another life achieved
    uint64_t published, republished, acknowledged;
};

enum uplink_out_kind {
    UPLINK_OUT_CONNECT,    // user, password
    UPLINK_OUT_DISCONNECT, // end the connection; nothing is reported back for it
    UPLINK_OUT_SUBSCRIBE,  // filters: all in one packet
    UPLINK_OUT_PUBLISH,    // token, topic, payload; QoS 1
    UPLINK_OUT_ACK,        // lane, ordinal: tell the journal
};

// Pointers are valid until the next call.
struct uplink_out {
    enum uplink_out_kind kind;
    const char *user;
    const char *password;
    const char *will_topic, *will_payload; // "" if there is none
    const char *const *filters;            // UPLINK_FILTERS of them
    uint32_t token;                        // names the publish in uplink_acked
    const char *topic;
    struct bytes payload;
    enum journal_lane lane;
    uint64_t ordinal;
};

#endif
