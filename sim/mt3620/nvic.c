// SPDX-License-Identifier: Apache-2.0
// What Unicorn does not have: the interrupt controller, 3 priority bits in [7:5].
#include <string.h>

#include "base/assert.h"
#include "sim/mt3620/model.h"

#define PRIORITY_BITS   0xe0U
#define PRIORITY_THREAD 256

void nvic_reset(struct mt *mt)
{
    struct nvic *nvic = &mt->cpu.nvic;
    bool line[EXC_COUNT];
    memcpy(line, nvic->line, sizeof line); // the peripherals keep asking
    *nvic = (struct nvic){.group_mask = PRIORITY_BITS, .dirty = true};
    for (unsigned i = EXC_IRQ; i < EXC_COUNT; i++) {
        nvic->line[i] = line[i];
        if (line[i]) {
            nvic_pend(mt, i);
        }
    }
    for (unsigned i = 0; i < EXC_IRQ; i++) {
        nvic->enabled[i] = true;
    }
}

void nvic_pend(struct mt *mt, unsigned number)
{
    struct nvic *nvic = &mt->cpu.nvic;
    ASSERT(number < EXC_COUNT);
    if (!nvic->pending[number]) {
        nvic->pending[number] = true;
        nvic->pended_u[number] = mt->at_u;
        nvic->dirty = true;
    }
}

void nvic_line(struct mt *mt, unsigned irq, bool level)
{
    struct nvic *nvic = &mt->cpu.nvic;
    unsigned number = EXC_IRQ + irq;
    if (level && !nvic->line[number]) {
        nvic_pend(mt, number);
    }
    nvic->line[number] = level;
}

void nvic_done(struct mt *mt, unsigned number)
{
    struct nvic *nvic = &mt->cpu.nvic;
    nvic->active[number] = false;
    nvic->dirty = true;
    if (nvic->line[number]) {
        mt->at_u = mt->now_u;
        nvic_pend(mt, number);
    }
}

int nvic_priority(const struct mt *mt, unsigned number)
{
    const struct nvic *nvic = &mt->cpu.nvic;
    if (number <= EXC_HARDFAULT) {
        return (int)number - 4; // reset -3, NMI -2, HardFault -1
    }
    return nvic->priority[number] & nvic->group_mask;
}

static void refresh(struct mt *mt)
{
    struct nvic *nvic = &mt->cpu.nvic;
    int best_full = PRIORITY_THREAD;
    nvic->best = 0;
    nvic->active_priority = PRIORITY_THREAD;
    for (unsigned i = 1; i < EXC_COUNT; i++) {
        if (nvic->active[i] && nvic_priority(mt, i) < nvic->active_priority) {
            nvic->active_priority = nvic_priority(mt, i);
        }
        if (nvic->pending[i] && nvic->enabled[i] && nvic->priority[i] < best_full) {
            best_full = nvic->priority[i];
            nvic->best = i;
        }
    }
    nvic->dirty = false;
}

int nvic_active_priority(const struct mt *mt)
{
    return mt->cpu.nvic.active_priority;
}

static int with_basepri(struct mt *mt, int priority)
{
    uint32_t basepri = m4_reg(mt, UC_ARM_REG_BASEPRI);
    if ((basepri & ~PRIORITY_BITS) != 0) {
        // The silicon has 3 bits; Unicorn keeps all 8.
        basepri &= PRIORITY_BITS;
        m4_set_reg(mt, UC_ARM_REG_BASEPRI, basepri);
    }
    int limit = (int)(basepri & mt->cpu.nvic.group_mask);
    return basepri != 0 && limit < priority ? limit : priority;
}

int nvic_masked_priority(struct mt *mt)
{
    if (mt->cpu.nvic.dirty) {
        refresh(mt);
    }
    int priority = with_basepri(mt, nvic_active_priority(mt));
    if (priority > 0 && (m4_reg(mt, UC_ARM_REG_PRIMASK) & 1U) != 0) {
        priority = 0;
    }
    if (priority > -1 && (m4_reg(mt, UC_ARM_REG_FAULTMASK) & 1U) != 0) {
        priority = -1;
    }
    return priority;
}

unsigned nvic_deliverable(struct mt *mt, bool ignore_primask)
{
    struct nvic *nvic = &mt->cpu.nvic;
    if (nvic->dirty) {
        refresh(mt);
    }
    if (nvic->best == 0 || nvic_priority(mt, nvic->best) >= nvic->active_priority) {
        return 0;
    }
    int limit = ignore_primask ? with_basepri(mt, nvic->active_priority) : nvic_masked_priority(mt);
    return nvic_priority(mt, nvic->best) < limit ? nvic->best : 0;
}
