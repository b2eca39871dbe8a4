// SPDX-License-Identifier: Apache-2.0
// The way to the hub: when to connect, with which password, what to publish again. A pure machine;
// the MQTT client (port/linux/mqtt.h) carries out its outputs and reports back.
//
//             +----------------- back-off over ------------------+
//             v                                                  |
//   IDLE -> CONNECTING -CONNACK-> SUBSCRIBING -SUBACK-> ONLINE -lost, refused-> WAITING
//   (no identity|                      |                  | token old: DISCONNECT, CONNECTING
//    or clock)  +-------- time-out, lost, refused --------+-------------------> WAITING
//
// A token that is refused may come from a clock that differs: it is made anew in other ways first.
// Messages are held until acknowledged and published again, byte-identical, after each reconnect.
// What other machines send goes past the uplink while it is ONLINE (apps/gateway/inbox.h).
#ifndef GATEWAY_UPLINK_H
#define GATEWAY_UPLINK_H

#include "apps/gateway/journal_types.h"
#include "apps/gateway/sas.h"

enum {
    UPLINK_ALERTS_MAX = 4, // messages in flight, per lane
    UPLINK_TELEMETRY_MAX = 8,
    UPLINK_WINDOW_MAX = UPLINK_ALERTS_MAX + UPLINK_TELEMETRY_MAX,
    UPLINK_TOPIC_SIZE_MAX = 512,
    UPLINK_USER_SIZE_MAX = 512,
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
    uint32_t connect_timeout_ms; // until CONNACK, and again until SUBACK; default 30,000
    uint32_t ack_timeout_ms;     // a PUBLISH without PUBACK ends the connection; default 60,000
    uint32_t backoff_min_ms;     // default 1,000
    uint32_t backoff_max_ms;     // default 120,000
    uint64_t seed;               // of the jitter
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
    const char *const *filters; // UPLINK_FILTERS of them
    uint32_t token;             // names the publish in uplink_acked
    const char *topic;
    struct bytes payload;
    enum journal_lane lane;
    uint64_t ordinal;
};

struct uplink {
    // Public to read:
    enum uplink_state state;
    struct uplink_stats stats;
    // Private:
    struct uplink_config cfg;
    struct uplink_identity id; // host NULL: none yet
    uint32_t refusals;         // of a token, in a row
    struct uplink_slot slots[UPLINK_WINDOW_MAX];
    struct {
        enum journal_lane lane;
        uint64_t ordinal;
    } acks[UPLINK_WINDOW_MAX]; // to be told, oldest first
    size_t ack_count;
    uint64_t random;
    uint64_t until_us;     // of CONNECTING, SUBSCRIBING and WAITING
    uint64_t online_at_us; // of ONLINE
    uint64_t renew_us;     // of ONLINE
    uint32_t failures;     // in a row
    bool must_connect;     // outputs to drain
    bool must_disconnect;
    bool must_subscribe;
    bool has_clock;
    int64_t utc_offset_ms; // utc_ms - now_us / 1000
    char user[UPLINK_USER_SIZE_MAX];
    char password[SAS_TOKEN_SIZE_MAX];
    char topic[UPLINK_TOPIC_SIZE_MAX];
    char c2d_filter[UPLINK_TOPIC_SIZE_MAX];
    const char *filters[UPLINK_FILTERS]; // public to read: bit i of refused_mask is the i-th
};

void uplink_init(struct uplink *up, const struct uplink_config *cfg, uint64_t now_us);
// Connects as this; a connection as somebody else ends. While WAITING it counts from the next
// attempt on. ERR_ARG: a name is empty or does not fit, nothing happened.
NODISCARD enum err uplink_use(struct uplink *up, uint64_t now_us, const struct uplink_identity *id);
// Ends the connection and stays IDLE until uplink_use.
void uplink_hold(struct uplink *up, uint64_t now_us);
// Ends the connection, if there is one, and connects at once: with another certificate.
void uplink_reconnect(struct uplink *up, uint64_t now_us);
// The clock is trusted: tokens can be made. Call again at steps; a step beyond a minute renews.
void uplink_set_clock(struct uplink *up, uint64_t now_us, struct wall_time utc);

// How many messages of the lane find room, and taking one (copied). Must not be called without
// room.
size_t uplink_room(const struct uplink *up, enum journal_lane lane);
void uplink_take(struct uplink *up, uint64_t now_us, const struct journal_message *message);

void uplink_connected(struct uplink *up, uint64_t now_us);
// refused_mask: bit i for a filter that the hub did not grant. Any is a refusal.
void uplink_subscribed(struct uplink *up, uint64_t now_us, uint32_t refused_mask);
// The attempt failed or the connection ended; is_refusal: the hub said no to the credentials.
void uplink_lost(struct uplink *up, uint64_t now_us, bool is_refusal);
void uplink_acked(struct uplink *up, uint64_t now_us, uint32_t token);

uint64_t uplink_deadline_us(const struct uplink *up);
void uplink_tick(struct uplink *up, uint64_t now_us);
bool uplink_next(struct uplink *up, uint64_t now_us, struct uplink_out *out);

#endif
