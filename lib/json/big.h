// SPDX-License-Identifier: Apache-2.0
// Whole numbers of up to 4,096 bits, for the decimals that 64 bits cannot decide. lib/json only.
#ifndef JSON_BIG_H
#define JSON_BIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// 800 digits over 10^1145, shifted to a 64-bit quotient, is the largest that double.c needs.
enum { JSON_BIG_WORDS = 128 };

// Least significant word first; words from count on are not used.
struct json_big {
    size_t count;
    uint32_t word[JSON_BIG_WORDS];
};

void json_big_set(struct json_big *b, uint64_t value);
// b = b x factor + add. Exceeding the capacity is an ASSERT, as below.
void json_big_mul_add(struct json_big *b, uint32_t factor, uint32_t add);
void json_big_mul_pow10(struct json_big *b, unsigned exponent);
void json_big_shift_left(struct json_big *b, unsigned bits);
// <0, 0, >0.
int json_big_compare(const struct json_big *a, const struct json_big *b);
void json_big_add(struct json_big *a, const struct json_big *b);
// a -= b, with a >= b.
void json_big_subtract(struct json_big *a, const struct json_big *b);
// Significant bits; 0 for 0.
unsigned json_big_bits(const struct json_big *b);

#endif
