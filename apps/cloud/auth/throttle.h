// SPDX-License-Identifier: Apache-2.0
// Slows down guessing: after a few failures a key (an account's name, an address) has to wait,
// longer each time. A table of fixed size; when it is full a key that need not wait makes room, the
// one that failed least. When all have to wait it is the one whose wait ends first: to push out who
// waits long, a thousand others must have failed as often.
#ifndef CLOUD_AUTH_THROTTLE_H
#define CLOUD_AUTH_THROTTLE_H

#include "base/bytes.h"
#include "base/time.h"

#include <stdbool.h>

enum { THROTTLE_KEYS = 1024, THROTTLE_FREE_FAILURES = 5 };

#define THROTTLE_FIRST_US  (2 * US_PER_S)
#define THROTTLE_MAX_US    (15 * US_PER_MIN)
#define THROTTLE_FORGET_US (30 * US_PER_MIN) // without a failure
#define THROTTLE_SPARE_US  (30 * US_PER_S)   // one attempt in so long, though a key is blocked

struct throttle_key {
    uint64_t hash; // 0: free
    uint32_t failures;
    uint64_t last_us;
    uint64_t blocked_until_us;
    uint64_t spare_at_us; // the next attempt that is let through
};

struct throttle {
    struct throttle_key keys[THROTTLE_KEYS];
};

// What an address counts as: itself, or its /64 network if it is one of IPv6, where anybody has
// 2^64 of them.
struct throttle_address {
    uint8_t bytes[16];
    size_t size;
};
struct throttle_address throttle_address_of(const char *text);

void throttle_init(struct throttle *throttle);
// 0: go ahead; else how long to wait.
uint64_t throttle_wait_us(const struct throttle *throttle, uint64_t now_us, struct bytes key);
// Of the last half hour.
uint32_t throttle_failures(const struct throttle *throttle, uint64_t now_us, struct bytes key);
// A key that is blocked: 0: one may be let through all the same; else how long until then.
uint64_t throttle_spare_wait_us(const struct throttle *throttle, uint64_t now_us, struct bytes key);
// It was.
void throttle_take_spare(struct throttle *throttle, uint64_t now_us, struct bytes key);
// An attempt failed. One that was under way when the key was blocked makes the wait no longer.
void throttle_failed(struct throttle *throttle, uint64_t now_us, struct bytes key);
void throttle_succeeded(struct throttle *throttle, struct bytes key);

#endif
