// SPDX-License-Identifier: Apache-2.0
// The watchdog of the core, and the clock select beside it.
#include "sim/mt3620/model.h"

#define MODE        0x30
#define LENGTH      0x34
#define RESTART     0x38
#define STATUS      0x3c
#define SOFT_RESET  0x44
#define MODE_KEY    0x2200U
#define ENABLE      1U
#define INTERRUPT   8U
#define LENGTH_KEY  8U
#define RESTART_KEY 0x1971U
#define SOFT_KEY    0x1209U
#define TIMED_OUT   0x8000U
#define BY_SOFTWARE 0x4000U
#define TICK        (U_PER_S / 32)
#define REST_U      (100 * MT_U_PER_US) // between writes

#define HCLK_SELECT 0x300U
#define HCLK_XTAL   0x000U
#define HCLK_PLL    0x200U

static void restart_count(struct mt *mt)
{
    struct watchdog *watchdog = &mt->watchdog;
    bool on = (watchdog->mode & ENABLE) != 0;
    uint32_t ticks = watchdog->length >> 5;
    watchdog->end_u = on ? mt->at_u + (ticks == 0 ? 1 : ticks) * TICK : MT_NEVER;
    watchdog->line = false;
    nvic_line(mt, IRQ_WATCHDOG, false);
}

void watchdog_reset(struct mt *mt)
{
    struct watchdog *watchdog = &mt->watchdog;
    watchdog->mode = 0;
    watchdog->length = 0xffe0U;
    watchdog->written_u = MT_NEVER;
    restart_count(mt);
}

uint32_t watchdog_read(struct mt *mt, unsigned index, uint32_t offset)
{
    (void)index;
    switch (offset) {
    case MODE: return mt->watchdog.mode;
    case LENGTH: return mt->watchdog.length;
    case STATUS: return mt->watchdog.status;
    default:
        mt_fail(mt, "reading register 0x%02x of the watchdog is not modelled", offset);
        return 0;
    }
}

static bool write_register(struct mt *mt, uint32_t offset, uint32_t value)
{
    struct watchdog *watchdog = &mt->watchdog;
    switch (offset) {
    case MODE:
        watchdog->mode = value & (ENABLE | INTERRUPT);
        restart_count(mt);
        return (value & ~(ENABLE | INTERRUPT)) == MODE_KEY;
    case LENGTH: watchdog->length = value; return (value & 0x1fU) == LENGTH_KEY && value <= 0xffff;
    case RESTART: restart_count(mt); return value == RESTART_KEY;
    case SOFT_RESET:
        watchdog->status = BY_SOFTWARE;
        mt->cpu.reset_wanted = 1 + MT_CAUSE_WATCHDOG;
        return value == SOFT_KEY;
    default: return false;
    }
}

void watchdog_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value)
{
    (void)index;
    struct watchdog *watchdog = &mt->watchdog;
    if (watchdog->written_u != MT_NEVER && mt->at_u - watchdog->written_u < REST_U) {
        mt_fail(mt, "watchdog written %.3f us after the last time, it needs 100",
                (double)(mt->at_u - watchdog->written_u) / (double)MT_U_PER_US);
    }
    watchdog->written_u = mt->at_u;
    if (!write_register(mt, offset, value)) {
        mt_fail(mt, "writing 0x%x to register 0x%02x of the watchdog is not modelled", value,
                offset);
    }
}

void watchdog_tick(struct mt *mt)
{
    struct watchdog *watchdog = &mt->watchdog;
    if (mt->at_u < watchdog->end_u) {
        return;
    }
    watchdog->end_u = MT_NEVER;
    watchdog->status = TIMED_OUT;
    if ((watchdog->mode & INTERRUPT) != 0) {
        watchdog->line = true;
        nvic_line(mt, IRQ_WATCHDOG, true);
    } else {
        mt->cpu.reset_wanted = 1 + MT_CAUSE_WATCHDOG;
    }
}

uint32_t clock_read(struct mt *mt, unsigned index, uint32_t offset)
{
    (void)index;
    (void)offset;
    return mt->hclk;
}

void clock_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value)
{
    (void)index;
    (void)offset;
    uint32_t select = value & HCLK_SELECT;
    if (select != HCLK_XTAL && select != HCLK_PLL) {
        mt_fail(mt, "HCLK select 0x%x is not modelled", select);
        return;
    }
    mt->hclk = value;
    gpt_clock(mt, select == HCLK_PLL ? CYCLE_PLL_U : CYCLE_XTAL_U);
}
