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
// What other machines send goes past the uplink while it is ONLINE (apps/gateway/north/inbox.h).
#ifndef GATEWAY_UPLINK_H
#define GATEWAY_UPLINK_H

#include "apps/gateway/north/uplink_types.h"

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
    uint64_t acked_at_us;  // the last PUBACK, or the beginning, of ONLINE
    uint32_t failures;     // in a row
    bool must_connect;     // outputs to drain
    bool must_disconnect;
    bool must_subscribe;
    bool has_clock;
    int64_t utc_offset_ms; // utc_ms - now_us / 1000
    char user[UPLINK_USER_SIZE_MAX];
    char password[SAS_TOKEN_SIZE_MAX];
    char topic[UPLINK_TOPIC_SIZE_MAX];
    uint64_t will_id, will_number; // journal id and number of the wills
    char will_topic[UPLINK_TOPIC_SIZE_MAX];
    char will_payload[UPLINK_WILL_SIZE_MAX];
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
// The same for messages of the backlog.
size_t uplink_backlog_room(struct uplink *up, uint64_t now_us);
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
