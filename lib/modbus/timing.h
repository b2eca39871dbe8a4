// SPDX-License-Identifier: Apache-2.0
// How long characters and silences last. [SL 2.5.1.1]: t1.5 and t3.5 are character times up to
// 19200 baud and 0.75 and 1.75 ms above; character times above 19200 are an option.
#ifndef MB_TIMING_H
#define MB_TIMING_H

#include <stdbool.h>
#include <stdint.h>

#define MB_BITS_8N1     10    // start, 8 data, stop; not in the standard, yet everywhere
#define MB_BITS_8E1     11    // with parity or a second stop bit: the standard's
#define MB_BAUD_FIXED   19200 // above this the fixed silences hold
#define MB_T15_FIXED_US 750
#define MB_T35_FIXED_US 1750

struct mb_silence {
    uint32_t char_us; // one character, rounded up
    uint32_t t15_us;  // longest pause within a frame
    uint32_t t35_us;  // shortest pause between frames
};

// baud: 1 and more. bits: MB_BITS_8N1 or MB_BITS_8E1. char_times: 1.5 and 3.5 characters at every
// speed. All figures are rounded up.
struct mb_silence mb_silence(uint32_t baud, uint32_t bits, bool char_times);

#endif
