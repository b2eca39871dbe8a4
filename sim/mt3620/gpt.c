// SPDX-License-Identifier: Apache-2.0
// Timers: GPT0 and GPT1 count down slowly, GPT2 and GPT4 run freely, GPT3 is the precise one-shot.
#include "sim/mt3620/model.h"

#define ISR       0x00
#define IER       0x04
#define GPT2_CTRL 0x30
#define GPT2_CNT  0x34
#define GPT3_CTRL 0x50
#define GPT3_INIT 0x54
#define GPT3_CNT  0x58
#define GPT3_END  0x5c
#define GPT4_CTRL 0x60
#define GPT4_INIT 0x64
#define GPT4_CNT  0x68

#define EN            1U
#define REPEAT        2U
#define SLOW_FAST     4U // of GPT0 and GPT1: 32768 Hz
#define RESTART       8U
#define GPT2_FAST     2U
#define GPT4_FULL     2U // bus clock, not half of it
#define ICLR          (1U << 15)
#define OSC_CNT       (0x3fU << 16)
#define ICLR_MIN_U    (5 * MT_U_PER_US)
#define STOPPED_MIN_U (2 * MT_U_PER_US)
#define SLOW_DIVIDER  33

// 32768 ticks are 988000000 units: 512 are 15437500.
static uint64_t slow_ticks(uint64_t from_u, uint64_t to_u, bool fast)
{
    return (to_u - from_u) * 512 / 15437500 / (fast ? 1 : SLOW_DIVIDER);
}

static uint64_t slow_u(uint64_t ticks, bool fast)
{
    return (ticks * (fast ? 1 : SLOW_DIVIDER) * 15437500 + 511) / 512;
}

static uint64_t slow_end_u(const struct counter *c)
{
    return c->on ? c->from_u + slow_u(c->base, (c->ctrl & SLOW_FAST) != 0) : MT_NEVER;
}

static uint32_t slow_count(const struct counter *c, uint64_t at_u)
{
    return c->on ? c->base - (uint32_t)slow_ticks(c->from_u, at_u, (c->ctrl & SLOW_FAST) != 0)
                 : c->base;
}

static uint32_t gpt3_tick_u(const struct gpt *gpt)
{
    return ((gpt->gpt3.ctrl & OSC_CNT) >> 16) * TICK_U + TICK_U;
}

static uint64_t gpt3_end_u(const struct gpt *gpt)
{
    const struct counter *c = &gpt->gpt3;
    return c->on ? c->from_u + (uint64_t)(gpt->expire - c->base) * gpt3_tick_u(gpt) : MT_NEVER;
}

static uint32_t gpt4_tick_u(const struct mt *mt)
{
    return (mt->gpt.gpt4.ctrl & GPT4_FULL) != 0 ? mt->cycle_u : 2 * mt->cycle_u;
}

static uint32_t gpt4_count(const struct mt *mt, uint64_t at_u)
{
    const struct counter *c = &mt->gpt.gpt4;
    return c->on ? c->base + (uint32_t)((at_u - c->from_u) / gpt4_tick_u(mt)) : c->base;
}

void gpt_clock(struct mt *mt, uint32_t cycle_u)
{
    struct counter *c = &mt->gpt.gpt4;
    c->base = gpt4_count(mt, mt->at_u);
    c->from_u = mt->at_u;
    mt->cycle_u = cycle_u;
}

static void update_lines(struct mt *mt)
{
    nvic_line(mt, IRQ_GPT01, (mt->gpt.isr & mt->gpt.ier) != 0);
    nvic_line(mt, IRQ_GPT3, mt->gpt.expired);
}

uint64_t gpt_deadline_u(const struct mt *mt)
{
    uint64_t next_u = gpt3_end_u(&mt->gpt);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t end_u = slow_end_u(&mt->gpt.slow[i]);
        next_u = end_u < next_u ? end_u : next_u;
    }
    return next_u;
}

