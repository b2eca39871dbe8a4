// SPDX-License-Identifier: Apache-2.0
// The queue of messages to each device. Durable before the sender is answered; given to the broker
// when the device is there, settled when it was there a minute after that (the broker does not show
// the device's PUBACK), sent again after a new boot of the broker: at least once.
//
//   queued --c2d_next--> handed over --c2d_taken--> locked --60 s there--> settled (gone)
//     ^------------------ other connection, new boot ----------|          expired, purged (gone)
#ifndef HUB_BACKEND_C2D_H
#define HUB_BACKEND_C2D_H

#include "apps/hub/backend/sessions.h"
#include "apps/hub/backend/store.h"
#include "base/time.h"

enum {
    C2D_QUEUE_MAX = 50,      // per device
    C2D_UNSETTLED_MAX = 10,  // per device at a time
    C2D_DELIVERIES_MAX = 10, // by default, 1 to 100
    C2D_SIZE_MAX = 64 * 1024,
    C2D_BAG_SIZE_MAX = 16 * 1024,
    C2D_MESSAGE_ID_SIZE = 129,
    C2D_FEEDBACK_MAX = 64, // records of a batch
    C2D_FEEDBACK_KEPT_MAX = 10000,
    C2D_FLIGHT_MAX = 4096, // unsettled of all devices that are there
    C2D_BOOT_SIZE = 33,
    C2D_FULL_BAG_SIZE_MAX = C2D_BAG_SIZE_MAX + 1024, // with ours: id, to, ack
};
#define C2D_TTL_DEFAULT_MS INT64_C(3600000)
#define C2D_TTL_MIN_MS     INT64_C(60000)
#define C2D_TTL_MAX_MS     INT64_C(172800000)
#define C2D_LOCK_US        (60 * US_PER_S)

enum c2d_ack { C2D_ACK_NONE, C2D_ACK_POSITIVE, C2D_ACK_NEGATIVE, C2D_ACK_FULL };

struct c2d_message {
    struct bytes device_id;
    struct bytes message_id; // empty: one is made
    struct bytes properties; // bag, percent-encoded, system keys as %24.x; without mid, to, ack
    struct bytes payload;
    enum c2d_ack ack;
    int64_t expires_ms; // utc; 0: C2D_TTL_DEFAULT_MS from now
};

// Private: one unsettled message of a device that is there.
struct c2d_flight {
    int64_t sequence; // 0: free
    uint64_t connection;
    uint64_t settle_us; // TIME_NEVER: it has not been handed over yet
    uint64_t token;
    char device_id[ID_SIZE];
};

struct c2d {
    struct store *store;
    struct sessions *sessions;
    unsigned deliveries_max; // may be set after c2d_init
    uint64_t look_us;        // when expiry is looked at next
    uint64_t token;
    char boot[C2D_BOOT_SIZE];
    bool is_due_any;
    size_t position; // in the sessions
    struct c2d_flight flights[C2D_FLIGHT_MAX];
    uint8_t bag[C2D_FULL_BAG_SIZE_MAX];
    uint8_t payload[C2D_SIZE_MAX];
};

void c2d_init(struct c2d *c, struct store *store, struct sessions *sessions);

// True: durable. HUB_DEVICE_NOT_FOUND, HUB_QUEUE_FULL, HUB_TOO_LARGE, HUB_ARGUMENT_INVALID (expiry
// out of range, message id). *sequence may be NULL.
NODISCARD bool c2d_send(struct c2d *c, const struct c2d_message *in, int64_t utc_ms,
                        int64_t *sequence, struct verdict *why);
// Removes all that wait; *count may be NULL.
NODISCARD bool c2d_purge(struct c2d *c, struct bytes device_id, int64_t utc_ms, uint32_t *count,
                         struct verdict *why);

// Feedback for the senders: the oldest records as a JSON array of Azure's objects, up to
// C2D_FEEDBACK_MAX; *last names them for c2d_feedback_done, 0: none.
NODISCARD bool c2d_feedback(struct c2d *c, char *out, size_t capacity, size_t *size, int64_t *last,
                            struct verdict *why);
NODISCARD bool c2d_feedback_done(struct c2d *c, int64_t last, struct verdict *why);

// What the link tells, after the sessions know it. A connection with a clean session empties the
// queue, as in Azure (once, however often it is told).
void c2d_up(struct c2d *c, uint64_t now_us, int64_t utc_ms, struct bytes device_id, bool is_clean);
void c2d_subscribed(struct c2d *c, struct bytes device_id);
void c2d_down(struct c2d *c, struct bytes device_id);
// A snapshot begins; another boot id than before: all that was unsettled is sent again.
void c2d_hello(struct c2d *c, const char *boot);
// The link is gone: so are all connections.
void c2d_lost(struct c2d *c);
// The plugin handed the message of this token over, before it told of any end of the connection.
void c2d_taken(struct c2d *c, uint64_t now_us, int64_t utc_ms, struct bytes device_id,
               uint64_t token);

uint64_t c2d_deadline_us(const struct c2d *c);
void c2d_tick(struct c2d *c, uint64_t now_us, int64_t utc_ms);

struct c2d_out {
    struct bytes device_id;
    uint64_t connection;
    uint64_t token;
    struct bytes bag; // with %24.mid, %24.to, ...
    struct bytes payload;
};
// The next message to give to the broker, QoS 1; valid until the next call.
bool c2d_next(struct c2d *c, int64_t utc_ms, struct c2d_out *out);

#endif
