// SPDX-License-Identifier: Apache-2.0
// Registers of the system control space at 0xE000E000. SysTick, MPU, FPU and debug are not here.
#include "sim/mt3620/model.h"

#define ICTR       0x004
#define ACTLR      0x008
#define ISER       0x100
#define ICER       0x180
#define ISPR       0x200
#define ICPR       0x280
#define IABR       0x300
#define IPR        0x400
#define NVIC_END   0x464 // past the priorities of 100 interrupts
#define CPUID      0xd00
#define ICSR       0xd04
#define VTOR       0xd08
#define AIRCR      0xd0c
#define SCR        0xd10
#define CCR        0xd14
#define SHPR       0xd18
#define SHCSR      0xd24
#define CFSR       0xd28
#define HFSR       0xd2c
#define MMFAR      0xd34
#define BFAR       0xd38
#define CPACR      0xd88
#define STIR       0xf00
#define SHCSR_ENA  (7U << 16)
#define PENDSVSET  (1U << 28)
#define PENDSVCLR  (1U << 27)
#define VECTKEY    0x05faU
#define SYSRESET   (1U << 2)
#define IRQ_COUNT  100
#define PRIO_BITS  0xe0U
#define VTOR_ALIGN 0x1ffU // 116 vectors [ARMv7-M, B3.2.5]

static void not_modelled(struct mt *mt, const char *what, uint32_t offset, uint32_t value)
{
    mt_fail(mt, "%s 0x%08x of the system control space is not modelled (value 0x%08x)", what,
            0xe000e000U + offset, value);
}

static uint32_t read_bits(const bool *bits, uint32_t word)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 32 && word * 32 + i < IRQ_COUNT; i++) {
        value |= (uint32_t)bits[EXC_IRQ + word * 32 + i] << i;
    }
    return value;
}

// Sets or clears those whose bit is 1.
static void write_bits(struct mt *mt, bool *bits, uint32_t word, uint32_t value, bool to)
{
    struct nvic *nvic = &mt->cpu.nvic;
    for (unsigned i = 0; i < 32 && word * 32 + i < IRQ_COUNT; i++) {
        unsigned number = EXC_IRQ + word * 32 + i;
        if ((value >> i & 1U) == 0) {
            continue;
        }
        if (bits == nvic->pending && to) {
            nvic_pend(mt, number);
            continue;
        }
        if (bits == nvic->enabled && to && !bits[number]) {
            nvic->pended_u[number] = mt->at_u; // what waited was not late until now
        }
        bits[number] = to;
        if (bits == nvic->pending && !to && nvic->line[number] && !nvic->active[number]) {
            nvic_pend(mt, number); // it is still asked for
        }
    }
    nvic->dirty = true;
}

static uint32_t read_priorities(const struct mt *mt, unsigned first, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size && first + i < EXC_COUNT; i++) {
        value |= (uint32_t)mt->cpu.nvic.priority[first + i] << 8 * i;
    }
    return value;
}

static void write_priorities(struct mt *mt, unsigned first, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size && first + i < EXC_COUNT; i++) {
        mt->cpu.nvic.priority[first + i] = (uint8_t)(value >> 8 * i & PRIO_BITS);
    }
    mt->cpu.nvic.dirty = true;
}

static uint32_t read_icsr(const struct mt *mt)
{
    const struct nvic *nvic = &mt->cpu.nvic;
    uint32_t irq = 0;
    for (unsigned i = EXC_IRQ; i < EXC_COUNT; i++) {
        irq |= nvic->pending[i];
    }
    unsigned active = 0;
    for (unsigned i = 1; i < EXC_COUNT; i++) {
        active += nvic->active[i];
    }
    uint32_t pendsv = nvic->pending[EXC_PENDSV] ? PENDSVSET : 0;
    return mt->cpu.exception | (uint32_t)(active <= 1) << 11 | nvic->best << 12 | irq << 22 |
           pendsv;
}

static uint32_t read_shcsr(const struct mt *mt)
{
    const bool *active = mt->cpu.nvic.active;
    return mt->cpu.scb.shcsr | (uint32_t)active[EXC_MEMMANAGE] |
           (uint32_t)active[EXC_BUSFAULT] << 1 | (uint32_t)active[EXC_USAGE] << 3 |
           (uint32_t)active[EXC_SVC] << 7 | (uint32_t)active[EXC_PENDSV] << 10;
}

static uint32_t read_scb(struct mt *mt, uint32_t offset)
{
    const struct scb *scb = &mt->cpu.scb;
    switch (offset) {
    case ICTR: return 3; // 100 interrupts in 4 words
    case ACTLR: return scb->actlr;
    case CPUID: return 0x410fc241; // Cortex-M4 r0p1
    case ICSR: return read_icsr(mt);
    case VTOR: return scb->vtor;
    case AIRCR: return 0xfa050000U | scb->prigroup << 8;
    case SCR: return 0;
    case CCR: return scb->ccr;
    case SHCSR: return read_shcsr(mt);
    case CFSR: return scb->cfsr;
    case HFSR: return scb->hfsr;
    case MMFAR: return scb->mmfar;
    case BFAR: return scb->bfar;
    case CPACR: return 0;
    default: not_modelled(mt, "reading", offset, 0); return 0;
    }
}