void gpt_tick(struct mt *mt)
{
    struct gpt *gpt = &mt->gpt;
    for (unsigned i = 0; i < 2; i++) {
        struct counter *c = &gpt->slow[i];
        uint64_t end_u = slow_end_u(c);
        if (mt->at_u >= end_u) {
            gpt->isr |= 1U << i;
            c->on = (c->ctrl & REPEAT) != 0 && c->initial != 0;
            c->base = c->on ? c->initial : 0;
            c->from_u = end_u;
        }
    }
    if (mt->at_u >= gpt3_end_u(gpt)) {
        gpt->gpt3.on = false;
        gpt->gpt3.base = gpt->expire;
        gpt->expired = (gpt->gpt3.ctrl & ICLR) == 0;
    }
    update_lines(mt);
}

static uint32_t read_gpt3_count(const struct mt *mt)
{
    const struct counter *c = &mt->gpt.gpt3;
    return c->on ? c->base + (uint32_t)((mt->at_u - c->from_u) / gpt3_tick_u(&mt->gpt)) : c->base;
}

static uint32_t read_gpt2_count(struct mt *mt)
{
    const struct counter *c = &mt->gpt.gpt2;
    if (mt->at_u - mt->gpt.gpt2_written_u < slow_u(3, true)) {
        mt_fail(mt, "GPT2 read within 3 slow ticks after a write");
    }
    return c->on ? (uint32_t)slow_ticks(c->from_u, mt->at_u, (c->ctrl & GPT2_FAST) != 0) : 0;
}

uint32_t gpt_read(struct mt *mt, unsigned index, uint32_t offset)
{
    (void)index;
    const struct gpt *gpt = &mt->gpt;
    switch (offset) {
    case ISR: return gpt->isr;
    case IER: return gpt->ier;
    case 0x10:
    case 0x20: return gpt->slow[offset / 0x10 - 1].ctrl;
    case 0x14:
    case 0x24: return gpt->slow[offset / 0x10 - 1].initial;
    case 0x40:
    case 0x44: return slow_count(&gpt->slow[(offset - 0x40) / 4], mt->at_u);
    case GPT2_CTRL: return gpt->gpt2.ctrl;
    case GPT2_CNT: return read_gpt2_count(mt);
    case GPT3_CTRL: return gpt->gpt3.ctrl;
    case GPT3_INIT: return gpt->gpt3.initial;
    case GPT3_CNT: return read_gpt3_count(mt);
    case GPT3_END: return gpt->expire;
    case GPT4_CTRL: return gpt->gpt4.ctrl;
    case GPT4_INIT: return gpt->gpt4.initial;
    case GPT4_CNT: return gpt4_count(mt, mt->at_u);
    default: mt_fail(mt, "reading register 0x%02x of the GPT is not modelled", offset); return 0;
    }
}

static void write_slow(struct mt *mt, unsigned i, uint32_t value)
{
    struct counter *c = &mt->gpt.slow[i];
    bool starts = (value & EN) != 0 && ((c->ctrl & EN) == 0 || (value & RESTART) != 0);
    if ((value & ~(EN | REPEAT | SLOW_FAST | RESTART)) != 0) {
        mt_fail(mt, "GPT%u_CTRL 0x%x is not modelled", i, value);
    }
    if (starts) {
        c->base = c->initial;
        c->from_u = mt->at_u;
        c->on = c->base != 0;
    } else if ((value & EN) == 0) {
        c->base = slow_count(c, mt->at_u);
        c->on = false;
    }
    c->ctrl = value & ~RESTART;
}

