// SPDX-License-Identifier: Apache-2.0
// Direct methods in flight: a pure machine. A call waits for its device to be there (connect
// time-out), then for the answer (response time-out); the outcome is drained by its handle.
//
//   methods_call -> handle; ... methods_next_outcome() gives (handle, status + payload | refusal)
#ifndef HUB_BACKEND_METHODS_H
#define HUB_BACKEND_METHODS_H

#include "apps/hub/backend/sessions.h"
#include "apps/hub/backend/verdict.h"
#include "azure/topic.h"
#include "base/time.h"

enum {
    METHODS_PAYLOAD_SIZE_MAX = 128 * 1024,
    METHODS_PER_DEVICE_MAX = 10,
    METHODS_RESPONSE_S_MIN = 5,
    METHODS_RESPONSE_S_DEFAULT = 30,
    METHODS_RESPONSE_S_MAX = 300,
    METHODS_CONNECT_S_MAX = 300,
};

enum methods_state { METHODS_FREE, METHODS_WAITING, METHODS_READY, METHODS_SENT, METHODS_OVER };

// Private.
struct methods_call {
    enum methods_state state;
    uint32_t serial;      // of the slot's use: part of the handle, and of the rid
    uint64_t deadline_us; // of what is waited for; TIME_NEVER
    uint64_t response_us; // the response time-out
    char device_id[ID_SIZE];
    uint64_t generation; // of the device
    char name[AZ_METHOD_NAME_SIZE_MAX + 1];
    struct verdict verdict;
    int32_t status;
    size_t size;      // of payload: the request's, then the answer's
    uint8_t *payload; // METHODS_PAYLOAD_SIZE_MAX
};

struct methods {
    const struct sessions *sessions;
    struct methods_call *calls; // the caller's
    size_t capacity;            // 1 to 4,096
    uint32_t serial;
    uint32_t salt;
    char rid[24]; // of the last methods_next
};

struct methods_request {
    struct bytes device_id;
    uint64_t generation; // of the device: registry_generation
    struct bytes name;
    struct bytes payload; // JSON text; empty: none
    uint64_t connect_s;   // 0: the device must be there now
    uint64_t response_s;  // 0: METHODS_RESPONSE_S_DEFAULT
};

// payloads: capacity * METHODS_PAYLOAD_SIZE_MAX bytes, the caller's. salt: random, so that an
// answer to a call of an earlier life is not taken for one of this.
void methods_init(struct methods *m, const struct sessions *sessions, struct methods_call *calls,
                  size_t capacity, uint8_t *payloads, uint32_t salt);

// True: *handle names the call until its outcome was drained or it was given up. (Whether the
// device exists is the caller's to ask first.) HUB_DEVICE_NOT_ONLINE, HUB_TOO_MANY_CALLS,
// HUB_ARGUMENT_INVALID, HUB_TOO_LARGE.
NODISCARD bool methods_call(struct methods *m, uint64_t now_us, const struct methods_request *in,
                            uint64_t *handle, struct verdict *why);
// The asker went away: no outcome comes any more.
void methods_give_up(struct methods *m, uint64_t handle);

// The device of that id is now this one: calls to a former one, removed meanwhile, end with
// HUB_DEVICE_NOT_FOUND, whatever they waited for.
void methods_end_former(struct methods *m, struct bytes device_id, uint64_t generation);
// What the link tells, after the sessions know it: the device connected, subscribed or is gone.
void methods_changed(struct methods *m, uint64_t now_us, struct bytes device_id);
// Its answer, on whatever connection; one that nobody waits for is passed over.
void methods_answer(struct methods *m, struct bytes device_id, struct bytes rid, int32_t status,
                    struct bytes body);

uint64_t methods_deadline_us(const struct methods *m);
void methods_tick(struct methods *m, uint64_t now_us);

struct methods_out {
    struct bytes device_id;
    uint64_t connection;
    struct az_topic topic; // AZ_METHOD_CALL, its spans valid until the next call
    struct bytes body;
};
// The next call to publish, QoS 0.
bool methods_next(struct methods *m, uint64_t now_us, struct methods_out *out);

struct methods_outcome {
    uint64_t handle;
    struct verdict verdict; // HUB_DONE: status and payload are the device's
    int32_t status;
    struct bytes payload; // JSON text or empty; valid until the next methods_call
};
// The next call that is over; its slot is free from then on.
bool methods_next_outcome(struct methods *m, struct methods_outcome *out);

#endif
