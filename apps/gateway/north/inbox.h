// SPDX-License-Identifier: Apache-2.0
// The way between the hub and the machines that speak with it beside the journal: inbound messages
// go by their topic to the machine that they concern, and what the machines want to send is drained
// one after the other. Pure.
//
// A machine plugs in once, by inbox_plug, with functions that forward to its own:
//
//   x_online, x_offline   the filters are granted; the connection is over (whoever waits for an
//                         answer of it waits in vain)
//   x_message             while connected: from a session that the hub kept, messages come before
//                         the filters are granted again, so before x_online
//   x_tick, x_deadline_us always
//   x_next                only while online, and only when there is room to send
#ifndef GATEWAY_INBOX_H
#define GATEWAY_INBOX_H

#include "azure/topic.h"
#include "base/time.h"

#include <stddef.h>

enum inbox_user {
    INBOX_TWIN,    // AZ_TWIN_ANSWER, AZ_TWIN_DESIRED
    INBOX_METHODS, // AZ_METHOD_CALL
    INBOX_NUDGE,   // AZ_C2D
    INBOX_USERS,
};

// Spans are valid until the machine's next function is called.
struct inbox_out {
    uint8_t qos; // 0 or 1; nobody is told of a PUBACK
    struct az_topic topic;
    struct bytes body;
};

struct inbox_ops {
    void (*online)(void *ctx, uint64_t now_us);
    void (*offline)(void *ctx, uint64_t now_us);
    void (*message)(void *ctx, uint64_t now_us, const struct az_topic *topic, struct bytes body);
    void (*tick)(void *ctx, uint64_t now_us);
    uint64_t (*deadline_us)(const void *ctx);
    bool (*next)(void *ctx, uint64_t now_us, struct inbox_out *out);
};

enum inbox_verdict {
    INBOX_TAKEN,
    INBOX_UNKNOWN, // no topic of the dialect, or one that only a device sends
    INBOX_FOREIGN, // for another device
    INBOX_NOBODY,  // the machine is not plugged in
};

struct inbox_stats {
    uint64_t taken, unknown, foreign, nobody;
    uint64_t throttled; // answers that say "too many requests"
};

struct inbox {
    // Public to read:
    bool is_online;
    struct inbox_stats stats;
    // Private:
    const char *device; // borrowed
    struct {
        const struct inbox_ops *ops; // NULL: not plugged in
        void *ctx;
    } users[INBOX_USERS];
    size_t turn; // whose output is asked for first
};

// device: our device id, borrowed; cloud-to-device messages must carry it.
void inbox_init(struct inbox *inbox, const char *device);
// All functions of ops must be there. Before the first other input.
void inbox_plug(struct inbox *inbox, enum inbox_user user, const struct inbox_ops *ops, void *ctx);

void inbox_online(struct inbox *inbox, uint64_t now_us);
void inbox_offline(struct inbox *inbox, uint64_t now_us);
enum inbox_verdict inbox_message(struct inbox *inbox, uint64_t now_us, struct bytes topic,
                                 struct bytes body);

uint64_t inbox_deadline_us(const struct inbox *inbox);
void inbox_tick(struct inbox *inbox, uint64_t now_us);
// In turn, so that a machine with much to say leaves the others their share.
bool inbox_next(struct inbox *inbox, uint64_t now_us, struct inbox_out *out);

#endif
