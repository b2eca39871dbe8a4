// SPDX-License-Identifier: Apache-2.0
// What a bare core offers its one loop besides transceiver and mailbox: sleep, watchdog, status
// light, and what the last boot died of.
#ifndef PORT_API_CORE_H
#define PORT_API_CORE_H

#include <stdbool.h>
#include <stdint.h>

// Sleeps until deadline_us (monotonic), an event of the transceiver or a message; returns at once
// if one waits already. May return early. Precise to a few microseconds.
void core_wait(uint64_t deadline_us);
// The watchdog resets the core if this is not called for two seconds.
void core_feed_watchdog(void);
// 32 bits that differ from boot to boot.
uint32_t core_boot_id(void);

enum core_light { CORE_LIGHT_OFF, CORE_LIGHT_RED, CORE_LIGHT_GREEN, CORE_LIGHT_BLUE };
void core_light(enum core_light colour);

enum core_end { CORE_END_NONE, CORE_END_ASSERT, CORE_END_FAULT, CORE_END_WATCHDOG };

// What a fault puts onto the stack, in its order.
enum core_register { CORE_R0, CORE_R1, CORE_R2, CORE_R3, CORE_R12, CORE_LR, CORE_PC, CORE_PSR };
#define CORE_REGISTERS 8

// Retained over a reset, not over loss of power.
struct core_crash {
    enum core_end end;
    uint32_t line;                      // ASSERT: the source line
    char file[16];                      // ASSERT: the end of the file's name, 0-terminated
    uint32_t registers[CORE_REGISTERS]; // FAULT: by enum core_register; 0: the stack was no stack
    uint32_t cfsr, hfsr, address;
    uint32_t count; // crashes since power came
};

// How the boot before this one ended; end is CORE_END_NONE if it did not crash. Forgets it.
void core_take_crash(struct core_crash *out);

#endif
