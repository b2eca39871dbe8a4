// SPDX-License-Identifier: Apache-2.0
#include "sim/mt3620/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/mt3620/model.h"

// Where Unicorn would stop by itself: no instruction can be there.
#define NOWHERE 0xfffffffeU

// uc_ctl_get_cpu_model, whose own macro shifts into the sign bit.
#define GET_CPU_MODEL                                                                              \
    ((uc_control_type)(UC_CTL_CPU_MODEL | 1U << 26 | (uint32_t)UC_CTL_IO_READ << 30))

static uint16_t halfword(const uint8_t *data)
{
    return (uint16_t)(data[0] | data[1] << 8);
}

static unsigned instruction_size(uint16_t first)
{
    return first >> 11 >= 0x1d ? 4 : 2; // [ARMv7-M, A5.1]
}

uint8_t *m4_memory(const struct mt *mt, uint32_t address, uint32_t size)
{
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        const struct region *region = &mt->cpu.regions[i];
        uint32_t offset = address - region->base;
        if (offset < region->size && size <= region->size - offset) {
            return region->data + offset;
        }
    }
    return NULL;
}

uint32_t m4_reg(const struct mt *mt, int reg)
{
    uint32_t value = 0;
    if (uc_reg_read(mt->cpu.uc, reg, &value) != UC_ERR_OK) {
        abort();
    }
    return value;
}

void m4_set_reg(struct mt *mt, int reg, uint32_t value)
{
    if (uc_reg_write(mt->cpu.uc, reg, &value) != UC_ERR_OK) {
        abort();
    }
}

// Instructions from the block's start up to pc, which is included.
static uint32_t index_of(const struct mt *mt, uint32_t pc)
{
    const struct cpu *cpu = &mt->cpu;
    const uint8_t *data = m4_memory(mt, cpu->block_pc, cpu->block_size);
    uint32_t count = 0;
    for (uint32_t at = 0; data != NULL && at < cpu->block_size && cpu->block_pc + at <= pc;) {
        at += instruction_size(halfword(data + at));
        count++;
    }
    return count;
}

uint64_t m4_access_u(const struct mt *mt)
{
    const struct cpu *cpu = &mt->cpu;
    uint64_t run_u = (uint64_t)index_of(mt, cpu->pc) * mt->cycle_u;
    return cpu->block_u + run_u + cpu->block_wait_u;
}

uint64_t m4_access_instructions(const struct mt *mt)
{
    return mt->cpu.block_instructions + index_of(mt, mt->cpu.pc);
}

// Looks once at every block before it runs: how long it is, and that the model can be right.
static uint32_t inspect(struct mt *mt, uint32_t address, uint32_t size)
{
    const uint8_t *data = m4_memory(mt, address, size);
    uint32_t count = 0;
    for (uint32_t at = 0; data != NULL && at < size; count++) {
        uint16_t first = halfword(data + at);
        unsigned bytes = instruction_size(first);
        uint16_t second = bytes == 4 && at + 4 <= size ? halfword(data + at + 2) : 0;
        if (bytes == 4 && (first & 0xec00U) == 0xec00U && (second & 0x0e00U) == 0x0a00U) {
            mt_fail(mt, "floating-point instruction at 0x%08x: build soft-float", address + at);
        } else if (first == 0xbf20U) {
            mt_fail(mt, "WFE at 0x%08x is not modelled", address + at);
        }
        at += bytes;
    }
    return count;
}

// 0: it must not run.
static uint32_t block_instructions(struct mt *mt, uint32_t address, uint32_t size)
{
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        struct region *region = &mt->cpu.regions[i];
        uint32_t offset = address - region->base;
        if (offset >= region->size) {
            continue;
        }
        uint32_t *known = &region->block[offset / 2];
        if (*known >> 16 != size || size > UINT16_MAX) {
            if ((m4_reg(mt, UC_ARM_REG_XPSR) & XPSR_T) == 0) {
                mt->cpu.interrupted = 1 + IN_ARM_STATE; // Unicorn would run it
                return 0;
            }
            *known = (size & UINT16_MAX) << 16 | inspect(mt, address, size);
        }
        return *known & UINT16_MAX;
    }
    return 0;
}

