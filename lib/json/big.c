// SPDX-License-Identifier: Apache-2.0
#include "json/big.h"

#include "base/assert.h"

#include <string.h>

static void trim(struct json_big *b)
{
    while (b->count > 0 && b->word[b->count - 1] == 0) {
        b->count--;
    }
}

static void push(struct json_big *b, uint32_t word)
{
    ASSERT(b->count < JSON_BIG_WORDS);
    b->word[b->count++] = word;
}

void json_big_set(struct json_big *b, uint64_t value)
{
    b->count = 2;
    b->word[0] = (uint32_t)value;
    b->word[1] = (uint32_t)(value >> 32);
    trim(b);
}

void json_big_mul_add(struct json_big *b, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    for (size_t i = 0; i < b->count; i++) {
        carry += (uint64_t)b->word[i] * factor;
        b->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0) {
        push(b, (uint32_t)carry);
    }
}

void json_big_mul_pow10(struct json_big *b, unsigned exponent)
{
    for (; exponent >= 9; exponent -= 9) {
        json_big_mul_add(b, 1000000000, 0);
    }
    for (; exponent > 0; exponent--) {
        json_big_mul_add(b, 10, 0);
    }
}

void json_big_shift_left(struct json_big *b, unsigned bits)
{
    size_t words = bits / 32;
    if (b->count == 0) {
        return;
    }
    ASSERT(b->count + words <= JSON_BIG_WORDS);
    memmove(b->word + words, b->word, b->count * sizeof(b->word[0]));
    memset(b->word, 0, words * sizeof(b->word[0]));
    b->count += words;
    json_big_mul_add(b, UINT32_C(1) << bits % 32, 0);
}

int json_big_compare(const struct json_big *a, const struct json_big *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i > 0; i--) {
        if (a->word[i - 1] != b->word[i - 1]) {
            return a->word[i - 1] < b->word[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

void json_big_add(struct json_big *a, const struct json_big *b)
{
    uint64_t carry = 0;
    while (a->count < b->count) {
        push(a, 0);
    }
    for (size_t i = 0; i < a->count; i++) {
        carry += (uint64_t)a->word[i] + (i < b->count ? b->word[i] : 0);
        a->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0) {
        push(a, (uint32_t)carry);
    }
}

void json_big_subtract(struct json_big *a, const struct json_big *b)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < a->count; i++) {
        uint64_t take = (i < b->count ? b->word[i] : 0) + borrow;
        borrow = a->word[i] < take ? 1 : 0;
        a->word[i] = (uint32_t)(a->word[i] - take);
    }
    ASSERT(borrow == 0);
    trim(a);
}

unsigned json_big_bits(const struct json_big *b)
{
    unsigned bits = (unsigned)b->count * 32;
    for (uint32_t top = b->count > 0 ? b->word[b->count - 1] : 0; top != 0 && top >> 31 == 0;) {
        top <<= 1;
        bits--;
    }
    return bits;
}
