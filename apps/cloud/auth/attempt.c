// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/attempt.h"

#include "base/assert.h"
#include "base/crc.h"

#include <string.h>

static struct attempt_key key_of(char kind, struct bytes of)
{
    struct attempt_key key = {.size = 1 + of.size};
    ASSERT(key.size <= sizeof(key.bytes));
    key.bytes[0] = (uint8_t)kind;
    memcpy(key.bytes + 1, of.data, of.size);
    return key;
}

static struct bytes bytes_in(const struct attempt_key *key)
{
    return bytes_of(key->bytes, key->size);
}

struct attempt attempt_of_device(struct bytes nonce)
{
    return (struct attempt){.own = key_of('d', nonce)};
}

struct attempt attempt_of_stranger(struct bytes name, const char *address)
{
    struct attempt attempt = attempt_of_address(address);
    attempt.account = key_of('n', name);
    return attempt;
}

struct attempt attempt_of_address(const char *address)
{
    const struct throttle_address a = throttle_address_of(address);
    return (struct attempt){.own = key_of('a', bytes_of(a.bytes, a.size))};
}

struct attempt attempt_of_change(struct bytes name)
{
    return (struct attempt){.own = key_of('p', name)};
}

static uint64_t account_wait_us(const struct throttle *throttle, uint64_t now_us,
                                const struct attempt *attempt)
{
    const struct bytes account = bytes_in(&attempt->account);
    const uint64_t wait_us = throttle_wait_us(throttle, now_us, account);
    if (wait_us == 0 || throttle_failures(throttle, now_us, bytes_in(&attempt->own)) > 0) {
        return wait_us;
    }
    const uint64_t spare_us = throttle_spare_wait_us(throttle, now_us, account);
    return spare_us < wait_us ? spare_us : wait_us;
}

uint64_t attempt_wait_us(const struct throttle *throttle, uint64_t now_us,
                         const struct attempt *attempt)
{
    uint64_t wait_us = 0;
    if (attempt->own.size > 0) {
        wait_us = throttle_wait_us(throttle, now_us, bytes_in(&attempt->own));
    }
    if (attempt->account.size > 0) {
        const uint64_t account_us = account_wait_us(throttle, now_us, attempt);
        wait_us = account_us > wait_us ? account_us : wait_us;
    }
    return wait_us;
}

void attempt_begin(struct throttle *throttle, uint64_t now_us, struct attempt *attempt)
{
    if (attempt->account.size > 0 &&
        throttle_wait_us(throttle, now_us, bytes_in(&attempt->account)) > 0) {
        attempt->is_spare = true;
        throttle_take_spare(throttle, now_us, bytes_in(&attempt->account));
    }
}

void attempt_failed(struct throttle *throttle, uint64_t now_us, const struct attempt *attempt)
{
    if (attempt->own.size > 0) {
        throttle_failed(throttle, now_us, bytes_in(&attempt->own));
    }
    if (attempt->account.size > 0 && !attempt->is_spare) {
        throttle_failed(throttle, now_us, bytes_in(&attempt->account));
    }
}

void attempt_succeeded(struct throttle *throttle, const struct attempt *attempt)
{
    if (attempt->own.size > 0) {
        throttle_succeeded(throttle, bytes_in(&attempt->own));
    }
    // Whoever goes on guessing meanwhile does not begin anew.
    if (attempt->account.size > 0 && !attempt->is_spare) {
        throttle_succeeded(throttle, bytes_in(&attempt->account));
    }
}

uint64_t attempt_source(const struct attempt *attempt)
{
    return hash64(HASH64_START, bytes_in(&attempt->own));
}

uint32_t attempt_failures(const struct throttle *throttle, uint64_t now_us,
                          const struct attempt *attempt)
{
    return throttle_failures(throttle, now_us, bytes_in(&attempt->own));
}
