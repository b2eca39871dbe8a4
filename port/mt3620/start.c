// SPDX-License-Identifier: Apache-2.0
// Vector table and reset: everything into a known state, then main().
#include "base/assert.h"
#include "port/api/core.h"
#include "port/mt3620/board.h"
#include "port/mt3620/clock.h"
#include "port/mt3620/crash.h"
#include "port/mt3620/gpt3.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/mailbox.h"
#include "port/mt3620/memory.h"
#include "port/mt3620/watchdog.h"
#include "port/mt3620/xcvr.h"

int main(void);
void reset_isr(void);

struct vector_table {
    void *stack;
    void (*exceptions[15])(void); // 1 to 15
    void (*irqs[IRQ_COUNT])(void);
};

extern const struct vector_table vector_table;

// The loader takes the table's address as the ELF's entry. What is not listed is never enabled;
// should it be taken all the same, address 0 makes it a fault, which is recorded.
__attribute__((section(".vectors"), used)) const struct vector_table vector_table = {
    .stack = ram_stack_end,
    .exceptions =
        {[0] = reset_isr, [2] = fault_isr, [3] = fault_isr, [4] = fault_isr, [5] = fault_isr},
    .irqs =
        {
            [IRQ_GPT01] = gpt01_isr,
            [IRQ_GPT3] = gpt3_isr,
            [IRQ_MAILBOX] = mailbox_isr,
            [IRQ_ISU_UART(BOARD_ISU)] = uart_isr,
        },
};

_Static_assert(sizeof(struct vector_table) <= 512, "its alignment in the linker script");

static void setup_output(uint32_t gpio, uint32_t mask)
{
    reg_put(gpio + GPIO_OE_SET, mask);
    reg_put(gpio + GPIO_IES_CLR, mask);
}

static void setup_pins(void)
{
    xcvr_stop(); // the level before the output
    setup_output(board.direction_gpio, (uint32_t)board.de_mask | board.re_mask);
    core_light(CORE_LIGHT_OFF);
    setup_output(board.light_gpio, (uint32_t)board.red_mask | board.green_mask | board.blue_mask);
}

static void paint_stack(void)
{
    uint32_t *here;
    __asm volatile("mov %0, sp" : "=r"(here));
    for (volatile uint32_t *at = ram_stack_start; at < here - 8; at++) {
        *at = STACK_PAINT;
    }
}

void reset_isr(void)
{
    (void)irq_hold();
    for (volatile uint32_t *at = ram_bss_start; at < ram_bss_end; at++) {
        *at = 0;
    }
    setup_pins(); // first of all: a reset in the middle of a frame leaves the driver on
    reg_put(SCB_VTOR, (uint32_t)&vector_table);
    crash_setup();
    paint_stack();
    clock_setup();
    irq_setup();
    gpt3_setup();
    mailbox_setup();
    watchdog_setup();
    irq_restore(0);
    (void)main();
    ASSERT(false); // its loop has no end
    for (;;) {
    }
}
