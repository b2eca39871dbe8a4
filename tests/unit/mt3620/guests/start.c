// SPDX-License-Identifier: Apache-2.0
#include "guest.h"

volatile uint32_t results[RESULTS] __attribute__((section(".retained")));
volatile uint32_t result_count __attribute__((section(".retained")));

extern uint32_t bss_start[], bss_end[], stack_top[];

uint32_t chosen_case(void)
{
    start_uart(4, &SPEED_115200, 3);
    while ((UART(4, 0x14) & 1) == 0) {
    }
    return UART(4, 0x00);
}

static void spin(void)
{
    for (;;) {
        wfi();
    }
}

__attribute__((weak, alias("spin"))) void on_hard_fault(void);
__attribute__((weak, alias("spin"))) void on_bus_fault(void);
__attribute__((weak, alias("spin"))) void on_usage_fault(void);
__attribute__((weak, alias("spin"))) void on_svc(void);
__attribute__((weak, alias("spin"))) void on_pendsv(void);
__attribute__((weak, alias("spin"))) void on_gpt01(void);
__attribute__((weak, alias("spin"))) void on_gpt3(void);
__attribute__((weak, alias("spin"))) void on_watchdog(void);
__attribute__((weak, alias("spin"))) void on_mailbox(void);
__attribute__((weak, alias("spin"))) void on_uart0(void);
__attribute__((weak, alias("spin"))) void on_spare(void);
__attribute__((weak, alias("spin"))) void on_spare2(void);

static void start(void)
{
    extern const void *const vectors[];
    SCS(0xd08) = (uint32_t)vectors;
    for (volatile uint32_t *at = bss_start; at < bss_end; at++) {
        *at = 0;
    }
    if (result_count > RESULTS) {
        result_count = 0; // power came: retained memory is junk
    }
    (void)main();
    spin();
}

__attribute__((section(".vectors"), aligned(512))) const void *const vectors[116] = {
    [0] = stack_top,
    [1] = start,
    [2] = spin,
    [4] = spin,
    [7 ... 10] = spin,
    [12 ... 13] = spin,
    [15 ... 16] = spin,
    [20 ... 26] = spin,
    [28 ... 62] = spin,
    [64 ... 113] = spin,
    [3] = on_hard_fault,
    [5] = on_bus_fault,
    [6] = on_usage_fault,
    [11] = on_svc,
    [14] = on_pendsv,
    [16 + IRQ_GPT01] = on_gpt01,
    [16 + IRQ_GPT3] = on_gpt3,
    [16 + 3] = on_watchdog,
    [16 + IRQ_MAILBOX] = on_mailbox,
    [16 + IRQ_UART0] = on_uart0,
    [16 + 98] = on_spare,
    [16 + 99] = on_spare2,
};
