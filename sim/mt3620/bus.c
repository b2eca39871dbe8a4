// SPDX-License-Identifier: Apache-2.0
// Which register is whose. An address that is not in the table ends the run.
#include "base/assert.h"
#include "sim/mt3620/model.h"

#define SCS_BASE 0xe000e000U
#define SCS_SIZE 0x1000U

struct slot {
    uint32_t base, size;
    unsigned index;
    uint32_t (*read)(struct mt *mt, unsigned index, uint32_t offset);
    void (*write)(struct mt *mt, unsigned index, uint32_t offset, uint32_t value);
};

#define UART_SLOT(isu, at)                                                                         \
    {                                                                                              \
        at, 0x100, isu, uart_read, uart_write                                                      \
    }
#define GPIO_SLOT(block, at)                                                                       \
    {                                                                                              \
        at, 0x100, block, gpio_read, gpio_write                                                    \
    }

static const struct slot SLOTS[] = {
    // the busy ones first
    UART_SLOT(0, 0x38070500),
    {0x21030000, 0x100, 0, gpt_read, gpt_write},
    {0x2101000c, 4, 0, clock_read, clock_write},
    {0x21020000, 0x100, 0, watchdog_read, watchdog_write},
    {0x21050000, 0x100, 0, mailbox_read, mailbox_write},
    GPIO_SLOT(0, 0x38010000), // GPIO0 to 3
    GPIO_SLOT(1, 0x38020000),
    GPIO_SLOT(2, 0x38030000), // 8 to 11
    GPIO_SLOT(3, 0x38040000),
    GPIO_SLOT(4, 0x38050000),
    GPIO_SLOT(5, 0x38060000), // 20 to 23
    GPIO_SLOT(6, 0x38070000), // ISU0: 26 to 30
    GPIO_SLOT(7, 0x38080000),
    GPIO_SLOT(8, 0x38090000),
    GPIO_SLOT(9, 0x380a0000), // ISU3: 66 to 70
    GPIO_SLOT(10, 0x380b0000),
    GPIO_SLOT(11, 0x38000000), // ADC: 41 to 48
    UART_SLOT(1, 0x38080500),
    UART_SLOT(2, 0x38090500),
    UART_SLOT(3, 0x380a0500),
    UART_SLOT(4, 0x380b0500),
};

struct window {
    uint32_t base, size;
    uc_cb_mmio_read_t read;
    uc_cb_mmio_write_t write;
};

static const struct slot *find(struct mt *mt, uint32_t address, unsigned size, const char *what)
{
    for (size_t i = 0; i < COUNT_OF(SLOTS); i++) {
        if (address - SLOTS[i].base < SLOTS[i].size && size == 4 && address % 4 == 0) {
            return &SLOTS[i];
        }
    }
    mt_fail(mt, "%u bytes %s at 0x%08x: no such register is modelled", size, what, address);
    return NULL;
}

// A peripheral makes the core wait; then its time is now.
static void begin(struct mt *mt)
{
    uint64_t wait_u = (uint64_t)mt->knobs.bus_wait_cycles * mt->cycle_u;
    mt->cpu.block_wait_u += wait_u;
    mt->now_u += wait_u;
    mt_sync(mt, m4_access_u(mt));
    mt->at_u = m4_access_u(mt);
}

static uint64_t read_at(struct mt *mt, uint32_t address, unsigned size)
{
    begin(mt);
    const struct slot *slot = find(mt, address, size, "read");
    uint32_t value = slot == NULL ? 0 : slot->read(mt, slot->index, address - slot->base);
    mt_schedule(mt);
    return value;
}

static void write_at(struct mt *mt, uint32_t address, unsigned size, uint64_t value)
{
    begin(mt);
    const struct slot *slot = find(mt, address, size, "written");
    if (slot != NULL) {
        slot->write(mt, slot->index, address - slot->base, (uint32_t)value);
    }
    mt_schedule(mt);
}

static uint64_t read_low(uc_engine *uc, uint64_t offset, unsigned size, void *mt)
{
    (void)uc;
    return read_at(mt, 0x21000000U + (uint32_t)offset, size);
}

static void write_low(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *mt)
{
    (void)uc;
    write_at(mt, 0x21000000U + (uint32_t)offset, size, value);
}

static uint64_t read_high(uc_engine *uc, uint64_t offset, unsigned size, void *mt)
{
    (void)uc;
    return read_at(mt, 0x30000000U + (uint32_t)offset, size);
}

static void write_high(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *mt)
{
    (void)uc;
    write_at(mt, 0x30000000U + (uint32_t)offset, size, value);
}

// The core's own registers: no bus, no wait.
static bool begin_private(struct mt *mt, uint32_t address, unsigned size, const char *what)
{
    mt_sync(mt, m4_access_u(mt));
    mt->at_u = m4_access_u(mt);
    if (address - SCS_BASE < SCS_SIZE) {
        return true;
    }
    mt_fail(mt, "%u bytes %s at 0x%08x: no such register is modelled", size, what, address);
    return false;
}

static uint64_t read_private(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
    (void)uc;
    uint32_t address = 0xe0000000U + (uint32_t)offset;
    bool known = begin_private(user, address, size, "read");
    return known ? scs_read(user, address - SCS_BASE, size) : 0;
}

static void write_private(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
    (void)uc;
    uint32_t address = 0xe0000000U + (uint32_t)offset;
    if (begin_private(user, address, size, "written")) {
        scs_write(user, address - SCS_BASE, size, (uint32_t)value);
    }
}

bool bus_open(struct mt *mt)
{
    static const struct window WINDOWS[] = {
        {0x21000000, 0x100000, read_low, write_low},
        {0x30000000, 0x10000000, read_high, write_high},
        {0xe0000000, 0x100000, read_private, write_private},
    };
    for (size_t i = 0; i < COUNT_OF(WINDOWS); i++) {
        const struct window *window = &WINDOWS[i];
        if (uc_mmio_map(mt->cpu.uc, window->base, window->size, window->read, mt, window->write,
                        mt) != UC_ERR_OK) {
            return false;
        }
    }
    return true;
}
