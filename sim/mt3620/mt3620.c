// SPDX-License-Identifier: Apache-2.0
#include "sim/mt3620/mt3620.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/mt3620/model.h"

#define BUS_WAIT_CYCLES    12
#define IRQ_LATENCY_CYCLES 12
#define PAINT              0xa5000000U

void mt_fail(struct mt *mt, const char *format, ...)
{
    if (mt->failure[0] != '\0') {
        return; // the first one is the cause
    }
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(mt->failure, sizeof mt->failure, format, arguments);
    va_end(arguments);
    if (size > 0 && (size_t)size < sizeof mt->failure) {
        snprintf(mt->failure + size, sizeof mt->failure - (size_t)size, " [pc 0x%08x, %.3f us]",
                 mt->cpu.pc, (double)mt->at_u / (double)MT_U_PER_US);
    }
}

void mt_emit(struct mt *mt, const struct mt_event *event)
{
    if (mt->event_count == MT_EVENTS_MAX) {
        mt_fail(mt, "%d outputs wait and nobody takes them", MT_EVENTS_MAX);
        return;
    }
    mt->events[(mt->event_head + mt->event_count++) % MT_EVENTS_MAX] = *event;
}

bool mt_next(struct mt *mt, struct mt_event *out)
{
    if (mt->event_count == 0) {
        return false;
    }
    *out = mt->events[mt->event_head];
    mt->event_head = (mt->event_head + 1) % MT_EVENTS_MAX;
    mt->event_count--;
    return true;
}

// xorshift64.
uint64_t mt_random(struct mt *mt)
{
    mt->random ^= mt->random << 13;
    mt->random ^= mt->random >> 7;
    mt->random ^= mt->random << 17;
    return mt->random;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void mt_schedule(struct mt *mt)
{
    uint64_t next_u = earlier(gpt_deadline_u(mt), mt->watchdog.end_u);
    for (unsigned i = 0; i < MT_UARTS; i++) {
        next_u = earlier(next_u, uart_deadline_u(mt, i));
    }
    mt->next_u = earlier(next_u, mt->storm_at_u);
}

static void storm(struct mt *mt)
{
    if (mt->storm_at_u == mt->at_u) {
        nvic_pend(mt, EXC_IRQ + mt->knobs.storm_irq);
        mt->storm_at_u += mt->knobs.storm_u;
    }
}

void mt_sync(struct mt *mt, uint64_t until_u)
{
    while (mt->next_u <= until_u && mt->failure[0] == '\0') {
        mt->at_u = mt->next_u;
        trace_flush(mt, mt->at_u); // before anything changes or is forgotten
        gpt_tick(mt);
        watchdog_tick(mt);
        for (unsigned i = 0; i < MT_UARTS; i++) {
            uart_tick(mt, i);
        }
        storm(mt);
        mt_schedule(mt);
        if (mt->next_u <= mt->at_u) {
            mt_fail(mt, "time stands still");
        }
    }
}

// Memory that was never written looks like this, otherwise each time that power comes.
static uint32_t paint_of(const struct mt *mt, uint32_t address)
{
    return mt->paint ^ (address * UINT32_C(2654435761)) >> 8;
}

static void paint(struct mt *mt)
{
    mt->paint = PAINT ^ (uint32_t)(mt->knobs.seed * UINT32_C(40503)) ^ (uint32_t)mt_random(mt) >> 8;
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        struct region *region = &mt->cpu.regions[i];
        if (region->base == XIP_BASE) {
            memset(region->data, 0xff, region->size); // erased flash
            continue;
        }
        for (uint32_t at = 0; at < region->size; at += 4) {
            struct writer out = writer_of(region->data + at, 4);
            put_u32le(&out, paint_of(mt, region->base + at));
        }
    }
}

