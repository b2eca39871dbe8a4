// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/crash.h"

#include <string.h>

#include "base/assert.h"
#include "base/crc.h"
#include "port/api/core.h"
#include "port/mt3620/clock.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/memory.h"
#include "port/mt3620/xcvr.h"

#define MAGIC 0x42574352U // "BWCR"

static RETAINED struct {
    uint32_t magic;
    uint32_t boots; // since power came
    uint32_t boot_id;
    struct core_crash crash;
    uint64_t check; // of all before
} retained;

static uint64_t check_of(void)
{
    return hash64(HASH64_START, bytes_of(&retained, offsetof(__typeof__(retained), check)));
}

static uint32_t fold(uint64_t hash)
{
    return (uint32_t)(hash >> 32 ^ hash);
}

// The counter alone would begin anew after each loss of power; memory that nothing has written yet
// and a timer that ran through the reset are different each time. The last id goes into the next,
// so that what luck there was at power-on is never lost.
static uint32_t make_boot_id(uint64_t junk)
{
    const uint32_t now[2] = {retained.boots, ticks_now()};
    return fold(hash64(junk, bytes_of(now, sizeof now)));
}

void crash_setup(void)
{
    uint64_t junk = hash64(HASH64_START, bytes_of(&retained, sizeof retained));
    junk = hash64(junk, bytes_of(ram_stack_start, 256)); // painted only later
    if (retained.magic != MAGIC || retained.check != check_of()) {
        memset(&retained, 0, sizeof retained);
        retained.magic = MAGIC;
    }
    retained.boots++;
    retained.boot_id = make_boot_id(junk);
    if ((reg_get(WDT_STATUS) & WDT_TIMED_OUT) != 0 && retained.crash.end == CORE_END_NONE) {
        retained.crash.end = CORE_END_WATCHDOG;
        retained.crash.count++;
    }
    retained.check = check_of();
    reg_put(SCB_SHCSR, SHCSR_FAULTS);
}

uint32_t core_boot_id(void)
{
    return retained.boot_id;
}

void core_take_crash(struct core_crash *out)
{
    *out = retained.crash;
    uint32_t count = retained.crash.count;
    memset(&retained.crash, 0, sizeof retained.crash);
    retained.crash.count = count;
    retained.check = check_of();
}

static struct core_crash *begin_record(enum core_end end)
{
    uint32_t count = retained.crash.count;
    memset(&retained.crash, 0, sizeof retained.crash);
    retained.crash.end = end;
    retained.crash.count = count + 1;
    return &retained.crash;
}

_Noreturn static void reset(void)
{
    retained.check = check_of();
    __asm volatile("dsb" : : : "memory");
    reg_put(SCB_AIRCR, AIRCR_RESET);
    for (;;) {
        __asm volatile("dsb" : : : "memory");
    }
}

_Noreturn void assert_failed(const char *file, int line)
{
    xcvr_stop();
    struct core_crash *crash = begin_record(CORE_END_ASSERT);
    crash->line = (uint32_t)line;
    size_t size = 0;
    while (file[size] != '\0') {
        size++;
    }
    size_t skip = size < sizeof crash->file ? 0 : size - (sizeof crash->file - 1);
    memcpy(crash->file, file + skip, size - skip);
    reset();
}

// stacked: where the fault put the registers.
__attribute__((used)) _Noreturn static void fault_taken(uint32_t stacked)
{
    xcvr_stop();
    struct core_crash *crash = begin_record(CORE_END_FAULT);
    crash->cfsr = reg_get(SCB_CFSR);
    crash->hfsr = reg_get(SCB_HFSR);
    crash->address = reg_get((crash->cfsr & CFSR_BFAR_VALID) != 0 ? SCB_BFAR : SCB_MMFAR);
    reg_put(SCB_CFSR, crash->cfsr); // they would stand over a warm reset
    reg_put(SCB_HFSR, crash->hfsr);
    // The fault may be the stack's own.
    if (stacked % 4 == 0 && stacked >= (uint32_t)ram_stack_start &&
        stacked + sizeof crash->registers <= (uint32_t)ram_stack_end) {
        memcpy(crash->registers, (const void *)stacked, sizeof crash->registers);
    }
    reset();
}

// There is one stack, and what is on it is not to be trusted: start on its far end.
__attribute__((naked)) void fault_isr(void)
{
    __asm volatile("mrs r0, msp\n\t"
                   "ldr r1, =ram_stack_end\n\t"
                   "mov sp, r1\n\t"
                   "sub sp, #64\n\t"
                   "b fault_taken");
}