uint32_t scs_read(struct mt *mt, uint32_t offset, unsigned size)
{
    const struct nvic *nvic = &mt->cpu.nvic;
    uint32_t word = offset % 0x80 / 4;
    if (offset >= IPR && offset < NVIC_END) {
        return read_priorities(mt, EXC_IRQ + offset - IPR, size);
    }
    if (offset >= SHPR && offset < SHPR + 12) {
        return read_priorities(mt, 4 + offset - SHPR, size);
    }
    if (offset >= CFSR && offset < CFSR + 4) {
        return mt->cpu.scb.cfsr >> 8 * (offset - CFSR);
    }
    if (size != 4 || offset % 4 != 0) {
        not_modelled(mt, "reading a part of", offset, 0);
        return 0;
    }
    if (offset >= ISER && offset < IABR + 0x80 && word < 4) {
        bool is_enable = offset < ISPR;
        bool is_active = offset >= IABR;
        return read_bits(is_enable   ? nvic->enabled
                         : is_active ? nvic->active
                                     : nvic->pending,
                         word);
    }
    return read_scb(mt, offset);
}

static void write_aircr(struct mt *mt, uint32_t value)
{
    if (value >> 16 != VECTKEY || (value & ~0xffff0704U) != 0) {
        not_modelled(mt, "writing", AIRCR, value);
        return;
    }
    mt->cpu.scb.prigroup = value >> 8 & 7U;
    mt->cpu.nvic.group_mask = (uint8_t)(PRIO_BITS & 0xfeU << mt->cpu.scb.prigroup);
    mt->cpu.nvic.dirty = true;
    if ((value & SYSRESET) != 0) {
        mt->cpu.reset_wanted = 1 + MT_CAUSE_CORE;
    }
}

static void write_scb(struct mt *mt, uint32_t offset, uint32_t value)
{
    struct scb *scb = &mt->cpu.scb;
    bool wrong = false;
    switch (offset) {
    case ACTLR: scb->actlr = value; break;
    case ICSR:
        wrong = (value & ~(PENDSVSET | PENDSVCLR)) != 0;
        if ((value & PENDSVSET) != 0) {
            nvic_pend(mt, EXC_PENDSV);
        } else if ((value & PENDSVCLR) != 0) {
            mt->cpu.nvic.pending[EXC_PENDSV] = false;
            mt->cpu.nvic.dirty = true;
        }
        break;
    case VTOR:
        wrong = (value & VTOR_ALIGN) != 0;
        scb->vtor = value;
        break;
    case AIRCR: write_aircr(mt, value); break;
    case SCR: wrong = value != 0; break; // deep sleep, sleep on exit
    case CCR:
        wrong = (value & ~0x200U) != 0; // the traps
        scb->ccr = value;
        break;
    case SHCSR:
        wrong = (value & ~SHCSR_ENA & ~read_shcsr(mt)) != 0;
        scb->shcsr = value & SHCSR_ENA;
        break;
    case HFSR: scb->hfsr &= ~value; break;
    case MMFAR: scb->mmfar = value; break;
    case BFAR: scb->bfar = value; break;
    case CPACR: wrong = value != 0; break; // FPU
    case STIR:
        wrong = value >= IRQ_COUNT;
        if (!wrong) {
            nvic_pend(mt, EXC_IRQ + value);
        }
        break;
    default: wrong = true; break;
    }
    if (wrong) {
        not_modelled(mt, "writing", offset, value);
    }
}

void scs_write(struct mt *mt, uint32_t offset, unsigned size, uint32_t value)
{
    struct nvic *nvic = &mt->cpu.nvic;
    uint32_t word = offset % 0x80 / 4;
    if (offset >= IPR && offset < NVIC_END) {
        write_priorities(mt, EXC_IRQ + offset - IPR, size, value);
    } else if (offset >= SHPR && offset < SHPR + 12) {
        write_priorities(mt, 4 + offset - SHPR, size, value);
    } else if (offset >= CFSR && offset < CFSR + 4) {
        mt->cpu.scb.cfsr &= ~(value << 8 * (offset - CFSR));
    } else if (size != 4 || offset % 4 != 0) {
        not_modelled(mt, "writing a part of", offset, value);
    } else if (offset >= ISER && offset < IABR && word < 4) {
        bool *bits = offset < ISPR ? nvic->enabled : nvic->pending;
        write_bits(mt, bits, word, value, offset % 0x100 < 0x80);
    } else {
        write_scb(mt, offset, value);
    }
}