static bool load(struct mt *mt, char *problem, size_t capacity)
{
    for (unsigned i = 0; i < mt->elf.segment_count; i++) {
        const struct elf_segment *segment = &mt->elf.segments[i];
        uint8_t *memory = m4_memory(mt, segment->address, segment->memory_size);
        bool flash = segment->address - XIP_BASE < XIP_SIZE;
        if (memory == NULL || (flash && segment->address != XIP_BASE)) {
            snprintf(problem, capacity, "segment at 0x%08x of %u bytes fits no memory",
                     segment->address, segment->memory_size);
            return false;
        }
        memcpy(memory, segment->data.data, segment->data.size);
        (void)uc_ctl_remove_cache(mt->cpu.uc, (uint64_t)segment->address,
                                  (uint64_t)segment->address + segment->memory_size);
    }
    if (mt->elf.entry % 512 != 0 || m4_memory(mt, mt->elf.entry, 8) == NULL) {
        snprintf(problem, capacity, "entry 0x%08x is no vector table", mt->elf.entry);
        return false;
    }
    return true;
}

static void power_up(struct mt *mt)
{
    paint(mt);
    mt->hclk = 0;
    mt->cycle_u = CYCLE_XTAL_U;
    mt->gpt = (struct gpt){0};
    mt->mailbox = (struct mailbox){0};
    mt->watchdog = (struct watchdog){.written_u = MT_NEVER, .end_u = MT_NEVER};
    memset(mt->cpu.nvic.line, 0, sizeof mt->cpu.nvic.line);
    for (unsigned i = 0; i < MT_UARTS; i++) {
        uart_open(mt, i);
    }
    gpio_reset(mt);
}

void mt_restart(struct mt *mt, enum mt_cause cause)
{
    char problem[160];
    mt->at_u = mt->now_u;
    trace_flush(mt, mt->now_u);
    if (cause == MT_CAUSE_POWER) {
        power_up(mt);
    }
    if ((cause == MT_CAUSE_POWER || mt->knobs.reload_on_reset) &&
        !load(mt, problem, sizeof problem)) {
        mt_fail(mt, "%s", problem);
        return;
    }
    mt->resets += mt->now_u != 0;
    watchdog_reset(mt);
    m4_reset(mt, mt->elf.entry);
    if (cause == MT_CAUSE_POWER || !mt->knobs.no_handshake_on_reset) {
        mailbox_announce(mt);
    }
    mt_schedule(mt);
    mt_emit(mt, &(struct mt_event){.kind = MT_RESET, .at_u = mt->now_u, .cause = cause});
}

static void set_knobs(struct mt *mt, const struct mt_knobs *knobs)
{
    mt->knobs = *knobs;
    if (knobs->bus_wait_cycles == 0) {
        mt->knobs.bus_wait_cycles = BUS_WAIT_CYCLES;
    }
    if (knobs->irq_latency_cycles == 0) {
        mt->knobs.irq_latency_cycles = IRQ_LATENCY_CYCLES;
    }
    if (knobs->storm_irq == 0) {
        mt->knobs.storm_irq = IRQ_UART(0);
    }
    mt->storm_at_u = knobs->storm_u == 0 ? MT_NEVER : knobs->storm_u;
    mt->random = knobs->seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x2545f4914f6cdd1d);
}

struct mt *mt_open(const struct mt_cfg *cfg, char *problem, size_t capacity)
{
    struct mt *mt = calloc(1, sizeof *mt);
    if (mt == NULL) {
        snprintf(problem, capacity, "no memory");
        return NULL;
    }
    set_knobs(mt, &cfg->knobs);
    if (!elf_open(&mt->elf, cfg->elf, problem, capacity)) {
        free(mt);
        return NULL;
    }
    problem[0] = '\0';
    if (!m4_open(mt) || !bus_open(mt)) {
        snprintf(problem, capacity, "Unicorn gives no Cortex-M4");
    } else if (cfg->trace != NULL && !trace_open(mt, cfg->trace)) {
        snprintf(problem, capacity, "%s: cannot be written", cfg->trace);
    } else {
        mt_restart(mt, MT_CAUSE_POWER);
        snprintf(problem, capacity, "%s", mt->failure);
    }
    if (problem[0] != '\0') {
        mt_close(mt);
        return NULL;
    }
    mt->event_count = 0; // that power came is no news
    return mt;
}