static bool must_stop(struct mt *mt)
{
    struct cpu *cpu = &mt->cpu;
    if (mt->now_u >= mt->next_u) {
        mt_sync(mt, mt->now_u);
    }
    return mt->now_u >= cpu->until_u || mt->event_count != 0 || mt->failure[0] != '\0' ||
           cpu->reset_wanted != 0 || nvic_deliverable(mt, false) != 0;
}

// Called before a block; stopping here leaves everything as it is before its first instruction.
static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    struct mt *mt = user;
    struct cpu *cpu = &mt->cpu;
    cpu->stopped = must_stop(mt);
    uint32_t count = cpu->stopped ? 0 : block_instructions(mt, (uint32_t)address, size);
    cpu->stopped = cpu->stopped || mt->failure[0] != '\0';
    if (count == 0 || cpu->stopped) {
        cpu->stopped_pc = (uint32_t)address;
        (void)uc_emu_stop(uc);
        return;
    }
    cpu->pc = (uint32_t)address;
    cpu->block_pc = (uint32_t)address;
    cpu->block_size = size;
    cpu->block_u = mt->now_u;
    cpu->block_wait_u = 0;
    cpu->block_instructions = cpu->instructions;
    cpu->instructions += count;
    mt->now_u += (uint64_t)count * mt->cycle_u;
}

// Its presence makes Unicorn keep PC exact; the block hook alone would do for the time.
static void on_code(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    (void)uc;
    (void)size;
    ((struct cpu *)user)->pc = (uint32_t)address;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *user)
{
    ((struct cpu *)user)->interrupted = 1 + number;
    (void)uc_emu_stop(uc);
}

static bool on_invalid(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                       void *user)
{
    (void)uc;
    (void)type;
    (void)size;
    (void)value;
    ((struct cpu *)user)->fault_address = (uint32_t)address;
    return false;
}

// Unicorn takes hooks of any type as void *.
union hook {
    uc_cb_hookcode_t code;
    uc_cb_hookintr_t interrupt;
    uc_cb_eventmem_t memory;
    void *any;
};

static bool add_hook(struct cpu *cpu, int type, union hook hook, void *user)
{
    uc_hook handle;
    return uc_hook_add(cpu->uc, &handle, type, hook.any, user, (uint64_t)1, (uint64_t)0) ==
           UC_ERR_OK;
}

static bool map_memory(struct cpu *cpu)
{
    static const struct region MAP[REGION_COUNT] = {{.base = TCM_BASE, .size = TCM_SIZE},
                                                    {.base = SYSRAM_BASE, .size = SYSRAM_SIZE},
                                                    {.base = XIP_BASE, .size = XIP_SIZE},
                                                    {.base = SHARED_BASE, .size = SHARED_SIZE}};
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        struct region *region = &cpu->regions[i];
        *region = MAP[i];
        region->data = aligned_alloc(4096, region->size);
        region->block = calloc(region->size / 2, sizeof *region->block);
        uint32_t rights = region->base == XIP_BASE ? UC_PROT_READ | UC_PROT_EXEC : UC_PROT_ALL;
        if (region->data == NULL || region->block == NULL ||
            uc_mem_map_ptr(cpu->uc, region->base, region->size, rights, region->data) !=
                UC_ERR_OK) {
            return false;
        }
    }
    return true;
}

bool m4_open(struct mt *mt)
{
    struct cpu *cpu = &mt->cpu;
    int model = -1;
    // UC_MODE_MCLASS would silently make it an M33.
    if (uc_open(UC_ARCH_ARM, UC_MODE_THUMB, &cpu->uc) != UC_ERR_OK ||
        uc_ctl_set_cpu_model(cpu->uc, UC_CPU_ARM_CORTEX_M4) != UC_ERR_OK || !map_memory(cpu) ||
        uc_ctl(cpu->uc, GET_CPU_MODEL, &model) != UC_ERR_OK || model != UC_CPU_ARM_CORTEX_M4) {
        return false;
    }
    return add_hook(cpu, UC_HOOK_BLOCK, (union hook){.code = on_block}, mt) &&
           add_hook(cpu, UC_HOOK_CODE, (union hook){.code = on_code}, cpu) &&
           add_hook(cpu, UC_HOOK_INTR, (union hook){.interrupt = on_interrupt}, cpu) &&
           add_hook(cpu, UC_HOOK_MEM_INVALID, (union hook){.memory = on_invalid}, cpu);
}