// The order that silicon asks for is part of the model: breaking it ends the run.
static void write_gpt3(struct mt *mt, uint32_t value)
{
    struct gpt *gpt = &mt->gpt;
    struct counter *c = &gpt->gpt3;
    uint32_t old = c->ctrl;
    if ((value & ~(EN | ICLR | OSC_CNT)) != 0) {
        mt_fail(mt, "GPT3_CTRL 0x%x is not modelled", value);
    }
    if ((old & ICLR) == 0 && (value & ICLR) != 0) {
        gpt->iclr_u = mt->at_u;
    } else if ((old & ICLR) != 0 && (value & ICLR) == 0 && mt->at_u - gpt->iclr_u < ICLR_MIN_U) {
        mt_fail(mt, "GPT3: ICLR for %.3f us, it needs 5",
                (double)(mt->at_u - gpt->iclr_u) / (double)MT_U_PER_US);
    }
    if ((old & EN) != 0 && (value & EN) != 0 && ((old ^ value) & OSC_CNT) != 0) {
        mt_fail(mt, "GPT3: osc_cnt changed while it runs");
    }
    if ((value & ICLR) != 0) {
        gpt->expired = false;
    }
    if ((old & EN) != 0 && (value & EN) == 0) {
        c->base = read_gpt3_count(mt);
        c->on = false;
        gpt->stopped_u = mt->at_u;
        gpt->was_started = true;
    } else if ((old & EN) == 0 && (value & EN) != 0) {
        if (gpt->was_started && mt->at_u - gpt->stopped_u < STOPPED_MIN_U) {
            mt_fail(mt, "GPT3: started %.3f us after it was stopped, it needs 2",
                    (double)(mt->at_u - gpt->stopped_u) / (double)MT_U_PER_US);
        }
        if (gpt->expire == c->initial) {
            mt_fail(mt, "GPT3: started with EXPIRE at INIT");
        }
        c->base = c->initial;
        c->from_u = mt->at_u;
        c->on = true;
    }
    c->ctrl = value;
}

static void write_gpt3_limits(struct mt *mt, uint32_t *limit, uint32_t value)
{
    if ((mt->gpt.gpt3.ctrl & EN) != 0) {
        mt_fail(mt, "GPT3: INIT or EXPIRE written while it is enabled");
    }
    *limit = value;
}

static void write_gpt2(struct mt *mt, uint32_t value)
{
    struct counter *c = &mt->gpt.gpt2;
    if ((value & ~(EN | GPT2_FAST)) != 0) {
        mt_fail(mt, "GPT2_CTRL 0x%x is not modelled", value);
    }
    *c = (struct counter){.on = (value & EN) != 0, .ctrl = value, .from_u = mt->at_u};
    mt->gpt.gpt2_written_u = mt->at_u;
}

static void write_gpt4(struct mt *mt, uint32_t value)
{
    struct counter *c = &mt->gpt.gpt4;
    if ((value & ~(EN | GPT4_FULL)) != 0) {
        mt_fail(mt, "GPT4_CTRL 0x%x is not modelled", value);
    }
    bool starts = (value & EN) != 0 && (c->ctrl & EN) == 0;
    c->base = starts ? c->initial : gpt4_count(mt, mt->at_u);
    c->from_u = mt->at_u;
    c->on = (value & EN) != 0;
    c->ctrl = value;
}

void gpt_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value)
{
    (void)index;
    struct gpt *gpt = &mt->gpt;
    switch (offset) {
    case ISR: gpt->isr &= ~value; break;
    case IER: gpt->ier = value & 3U; break;
    case 0x10:
    case 0x20: write_slow(mt, offset / 0x10 - 1, value); break;
    case 0x14:
    case 0x24: gpt->slow[offset / 0x10 - 1].initial = value; break;
    case GPT2_CTRL: write_gpt2(mt, value); break;
    case GPT3_CTRL: write_gpt3(mt, value); break;
    case GPT3_INIT: write_gpt3_limits(mt, &gpt->gpt3.initial, value); break;
    case GPT3_END: write_gpt3_limits(mt, &gpt->expire, value); break;
    case GPT4_CTRL: write_gpt4(mt, value); break;
    case GPT4_INIT: gpt->gpt4.initial = value; break;
    default:
        mt_fail(mt, "writing 0x%x to register 0x%02x of the GPT is not modelled", value, offset);
        break;
    }
    update_lines(mt);
}