void mt_close(struct mt *mt)
{
    trace_flush(mt, mt->now_u);
    trace_close(mt);
    m4_close(mt);
    elf_close(&mt->elf);
    free(mt);
}

enum mt_ran mt_run(struct mt *mt, uint64_t until_u)
{
    m4_run(mt, until_u);
    trace_flush(mt, mt->now_u);
    if (mt->event_count != 0) {
        return MT_OUTPUT; // what came before a failure is still handed out
    }
    return mt->failure[0] != '\0' ? MT_FAILED : MT_TIME;
}

const char *mt_failure(const struct mt *mt)
{
    return mt->failure[0] != '\0' ? mt->failure : NULL;
}

uint64_t mt_now_u(const struct mt *mt)
{
    return mt->now_u;
}

uint64_t mt_wake_u(struct mt *mt)
{
    bool runs = !mt->cpu.asleep && !mt->cpu.locked_up;
    bool wakes = mt->cpu.asleep && nvic_deliverable(mt, true) != 0;
    bool now = runs || wakes || mt->cpu.reset_wanted != 0 || mt->event_count != 0;
    return now ? mt->now_u : mt->next_u;
}

void mt_reset(struct mt *mt, bool cold)
{
    mt_restart(mt, cold ? MT_CAUSE_POWER : MT_CAUSE_HOST);
}

// The program's own word for it, or the first address above everything loaded below the top.
static uint32_t stack_floor(const struct mt *mt, uint32_t top)
{
    uint32_t floor = 0;
    if (elf_symbol(&mt->elf, "ram_stack_start", &floor) && floor < top) {
        return (floor + 3) & ~3U;
    }
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        const struct region *region = &mt->cpu.regions[i];
        floor = top - 4 - region->base < region->size ? region->base : floor;
    }
    for (unsigned i = 0; i < mt->elf.segment_count; i++) {
        const struct elf_segment *segment = &mt->elf.segments[i];
        uint32_t end = segment->address + segment->memory_size;
        bool around = segment->address < top && end >= top; // the stack is part of it
        end = around ? segment->address + (uint32_t)segment->data.size : end;
        floor = end < top && end > floor ? end : floor;
    }
    return (floor + 3) & ~3U;
}

static uint32_t stack_used(const struct mt *mt)
{
    struct reader table = reader_of(bytes_of(m4_memory(mt, mt->elf.entry, 4), 4));
    uint32_t top = get_u32le(&table);
    uint32_t at = stack_floor(mt, top);
    const uint8_t *lowest = m4_memory(mt, at, 4); // the program may have painted it again
    for (; at < top; at += 4) {
        const uint8_t *data = m4_memory(mt, at, 4);
        struct reader in = reader_of(bytes_of(data, 4));
        if (get_u32le(&in) != paint_of(mt, at) && memcmp(data, lowest, 4) != 0) {
            break;
        }
    }
    return top - at;
}

void mt_counters(const struct mt *mt, struct mt_counters *out)
{
    *out = (struct mt_counters){.instructions = mt->cpu.instructions,
                                .interrupts = mt->cpu.interrupts,
                                .irq_latency_u = mt->cpu.irq_latency_u,
                                .resets = mt->resets,
                                .stack_bytes = stack_used(mt)};
    for (unsigned i = 0; i < MT_UARTS; i++) {
        out->rx_overruns += mt->uarts[i].overruns;
    }
}

bool mt_symbol(const struct mt *mt, const char *name, uint32_t *address)
{
    return elf_symbol(&mt->elf, name, address);
}

bool mt_peek(const struct mt *mt, uint32_t address, void *out, size_t size)
{
    const uint8_t *data = m4_memory(mt, address, (uint32_t)size);
    if (data != NULL) {
        memcpy(out, data, size);
    }
    return data != NULL;
}

bool mt_poke(struct mt *mt, uint32_t address, const void *in, size_t size)
{
    uint8_t *data = m4_memory(mt, address, (uint32_t)size);
    if (data != NULL) {
        memcpy(data, in, size);
    }
    return data != NULL;
}
