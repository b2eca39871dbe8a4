// SPDX-License-Identifier: Apache-2.0
// One attempt at a password: what it counts for, and whether it may be looked at now. Pure.
//
// - From a browser known from before: for that browser alone.
// - From any other: for the account and for the address. While the account has to wait, an attempt
//   from an address that has not failed lately is looked at all the same, one every
//   THROTTLE_SPARE_US: so who guesses from a few addresses keeps no new browser out.
// - Of who is logged in and changes the password: for that account's changes alone.
#ifndef CLOUD_AUTH_ATTEMPT_H
#define CLOUD_AUTH_ATTEMPT_H

#include "apps/cloud/auth/sessions.h"
#include "apps/cloud/auth/throttle.h"

enum { ATTEMPT_KEY_SIZE_MAX = 1 + USER_NAME_MAX };

struct attempt_key {
    uint8_t bytes[ATTEMPT_KEY_SIZE_MAX];
    size_t size; // 0: none
};

struct attempt {
    struct attempt_key own; // the browser, the address or the change; none: 256 bits are guessed
    struct attempt_key account; // none but for strangers
    bool is_spare;              // looked at though the account has to wait
};

struct attempt attempt_of_device(struct bytes nonce);
// address: as text; one that is none counts for the account alone.
struct attempt attempt_of_stranger(struct bytes name, const char *address);
struct attempt attempt_of_address(const char *address);
struct attempt attempt_of_change(struct bytes name);

// 0: it may be looked at; else how long to wait.
uint64_t attempt_wait_us(const struct throttle *throttle, uint64_t now_us,
                         const struct attempt *attempt);
// It is looked at now; attempt_wait_us was 0.
void attempt_begin(struct throttle *throttle, uint64_t now_us, struct attempt *attempt);
// The password was wrong, or right.
void attempt_failed(struct throttle *throttle, uint64_t now_us, const struct attempt *attempt);
void attempt_succeeded(struct throttle *throttle, const struct attempt *attempt);
// For login_queue.h: whose turn it takes, and how often that one failed lately.
uint64_t attempt_source(const struct attempt *attempt);
uint32_t attempt_failures(const struct throttle *throttle, uint64_t now_us,
                          const struct attempt *attempt);

#endif
