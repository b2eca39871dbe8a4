// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/throttle.h"

#include "base/crc.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct throttle_address throttle_address_of(const char *text)
{
    struct throttle_address out = {.size = sizeof(struct in_addr)};
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, out.bytes) == 1) {
        return out;
    }
    if (inet_pton(AF_INET6, text, &v6) != 1) {
        return (struct throttle_address){.size = 0};
    }
    const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&v6);
    out.size = is_mapped ? sizeof(struct in_addr) : 8;
    memcpy(out.bytes, v6.s6_addr + (is_mapped ? 12 : 0), out.size);
    return out;
}

void throttle_init(struct throttle *throttle)
{
    memset(throttle, 0, sizeof(*throttle));
}

static uint64_t hash_of(struct bytes key)
{
    const uint64_t hash = hash64(HASH64_START, key);
    return hash != 0 ? hash : 1;
}

static bool is_forgotten(const struct throttle_key *k, uint64_t now_us)
{
    return now_us - k->last_us >= THROTTLE_FORGET_US && now_us >= k->blocked_until_us;
}

static const struct throttle_key *find(const struct throttle *throttle, struct bytes key)
{
    const uint64_t hash = hash_of(key);
    for (size_t i = 0; i < THROTTLE_KEYS; i++) {
        if (throttle->keys[i].hash == hash) {
            return &throttle->keys[i];
        }
    }
    return NULL;
}

uint64_t throttle_wait_us(const struct throttle *throttle, uint64_t now_us, struct bytes key)
{
    const struct throttle_key *k = find(throttle, key);
    return k != NULL && k->blocked_until_us > now_us ? k->blocked_until_us - now_us : 0;
}

uint32_t throttle_failures(const struct throttle *throttle, uint64_t now_us, struct bytes key)
{
    const struct throttle_key *k = find(throttle, key);
    return k != NULL && !is_forgotten(k, now_us) ? k->failures : 0;
}

uint64_t throttle_spare_wait_us(const struct throttle *throttle, uint64_t now_us, struct bytes key)
{
    const struct throttle_key *k = find(throttle, key);
    return k != NULL && k->spare_at_us > now_us ? k->spare_at_us - now_us : 0;
}

void throttle_take_spare(struct throttle *throttle, uint64_t now_us, struct bytes key)
{
    const uint64_t hash = hash_of(key);
    for (size_t i = 0; i < THROTTLE_KEYS; i++) {
        if (throttle->keys[i].hash == hash) {
            throttle->keys[i].spare_at_us = now_us + THROTTLE_SPARE_US;
        }
    }
}

// Which of two keys is the smaller loss: a free one, one that need not wait, of these the one that
// failed less often; of those that have to wait, and of those that had to, whose wait ends first.
static bool is_less(const struct throttle_key *a, const struct throttle_key *b)
{
    if ((a->hash == 0) != (b->hash == 0)) {
        return a->hash == 0;
    }
    if (a->blocked_until_us != b->blocked_until_us) {
        return a->blocked_until_us < b->blocked_until_us;
    }
    return a->failures != b->failures ? a->failures < b->failures : a->last_us < b->last_us;
}

static struct throttle_key *take(struct throttle *throttle, uint64_t now_us, struct bytes key)
{
    const uint64_t hash = hash_of(key);
    struct throttle_key *least = &throttle->keys[0];
    for (size_t i = 0; i < THROTTLE_KEYS; i++) {
        struct throttle_key *k = &throttle->keys[i];
        if (is_forgotten(k, now_us)) {
            *k = (struct throttle_key){.hash = k->hash == hash ? hash : 0};
        }
        if (k->hash == hash) {
            return k;
        }
        least = is_less(k, least) ? k : least;
    }
    *least = (struct throttle_key){.hash = hash};
    return least;
}

void throttle_failed(struct throttle *throttle, uint64_t now_us, struct bytes key)
{
    struct throttle_key *k = take(throttle, now_us, key);
    k->last_us = now_us;
    if (k->blocked_until_us > now_us) {
        return; // begun before the block: a burst is one mistake more, not many
    }
    k->failures += k->failures < 1000 ? 1 : 0;
    if (k->failures >= THROTTLE_FREE_FAILURES) {
        uint64_t wait_us = THROTTLE_FIRST_US;
        for (uint32_t i = THROTTLE_FREE_FAILURES; i < k->failures && wait_us < THROTTLE_MAX_US;
             i++) {
            wait_us *= 2;
        }
        k->blocked_until_us = now_us + (wait_us < THROTTLE_MAX_US ? wait_us : THROTTLE_MAX_US);
    }
}

void throttle_succeeded(struct throttle *throttle, struct bytes key)
{
    const uint64_t hash = hash_of(key);
    for (size_t i = 0; i < THROTTLE_KEYS; i++) {
        if (throttle->keys[i].hash == hash) {
            throttle->keys[i] = (struct throttle_key){0};
        }
    }
}
