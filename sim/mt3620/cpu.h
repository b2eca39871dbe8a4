// SPDX-License-Identifier: Apache-2.0
// The Cortex-M4 around Unicorn: memory, time, exceptions, NVIC. Thread and handler run on the main
// stack, privileged, without FPU; anything else is a failure and not a guess.
#ifndef SIM_MT3620_CPU_H
#define SIM_MT3620_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include <unicorn/unicorn.h>

struct mt;

#define EXC_COUNT     116 // 16 of the architecture, 100 of the MT3620
#define EXC_HARDFAULT 3
#define EXC_MEMMANAGE 4
#define EXC_BUSFAULT  5
#define EXC_USAGE     6
#define EXC_SVC       11
#define EXC_PENDSV    14
#define EXC_IRQ       16
#define XPSR_T        (1U << 24)
#define IN_ARM_STATE  100U // beside Unicorn's own exception numbers

#define REGION_COUNT 4

struct region {
    uint32_t base;
    uint32_t size;
    uint8_t *data;
    uint32_t *block; // per halfword: size << 16 | instructions of the translated block there
};

struct nvic {
    bool enabled[EXC_COUNT];
    bool pending[EXC_COUNT];
    bool active[EXC_COUNT];
    bool line[EXC_COUNT]; // level of the request
    uint8_t priority[EXC_COUNT];
    uint64_t pended_u[EXC_COUNT];
    uint8_t group_mask;  // of a priority, from AIRCR.PRIGROUP
    bool dirty;          // .best is to be found again
    unsigned best;       // pending, enabled, most urgent; 0: none
    int active_priority; // of what runs; 256: thread
};

// System control block, as far as it has state.
struct scb {
    uint32_t vtor, prigroup, ccr, shcsr, cfsr, hfsr, mmfar, bfar, actlr;
};

struct cpu {
    uc_engine *uc;
    struct region regions[REGION_COUNT];
    struct nvic nvic;
    struct scb scb;
    uint32_t pc; // of the instruction under way
    uint32_t block_pc;
    uint32_t block_size;
    uint64_t block_u;            // when it began
    uint64_t block_wait_u;       // waits for the bus in it
    uint64_t block_instructions; // before it
    uint64_t until_u;
    unsigned exception; // IPSR
    bool asleep, locked_up;
    unsigned reset_wanted; // 1 + enum mt_cause; 0: no
    bool stopped;          // by us, before a block
    uint32_t stopped_pc;   // that block
    unsigned interrupted;  // 1 + Unicorn's number of the exception it met; 0: none
    uint32_t fault_address;
    uint64_t instructions, interrupts;
    uint32_t irq_latency_u;
    uint64_t entered_at[EXC_COUNT]; // instructions when it was entered
};

// False: .uc could not be made as an M4.
bool m4_open(struct mt *mt);
void m4_close(struct mt *mt);
// Loads vector table, stack pointer and program counter; memory is not touched.
void m4_reset(struct mt *mt, uint32_t vectors);
// Runs until then, an output, a failure or a reset.
void m4_run(struct mt *mt, uint64_t until_u);
// Host memory behind guest memory; NULL: not all of it is memory.
uint8_t *m4_memory(const struct mt *mt, uint32_t address, uint32_t size);
uint32_t m4_reg(const struct mt *mt, int reg);
void m4_set_reg(struct mt *mt, int reg, uint32_t value);
// The time of the access under way, and the instructions up to it.
uint64_t m4_access_u(const struct mt *mt);
uint64_t m4_access_instructions(const struct mt *mt);

// exception.c
void exception_enter(struct mt *mt, unsigned number);
void exception_return(struct mt *mt, uint32_t exc_return);
// A fault of the instruction at PC: to its handler, to HardFault or into lock-up.
void exception_fault(struct mt *mt, unsigned number, uint32_t cfsr);
void exception_hard(struct mt *mt, uint32_t hfsr);
// Takes what Unicorn stopped for, when it was not us.
void exception_stopped(struct mt *mt, uc_err err);

// nvic.c
void nvic_reset(struct mt *mt);
void nvic_line(struct mt *mt, unsigned irq, bool level);
void nvic_pend(struct mt *mt, unsigned number);
void nvic_done(struct mt *mt, unsigned number); // no longer active
// Priority of what runs, by the active exceptions alone; 256: thread.
int nvic_active_priority(const struct mt *mt);
// The same with PRIMASK, BASEPRI and FAULTMASK.
int nvic_masked_priority(struct mt *mt);
int nvic_priority(const struct mt *mt, unsigned number);
// The exception to enter now; 0: none. With ignore_primask: what would end a WFI.
unsigned nvic_deliverable(struct mt *mt, bool ignore_primask);
uint32_t scs_read(struct mt *mt, uint32_t offset, unsigned size);
void scs_write(struct mt *mt, uint32_t offset, unsigned size, uint32_t value);

#endif
