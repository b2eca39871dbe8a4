// SPDX-License-Identifier: Apache-2.0
// Timers, clocks, mailbox and watchdog from the core's side.
#include "ring.h"

#define OSC(n) ((uint32_t)(n) << 16)
#define ICLR   (1U << 15)

static volatile uint32_t gpt3_at, gpt01_count, watchdog_irqs;

void on_gpt3(void)
{
    gpt3_at = now();
    GPT(0x50) |= ICLR;
}

void on_gpt01(void)
{
    gpt01_count++;
    note(GPT(0x00));
    GPT(0x00) = GPT(0x00);
}

void on_watchdog(void)
{
    watchdog_irqs++;
    WATCHDOG(0x38) = 0x1971;
}

static void clear_gpt3(uint32_t osc)
{
    wait_us(6);
    GPT(0x50) = OSC(osc);
    wait_us(3);
}

// Ticks of GPT4 (5 units) from the start to the interrupt.
static void gpt3_case(void)
{
    static const struct {
        uint32_t osc, init, expire;
    } RUNS[] = {{25, 0, 100}, {0, 0, 2600}, {25, 1000, 1100}, {3, 0xffffff00, 0x100}};
    enable_irq(IRQ_GPT3, 0);
    for (uint32_t i = 0; i < 4; i++) {
        gpt3_at = 0;
        GPT(0x50) = OSC(RUNS[i].osc);
        GPT(0x54) = RUNS[i].init;
        GPT(0x5c) = RUNS[i].expire;
        uint32_t from = now();
        GPT(0x50) = OSC(RUNS[i].osc) | 1;
        while (gpt3_at == 0) {
            wfi();
        }
        note(gpt3_at - from);
        note(GPT(0x58) - RUNS[i].expire); // stands where it stopped
        clear_gpt3(RUNS[i].osc);
    }
}

static void gpt3_wrong_case(uint32_t which)
{
    GPT(0x5c) = 10;
    GPT(0x50) = OSC(25) | 1;
    switch (which) {
    case 0: // ICLR too short
        GPT(0x50) = OSC(25) | 1 | ICLR;
        wait_us(4);
        GPT(0x50) = OSC(25) | 1;
        break;
    case 1: // restarted too soon
        GPT(0x50) = OSC(25);
        wait_us(1);
        GPT(0x50) = OSC(25) | 1;
        break;
    case 2: GPT(0x5c) = 20; break; // while it is enabled
    case 3: GPT(0x50) = OSC(0) | 1; break;
    default: break;
    }
}

static void slow_case(void)
{
    enable_irq(IRQ_GPT01, 0);
    GPT(0x04) = 3;
    GPT(0x14) = 100; // 32.768 kHz, once: 3.05 ms
    GPT(0x24) = 2;   // 0.993 kHz, again and again: 2.01 ms
    uint32_t from = now();
    GPT(0x10) = 1 | 4;
    GPT(0x20) = 1 | 2;
    while (gpt01_count < 3) {
        wfi();
    }
    note((now() - from) / 198);
    GPT(0x20) = 0;
    GPT(0x30) = 3; // GPT2
    wait_us(1000);
    note(GPT(0x34));
}

static void clock_case(void)
{
    GPT(0x60) = 0;
    GPT(0x64) = 7;
    GPT(0x60) = 1; // half the bus clock, from INIT
    note(GPT(0x68));
    uint32_t from = now();
    for (volatile uint32_t i = 0; i < 100; i++) {
    }
    uint32_t fast = now() - from;
    REG(0x2101000cU) = 0;
    from = now();
    for (volatile uint32_t i = 0; i < 100; i++) {
    }
    uint32_t slow = now() - from;
    note(fast);
    note(slow); // it counts cycles, whatever their length
}

static void watchdog_case(uint32_t which)
{
    note(WATCHDOG(0x3c));
    if (WATCHDOG(0x3c) != 0) {
        return; // it has bitten
    }
    WATCHDOG(0x34) = 8U << 5 | 8; // 0.25 s
    wait_us(101);
    WATCHDOG(0x30) = which == 1 ? 0x2209 : 0x2201;
    wait_us(101);
    switch (which) {
    case 0:
        for (uint32_t i = 0; i < 10; i++) {
            wait_us(200000);
            WATCHDOG(0x38) = 0x1971;
        }
        note(0xfed);
        break;
    case 1:
        enable_irq(3, 0);
        while (watchdog_irqs == 0) {
            wfi();
        }
        note(watchdog_irqs);
        note(WATCHDOG(0x3c));
        return;
    case 2: WATCHDOG(0x44) = 0x1209; break;
    case 3:
        WATCHDOG(0x38) = 0x1971;
        wait_us(95);
        WATCHDOG(0x38) = 0x1971; // too soon
        break;
    default: break;
    }
    for (;;) {
        wfi();
    }
}

static uint8_t message[RING_MESSAGE_MAX];

// Every message goes back with each byte inverted.
void on_mailbox(void)
{
    MAILBOX(0x1c) = 2;
    for (uint32_t size = ring_receive(message); size != RING_NONE; size = ring_receive(message)) {
        for (uint32_t i = 0; i < size; i++) {
            message[i] = (uint8_t)~message[i];
        }
        ring_send(message, size);
    }
}

static void mailbox_case(void)
{
    ring_open();
    note(ring_out_size);
    note(ring_in_size);
    enable_irq(IRQ_MAILBOX, 1);
    MAILBOX(0x18) = 2;
    for (;;) {
        wfi();
    }
}

// A block that says it is longer than the ring.
static void broken_ring_case(void)
{
    ring_open();
    REG(ring_outbound + 64) = 0x10000;
    REG(ring_outbound) = 64;
    MAILBOX(0x14) = 1;
}

int main(void)
{
    start_clocks();
    uint32_t which = chosen_case();
    if (which >= 20 && which < 24) {
        gpt3_wrong_case(which - 20);
    } else if (which >= 30 && which < 34) {
        watchdog_case(which - 30);
    } else if (which == 1) {
        gpt3_case();
    } else if (which == 2) {
        slow_case();
    } else if (which == 3) {
        clock_case();
    } else if (which == 4) {
        mailbox_case();
    } else if (which == 5) {
        broken_ring_case();
    } else if (which == 6) {
        (void)MAILBOX(0x50), (void)MAILBOX(0x50), (void)MAILBOX(0x50), (void)MAILBOX(0x50);
    }
    note(0xe0d);
    return 0;
}