void m4_close(struct mt *mt)
{
    struct cpu *cpu = &mt->cpu;
    if (cpu->uc != NULL) {
        (void)uc_close(cpu->uc);
    }
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        free(cpu->regions[i].data);
        free(cpu->regions[i].block);
    }
}

void m4_reset(struct mt *mt, uint32_t vectors)
{
    struct cpu *cpu = &mt->cpu;
    const uint8_t *table = m4_memory(mt, vectors, 8);
    ASSERT(table != NULL);
    struct reader in = reader_of(bytes_of(table, 8));
    uint32_t stack = get_u32le(&in);
    uint32_t start = get_u32le(&in);
    for (int reg = UC_ARM_REG_R0; reg <= UC_ARM_REG_R12; reg++) {
        m4_set_reg(mt, reg, (uint32_t)mt_random(mt));
    }
    m4_set_reg(mt, UC_ARM_REG_XPSR, 1U << 24);
    m4_set_reg(mt, UC_ARM_REG_PRIMASK, 0);
    m4_set_reg(mt, UC_ARM_REG_BASEPRI, 0);
    m4_set_reg(mt, UC_ARM_REG_FAULTMASK, 0);
    m4_set_reg(mt, UC_ARM_REG_CONTROL, 0);
    m4_set_reg(mt, UC_ARM_REG_SP, stack & ~3U);
    m4_set_reg(mt, UC_ARM_REG_LR, UINT32_MAX);
    m4_set_reg(mt, UC_ARM_REG_PC, start);
    cpu->scb = (struct scb){.vtor = vectors, .ccr = 0x200};
    cpu->exception = 0;
    cpu->asleep = false;
    cpu->locked_up = false;
    cpu->reset_wanted = 0;
    nvic_reset(mt);
}

static void run_core(struct mt *mt)
{
    struct cpu *cpu = &mt->cpu;
    unsigned number = nvic_deliverable(mt, false);
    if (number != 0) {
        exception_enter(mt, number);
        return;
    }
    cpu->stopped = false;
    cpu->interrupted = 0;
    uc_err err = uc_emu_start(cpu->uc, m4_reg(mt, UC_ARM_REG_PC) | 1U, NOWHERE, 0, 0);
    if (cpu->stopped) {
        // After a jump from block to block PC still names the last instruction of the one before.
        m4_set_reg(mt, UC_ARM_REG_PC, cpu->stopped_pc | 1U);
    } else {
        exception_stopped(mt, err);
    }
}

// Nothing to execute: time jumps to the next event, unless something waits already.
static void idle(struct mt *mt, uint64_t until_u)
{
    if (mt->cpu.asleep && nvic_deliverable(mt, true) != 0) {
        mt->cpu.asleep = false;
        return;
    }
    uint64_t to_u = mt->next_u < until_u ? mt->next_u : until_u;
    mt->now_u = to_u > mt->now_u ? to_u : mt->now_u;
    mt_sync(mt, mt->now_u);
}

void m4_run(struct mt *mt, uint64_t until_u)
{
    struct cpu *cpu = &mt->cpu;
    cpu->until_u = until_u;
    while (mt->failure[0] == '\0' && mt->event_count == 0 &&
           (mt->now_u < until_u || cpu->reset_wanted != 0)) {
        if (cpu->reset_wanted != 0) {
            mt_restart(mt, (enum mt_cause)(cpu->reset_wanted - 1));
        } else if (cpu->asleep || cpu->locked_up) {
            idle(mt, until_u);
        } else {
            run_core(mt);
        }
    }
}
