// SPDX-License-Identifier: Apache-2.0
// Pins. Those of the transceiver and of the status light go out as events.
#include "sim/mt3620/model.h"

#define ISU_CLOCK    0x00 // ISU groups: clocks and reset of the whole group
#define ISU_CLOCK_ON 0x6001U
#define DIN          0x04
#define DIN_ISU      0x0c
#define DOUT         0x10
#define OE           0x20
#define PULL_UP      0x30
#define PULL_DOWN    0x40
#define IES          0x60
#define SET          0x04
#define CLEAR        0x08

struct block {
    uint8_t first, count;
};

// In the order of bus.c.
static const struct block BLOCKS[GPIO_BLOCKS] = {{0, 4},  {4, 4},  {8, 4},  {12, 4},
                                                 {16, 4}, {20, 4}, {26, 5}, {31, 5},
                                                 {36, 5}, {66, 5}, {71, 5}, {41, 8}};

static const uint8_t WATCHED[] = {MT_PIN_DE, MT_PIN_RE, MT_PIN_RED, MT_PIN_RED + 1, MT_PIN_RED + 2};

static bool is_isu(unsigned block)
{
    return block >= 6 && block <= 10;
}

static uint32_t levels(const struct mt *mt, unsigned block)
{
    const struct gpio *gpio = &mt->gpio;
    // Nobody drives: pulled up if asked to, else down; the board pulls RE# up and DE down.
    uint32_t board = block == 11 ? 1U << (MT_PIN_RE - 41) : 0;
    uint32_t idle = gpio->up[block] | (board & ~gpio->down[block]);
    return (gpio->dout[block] & gpio->oe[block]) | (idle & ~gpio->oe[block]);
}

bool gpio_level(const struct mt *mt, unsigned pin)
{
    for (unsigned i = 0; i < GPIO_BLOCKS; i++) {
        if (pin - BLOCKS[i].first < BLOCKS[i].count) {
            return (levels(mt, i) >> (pin - BLOCKS[i].first) & 1U) != 0;
        }
    }
    return false;
}

void gpio_reset(struct mt *mt)
{
    mt->gpio = (struct gpio){.driver = false};
}

static void announce(struct mt *mt, unsigned pin, bool level)
{
    const struct cpu *cpu = &mt->cpu;
    struct mt_event event = {.kind = MT_PIN, .at_u = mt->at_u, .pin = (uint8_t)pin, .level = level};
    const struct uart *uart = &mt->uarts[0];
    event.busy = (uint8_t)(uart->tx_count + uart->held + uart->shift.active);
    if (cpu->exception != 0) {
        event.instructions =
            (uint32_t)(m4_access_instructions(mt) - cpu->entered_at[cpu->exception]);
    }
    mt_emit(mt, &event);
}

static uint32_t *register_bits(struct mt *mt, unsigned block, uint32_t offset)
{
    struct gpio *gpio = &mt->gpio;
    switch (offset & ~0xfU) {
    case DOUT: return &gpio->dout[block];
    case OE: return &gpio->oe[block];
    case PULL_UP: return &gpio->up[block];
    case PULL_DOWN: return &gpio->down[block];
    case IES: return &gpio->input[block];
    default: return NULL;
    }
}

uint32_t gpio_read(struct mt *mt, unsigned index, uint32_t offset)
{
    if (is_isu(index) && offset == ISU_CLOCK) {
        return ISU_CLOCK_ON;
    }
    if (offset == (is_isu(index) ? DIN_ISU : DIN)) {
        return levels(mt, index) & mt->gpio.input[index];
    }
    uint32_t *bits = register_bits(mt, index, offset);
    if (bits == NULL || offset % 0x10 != 0) {
        mt_fail(mt, "reading register 0x%02x of the block of GPIO%u is not modelled", offset,
                BLOCKS[index].first);
        return 0;
    }
    return *bits;
}

// What follows from new levels, with the time of the access.
static void apply(struct mt *mt, const bool *before)
{
    for (size_t i = 0; i < sizeof WATCHED; i++) {
        bool level = gpio_level(mt, WATCHED[i]);
        if (level == before[i]) {
            continue;
        }
        if (WATCHED[i] == MT_PIN_DE) {
            mt->gpio.driver = level;
            uart_tx_driver(mt, level);
            uart_rx_touch(mt, &mt->uarts[0]);
        } else if (WATCHED[i] == MT_PIN_RE) {
            mt->gpio.receiver = !level;
            uart_rx_touch(mt, &mt->uarts[0]);
        }
        announce(mt, WATCHED[i], level);
    }
}

void gpio_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value)
{
    uint32_t all = (1U << BLOCKS[index].count) - 1;
    if (is_isu(index) && offset == ISU_CLOCK && (value & ISU_CLOCK_ON) == ISU_CLOCK_ON) {
        return;
    }
    uint32_t *bits = register_bits(mt, index, offset);
    if (bits == NULL || offset % 0x10 > CLEAR || (value & ~all) != 0) {
        mt_fail(mt, "writing 0x%x to register 0x%02x of the block of GPIO%u is not modelled", value,
                offset, BLOCKS[index].first);
        return;
    }
    bool before[sizeof WATCHED];
    for (size_t i = 0; i < sizeof WATCHED; i++) {
        before[i] = gpio_level(mt, WATCHED[i]);
    }
    trace_flush(mt, mt->at_u);
    uint32_t kind = offset % 0x10;
    *bits = kind == SET ? *bits | value : kind == CLEAR ? *bits & ~value : value;
    apply(mt, before);
}
